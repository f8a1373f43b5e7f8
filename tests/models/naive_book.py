"""A book of one spot market as plainly as it can be said: docs/spec/orders.md with dictionaries and lists.

Orders have names, chosen by whoever places them.  Every command returns what happened, in order, as tuples:

    placed     name, side, price, lots, expiry
    trade      taker, maker, price, lots, what the maker has left
    cancelled  name, lots, reason
    amended    name, price, lots, whether it kept its place; of a parked order also its trigger
    parked     name, side, price, lots, expiry, trigger
    triggered  name, price, lots, trigger
    paired     name, name
    switched   account, when the dead man's switch goes off
    repeated   name
    rejected   code
"""

from copy import deepcopy
from fractions import Fraction
from itertools import takewhile
from math import ceil, floor

from tests.models.naive_timers import NaiveTimers
from worldmarkets.core import codes

MAX_SKIPS = 64
MAX_SWEEP = 16
MAX_EXAMINED = 64
WORK_AN_ITEM = 64
MILLION = 10**6
UP, DOWN = codes.UP, codes.DOWN
GOOD, IMMEDIATE, WHOLE, TIMED = (
    codes.GOOD_TILL_CANCEL, codes.IMMEDIATE_OR_CANCEL, codes.FILL_OR_KILL, codes.GOOD_TILL_TIME,
)  # fmt: skip


class Order:
    def __init__(self, name, account, side, price, lots, flags=0, self_trade=0, expiry=0, time_in_force=0, trigger=0,
                 partner=None):  # fmt: skip
        self.name = name
        self.account = account
        self.side = side
        self.price = price
        self.lots = lots
        self.flags = flags
        self.self_trade = self_trade
        self.expiry = expiry
        self.time_in_force = time_in_force
        self.trigger = trigger  # until it is triggered
        self.partner = partner


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
        self.timers = NaiveTimers()
        self.before = now  # the time of the command before
        self.work = 0  # fills and skips of an item of timed work
        self.mark = Fraction(0)  # in ticks
        self.passed = [None, None]  # the furthest mark whose triggers are still placed, falling and rising
        self.sweeping = {}  # by account: the orders to cancel

    # Time.

    def command(self, ask, is_mark=False):
        """What a command does: first what is due, which is taken back if the command is rejected."""
        saved = deepcopy(vars(self)) if self.timers.get_due(self.now) else None
        happened, items = self.do_due(0)
        answer = ask()
        now = self.now
        if saved and answer and answer[0][0] == "rejected":
            vars(self).update(saved)
            happened = []
        self.before = now
        happened += answer
        if is_mark:
            happened += self.do_due(items)[0]
        return happened

    def do_due(self, items):
        """Do what is due, each item at its own time, or at that of the command before if that is later."""
        happened, now, clock = [], self.now, self.before
        while items < MAX_SWEEP and (due := self.timers.get_next()) is not None and due <= now:
            kind, subject = self.timers.take()
            self.now = clock = max(clock, due)
            self.work = 0
            happened += getattr(self, kind)(subject, due)
            items += 1 + self.work // WORK_AN_ITEM
        self.now = now
        return happened, items

    def expire(self, name, _):
        return self.take_away(self.resting[name], codes.REASON_EXPIRED)

    def go_off(self, account, due):
        self.sweeping[account] = [order.name for order in reversed(self.resting.values()) if order.account == account]
        return self.sweep_account(account, due)

    def sweep_account(self, account, due):
        happened = []
        names = self.sweeping[account]
        for _ in range(MAX_SWEEP):
            if names:
                happened += self.take_away(self.resting[names[0]], codes.REASON_DEAD_MAN)
        if names:
            self.timers.schedule(("sweep_account", account), due)
        return happened

    # Triggers.

    def get_direction(self, side, flags):
        return UP if (side == codes.BUY) != bool(flags & codes.TAKE_PROFIT) else DOWN

    def is_passed(self, direction, trigger, mark):
        return mark is not None and (mark >= trigger if direction == UP else mark <= trigger)

    def is_behind(self, direction, trigger):
        """Say whether a trigger was passed by the mark, or by one whose orders are still placed."""
        return any(self.is_passed(direction, trigger, mark) for mark in (self.mark, self.passed[direction]))

    def get_parked(self, direction):
        """The orders that wait for the mark to rise, or to fall, the one that it reaches first before the others."""
        parked = [x for x in self.parked if self.get_direction(x.side, x.flags) == direction]
        return sorted(parked, key=lambda order: order.trigger if direction == UP else -order.trigger)

    @property
    def parked(self):
        return [order for order in self.resting.values() if order.trigger]

    def set_mark(self, mark):
        self.mark = mark
        for direction in (DOWN, UP):
            parked = self.get_parked(direction)
            if parked and self.is_passed(direction, parked[0].trigger, mark):
                if self.passed[direction] is None:
                    self.timers.schedule(("place_next", direction), self.now)
                    self.passed[direction] = mark
                self.passed[direction] = (max if direction == UP else min)(self.passed[direction], mark)
        return []

    def place_next(self, direction, due):
        happened = []
        parked = self.get_parked(direction)
        if parked and self.is_passed(direction, parked[0].trigger, self.passed[direction]):
            happened = self.trigger(parked[0])
        parked = self.get_parked(direction)
        if parked and self.is_passed(direction, parked[0].trigger, self.passed[direction]):
            self.timers.schedule(("place_next", direction), due)
        else:
            self.passed[direction] = None
        return happened

    def trigger(self, order):
        if self.is_expired(order):
            return self.take_away(order, codes.REASON_EXPIRED)
        price = self.get_bound(order.side, order.price) if order.flags & codes.MARKET else order.price
        if order.time_in_force == WHOLE:
            code = self.get_whole_code(Order(**{**vars(order), "price": price, "partner": None}))
            if code != codes.OK:
                return self.take_away(order, code)
        self.remove(order)
        trigger, order.trigger, order.price = order.trigger, 0, price
        happened = [("triggered", order.name, price, order.lots, trigger)]
        return happened + self.enter(order, rests=order.time_in_force in (GOOD, TIMED))

    def get_bound(self, side, slippage):
        """The limit of a market order: the mark moved by its slippage, rounded inside it."""
        if side == codes.BUY:
            bound = floor(self.mark * (MILLION + slippage) / MILLION)
        else:
            bound = ceil(self.mark * (MILLION - slippage) / MILLION)
        return min(max(bound, 1), self.max_ticks)

    # Pairs and the dead man's switch.

    def pair(self, name, other, account):
        codes_of = [self.check_owned(name, account), self.check_owned(other, account)]
        wrong = [code for code in codes_of if code != codes.OK]
        if wrong:
            return [("rejected", min(wrong))]
        if name == other:
            return [("rejected", codes.BAD_COMBINATION)]
        if self.resting[name].partner or self.resting[other].partner:
            return [("rejected", codes.ALREADY_PAIRED)]
        self.resting[name].partner, self.resting[other].partner = other, name
        return [("paired", name, other)]

    def separate(self, order):
        """Part an order from its partner; return the partner if it may be changed, and is not just being matched."""
        partner = self.resting.get(order.partner)
        order.partner = None
        if partner:
            partner.partner = None
        return partner

    def follow(self, order, lots):
        """Take off an order's partner what the order filled."""
        partner = self.resting.get(order.partner)
        if partner is None:
            order.partner = None  # it left while this one was matched, which goes on alone
            return []
        if order.lots == 0 or lots >= partner.lots:
            self.separate(order)
            return self.take_away(partner, codes.REASON_PAIRED)
        if lots == 0:
            return []
        partner.lots -= lots
        return [self.get_amended(partner, True)]

    def set_dead_man(self, account, timeout):
        self.timers.cancel(("go_off", account))
        due = self.now + timeout if timeout else 0
        if due:
            self.timers.schedule(("go_off", account), due)
        return [("switched", account, due)]

    # What may be asked.

    def place(self, name, account, side, price, lots, time_in_force=GOOD, flags=0, self_trade=0, expiry=0, trigger=0):
        wrong = []
        if lots <= 0:
            wrong.append(codes.SIZE_NOT_POSITIVE)
        if flags & codes.MARKET and not 0 < price <= MILLION:
            wrong.append(codes.SLIPPAGE_OUT_OF_RANGE)
        if trigger > self.max_ticks or not flags & codes.MARKET and not 0 < price <= self.max_ticks:
            wrong.append(codes.PRICE_OUT_OF_RANGE)
        if time_in_force == TIMED and expiry <= self.now:
            wrong.append(codes.EXPIRY_PAST)
        if (
            (flags & codes.POST_ONLY and time_in_force in (IMMEDIATE, WHOLE))
            or flags & codes.SLIDE
            and not flags & codes.POST_ONLY
            or flags & codes.MARKET
            and time_in_force in (GOOD, TIMED)
            or trigger
            and flags & codes.POST_ONLY
            or flags & codes.TAKE_PROFIT
            and not trigger
        ):
            wrong.append(codes.BAD_COMBINATION)
        if wrong:
            return [("rejected", min(wrong))]
        if name in self.seen:
            return [("repeated", name)]
        if trigger:
            return self.park(
                Order(name, account, side, price, lots, flags, self_trade, expiry if time_in_force == TIMED else 0,
                      time_in_force, trigger)
            )  # fmt: skip
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

    def park(self, order):
        if self.is_behind(self.get_direction(order.side, order.flags), order.trigger):
            return [("rejected", codes.TRIGGER_PASSED)]
        self.seen.add(order.name)
        self.rest(order)
        return [("parked", order.name, order.side, order.price, order.lots, order.expiry, order.trigger)]

    def cancel(self, name, account):
        code = self.check_owned(name, account)
        if code != codes.OK:
            return [("rejected", code)]
        return self.take_away(self.resting[name], codes.REASON_REQUESTED)

    def cancel_all(self, account, side=2):
        gone = [order for order in self.resting.values() if order.account == account and side in (2, order.side)]
        happened = []
        for order in reversed(gone):
            if order.name in self.resting:  # else it left with its partner
                happened += self.take_away(order, codes.REASON_REQUESTED)
        return happened

    def amend(self, name, account, price, lots, trigger=0):
        code = self.check_owned(name, account)
        if code != codes.OK:
            return [("rejected", code)]
        order = self.resting[name]
        wrong = []
        if lots <= 0:
            wrong.append(codes.SIZE_NOT_POSITIVE)
        is_market = order.trigger and order.flags & codes.MARKET
        if is_market and not 0 < price <= MILLION:
            wrong.append(codes.SLIPPAGE_OUT_OF_RANGE)
        if trigger > self.max_ticks or not is_market and not 0 < price <= self.max_ticks:
            wrong.append(codes.PRICE_OUT_OF_RANGE)
        if self.is_expired(order):
            wrong.append(codes.EXPIRY_PAST)
        if order.trigger:
            return [("rejected", min(wrong))] if wrong else self.amend_parked(order, price, lots, trigger)
        if trigger:
            wrong.append(codes.BAD_COMBINATION)
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

    def amend_parked(self, order, price, lots, trigger):
        trigger = trigger or order.trigger
        is_kept = trigger == order.trigger and lots <= order.lots
        if trigger != order.trigger and self.is_behind(self.get_direction(order.side, order.flags), trigger):
            return [("rejected", codes.TRIGGER_PASSED)]
        if not is_kept:
            self.remove(order)
        order.price, order.lots, order.trigger = price, lots, trigger
        if not is_kept:
            self.rest(order)
        return [self.get_amended(order, is_kept)]

    def get_amended(self, order, is_kept):
        return "amended", order.name, order.price, order.lots, is_kept, *([order.trigger] if order.trigger else [])

    # What follows.

    def get_ahead(self, side, price):
        """What a post-only order meets: the expired orders that it sweeps away, and then the one it would cross."""
        queue = [self.resting[name] for name, at, _ in self.get_queue(1 - side) if self.is_met(at, side, price)]
        expired = list(takewhile(self.is_expired, queue[:MAX_SKIPS]))
        return expired, queue[len(expired)] if len(expired) < len(queue) else None

    def sweep(self, expired):
        return [event for order in expired for event in self.take_away(order, codes.REASON_EXPIRED)]

    def enter(self, order, rests):
        """Match an order, then rest or cancel what is left of it."""
        happened = []
        stop = self.match(order, happened)
        happened += self.follow(order, sum(event[4] for event in happened if event[:2] == ("trade", order.name)))
        if order.lots > 0 and (stop or not rests):
            happened += self.leave(order, stop or codes.REASON_IMMEDIATE)
        elif order.lots > 0:
            self.rest(order)
        else:
            self.timers.cancel(("expire", order.name))
        return happened

    def leave(self, order, reason):
        """What is left of an order is gone, and its partner with it."""
        self.timers.cancel(("expire", order.name))
        partner = self.separate(order)
        gone = [("cancelled", order.name, order.lots, reason)]
        return gone + (self.take_away(partner, codes.REASON_PAIRED) if partner else [])

    def match(self, order, happened):
        """Match an order as far as it goes; return why it may not go on, or 0."""
        fills = skips = 0
        while order.lots > 0 and self.is_crossing(order.side, order.price):
            if fills == self.max_fills or skips == MAX_SKIPS:
                return codes.WORK
            maker = self.sides[1 - order.side][self.get_touch(1 - order.side)][0]
            if self.is_expired(maker):
                happened += self.take_away(maker, codes.REASON_EXPIRED)
                skips += 1
                self.work += 1
            elif self.owners[maker.account] != self.owners[order.account]:
                lots = min(order.lots, maker.lots)
                self.shrink(maker, lots)
                order.lots -= lots
                happened.append(("trade", order.name, maker.name, maker.price, lots, maker.lots))
                happened += self.follow(maker, lots)
                fills += 1
                self.work += 1
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
                    happened += self.take_away(maker, codes.REASON_SELF_TRADE)
                    skips += 1
                    self.work += 1
            else:
                happened += self.take_away(maker, codes.REASON_SELF_TRADE)
                skips += 1
                self.work += 1
                if order.self_trade == codes.CANCEL_BOTH:
                    return codes.REASON_SELF_TRADE
        return 0

    def get_whole_code(self, order):
        """Return OK if an order would trade whole at once, else why not."""
        copy = NaiveBook(self.owners, self.max_ticks, self.max_fills, self.now)
        for other in self.resting.values():
            copy.resting[other.name] = Order(**vars(other))  # a partner leaves, or shrinks, as the other fills
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
        """Have an order wait: in the book, or for its trigger."""
        if not order.trigger:
            self.sides[order.side].setdefault(order.price, []).append(order)
        self.resting[order.name] = order
        if order.expiry and not self.timers.has(("expire", order.name)):
            self.timers.schedule(("expire", order.name), order.expiry)

    def remove(self, order):
        """Take an order out of where it waits."""
        if not order.trigger:
            queue = self.sides[order.side][order.price]
            queue.remove(order)
            if not queue:
                del self.sides[order.side][order.price]
        del self.resting[order.name]
        for names in self.sweeping.values():
            if order.name in names:
                names.remove(order.name)

    def shrink(self, order, lots):
        order.lots -= lots
        if order.lots == 0:
            self.remove(order)
            self.timers.cancel(("expire", order.name))

    def take_away(self, order, reason):
        self.remove(order)
        return self.leave(order, reason)

    def get_queue(self, side):
        """The orders of a side as (name, price, lots), first to match first."""
        prices = sorted(self.sides[side], reverse=side == codes.BUY)
        return [(order.name, price, order.lots) for price in prices for order in self.sides[side][price]]

    def get_levels(self, side):
        prices = sorted(self.sides[side], reverse=side == codes.BUY)
        return [(price, sum(order.lots for order in self.sides[side][price])) for price in prices]
