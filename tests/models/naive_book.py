"""A book of one spot market as plainly as it can be said: docs/spec/orders.md with dictionaries and lists.

Orders have names, chosen by whoever places them.  Every command returns what happened, in order, as tuples:

    placed     name, side, price, lots, expiry
    trade      taker, maker, price, lots, what the maker has left
    cancelled  name, lots, reason
    amended    name, price, lots, whether it kept its place
    repeated   name
    rejected   code
"""

from copy import deepcopy
from itertools import takewhile

from tests.models.naive_timers import NaiveTimers
from worldmarkets.core import codes

MAX_SKIPS = 64
MAX_SWEEP = 16
GOOD, IMMEDIATE, WHOLE, TIMED = (
    codes.GOOD_TILL_CANCEL, codes.IMMEDIATE_OR_CANCEL, codes.FILL_OR_KILL, codes.GOOD_TILL_TIME,
)  # fmt: skip


class Order:
    def __init__(self, name, account, side, price, lots, flags=0, self_trade=0, expiry=0):
        self.name = name
        self.account = account
        self.side = side
        self.price = price
        self.lots = lots
        self.flags = flags
        self.self_trade = self_trade
        self.expiry = expiry


class NaiveBook:
    """`owners` gives the owner of each account.  Everyone can pay for everything."""

    def __init__(self, owners, max_ticks, max_fills, now):
        self.owners = owners
        self.max_ticks = max_ticks
        self.max_fills = max_fills
        self.now = now
        self.sides = [{}, {}]  # price: the orders there, first come first
        self.resting = {}  # by name, in the order in which they came to rest
        self.seen = set()
        self.timers = NaiveTimers()  # of the orders that expire, since they first rested

    # Time.

    def command(self, ask):
        """What a command does: first what is due, which is taken back if the command is rejected."""
        if not self.timers.get_due(self.now):
            return ask()
        saved = deepcopy(vars(self))
        swept = [self.take_away(self.resting[name], codes.REASON_EXPIRED)
                 for name in self.timers.get_due(self.now)[:MAX_SWEEP]]  # fmt: skip
        happened = ask()
        if happened and happened[0][0] == "rejected":
            vars(self).update(saved)
            return happened
        return swept + happened

    # What may be asked.

    def place(self, name, account, side, price, lots, time_in_force=GOOD, flags=0, self_trade=0, expiry=0):
        wrong = []
        if lots <= 0:
            wrong.append(codes.SIZE_NOT_POSITIVE)
        if not 0 < price <= self.max_ticks:
            wrong.append(codes.PRICE_OUT_OF_RANGE)
        if time_in_force == TIMED and expiry <= self.now:
            wrong.append(codes.EXPIRY_PAST)
        if (flags & codes.POST_ONLY and time_in_force in (IMMEDIATE, WHOLE)) or flags == codes.SLIDE:
            wrong.append(codes.BAD_COMBINATION)
        if wrong:
            return [("rejected", min(wrong))]
        if name in self.seen:
            return [("repeated", name)]
        expired, live = self.get_ahead(side, price) if flags & codes.POST_ONLY else ([], None)
        if live:
            price = live.price + (1 if side == codes.SELL else -1)
            if not flags & codes.SLIDE or not 0 < price <= self.max_ticks:
                return [("rejected", codes.WOULD_CROSS)]
        order = Order(name, account, side, price, lots, flags, self_trade, expiry if time_in_force == TIMED else 0)
        placed = ("placed", name, side, price, lots, order.expiry)
        if time_in_force == WHOLE:
            code = self.get_whole_code(order)
            if code != codes.OK:
                return [("rejected", code)]
        self.seen.add(name)
        return [*self.sweep(expired), placed, *self.enter(order, rests=time_in_force in (GOOD, TIMED))]

    def cancel(self, name, account):
        code = self.check_owned(name, account)
        if code != codes.OK:
            return [("rejected", code)]
        return [self.take_away(self.resting[name], codes.REASON_REQUESTED)]

    def cancel_all(self, account, side=2):
        gone = [order for order in self.resting.values() if order.account == account and side in (2, order.side)]
        return [self.take_away(order, codes.REASON_REQUESTED) for order in reversed(gone)]

    def amend(self, name, account, price, lots):
        code = self.check_owned(name, account)
        if code != codes.OK:
            return [("rejected", code)]
        order = self.resting[name]
        wrong = []
        if lots <= 0:
            wrong.append(codes.SIZE_NOT_POSITIVE)
        if not 0 < price <= self.max_ticks:
            wrong.append(codes.PRICE_OUT_OF_RANGE)
        if self.is_expired(order):
            wrong.append(codes.EXPIRY_PAST)
        is_kept = price == order.price and lots <= order.lots
        is_passive = order.flags & codes.POST_ONLY and not is_kept
        expired, live = self.get_ahead(order.side, price) if is_passive else ([], None)
        if live:
            wrong.append(codes.WOULD_CROSS)
        if wrong:
            return [("rejected", min(wrong))]
        amended = ("amended", name, price, lots, is_kept)
        if is_kept:
            order.lots = lots
            return [amended]
        self.remove(order)
        order.price = price
        order.lots = lots
        return [*self.sweep(expired), amended, *self.enter(order, rests=True)]

    # What follows.

    def get_ahead(self, side, price):
        """What a post-only order meets: the expired orders that it sweeps away, and then the one it would cross."""
        queue = [self.resting[name] for name, at, _ in self.get_queue(1 - side) if self.is_met(at, side, price)]
        expired = list(takewhile(self.is_expired, queue[:MAX_SKIPS]))
        return expired, queue[len(expired)] if len(expired) < len(queue) else None

    def sweep(self, expired):
        return [self.take_away(order, codes.REASON_EXPIRED) for order in expired]

    def enter(self, order, rests):
        """Match an order, then rest or cancel what is left of it."""
        happened = []
        stop = self.match(order, happened)
        if order.lots == 0 or stop or not rests:
            self.timers.cancel(order.name)
        if order.lots > 0 and (stop or not rests):
            happened.append(("cancelled", order.name, order.lots, stop or codes.REASON_IMMEDIATE))
        elif order.lots > 0:
            self.rest(order)
        return happened

    def match(self, order, happened):
        """Match an order as far as it goes; return why it may not go on, or 0."""
        fills = skips = 0
        while order.lots > 0 and self.is_crossing(order.side, order.price):
            if fills == self.max_fills or skips == MAX_SKIPS:
                return codes.WORK
            maker = self.sides[1 - order.side][self.get_touch(1 - order.side)][0]
            if self.is_expired(maker):
                happened.append(self.take_away(maker, codes.REASON_EXPIRED))
                skips += 1
            elif self.owners[maker.account] != self.owners[order.account]:
                lots = min(order.lots, maker.lots)
                self.shrink(maker, lots)
                order.lots -= lots
                happened.append(("trade", order.name, maker.name, maker.price, lots, maker.lots))
                fills += 1
            elif order.self_trade == codes.CANCEL_INCOMING:
                return codes.REASON_SELF_TRADE
            elif order.self_trade == codes.DECREMENT:
                lots = min(order.lots, maker.lots)
                order.lots -= lots
                happened.append(("cancelled", order.name, lots, codes.REASON_SELF_TRADE))
                if lots < maker.lots:
                    self.shrink(maker, lots)
                    happened.append(("amended", maker.name, maker.price, maker.lots, True))
                else:
                    happened.append(self.take_away(maker, codes.REASON_SELF_TRADE))
                    skips += 1
            else:
                happened.append(self.take_away(maker, codes.REASON_SELF_TRADE))
                skips += 1
                if order.self_trade == codes.CANCEL_BOTH:
                    return codes.REASON_SELF_TRADE
        return 0

    def get_whole_code(self, order):
        """Return OK if an order would trade whole at once, else why not."""
        copy = NaiveBook(self.owners, self.max_ticks, self.max_fills, self.now)
        for other in self.resting.values():
            copy.resting[other.name] = Order(**vars(other))
        for mine, theirs in zip(copy.sides, self.sides, strict=True):
            mine.update({price: [copy.resting[other.name] for other in queue] for price, queue in theirs.items()})
        happened = []
        stop = copy.match(Order(**vars(order)), happened)
        if sum(event[4] for event in happened if event[0] == "trade") == order.lots:
            return codes.OK
        return codes.WORK if stop == codes.WORK else codes.FILL_OR_KILL_UNFILLED

    # The book.

    def check_owned(self, name, account):
        if name not in self.resting:
            return codes.UNKNOWN_ORDER
        return codes.OK if self.resting[name].account == account else codes.NOT_OWNER

    def is_expired(self, order):
        return 0 < order.expiry <= self.now

    def get_touch(self, side):
        """The best price shown on a side, expired orders included until they leave."""
        prices = self.sides[side]
        return max(prices) if side == codes.BUY else min(prices)

    def is_crossing(self, side, price):
        if not self.sides[1 - side]:
            return False
        return self.is_met(self.get_touch(1 - side), side, price)

    def is_met(self, resting, side, price):
        """Say whether an order on a side at a price meets one that rests at another."""
        return resting <= price if side == codes.BUY else resting >= price

    def rest(self, order):
        self.sides[order.side].setdefault(order.price, []).append(order)
        self.resting[order.name] = order
        if order.expiry and not self.timers.has(order.name):
            self.timers.schedule(order.name, order.expiry)

    def remove(self, order):
        queue = self.sides[order.side][order.price]
        queue.remove(order)
        if not queue:
            del self.sides[order.side][order.price]
        del self.resting[order.name]

    def shrink(self, order, lots):
        order.lots -= lots
        if order.lots == 0:
            self.remove(order)
            self.timers.cancel(order.name)

    def take_away(self, order, reason):
        self.remove(order)
        self.timers.cancel(order.name)
        return "cancelled", order.name, order.lots, reason

    def get_queue(self, side):
        """The orders of a side as (name, price, lots), first to match first."""
        prices = sorted(self.sides[side], reverse=side == codes.BUY)
        return [(order.name, price, order.lots) for price in prices for order in self.sides[side][price]]

    def get_levels(self, side):
        prices = sorted(self.sides[side], reverse=side == codes.BUY)
        return [(price, sum(order.lots for order in self.sides[side][price])) for price in prices]
