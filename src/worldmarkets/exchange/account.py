"""An account: its commands, and everything there is to see of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from worldmarkets.core.records import Record
from worldmarkets.core.units import MILLION
from worldmarkets.exchange import breakdown, views
from worldmarkets.exchange import ladder as ladders
from worldmarkets.exchange.bundle import Bundle, Previewer, Submitter
from worldmarkets.exchange.cures import Cure, compute_cures, read_ailment
from worldmarkets.exchange.desk import Desk
from worldmarkets.exchange.keys import Key, read_keys
from worldmarkets.exchange.quotes import Limits, Protection, QuoteView, QuoteViews
from worldmarkets.exchange.results import Result, Standing
from worldmarkets.exchange.rungs import RungPrice, compute_rung_prices
from worldmarkets.exchange.units import Amount, from_time, from_units, to_severity

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange


CLOSING = (None, "waiting", "leaving the books", "frozen")


class CurvePoint(NamedTuple):
    """What an account is worth at one severity."""

    severity: Decimal
    value: Decimal


class FeeStanding(NamedTuple):
    """What an owner's accounts paid in fees, and the shares that are cut off them today.

    `month` are the thirty days before today; `left` is what today's fees may still amount to before cuts end.
    """

    month: Decimal
    today: Decimal
    maker_cut: Decimal
    taker_cut: Decimal
    left: Decimal


class NextLook(NamedTuple):
    """By how much marks may move, all moves added up, and until when: whatever comes first.

    `move` is None while the account is not filed: it has no contracts, or they changed since the last mark.  `at` is
    None when time alone changes nothing.
    """

    move: Decimal | None
    at: datetime | None


class Account(Desk[Result]):
    """A handle on one account.  Its commands raise Rejected; those of `submit` return the result instead."""

    def __init__(self, exchange: Exchange, number: int, name: str, owner: bytes, index: int) -> None:
        super().__init__(exchange, number)
        self.name = name
        self.owner = owner
        self.index = index

    def __repr__(self) -> str:
        return f"<Account {self.number} {self.name}>"

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Account) and other.exchange is self.exchange and other.number == self.number

    def __hash__(self) -> int:
        return hash((id(self.exchange), self.number))

    def _send(self, command: Record) -> Result:
        return self.exchange.send(command)

    def _send_group(self, records: list[Record]) -> Result:
        return self.exchange.send(*records)

    def _send_all(self, commands: list[Record]) -> Result:
        return self.exchange.send(*self.exchange.make_bundle(self.number, commands))

    @property
    def address(self) -> str:
        """The owner's address."""
        return "0x" + self.owner.hex()

    @property
    def submit(self) -> Submitter:
        """The same commands, answered with their result also when they are rejected."""
        return Submitter(self.exchange, self.number)

    @property
    def preview(self) -> Previewer:
        """The same commands, run through the exchange and taken back."""
        return Previewer(self.exchange, self.number)

    def bundle(self) -> Bundle:
        """Return an empty bundle: use it in a `with` block, or call its `send`, `submit` or `preview`."""
        return Bundle(self.exchange, self.number)

    # What it has.

    @property
    def balances(self) -> dict[str, Decimal]:
        """The balance of each asset it holds any of."""
        return {position.asset: position.balance for position in self.positions if position.balance}

    @property
    def positions(self) -> list[views.Position]:
        """What it has of each asset: balance, borrowed, lent, perp."""
        return self.reader.get_positions()

    @property
    def orders(self) -> list[views.Order]:
        """Its orders, newest first: those that rest, and those that wait for their triggers."""
        return list(self.reader.walk_orders())

    @property
    def dead_man(self) -> datetime | None:
        """When its dead man's switch goes off; None when it is not armed."""
        timer = self.exchange.read_row("accounts", self.number).dead_man
        return from_time(self.exchange.read_row("timers", timer).due_us) if timer else None

    @property
    def closing(self) -> str | None:
        """How far its close-out is: waiting, leaving the books or frozen; None when it is not closed out."""
        return CLOSING[self.exchange.read_row("accounts", self.number).closing]

    @property
    def fund(self) -> views.FundStanding:
        """Its shares of the default fund, what they are worth now, those that leave, and since when it is covered."""
        return self.reader.get_fund()

    @property
    def quotes(self) -> list[QuoteView]:
        """Its resting quotes, by market, side and level."""
        return QuoteViews(self.exchange, self.number).get_quotes()

    @property
    def protections(self) -> dict[str, Protection]:
        """What protects its quotes, by market, and what was filled of them lately."""
        return QuoteViews(self.exchange, self.number).get_protections()

    @property
    def limits(self) -> dict[str, Limits]:
        """What it may do at most, by market: its own limits and the venue's, the tighter of each."""
        return QuoteViews(self.exchange, self.number).get_limits()

    @property
    def keys(self) -> list[Key]:
        """The keys that may act for it beside its owner's, and what each may do."""
        return read_keys(self.exchange, self.number)

    @property
    def loans(self) -> list[views.Loan]:
        """Its loans with their counterparties: those it borrowed, then those it lent."""
        return list(self.reader.walk_loans())

    @property
    def calendar(self) -> list[views.Loan]:
        """Its loans and IOUs, borrowed and lent, in the order in which they fall due."""
        return sorted(self.loans, key=lambda loan: (loan.due, loan.id))

    @property
    def perps(self) -> list[views.Perp]:
        """Its perp contracts with their counterparties."""
        return list(self.reader.walk_perps())

    @property
    def allows_compression(self) -> bool:
        """Whether others may compress circles of perp contracts that it stands in."""
        return bool(self.exchange.read_row("accounts", self.number).is_compressible)

    @property
    def policy(self) -> views.Policy:
        """Its policy: whom it deals with, and on what terms."""
        return self.reader.get_policy()

    @property
    def counterparties(self) -> list[views.Counterparty]:
        """Everybody it has contracts with, and what it is exposed to each, the largest first."""
        return self.reader.get_counterparties()

    @property
    def reader(self) -> views.Views:
        """The reader of its rows, for who does not want all of a list."""
        return self.exchange.get_views(self.number)

    # What it is worth.

    @property
    def fee_standing(self) -> FeeStanding:
        """What its owner paid in fees in thirty days, and what that cuts off today's fees."""
        month, today, full, maker, taker = self.exchange.engine.get_fees(self.number)
        cash = self.exchange.listing.numeraire.from_quanta
        return FeeStanding(
            cash(month), cash(today), from_units(maker, 6), from_units(taker, 6), cash(max(month - full, 0))
        )  # fmt: skip

    def value(self, severity: Amount | float = 0) -> Decimal:
        """Return V at a severity between 0 and 10."""
        return self._value(to_severity(severity))

    def cautious_value(self, severity: Amount | float = 1) -> Decimal:
        """Return V-: positive unrealised profit and IOU claims at zero.  It carries withdrawals and new debt."""
        quanta = self.exchange.engine.get_cautious_value(self.number, to_severity(severity))
        return self.exchange.listing.numeraire.from_quanta(quanta)

    def _value(self, severity_ppm: int) -> Decimal:
        quanta = self.exchange.engine.get_value(self.number, severity_ppm)
        return self.exchange.listing.numeraire.from_quanta(quanta)

    def curve(self, points: int = 21, to: Amount | float = 2) -> list[CurvePoint]:
        """Return V at `points` severities from 0 up to `to`, at even steps."""
        last = to_severity(to)
        found = []
        for place in range(points):
            severity = last * place // max(points - 1, 1)
            found.append(CurvePoint(from_units(severity, 6), self._value(severity)))
        return found

    @property
    def nav(self) -> Decimal:
        """Net asset value: V at severity 0."""
        return self._value(0)

    @property
    def available_margin(self) -> Decimal:
        """V at severity 1."""
        return self._value(MILLION)

    @property
    def resilience(self) -> Decimal | None:
        """The largest severity, up to 10, at which V is not below zero; None when it is below zero today."""
        ppm = self.exchange.engine.get_resilience(self.number)
        return None if ppm < 0 else from_units(ppm, 6)

    @property
    def state(self) -> str:
        """free, margin call, unwind, auction or close-out: by the sign of V at the venue's rungs, and the latch.

        It is what a look would find now; the exchange itself looks with marks and time steps.
        """
        return ladders.state_name(self.exchange.engine.get_state(self.number))

    @property
    def slack(self) -> Decimal:
        """The least distance of V from zero over the venue's rungs and today: how near it is to another state."""
        return min(abs(self.value(severity)) for severity in (*self.exchange.rungs.values(), Decimal(0)))

    @property
    def next_look(self) -> NextLook:
        """When the exchange looks at it again, whatever happens to others."""
        engine = self.exchange.engine
        reach, look_us = engine.get_reach(self.number), engine.get_look_us(self.number)
        return NextLook(
            None if reach is None else from_units(max(reach, 0), 9), None if look_us is None else from_time(look_us)
        )  # fmt: skip

    @property
    def standing(self) -> Standing:
        """Where it stands, all figures at once."""
        rungs = self.exchange.rungs
        return Standing(
            self.nav, self.available_margin, self.value(rungs["unwind"]), self.value(rungs["auction"]),
            self.resilience, self.state,
        )  # fmt: skip

    # The ladder.

    @property
    def plan(self) -> list[ladders.Step]:
        """The steps of its unwind plan; none: the default plan."""
        return ladders.read_plan(self.exchange, self.number)

    @property
    def ladder(self) -> ladders.LadderStanding | None:
        """Where it stands on the ladder, its clocks, and what that has cost so far; None when it is not latched."""
        return ladders.read_standing(self.exchange, self.number)

    def what_if(self, moves: Mapping[str, str | Amount]) -> ladders.WhatIf:
        """Return what would become of it if marks moved so, `{"ETH": "-20%"}`, and the book stayed as it is.

        Nothing is done: it is a preview, in which time passes until the account is off the ladder, or 20 minutes.
        """
        return ladders.compute_what_if(self.exchange, self.number, moves)

    @property
    def cures(self) -> list[Cure]:
        """What would free it, asset by asset: how much to trade at the mark, or which mark; none while it is free."""
        ailment = read_ailment(self.exchange, self.number)
        return [] if ailment is None else compute_cures(ailment)

    def groups(self, severity: Amount | float = 1) -> list[breakdown.Group]:
        """Return what each risk group is worth and costs at a severity, with its legs."""
        return breakdown.compute_groups(self.exchange, self.number, to_severity(severity))

    def legs(self, severity: Amount | float = 1) -> list[breakdown.Leg]:
        """Return what each asset costs at a severity."""
        return [leg for group in self.groups(severity) for leg in group.legs]

    def rung_prices(self) -> list[RungPrice]:
        """Return the prices of each asset, the rest unchanged, at which each rung of the ladder is reached."""
        return compute_rung_prices(self.exchange, self.number)
