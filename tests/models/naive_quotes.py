"""What mass quotes, protection and limits mean, said in single orders: docs/spec/quotes.md in the plainest words.

The model sends single places, cancels and amendments to a twin exchange that knows nothing else.  It looks at what a
taker would do there fill by fill, and where a protection trips or a limit is met it stops the taker, cancels what is to
be cancelled, and lets the rest go on.  All its figures are dictionaries and whole numbers of any size.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from worldmarkets.core import codes as c

DAY_US = 86_400_000_000
MOST_QUOTES = 1_024


@dataclass
class Rules:
    """What protects an account in a market, what it may do there, and what was filled."""

    lots: int = 0
    notional: int = 0
    delta: int = 0
    interval: int = 0
    cooloff: int = 0
    window: int | None = None
    filled: list = field(default_factory=lambda: [0, 0, 0])
    tripped: int | None = None
    limits: dict = field(default_factory=dict)  # by whom: (order, position, notional, orders)
    day: int = -1
    turnover: int = 0

    def tighten(self, which):
        """The tighter of the account's own limit and the venue's, None when there is none."""
        return min((limits[which] for limits in self.limits.values() if limits[which]), default=None)


class NaiveMakers:
    """Quotes, protections and limits over a twin."""

    def __init__(self, twin):
        self.twin = twin
        self.rules = defaultdict(Rules)  # by account and market
        self.slots = {}  # (account, market, side, level): order of the twin
        self.protected = {}  # order of the twin: (account, market)
        self.happened = []
        self.cooled = 0
        self.met = []  # orders gone before the trade followed last

    # Mass quotes.

    def quote(self, account, quotes, pull_others, market):
        """Replace quotes; return [(leg, code)] of those refused."""
        counts = dict.fromkeys(("placed", "moved", "kept", "withdrawn", "pulled", "refused"), 0)
        alive = self.find_alive()
        named = {(account, *quote.slot) for quote in quotes}
        moving = {}
        for quote in quotes:
            slot = (account, *quote.slot)
            if slot in self.slots and not self.keeps(alive[self.slots[slot]], quote):
                moving[slot] = True
                self.twin.cancel(account, self.slots.pop(slot))
        if pull_others:
            for slot in [slot for slot in self.slots if slot[0] == account and slot not in named]:
                if market in (0, slot[1]):
                    self.twin.cancel(account, self.slots.pop(slot))
                    counts["pulled"] += 1
        self.forget_dead()
        refused = []
        for leg, quote in enumerate(quotes, 1):
            slot = (account, *quote.slot)
            self.forget_dead()
            before = moving.pop(slot, False)
            if slot in self.slots:
                order = self.find_alive()[self.slots[slot]]
                if self.keeps(order, quote):
                    code = self.twin.amend(account, self.slots[slot], quote.price, quote.lots)
                    if code:
                        self.twin.cancel(account, self.slots.pop(slot))
                        refused.append((leg, code))
                    counts["refused" if code else "kept"] += 1
                    continue
                self.twin.cancel(account, self.slots.pop(slot))
                before = True
            if quote.lots == 0:
                counts["withdrawn"] += before
                continue
            code = self.place(account, quote, protected=True, named=slot)
            if code:
                refused.append((leg, code))
                counts["refused"] += 1
            else:
                counts["moved" if before else "placed"] += 1
        self.forget_dead()
        return refused, counts

    def keeps(self, order, quote):
        """No larger, at the same price, with the same options."""
        return (
            order.price_ticks == quote.price and 0 < quote.lots <= order.lots and order.flags == quote.flags
            and order.expiry_us == quote.expiry
        )  # fmt: skip

    # Single orders.

    def place(self, account, order, protected=False, named=None):
        """Place an order or a quote; return 0 or why it was refused."""
        is_quote = named is not None
        answer = self.twin.preview(account, order, order.lots, is_quote)
        code = self.twin.get_code(answer)
        own = self.check(account, order, protected)
        code = min((reason for reason in (code, own) if reason), default=0)
        if code:
            return code
        if protected:
            self.cool_off(account, order.market)
        left = order.lots
        while left > 0:
            answer = self.twin.preview(account, order, left, is_quote)
            done, stop = self.follow(account, order, answer)
            if stop is None:
                rested = self.twin.place(account, order, left, is_quote)
                if rested and protected:
                    self.protected[rested] = (account, order.market)
                    if is_quote:
                        self.slots[named] = rested
                break
            if done:
                self.cancel_met(self.met)
                self.twin.place(account, order, done, is_quote, at_once=True)
            left -= done
            self.act(stop)
            if stop[0] == "taker":
                break
        self.forget_dead()
        return 0

    def check(self, account, order, protected):
        """The code of what the rules of this page forbid, 0 when nothing."""
        rules, now = self.rules[account, order.market], self.twin.now
        if protected and rules.tripped is not None and not (rules.cooloff and now >= rules.tripped + rules.cooloff):
            return c.PROTECTION_ACTIVE
        self.forget_dead()
        if protected and sum(owner == account for owner, _ in self.protected.values()) >= MOST_QUOTES:
            return c.QUOTES_LIMIT
        most = [rules.tighten(which) for which in range(4)]
        if most[0] is not None and order.lots > most[0]:
            return c.LIMIT_ORDER_SIZE
        if most[3] is not None and not order.at_once and self.twin.count_orders(account, order.market) >= most[3]:
            return c.LIMIT_OPEN_ORDERS
        is_adding = self.twin.is_perp(order.market) or order.side == c.BUY
        if most[1] is not None and is_adding:
            if self.twin.get_exposure(account, order.market, order.side) + order.lots > most[1]:
                return c.LIMIT_POSITION
        price = self.twin.get_passive_price(order) if order.flags & c.POST_ONLY else order.price
        if most[2] is not None and self.get_turnover(rules) + order.lots * price > most[2]:
            return c.LIMIT_NOTIONAL
        return 0

    def get_turnover(self, rules):
        return rules.turnover if rules.day == self.twin.now // DAY_US else 0

    def cool_off(self, account, market):
        """A protection that cooled off counts from nothing."""
        rules = self.rules[account, market]
        if rules.tripped is not None:
            rules.tripped, rules.window, rules.filled = None, None, [0, 0, 0]
            self.cooled += 1

    # Fills.

    def follow(self, account, order, answer):
        """Return how many lots may be filled before something stops the taker, and what, or None."""
        done = 0
        exposure = {}
        for trade in self.twin.get_trades(answer):
            sides = ((account, order.side), (trade.maker, 1 - order.side))
            for owner, side in sides:  # what both would have
                for which in (c.BUY, c.SELL):
                    at = (owner, which)
                    exposure.setdefault(at, self.twin.get_exposure(owner, order.market, which))
                exposure[owner, side] += trade.lots
                exposure[owner, 1 - side] -= trade.lots
            for who, (owner, side) in zip(("taker", "maker"), sides, strict=True):
                code = self.check_fill(owner, order.market, side, exposure[owner, side], trade)
                if code:
                    return done, (who, code, owner, trade.maker_order, trade.gone)
            done += trade.lots
            self.met = trade.gone
            for owner, _ in sides:
                rules = self.rules[owner, order.market]
                if rules.tighten(2) is not None:
                    rules.turnover = self.get_turnover(rules) + trade.lots * trade.price_ticks
                    rules.day = self.twin.now // DAY_US
            if trade.maker_order in self.protected:
                reached = self.count(self.rules[trade.maker, order.market], 1 - order.side, trade)
                if reached:
                    return done, ("trip", reached, trade.maker, trade.maker_order, order.market, trade.maker_left)
        return done, None

    def check_fill(self, owner, market, side, exposure, trade):
        rules = self.rules[owner, market]
        most = rules.tighten(2)
        if most is not None and self.get_turnover(rules) + trade.lots * trade.price_ticks > most:
            return c.LIMIT_NOTIONAL
        most = rules.tighten(1)
        if most is not None and (self.twin.is_perp(market) or side == c.BUY) and exposure > most:
            return c.LIMIT_POSITION
        return 0

    def count(self, rules, side, trade):
        """Count a fill of a protected order; return the limit that it reaches, or 0."""
        if not rules.interval:
            return 0
        if rules.window is None or self.twin.now >= rules.window + rules.interval:
            rules.window, rules.filled = self.twin.now, [0, 0, 0]
        rules.filled[0] += trade.lots if rules.lots else 0
        rules.filled[1] += trade.lots * trade.price_ticks if rules.notional else 0
        rules.filled[2] += (trade.lots if side == c.BUY else -trade.lots) if rules.delta else 0
        for code, limit, had in (
            (c.BY_LOTS, rules.lots, rules.filled[0]),
            (c.BY_NOTIONAL, rules.notional, rules.filled[1]),
            (c.BY_DELTA, rules.delta, abs(rules.filled[2])),
        ):
            if limit and had >= limit:
                return code
        return 0

    def cancel_met(self, orders):
        """Cancel what an order met and did not trade with: what could not be carried whole, and its owner's.

        The part of it that trades next is smaller than the whole was, and might have traded with them.
        """
        for owner, order in orders:
            if order in self.find_alive():
                self.twin.cancel(owner, order)

    def act(self, stop):
        """Do what stopped a taker."""
        if stop[0] == "maker":
            self.twin.cancel(stop[2], stop[3])
            self.happened.append(("limited", stop[2], stop[1]))
        elif stop[0] == "taker":
            self.cancel_met(stop[4])
            self.happened.append(("limited", stop[2], stop[1]))
        else:
            _, reached, account, order, market, left = stop
            rules = self.rules[account, market]
            rules.tripped = self.twin.now
            self.forget_dead()
            gone = [o for o, owner in self.protected.items() if owner == (account, market)]
            for one in gone:
                self.twin.cancel(account, one)
            self.happened.append(("tripped", account, market, reached, *rules.filled, len(gone)))

    # Settings.

    def protect(self, account, market, lots, notional, delta, interval, cooloff):
        rules = self.rules[account, market]
        rules.lots, rules.notional, rules.delta = lots, notional, delta
        rules.interval, rules.cooloff = interval, cooloff
        rules.window, rules.filled = None, [0, 0, 0]

    def reset(self, account, market):
        """Reset a protection; return 0 or why there is none."""
        rules = self.rules[account, market]
        if not rules.interval and rules.tripped is None:
            return c.UNKNOWN_PROTECTION
        rules.tripped, rules.window, rules.filled = None, None, [0, 0, 0]
        return 0

    def limit(self, account, market, who, figures):
        rules = self.rules[account, market]
        rules.limits[who] = figures
        if not any(any(limits) for limits in rules.limits.values()):
            rules.turnover = 0

    # What there is.

    def find_alive(self):
        return self.twin.get_orders()

    def forget_dead(self):
        """Drop slots whose orders are gone."""
        alive = self.find_alive()
        self.protected = {order: owner for order, owner in self.protected.items() if order in alive}
        self.slots = {slot: order for slot, order in self.slots.items() if order in alive}
