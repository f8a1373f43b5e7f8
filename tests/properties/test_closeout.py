"""Close-outs beside a naive one: who claims what, who is paid what, and that nobody else is touched, at every step.

A chapter lets accounts lend, borrow and trade perps, moves the marks until some are worth less than nothing, and closes
them out, a few steps a command.  A failure names the seed.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from fractions import Fraction

import pytest

from tests.models import naive_closeout as naive
from tests.properties import soak
from tests.properties.test_bounds import Desk
from worldmarkets.core import COMPILED
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.units import FUNDING_ONE, GRID, HOUR

SEED = int(os.environ.get("WORLDMARKETS_SEED", "1"))
USDM, ETH, BTC = 1, 2, 3
SPOT, ETH_PERP, BTC_PERP, USDM_LOAN, ETH_LOAN = 1, 2, 3, 4, 5
LOT = 10**6
ACCOUNTS = 9
ASSETS = (
    {"decimals": 6, "group": 1, "minimum_principal": 10**6},
    {"decimals": 8, "group": 2, "price_shock_ppm": 100_000, "slippage_ppm": 5_000, "minimum_principal": LOT},
    {"decimals": 8, "group": 3, "price_shock_ppm": 100_000, "slippage_ppm": 3_000},
)
MARKETS = (
    {"kind": c.SPOT, "asset": ETH, "lot_quanta": LOT, "tick_value": 10_000},
    {"kind": c.PERP, "asset": ETH, "lot_quanta": LOT, "tick_value": 10_000},
    {"kind": c.PERP, "asset": BTC, "lot_quanta": LOT, "tick_value": 10_000},
    {"kind": c.LOAN, "asset": USDM, "lot_quanta": 10**6, "tenor_hours": 240},
    {"kind": c.LOAN, "asset": ETH, "lot_quanta": LOT, "tenor_hours": 240},
)
LEAST = {  # in 60 chapters, whatever the seed
    "insolvent": 30, "out of time": 15, "recovered": 1, "with loans given": 15, "with IOUs": 5, "perps both ways": 10,
    "loans both ways": 5, "netted": 15, "a debtor that owes by IOU": 1, "paid in full": 5, "a ratio": 20,
    "handed over": 5, "one default made another": 0,
}  # fmt: skip


class Chapter:
    """A venue whose accounts owe each other, and the close-outs of those that cannot pay."""

    def __init__(self, seed: int, steps: int) -> None:
        self.chance = random.Random(seed)
        self.seed = seed
        self.seen: Counter[str] = Counter()
        self.desk = Desk(0, 0, ASSETS, MARKETS, ())
        self.prices = {ETH: 2_000 * 10**8, BTC: 50_000 * 10**8}
        self.log: list[bytes] = []
        for owner in range(1, ACCOUNTS + 1):
            self.desk.open(owner)
            self.desk.deposit(owner, self.chance.randrange(200, 3_000) * 10**6)
            if self.chance.random() < 0.5:
                self.desk.deposit(owner, self.chance.randrange(1, 100) * 10**6, ETH)
        self.mark(0)
        self.world = self.desk.world
        self.world.engine.set_close_out_work(steps)

    # What accounts do.

    def mark(self, most_ppm: int) -> None:
        for asset in self.prices:
            moved = self.prices[asset] * (10**6 + self.chance.randint(-most_ppm, most_ppm)) // 10**6
            self.prices[asset] = moved
            assert self.desk.mark(asset, moved) == c.OK

    def meet(self, market: int) -> None:
        """Let two accounts trade, or lend and borrow."""
        one, other = self.chance.sample(range(1, ACCOUNTS + 1), 2)
        if market in (USDM_LOAN, ETH_LOAN):
            price = self.chance.randrange(100, 2_000)
            lots = self.chance.randrange(50, 3_000) if market == USDM_LOAN else self.chance.randrange(10, 200)
        else:
            asset = BTC if market == BTC_PERP else ETH
            price = self.prices[asset] // 10**8 + self.chance.randrange(-5, 6)
            lots = self.chance.randrange(10, 300) if asset == ETH else self.chance.randrange(1, 15)
        self.desk.place(one, market, c.SELL, price, lots)
        self.desk.place(other, market, c.BUY, price, lots)
        self.desk.do(r.OrderChange, c.CANCEL_ALL, one)
        self.desk.do(r.OrderChange, c.CANCEL_ALL, other)

    def live(self) -> None:
        for _ in range(self.chance.randrange(40, 90)):
            roll = self.chance.random()
            if roll < 0.7:
                self.meet(self.chance.choice((SPOT, ETH_PERP, ETH_PERP, BTC_PERP, USDM_LOAN, USDM_LOAN, ETH_LOAN)))
            elif roll < 0.85:
                self.take_out(self.chance.randrange(1, ACCOUNTS + 1))
            elif roll < 0.93:
                self.desk.now += self.chance.randrange(1, 5) * HOUR
                self.mark(15_000)
            else:
                perps = self.world.live("perps")
                if len(perps):
                    perp = perps[self.chance.randrange(len(perps))]
                    self.desk.do(r.ContractChange, c.TRUE_UP, int(perp["long_account"]), contract_id=int(perp["id"]))

    def take_out(self, account: int) -> None:
        """Let an account withdraw as much numeraire as it may, of what it has, a half and a quarter of it."""
        held = self.snap()[0].get((account, USDM), 0)
        for amount in (held, held // 2, held // 4):
            if amount and self.desk.withdraw(account, amount) == c.OK:
                break

    # Close-outs.

    def close(self, account: int, reason: int) -> bool:
        """Close one account out beside the naive one; say whether there was anything to close."""
        engine = self.world.engine
        self.desk.now += 10**6  # so that no hour of interest ends within the milliseconds that this takes
        self.desk.send(r.Command, c.ADVANCE_TIME)
        is_safe = engine.get_value(account, 10**6) >= 0 or (reason == c.INSOLVENT and engine.get_value(account, 0) >= 0)
        before = self.snap()
        value = engine.get_value(account, 0)
        if not engine.start_close_out(account, reason):
            return False
        assert not engine.start_close_out(account, reason)
        events = []
        touched = {account}
        for _ in range(10_000):
            self.desk.now = max(self.desk.now, int(self.world.rows("venue")["next_due_us"][1]))
            events += self.desk.send(r.Command, c.ADVANCE_TIME)
            assert compute_violations(engine) == [], (self.seed, "between steps")
            if any(event.kind == c.CLOSE_OUT_DONE for event in events):
                break
            self.probe(account)
        else:
            raise AssertionError("the close-out does not end")
        assert not any(event.kind == c.WORK_DEFERRED for event in events)
        if is_safe:
            self.seen["recovered"] += 1
            assert not any(event.kind in (c.CLAIM_PAID, c.CONTRACT_COUNTED) for event in events)
            if not has_repayments(events):
                assert self.snap() == before
            return True
        self.check(account, value, before, events, touched)
        return True

    def probe(self, account: int) -> None:
        """Nobody acts for an account that is closed out, or with it."""
        closing = self.world.rows("accounts")["closing"][account]
        coming = self.preview(r.Command, c.ADVANCE_TIME)
        if closing < c.LEAVING_BOOKS or any(event.kind == c.CLOSE_OUT_DONE for event in coming):
            return  # or the next command ends it before its own turn
        other = account % ACCOUNTS + 1
        funds = {"asset": USDM, "amount": 1}
        self.refuse(c.ACCOUNT_CLOSING, r.Funds, c.DEPOSIT, account, **funds)
        self.refuse(c.ACCOUNT_CLOSING, r.Funds, c.WITHDRAW, account, **funds)
        self.refuse(c.ACCOUNT_CLOSING, r.PlaceOrder, c.PLACE_ORDER, account, market=SPOT, price_ticks=1, lots=1)
        self.refuse(c.COUNTERPARTY_CLOSING, r.Funds, c.TRANSFER, other, **funds, to=account)
        if closing != c.FROZEN:
            return
        change = r.ContractChange
        for perp in self.world.live("perps"):
            if account in (perp["long_account"], perp["short_account"]):
                party = int(perp["long_account"] + perp["short_account"]) - account
                self.refuse(c.COUNTERPARTY_CLOSING, change, c.TRUE_UP, party, contract_id=int(perp["id"]))
        for loan in self.world.live("loans"):
            number, lender, borrower = int(loan["id"]), int(loan["lender"]), int(loan["borrower"])
            if number in (getattr(event, "contract_id", 0) for event in coming if event.kind == c.LOAN_MOVED):
                continue  # the work that comes first hands it over
            if lender == account:
                self.refuse(c.COUNTERPARTY_CLOSING, change, c.REPAY_LOAN, borrower, contract_id=number)
            elif borrower == account:
                self.refuse(c.COUNTERPARTY_CLOSING, change, c.EXIT_LOAN, lender, contract_id=number, rate_bp=9_999)

    def preview(self, record, kind: int, account: int = 0, **values):
        """Return the events of a command that is taken back."""
        self.world.engine.open_preview()
        events = self.desk.send(record, kind, account, **values)
        self.world.engine.close_preview()
        return events

    def refuse(self, code: int, record, kind: int, account: int, **values) -> None:
        """Expect a command to be refused with a code; a contract may be gone by the work that it does first."""
        last = self.preview(record, kind, account, **values)[-1]
        self.seen["refused"] += 1
        assert last.kind == c.REJECTED and last.code in (code, c.UNKNOWN_CONTRACT), (self.seed, account, kind)

    def snap(self):
        """Balances, loans and perps as plain numbers."""
        positions = self.world.rows("positions")
        balances = {
            (int(p["account"]), int(p["asset"])): int(p["balance"]) for p in positions if p["account"] and p["balance"]
        }
        loans = {int(loan["id"]): loan.copy() for loan in self.world.live("loans")}
        perps = {int(perp["id"]): perp.copy() for perp in self.world.live("perps")}
        return (
            balances,
            {k: tuple(v[n].item() for n in ("lender", "borrower", "asset", "principal", "rate_bp", "flags",
                                            "interest_from_us", "minimum_paid", "carry"))
             for k, v in loans.items()},
            {k: tuple(v[n].item() for n in ("long_account", "short_account", "market", "lots", "cost",
                                            "funding_index"))
             for k, v in perps.items()},
        )  # fmt: skip

    def get_hours(self, since_us: int, flags: int, paid: int) -> int:
        if flags & c.LOAN_IOU:
            return -(-self.desk.now // HOUR) - -(-since_us // HOUR)
        hours = -(-(self.desk.now - since_us) // HOUR)
        return hours if paid else max(hours, 8)

    def check(self, account: int, value: int, before, events, touched) -> None:
        balances, loans, perps = before
        assets = self.world.rows("assets")
        units = {asset: Fraction(int(assets["unit"][asset]), GRID) for asset in (USDM, ETH, BTC)}
        counted = [event for event in events if event.kind == c.CONTRACT_COUNTED]
        perp_order = [event.contract_id for event in counted if event.code == c.AS_PERP]
        debt_order = [event.contract_id for event in counted if event.code != c.AS_PERP]
        own_debts, own_perps = {}, {}
        for number, (lender, borrower, asset, principal, rate, flags, since, paid, carry) in loans.items():
            if account in (lender, borrower):
                own_debts[number] = naive.Debt(number, lender, borrower, asset, principal, rate,
                                               self.get_hours(since, flags, paid), carry,
                                               bool(flags & c.LOAN_IOU), bool(flags & c.LOAN_IS_APART))  # fmt: skip
        for number, (long, short, market, lots, cost, index) in perps.items():
            if account in (long, short):
                asset = BTC if market == BTC_PERP else ETH
                owed = (int(self.world.rows("markets")["funding_index"][market]) - index) * lots
                owed = -(-owed // FUNDING_ONE) if long == account else owed // FUNDING_ONE
                worth = int(lots * LOT * units[asset])
                own_perps[number] = naive.Contract(number, long, short, worth - cost - owed)
        assert sorted(perp_order) == sorted(own_perps) and sorted(debt_order) == sorted(own_debts), "each counts once"
        debts = [own_debts[number] for number in debt_order]
        contracts = [own_perps[number] for number in perp_order]
        wanted = naive.close_out(account, value, balances, units, {USDM: 0, ETH: 5_000, BTC: 3_000}, debts, contracts)

        done = next(event for event in events if event.kind == c.CLOSE_OUT_DONE)
        assert done.claims == sum(wanted.claims.values())
        assert done.unpaid == wanted.unpaid
        after_balances, after_loans, after_perps = self.snap()
        is_pure = not has_repayments(events)
        if is_pure:
            assert after_balances == {key: amount for key, amount in wanted.balances.items() if amount}
        lent, owed = Counter(), Counter()
        for number, (lender, borrower, asset, principal, *_) in after_loans.items():
            if number not in loans or number in own_debts:
                assert borrower != account
                lent[lender, asset] += principal
                owed[borrower, asset] += principal
        handed: Counter[tuple[int, int]] = Counter()
        for event in events:
            if event.kind == c.CLAIM_PAID and event.code == c.AS_LOAN:
                handed[event.creditor, event.asset] += event.amount
        assert handed == Counter({key: n for key, n in wanted.lent.items() if n and key[0] != account})
        claimants = {other for (other, is_apart) in wanted.claims if is_apart}
        if is_pure and not claimants & {other for other, _ in wanted.owed}:  # who owes itself need not pay
            assert lent == Counter({key: amount for key, amount in wanted.lent.items() if amount})
            assert owed == Counter({key: amount for key, amount in wanted.owed.items() if amount})
        assert not any(account in (perp[0], perp[1]) for perp in after_perps.values())
        # 10: nobody else's contracts
        assert {k: v for k, v in after_perps.items() if k not in own_perps} == {
            k: v for k, v in perps.items() if k not in own_perps
        }
        if is_pure:
            assert {k: v for k, v in after_loans.items() if k in loans and k not in own_debts} == {
                k: v for k, v in loans.items() if k not in own_debts
            }
        self.note(account, value, wanted, own_debts, own_perps, events)

    def note(self, account, value, wanted, debts, perps, events) -> None:
        """Count what kinds of close-out there were."""
        seen = self.seen
        seen["insolvent" if value < 0 else "out of time"] += 1
        seen["with loans given"] += any(d.lender == account and not d.is_iou for d in debts.values())
        seen["with IOUs"] += any(d.is_iou for d in debts.values())
        gains = [p.gain if p.long == account else -p.gain for p in perps.values()]
        seen["perps both ways"] += any(g > 0 for g in gains) and any(g < 0 for g in gains)
        seen["loans both ways"] += len({d.lender == account for d in debts.values()}) == 2
        others = [d.lender if d.borrower == account else d.borrower for d in debts.values()]
        others += [p.short if p.long == account else p.long for p in perps.values()]
        seen["netted"] += len(others) > len(set(others))
        seen["a debtor that owes by IOU"] += bool(wanted.ious)
        seen["paid in full" if wanted.is_full else "a ratio"] += 1
        seen["handed over"] += any(event.kind == c.LOAN_MOVED for event in events)

    def crash(self) -> None:
        """Move the marks far, and close out who is worth less than nothing, or has run out of time."""
        self.mark(self.chance.choice((100_000, 250_000, 450_000)))
        engine = self.world.engine
        low = [a for a in range(1, ACCOUNTS + 1) if engine.get_value(a, 10**6) < 0]
        for account in low:
            poor = {a for a in range(1, ACCOUNTS + 1) if engine.get_value(a, 0) < 0}
            if account in poor:
                self.close(account, c.INSOLVENT)
                self.seen["one default made another"] += bool(
                    {a for a in range(1, ACCOUNTS + 1) if engine.get_value(a, 0) < 0} - poor
                )
            elif self.chance.random() < 0.8:
                self.close(account, c.OUT_OF_TIME)
            else:
                self.close(account, c.INSOLVENT)


def has_repayments(events) -> bool:
    """Whether somebody repaid an IOU from what came in: timed work of its own, beside the close-out."""
    return any(event.kind == c.LOAN_REPAID and event.code == c.OK for event in events)


def run(seeds) -> Counter[str]:
    """Run chapters and return what they came to."""
    total: Counter[str] = Counter()
    for seed in seeds:
        chapter = Chapter(seed, steps=(256, 1, 3)[seed % 3])
        for _ in range(3):
            chapter.live()
            chapter.crash()
        total += chapter.seen
    return total


@pytest.mark.slow
def test_close_outs_are_those_of_the_naive_one() -> None:
    count = 60 if COMPILED else 6
    seen = run(range(1000 * SEED, 1000 * SEED + count))
    print(dict(seen))
    if COMPILED:
        assert all(seen[name] >= least for name, least in LEAST.items()), dict(seen)


@pytest.mark.soak
def test_long_close_outs() -> None:
    for number in soak.chapters("close-outs", 300):
        run([(soak.SEED << 20) + number])
