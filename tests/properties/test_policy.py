"""The engine's policies beside a naive matcher: every trade, every contract, every queue, over random campaigns.

`WORLDMARKETS_CAMPAIGN` sets how many commands the soak has.  A failure names the command, and all before it follow
from the seed.
"""

import os
import random
import subprocess
import sys
from collections import Counter
from fractions import Fraction

import pytest

from tests.models.naive_policy import BUY, GOOD, SELL, NaiveExchange
from tests.models.spot_venue import SpotVenue
from tests.properties import pairs, soak
from worldmarkets.core import COMPILED, codes, records, units
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.digest import compute_digest

COMMANDS = 2_000 if COMPILED else 1_000
CHAPTER = 250  # commands of one engine
OWNERS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 7}  # by account: one owner has two
MINIMUM = 2  # lots
RATES = (400, 600)
SHOCKS = (100_000, 120_000, 150_000)
GRAIN = 100  # a mark is a whole number of hundredths of a tick
REASONS = {
    codes.REASON_REQUESTED: "REQUESTED", codes.REASON_IMMEDIATE: "IMMEDIATE", codes.REASON_SELF_TRADE: "SELF_TRADE",
    codes.WOULD_CROSS: "WOULD_CROSS", codes.MARGIN: "MARGIN", codes.BALANCE: "BALANCE",
    codes.WITHDRAWABLE: "MARGIN",  # the naive exchange asks a borrower for V- at once, not for V first
    codes.REASON_DUST: "DUST",
}  # fmt: skip
PLACED = {getattr(codes, name): name for name in ("WOULD_CROSS", "FILL_OR_KILL_UNFILLED", "UNKNOWN_ORDER")}
# Refusals of an order that its account could not carry if it were filled alone: not what is compared here.
ADMISSION = {codes.MARGIN, codes.BALANCE, codes.OPEN_ORDERS, codes.WITHDRAWABLE, codes.LOANS_LIMIT}

# What happens at least, in a thousand commands.
AT_LEAST = {
    "denied by the taker": 10, "denied by the maker": 10, "a new party denied": 3, "torn up although denied": 2,
    "limit partly filled": 5, "over limit": 12, "too weak": 15,
    "on loans": 3, "another contract given up": 2, "weakest first": 3, "passed over": 60,
    "matched behind one passed over": 10, "rests crossed": 10, "re-queued": 50, "matched when re-queued": 2,
    "trued up beyond a threshold": 20, "invariant 13 checked": 60, "traded": 100,
}  # fmt: skip


class Pair:
    """The engine and the naive exchange, given the same commands."""

    def __init__(self):
        self.venue = SpotVenue(open_order_multiple=1000)
        rules = self.venue.rules
        group = rules.add_group()
        assets = [rules.add_asset(6, group, SHOCKS[0]), rules.add_asset(6, group, SHOCKS[1]),
                  rules.add_asset(6, rules.add_group(), SHOCKS[2])]  # fmt: skip
        self.assets = {}
        for asset in assets:
            market = rules.add_market(codes.PERP, asset, lot_quanta=1, minimum_lots=MINIMUM, band_ppm=900_000)
            self.assets[market] = asset
        self.loan_book = rules.add_market(codes.LOAN, codes.NUMERAIRE, 1, minimum_lots=MINIMUM, tenor_hours=240)
        perps = {market: (assets[n], 1 + n // 2, SHOCKS[n]) for n, market in enumerate(self.assets)}
        self.naive = NaiveExchange(OWNERS, perps, self.loan_book, MINIMUM)
        for account, owner in OWNERS.items():
            assert self.venue.open_account(owner, index=account) == account
            self.deposit(account, 2_500)
        for market in self.assets:
            self.mark(market, 100 * GRAIN)
        self.ids = {}
        self.names = {}
        self.counts = Counter()
        self.steps = 0

    def deposit(self, account, amount):
        self.venue.deposit(account, codes.NUMERAIRE, amount)
        self.naive.cash[account] += amount

    def mark(self, market, price):
        self.venue.must(records.SetMark, codes.SET_MARK, asset=self.assets[market],
                        price=price * units.PRICE_ONE // GRAIN, source_time_us=self.venue.time_us, sources=1,
                        agreeing=1)  # fmt: skip
        if any(policy.threshold for policy in self.naive.policies.values()):
            for _ in range(16):  # a whole round of the contracts there can be
                self.venue.must(records.Command, codes.ADVANCE_TIME)
        self.naive.set_mark(market, Fraction(price, GRAIN))

    def apply(self, chance):
        kind, *arguments = draw(chance)
        try:
            getattr(self, kind)(*arguments)
            self.compare()
        except AssertionError as error:
            error.add_note(f"at {kind} {arguments}, the command after {self.steps}")
            raise
        self.steps += 1
        self.counts.update(self.naive.counts)
        self.naive.counts.clear()

    # Commands.

    def place(self, account, market, side, price, lots, until, flags):
        name = len(self.ids) + 1
        self.ids[name] = 0
        before = self.get_exposures(account)
        events = self.venue.send(
            self.venue.place(account, market, side, price, lots, time_in_force=until, flags=flags, client_id=name)
        )
        if events[0].kind == codes.REJECTED and events[0].code in ADMISSION:
            self.counts["not admitted"] += 1
            return
        assert self.read(events) == self.naive.place(
            name, account, market, side, price, lots, until, bool(flags & codes.POST_ONLY)
        )
        self.check_invariant(account, before, events)

    def cancel(self, pick):
        resting = [order for book in self.naive.books.values() for order in book]
        if resting:
            order = resting[pick % len(resting)]
            events = self.venue.send(self.venue.cancel(order.account, order_id=self.ids[order.name]))
            assert self.read(events) == self.naive.cancel_by_name(order.name)

    def set_policy(self, account, exposure, severity, threshold):
        events = self.venue.send(
            self.venue.command(records.SetPolicy, codes.SET_POLICY, account=account, max_exposure=exposure,
                               severity_ppm=severity, true_up_threshold=threshold)
        )  # fmt: skip

        def change(policy):
            policy.max_exposure, policy.severity, policy.threshold = exposure, severity, threshold

        assert self.read(events) == self.naive.change_policy(account, change)

    def set_counterparty(self, account, other, action, limit):
        events = self.venue.send(
            self.venue.command(records.SetCounterparty, codes.SET_COUNTERPARTY, account=account, other=other,
                               action=action, limit=limit if action == codes.LIMIT_COUNTERPARTY else 0)
        )  # fmt: skip
        if OWNERS[account] == OWNERS[other]:
            assert events[0].code == codes.SAME_ACCOUNT
            return

        def change(policy):
            if action == codes.FORGET_COUNTERPARTY:
                policy.accounts.pop(other, None)
            elif action == codes.LIMIT_COUNTERPARTY:
                policy.accounts[other] = limit
            elif action == codes.DENY_COUNTERPARTY:
                policy.accounts[other] = None
            elif action == codes.DENY_OWNER:
                policy.owners.add(OWNERS[other])
            else:
                policy.owners.discard(OWNERS[other])

        assert self.read(events) == self.naive.change_policy(account, change)

    def fall_out(self, pick):
        """Let one party of a contract deny the other, and both trade against what they have."""
        keys = sorted(self.naive.contracts)
        if keys:
            long, short, market = keys[pick % len(keys)]
            one, other = (long, short) if pick % 2 else (short, long)
            self.set_counterparty(one, other, codes.DENY_COUNTERPARTY, 0)
            self.place(long, market, SELL, 100, 40, GOOD, 0)
            self.place(short, market, BUY, 100, 60, 1, 0)

    def configure(self, account, order):
        self.venue.must(records.Switch, codes.CONFIGURE_ACCOUNT, account=account, value=order)
        self.naive.give_up[account] = order

    def move(self, market, price):
        self.mark(market, price)

    # Comparison.

    def read(self, events):
        """Return what the events of the engine say, in the naive exchange's words."""
        found = []
        for event in events:
            if event.kind == codes.ORDER_PLACED:
                self.ids[event.client_id] = event.order_id
                self.names[event.order_id] = event.client_id
            elif event.kind == codes.TRADED:
                taker, maker = self.names[event.taker_order], self.names[event.maker_order]
                found.append(("traded", taker, maker, event.price_ticks, event.lots))
                self.counts["traded"] += 1
            elif event.kind == codes.ORDER_CANCELLED:
                reason = REASONS[event.code]
                if reason in ("MARGIN", "BALANCE") and event.account != events[0].account:
                    reason = "MAKER"
                found.append(("cancelled", event.client_id, event.lots, reason))
            elif event.kind == codes.ORDER_AMENDED:
                found.append(("moved", event.client_id))
            elif event.kind == codes.REJECTED:
                found.append(("rejected", PLACED[event.code]))
        return found

    def compare(self):
        """The engine's queues, contracts and cash are the naive exchange's; all are free again after a top-up."""
        naive, engine = self.naive, self.venue.engine
        for account in OWNERS:
            assert self.get_cash(account) == naive.cash[account]
        assert self.get_contracts() == {key: tuple(contract) for key, contract in naive.contracts.items()}
        for (market, side), book in naive.books.items():
            rows = self.venue.get_orders(market, side)
            assert [(self.names[row.id], row.price_ticks, row.lots) for row in rows] == [
                (order.name, order.price, order.lots) for order in book
            ]
        if self.steps % 10 == 0:
            assert compute_violations(engine) == []
        for account in OWNERS:
            value = engine.get_value(account, units.MILLION)
            assert value == naive.value(account, units.MILLION)
            if value < 0 or naive.cash[account] < 800:
                self.deposit(account, 800 + max(-value, 0))

    def get_cash(self, account):
        state = self.venue.engine.state
        row = records.Account.from_buffer_copy(state.accounts.view(account, account + 1)).cash
        return records.Position.from_buffer_copy(state.positions.view(row, row + 1)).balance

    def get_contracts(self):
        table = self.venue.engine.state.perps
        found = {}
        for row in range(1, table.last_row() + 1):
            perp = records.Perp.from_buffer_copy(table.view(row, row + 1))
            if perp.lots:
                found[perp.long_account, perp.short_account, perp.market] = perp.lots, perp.cost
        return found

    def get_exposures(self, account):
        return {other: sum(self.venue.engine.get_exposure(account, other)) for other in OWNERS if other != account}

    def check_invariant(self, account, before, events):
        """Invariant 13: no contract came from the taker's order that its own policy forbids."""
        policy = self.naive.policies[account]
        grown = set()
        for event in events:
            if event.kind == codes.PERP_CHANGED:
                change = records.PerpChanged.from_buffer_copy(event)
                if change.change_lots > 0 and account in (change.account, change.short_account):
                    grown.add(change.short_account if change.account == account else change.account)
            elif event.kind == codes.LOAN_OPENED:
                loan = records.LoanOpened.from_buffer_copy(event)
                if account in (loan.account, loan.lender):
                    grown.add(loan.lender if loan.account == account else loan.account)
        after = self.get_exposures(account) if grown else {}
        for other in grown:
            assert not self.naive.denies(account, other), "invariant 13: a denied counterparty"
            limit = self.naive.limit(account, other)
            assert limit is None or after[other] <= max(limit, before[other]), "invariant 13: beyond a limit"
            if policy.severity and len(grown) == 1:
                assert self.venue.engine.get_value(other, policy.severity) >= 0, "invariant 13: too weak"
            self.counts["invariant 13 checked"] += 1


def draw(chance):
    """Return a random command."""
    roll = chance.random()
    account = chance.randint(1, len(OWNERS))
    if roll < 0.66:
        until = chance.choices((0, 1, 2), (10, 3, 1))[0]
        flags = codes.POST_ONLY if until == GOOD and chance.random() < 0.15 else 0
        if chance.random() < 0.2:
            side = chance.randrange(2)
            return ("place", account, 4, side, chance.randint(*RATES) // 50 * 50, chance.choice((2, 40, 300, 900)),
                    until, flags | (codes.NO_RELEND if side == SELL else 0))  # fmt: skip
        return ("place", account, chance.randint(1, 3), chance.randrange(2), chance.randint(98, 102),
                chance.choice((2, 5, 12, 30, 60, 90)), until, flags)  # fmt: skip
    if roll < 0.74:
        return "cancel", chance.randrange(1000)
    if roll < 0.80:
        severity = chance.choice((0, 0, 10**6, 2_500_000, 4_000_000))
        return "set_policy", account, chance.choice((0, 0, 0, 200, 800)), severity, chance.choice((0, 0, 10))
    if roll < 0.88:
        return ("set_counterparty", account, chance.choice([a for a in OWNERS if a != account]), chance.choice(
            (0, 0, 0, 1, 1, 2, 3, 4, 4)), chance.choice((0, 100, 500, 2_000)))  # fmt: skip
    if roll < 0.89:
        return "fall_out", chance.randrange(1000)
    if roll < 0.93:
        return "configure", account, chance.choice((0, 1, 2, 2, 2))
    return "move", chance.randint(1, 3), chance.randint(9_800, 10_200)


def run_campaign(seed, commands):
    """Run one campaign; return what happened how often."""
    counts = pairs.run_campaign(seed, commands, CHAPTER, Pair, lambda pair, chance: pair.apply(chance))
    counts["on loans"] = counts["too weak for a loan"] + counts["loan limit partly filled"]
    return counts


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_policies_are_the_naive_ones(seed):
    counts = run_campaign(seed, COMMANDS)
    print(dict(sorted(counts.items())))
    pairs.check_counts(counts, AT_LEAST)


@pytest.mark.soak
def test_policies_are_the_naive_ones_for_long():
    counts: Counter[str] = Counter()
    for number in soak.chapters("policies", 10_000):
        counts.update(run_campaign(f"soak {soak.SEED} {number}", 10_000))
    print(dict(sorted(counts.items())))
    pairs.check_counts(counts, AT_LEAST)


# Previews, and the two ways to run the core.


@pytest.mark.both
def test_previews_of_policies_give_what_applying_gives():
    """Invariant 8: every command is previewed first, with re-queued orders, denials and contracts beyond thresholds."""
    pair, chance = Pair(), random.Random("previews")
    engine, send, differing = pair.venue.engine, pair.venue.send, []

    def preview_and_send(*commands):
        before = compute_digest(engine.state)
        engine.open_preview()
        foreseen = [bytes(event) for event in send(*commands)]
        engine.close_preview()
        differing.extend(["state"] * (compute_digest(engine.state) != before))
        events = send(*commands)
        differing.extend(["events"] * (foreseen != [bytes(event) for event in events]))
        return events

    pair.venue.send = preview_and_send
    while pair.steps < 60:
        pair.apply(chance)
    assert differing == []


@pytest.mark.skipif(not COMPILED, reason="compares the compiled core with the interpreted one")
def test_compiled_equals_interpreted():
    code = "from tests.properties.test_policy import make_digest\nprint(make_digest())\n"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "WORLDMARKETS_PURE": "1"}, check=True,
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout.split()[-1] == make_digest()


def make_digest():
    """Return the digest of a state after policies, what they keep apart, and what they let give up."""
    pair, chance = Pair(), random.Random("digest")
    while pair.steps < 120:
        pair.apply(chance)
    return compute_digest(pair.venue.engine.state)


# What bounds a policy.


@pytest.mark.both
def test_a_policy_names_so_many_counterparties_and_moves_so_many_orders():
    venue = SpotVenue(open_order_multiple=1000)
    asset = venue.add_asset()
    market = venue.rules.add_market(codes.PERP, asset, lot_quanta=1)
    venue.set_mark(asset, 100)
    for owner in range(1, units.MAX_COUNTERPARTIES + 3):
        venue.open_account(owner)
    venue.deposit(1, codes.NUMERAIRE, 10**12)

    def say(other, action):
        return venue.send(
            venue.command(records.SetCounterparty, codes.SET_COUNTERPARTY, account=1, other=other, action=action)
        )[0]

    for other in range(2, units.MAX_COUNTERPARTIES + 2):
        assert say(other, codes.DENY_COUNTERPARTY).kind == codes.COUNTERPARTY_SET
    last = units.MAX_COUNTERPARTIES + 2
    assert say(last, codes.DENY_COUNTERPARTY).code == codes.COUNTERPARTIES_LIMIT
    assert say(last, codes.FORGET_COUNTERPARTY).kind == codes.COUNTERPARTY_SET  # nothing to forget
    assert say(2, codes.FORGET_COUNTERPARTY).kind == codes.COUNTERPARTY_SET
    assert say(last, codes.DENY_OWNER).kind == codes.COUNTERPARTY_SET
    for _ in range(units.MAX_REQUEUE):
        venue.send(venue.place(1, market, BUY, 50, 1))
    assert say(3, codes.FORGET_COUNTERPARTY).kind == codes.COUNTERPARTY_SET
    assert len(venue.get_orders(market, BUY)) == units.MAX_REQUEUE
    venue.send(venue.place(1, market, BUY, 50, 1))
    assert say(4, codes.FORGET_COUNTERPARTY).code == codes.REQUEUE_LIMIT
    assert compute_violations(venue.engine) == []


@pytest.mark.both
def test_so_many_orders_are_passed_over():
    """Beyond 64 the rest of the order is cancelled: nobody hides behind a wall of orders for free."""
    venue = SpotVenue(open_order_multiple=1000)
    asset = venue.add_asset()
    market = venue.rules.add_market(codes.PERP, asset, lot_quanta=1, band_ppm=900_000)
    venue.set_mark(asset, 100)
    for owner in (1, 2, 3):
        venue.deposit(venue.open_account(owner), codes.NUMERAIRE, 10**9)
    venue.send(
        venue.command(records.SetCounterparty, codes.SET_COUNTERPARTY, account=1, other=2,
                      action=codes.DENY_COUNTERPARTY)
    )  # fmt: skip
    for _ in range(units.MAX_SKIPS - 1):
        venue.send(venue.place(1, market, SELL, 100, 1))
    venue.send(venue.place(3, market, SELL, 101, 1))
    venue.send(venue.place(1, market, SELL, 101, 1))
    venue.send(venue.place(3, market, SELL, 102, 1))
    events = venue.send(venue.place(2, market, BUY, 102, 3))
    assert [event.lots for event in events if event.kind == codes.TRADED] == [1]
    assert events[-1].kind == codes.ORDER_CANCELLED and events[-1].code == codes.WORK and events[-1].lots == 2
