"""What a venue says when it is asked: one struct an answer, every number a whole one or a decimal as text.

Times are milliseconds since 1970, UTC.  Sizes are in the asset of a market, prices in the numeraire; in a loan book a
price is a yearly rate such as "5.5%".  An account is named by its owner's address and its index: "0x12..ef#0".
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from worldmarkets.schemas.answers import Receipt
from worldmarkets.schemas.commands import Address, PlanStep, Uint32

Decimal = Annotated[str, msgspec.Meta(pattern=r"^-?\d+(\.\d+)?$", examples=["1250.5"], description="a decimal number")]
Price = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^-?\d+(\.\d+)?%?$", examples=["2001.5"], description="a decimal number; in a loan book a yearly rate"
    ),
]
Rate = Annotated[str, msgspec.Meta(pattern=r"^-?\d+(\.\d+)?%$", examples=["5.5%"], description="a share a year")]
Time = Annotated[int, msgspec.Meta(ge=0, examples=[1767225600000], description="milliseconds since 1970, UTC")]
Name = Annotated[
    str,
    msgspec.Meta(examples=["0x1a642f0e3c3af545e7acbd38b07251b3990914f1#0"], description="an owner's address and index"),
]
Symbol = Annotated[str, msgspec.Meta(examples=["ETH-PERP"])]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that is answered."""


# The venue.


class Venue(Answer, frozen=True):
    """Which venue this is, and how far it has got.

    `domain` is what a signature is for.  A bundle that expires before `time` is refused.
    """

    version: str
    chain_id: int
    genesis: str
    domain: dict[str, Any]
    requires_signatures: bool
    numeraire: str
    mode: str
    time: Time
    sequence: int
    block: int
    stream_port: int


class Asset(Answer, frozen=True):
    """A listed token.  `group` is the risk group it is hedged in; the numeraire has none."""

    symbol: Symbol
    decimals: int
    group: str
    mark: Decimal | None
    feed: str


class Mark(Answer, frozen=True):
    """The mark of an asset: null before the first.  `feed` is none, valid, stale, volatile, halted or suspended."""

    asset: Symbol
    mark: Decimal | None
    feed: str
    time: Time
    version: int


class Level(Answer, frozen=True):
    """A price and the size that rests there."""

    price: Price
    size: Decimal


class Market(Answer, frozen=True):
    """A market as it stands.  Fees are parts per million; what its kind does not have is null."""

    symbol: Symbol
    kind: str
    asset: Symbol
    mode: str
    lot: Decimal
    tick: Price
    minimum: Decimal
    maker_ppm: int
    taker_ppm: int
    bid: Level | None
    ask: Level | None
    mark: Decimal | None
    band_low: Price | None = None
    band_high: Price | None = None
    tenor_hours: int | None = None
    open_interest: Decimal | None = None
    open_interest_cap: Decimal | None = None
    opening_margin: Decimal | None = None
    funding_rate: Decimal | None = None
    next_funding: Time | None = None


class Book(Answer, frozen=True):
    """Both sides of a book, best first.  In a loan book bids borrow and asks lend.

    With `account`, only what policies let that account trade, each order as if it alone were met.
    """

    market: Symbol
    sequence: int
    time: Time
    bids: list[Level]
    asks: list[Level]
    account: Name | None = None


class TenorRate(Answer, frozen=True):
    """The best rates of one tenor: a borrower gets the ask, a lender the bid."""

    market: Symbol
    tenor_hours: int
    bid: Level | None
    ask: Level | None


class Curve(Answer, frozen=True):
    """The rates of an asset, the shortest tenor first."""

    asset: Symbol
    tenors: list[TenorRate]


class Tier(Answer, frozen=True):
    """From which fees in thirty days on, what part more is cut off the fees."""

    fees: Decimal
    maker_cut_ppm: int
    taker_cut_ppm: int


class Parameters(Answer, frozen=True):
    """Every parameter in force, by the names and in the units of the genesis: what it and the changes since made."""

    venue: dict[str, int | Decimal]
    assets: dict[str, dict[str, int | Decimal]]
    markets: dict[str, dict[str, int | Decimal]]
    tiers: list[Tier]


class FieldChange(Answer, frozen=True):
    """A parameter, what it was, and what it will be."""

    name: str
    was: Decimal
    becomes: Decimal


class Change(Answer, frozen=True):
    """A change of parameters under way.  `time` is its next step, of `steps`; `about` an asset, a market or "venue"."""

    id: int
    about: str
    kind: str
    state: str
    time: Time
    step: int
    steps: int
    proposed_by: str
    fields: list[FieldChange]


# Accounts.


class Standing(Answer, frozen=True):
    """Where an account stands: V at the severities of the rungs, its resilience, and its state.

    `nav` is V at severity 0, `available_margin` V at 1.  `resilience` is the largest severity, up to 10, that it
    survives: null when it is worth less than nothing.
    """

    nav: Decimal
    available_margin: Decimal
    v_unwind: Decimal
    v_auction: Decimal
    resilience: Decimal | None
    state: str


class Balance(Answer, frozen=True):
    """What an account has of one asset, summed over its contracts."""

    asset: Symbol
    balance: Decimal
    borrowed: Decimal
    owed: Decimal
    lent: Decimal
    perp: Decimal
    perp_cost: Decimal


class Account(Answer, frozen=True):
    """An account: who it is, where it stands, and what it has of each asset."""

    account: Name
    number: int
    owner: str
    index: int
    standing: Standing
    orders: int
    contracts: int
    balances: list[Balance]
    withdrawable_value: Decimal
    open_order_loss: Decimal
    dead_man: Time | None
    allows_compression: bool


class AccountLine(Answer, frozen=True):
    """An account in a list: its state is that of the last look."""

    account: Name
    number: int
    state: str


class Accounts(Answer, frozen=True):
    """A page of accounts in the order they were opened; `next` is what `after` is for the following page."""

    accounts: list[AccountLine]
    next: int | None


class Order(Answer, frozen=True):
    """An order that rests, or waits for its trigger (`kind` stop or take_profit)."""

    id: int
    market: Symbol
    side: str
    price: Price | None
    size: Decimal
    kind: str
    trigger: Price | None
    post_only: bool
    reduce_only: bool
    expires: Time | None
    partner: int | None


class Orders(Answer, frozen=True):
    """A page of orders, newest first; `next` is what `after` is for the following page."""

    orders: list[Order]
    next: int | None


class Loan(Answer, frozen=True):
    """A loan contract from one side.  `interest` is what repaying all of it now would cost on top."""

    id: int
    asset: Symbol
    side: str
    counterparty: Name
    principal: Decimal
    rate: Rate
    receives: Rate
    interest: Decimal
    start: Time
    due: Time
    is_iou: bool
    overdue: bool
    extensible: bool
    renewable: bool
    cap: Rate
    steps: list[str]


class Loans(Answer, frozen=True):
    """A page of loans: those borrowed, then those lent; or by due time, in a calendar."""

    loans: list[Loan]
    next: int | None


class Perp(Answer, frozen=True):
    """A perp contract from one side: a positive size is long, funding is owed when positive."""

    id: int
    market: Symbol
    counterparty: Name
    size: Decimal
    entry: Decimal
    break_even: Decimal
    mark_value: Decimal
    funding: Decimal
    unrealised: Decimal


class Perps(Answer, frozen=True):
    """A page of perp contracts, by market and newest first."""

    perps: list[Perp]
    next: int | None


class Counterparty(Answer, frozen=True):
    """What an account is exposed to one counterparty, and where that counterparty stands."""

    account: Name
    exposure: Decimal
    lent: Decimal
    profit: Decimal
    shock: Decimal
    limit: Decimal | None
    standing: Standing


class Counterparties(Answer, frozen=True):
    """A page of counterparties, by number; whose portfolios anybody may ask for."""

    counterparties: list[Counterparty]
    next: int | None


class Term(Answer, frozen=True):
    """What a policy says of one counterparty, or of every account of its owner."""

    counterparty: Name
    owner: bool
    denied: bool
    limit: Decimal | None


class Policy(Answer, frozen=True):
    """An account's policy: null where it has no rule."""

    max_exposure: Decimal | None
    survives: Decimal | None
    true_up_threshold: Decimal | None
    give_up: str
    terms: list[Term]


class CurvePoint(Answer, frozen=True):
    """What an account is worth at a severity."""

    severity: Decimal
    value: Decimal


class Leg(Answer, frozen=True):
    """What one asset of an account is worth, and what each part of the shock takes."""

    asset: Symbol
    holding: Decimal
    perp: Decimal
    unrealised: Decimal
    haircut: Decimal
    price: Decimal
    slippage: Decimal
    basis: Decimal


class Group(Answer, frozen=True):
    """One risk group: `value = nav - haircut + price - slippage - basis`."""

    group: str
    nav: Decimal
    value: Decimal
    direction: str
    haircut: Decimal
    price: Decimal
    slippage: Decimal
    basis: Decimal
    legs: list[Leg]


class Risk(Answer, frozen=True):
    """Where an account stands and why, at a severity."""

    account: Name
    severity: Decimal
    value: Decimal
    standing: Standing
    slack: Decimal
    groups: list[Group]


class RungPrice(Answer, frozen=True):
    """The marks of an asset, the rest unchanged, at which an account crosses a rung of the ladder.

    `down` and `up` are the first marks each way at which V at the rung is below zero, null where none is.  When it is
    below zero already, `is_reached`, they are null, and `cure` is the nearest mark at which it no longer is.
    """

    asset: Symbol
    rung: str
    severity: Decimal
    mark: Decimal
    down: Decimal | None
    up: Decimal | None
    cure: Decimal | None
    is_reached: bool


class BreakEven(Answer, frozen=True):
    """The mark at which an account's perp contracts in a market have won and lost nothing, funding counted."""

    market: Symbol
    size: Decimal
    price: Decimal


class Prices(Answer, frozen=True):
    """The prices that matter to an account."""

    account: Name
    rungs: list[RungPrice]
    break_even: list[BreakEven]


class Latch(Answer, frozen=True):
    """An account on which the ladder acts: its rung, what is left of its clocks, what the rung has cost so far.

    `step` is the place in its own plan that it has come to, from 1; null when that is through, and without one.
    """

    rung: str
    since: Time
    unwind_left_ms: int
    auction_left_ms: int
    is_paused: bool
    step: int | None
    slices: int
    slippage: Decimal
    fees: Decimal
    brought: Decimal
    lowest_resilience: Decimal | None


class Cure(Answer, frozen=True):
    """What in one asset would free an account: a size to trade at the mark, with its fee, or else a mark."""

    asset: Symbol
    market: Symbol | None
    side: str | None
    size: Decimal | None
    mark: Decimal | None


class Ladder(Answer, frozen=True):
    """Where an account stands on the ladder; `missing` is the numeraire that would free it, 0 while it is free.

    `latch` is null while the ladder does not act on it.  Without a plan of its own the default plan is followed.
    """

    account: Name
    standing: Standing
    missing: Decimal
    cures: list[Cure]
    latch: Latch | None
    plan: list[PlanStep]


class RungReceipt(Answer, frozen=True):
    """What a rung of the ladder was, from the command it began with to the one it ended with, and what it cost.

    What was lost to price and slippage, fees and discount, less what was brought, sum to the fall of `nav`.
    `follows` is the state that followed.
    """

    account: Name
    rung: str
    follows: str
    first_sequence: int
    sequence: int
    time: Time | None
    margin_before: Decimal
    margin_after: Decimal
    nav_before: Decimal
    nav_after: Decimal
    lost_to_price: Decimal
    lost_to_slippage: Decimal
    fees: Decimal
    discount: Decimal
    brought: Decimal
    resilience_before: Decimal | None
    resilience_after: Decimal | None


class RungReceipts(Answer, frozen=True):
    """A page of an account's receipts, the latest first; `next` is what `before` is for the page behind it."""

    receipts: list[RungReceipt]
    next: int | None
    block: int


class CloseOut(Answer, frozen=True):
    """A close-out that is over: what its creditors claimed, were paid, and were not, and what the account has left.

    `reason` is insolvent, out of time, or recovered: then nothing was closed.
    """

    account: Name
    reason: str
    sequence: int
    time: Time
    claims: Decimal
    paid: Decimal
    unpaid: Decimal
    nav: Decimal


class CloseOuts(Answer, frozen=True):
    """A page of an account's close-outs, the latest first; `next` is what `before` is for the page behind it."""

    close_outs: list[CloseOut]
    next: int | None
    block: int


class WhatIf(Answer, frozen=True):
    """What would become of an account if marks moved and books stayed: before, at those marks, and in the end.

    `missing` is the numeraire that it would lack at those marks.  The receipts are those of the rungs it would leave;
    `is_over` says whether it would be off the ladder after `seconds`.
    """

    account: Name
    marks: dict[str, Decimal]
    before: Standing
    moved: Standing
    missing: Decimal
    after: Standing
    receipts: list[RungReceipt]
    seconds: int
    is_over: bool


class Fees(Answer, frozen=True):
    """What an owner's accounts paid in thirty days, the shares cut off today's fees, and what is left of the cuts."""

    month: Decimal
    today: Decimal
    maker_cut: Decimal
    taker_cut: Decimal
    left: Decimal


class Quote(Answer, frozen=True):
    """A quote that rests."""

    market: Symbol
    side: str
    level: int
    price: Price
    size: Decimal
    order: int


class Protection(Answer, frozen=True):
    """What protects an account's quotes in a market, and what was filled of them in this window; 0 is no limit."""

    market: Symbol
    size: Decimal
    notional: Decimal
    delta: Decimal
    interval: Decimal
    cool_off: Decimal
    filled_size: Decimal
    filled_notional: Decimal
    filled_delta: Decimal
    tripped: Time | None
    reached: str


class Limits(Answer, frozen=True):
    """What an account may do in a market: the tighter of its own limits and the venue's; 0 is no limit."""

    market: Symbol
    order: Decimal
    position: Decimal
    orders: int
    notional: Decimal
    open_orders: int
    traded_today: Decimal


class Making(Answer, frozen=True):
    """An account as a market maker."""

    quotes: list[Quote]
    protections: list[Protection]
    limits: list[Limits]


class Key(Answer, frozen=True):
    """A key that may act for an account beside its owner's, and what its mandate lets it do.

    A limit of null is none; `markets` is null when it has all of them.  `filled` and `lost` are today's.
    """

    address: str
    expires: Time
    kinds: list[str]
    markets: list[str] | None
    order: Decimal | None
    day: Decimal | None
    loss: Decimal | None
    floor: Decimal | None
    filled: Decimal
    lost: Decimal
    orders: int


# History.


class Happened(Answer, frozen=True):
    """Something that happened: `event` in the words of receipts and streams.  Numbers count up, not one by one."""

    number: int
    time: Time
    event: dict[str, Any]


class History(Answer, frozen=True):
    """A page of what happened, the latest first; `next` is what `before` is for the page behind it.

    `block` is the last block that the history holds.
    """

    events: list[Happened]
    next: int | None
    block: int


class Trade(Answer, frozen=True):
    """A trade; `side` is the taker's."""

    number: int
    time: Time
    market: Symbol
    side: str
    price: Price
    size: Decimal
    taker: Name
    maker: Name


class Trades(Answer, frozen=True):
    """A page of trades, the latest first; `next` is what `before` is for the page behind it."""

    trades: list[Trade]
    next: int | None
    block: int


class Candle(Answer, frozen=True):
    """What was traded in an interval that begins at `time`; `notional` is in the numeraire, null in a loan book."""

    time: Time
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Decimal
    notional: Decimal | None
    trades: int


class Candles(Answer, frozen=True):
    """The candles of a market, oldest first; where nothing was traded there is none."""

    market: Symbol
    interval_seconds: int
    candles: list[Candle]


class FundingPeriod(Answer, frozen=True):
    """A market's funding at the end of a period: the share of the mark that the long side paid."""

    number: int
    time: Time
    rate: Decimal
    mark: Decimal


class Funding(Answer, frozen=True):
    """A page of funding periods, the latest first."""

    market: Symbol
    periods: list[FundingPeriod]
    next: int | None


class PastMark(Answer, frozen=True):
    """A mark that was taken."""

    number: int
    time: Time
    mark: Decimal


class Marks(Answer, frozen=True):
    """A page of an asset's marks, the latest first."""

    asset: Symbol
    marks: list[PastMark]
    next: int | None


class MarketStats(Answer, frozen=True):
    """What was traded in a market in twenty-four hours; `notional` is in the numeraire, null in a loan book."""

    market: Symbol
    trades: int
    volume: Decimal
    notional: Decimal | None
    open_interest: Decimal | None


class Checkpoint(Answer, frozen=True):
    """The digest of the whole state after a block: whoever replays the journal gets the same."""

    block: int
    digest: str


class Stats(Answer, frozen=True):
    """The venue in figures.  `accounts` counts them by the state that the last look found."""

    time: Time
    sequence: int
    block: int
    history_block: int
    accounts: dict[str, int]
    markets: list[MarketStats]
    checkpoints: list[Checkpoint]


# Commands.


class Preview(Answer, frozen=True):
    """What sending would come to.  Nothing has changed."""

    receipt: Receipt
    before: Standing
    after: Standing


class TypedData(Answer, frozen=True):
    """What `eth_signTypedData_v4` takes, and the 32 bytes that come to be signed."""

    typed_data: dict[str, Any]
    digest: str


class FaucetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who asks for test funds: an owner's account."""

    owner: Address
    account: Uint32 = 0


class Gift(Answer, frozen=True):
    """Test funds that an account got: how much of each asset."""

    account: Name
    amounts: dict[str, Decimal]


# Health.


class Health(Answer, frozen=True):
    """Whether the process lives, and whether it takes commands."""

    status: str
    block: int = 0
