"""The records of the core: commands, events, and the rows of every table.

A record is declared once, here.  `records.pxd` gives the compiler the same structs and is generated from this file.
Interpreted, a row is a `ctypes` structure over the same bytes, and a store outside a field's range raises.

Field types: `i64 u64 i32 u32 u16 u8`.  Links between records are row numbers; row 0 stands for none.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any, ClassVar

SEEN_ROWS = 1_024  # one more than SEEN_MASK of units.py
TYPES: dict[str, Any] = {
    "i64": ctypes.c_longlong,
    "u64": ctypes.c_ulonglong,
    "i32": ctypes.c_int,
    "u32": ctypes.c_uint,
    "u16": ctypes.c_ushort,
    "u8": ctypes.c_ubyte,
}
RANGES = {
    name: range(-1 << bits - 1, 1 << bits - 1) if name[0] == "i" else range(1 << bits)
    for name in TYPES
    for bits in (int(name[1:]),)
}


class _RecordType(type(ctypes.Structure)):  # type: ignore[misc]
    """Turns a class's annotations into the fields of a structure, after those of its `HEAD`."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> Any:
        own = {k: v for k, v in body.get("__annotations__", {}).items() if v in TYPES}
        if own:
            head = next((base.HEAD for base in bases if hasattr(base, "HEAD")), {})
            body["_kinds"] = fields = {**head, **own}
            body["_ranges"] = {field: RANGES[kind] for field, kind in fields.items()}
            body["_fields_"] = [(field, TYPES[kind]) for field, kind in fields.items()]
        return super().__new__(cls, name, bases, body)


class Record(ctypes.Structure, metaclass=_RecordType):
    """A record type.  Its annotated fields are its bytes, in order; `HEAD` names fields that come first."""

    HEAD: ClassVar[dict[str, str]] = {}

    def __setattr__(self, name: str, value: int) -> None:
        if value not in self._ranges[name]:
            raise OverflowError(f"{type(self).__name__}.{name} = {value}")
        super().__setattr__(name, value)

    @classmethod
    def fields(cls) -> list[tuple[str, str]]:
        """The record's fields and their types, in order."""
        return list(cls._kinds.items())

    def as_dict(self) -> dict[str, int]:
        """The values of every field."""
        return {name: getattr(self, name) for name, _ in self._fields_}


class _CommandRecord(Record):
    HEAD: ClassVar[dict[str, str]] = {
        "sequence": "i64", "time_us": "i64", "kind": "u8", "count": "u8", "flags": "u16", "account": "u32",
    }  # fmt: skip


class Command(_CommandRecord):
    """Any command: 24 bytes of head, 40 of body.  `count` is the number of commands in a bundle that follow."""

    a: i64
    b: i64
    c: i64
    d: i64
    e: i64


class OpenAccount(_CommandRecord):
    """Open sub-account `index` of a 20-byte owner; the engine numbers it."""

    owner_high: u64
    owner_middle: u64
    owner_low: u32
    index: u32
    spare: u64
    spare2: u64


class Funds(_CommandRecord):
    """Deposit to, withdraw from, or transfer out of an account."""

    amount: i64
    asset: u32
    to: u32
    spare: i64
    spare2: i64
    spare3: i64


class SetMark(_CommandRecord):
    """The median of `sources` price sources, `agreeing` of which lie within the step limit of it."""

    price: i64
    source_time_us: i64
    asset: u32
    sources: u16
    agreeing: u16
    spare: i64
    spare2: i64


class Switch(_CommandRecord):
    """Set a market's mode, a feed's state, or an account's setting."""

    market: u32
    asset: u32
    value: u32
    setting: u32
    spare2: i64
    spare3: i64
    spare4: i64


class PlaceOrder(_CommandRecord):
    """A new order.  `flags` of the head are those of codes.py; a MARKET order's price is its slippage bound in ppm.

    One with a trigger waits until the mark passes it.
    """

    market: u16
    side: u8
    time_in_force: u8
    self_trade: u8
    spare: u8
    borrow_rate_bp: u16
    price_ticks: u32
    trigger_ticks: u32
    lots: i64
    client_id: i64
    expiry_us: i64


class OrderChange(_CommandRecord):
    """Cancel or amend the order `order_id`, or the one placed with `client_id`."""

    order_id: i64
    client_id: i64
    lots: i64
    price_ticks: u32
    market: u16
    side: u8
    spare: u8
    trigger_ticks: u32
    spare2: u32


class OrderPair(_CommandRecord):
    """Pair two orders of an account, each named by its id or its client id: what one fills, the other loses."""

    order_id: i64
    client_id: i64
    other_id: i64
    other_client_id: i64
    spare: i64


class Timeout(_CommandRecord):
    """Set an account's dead man's switch to go off after a time, or (0) disarm it."""

    timeout_us: i64
    spare: i64
    spare2: i64
    spare3: i64
    spare4: i64


class ContractChange(_CommandRecord):
    """True up a perp contract; repay, extend, renew, leave or configure a loan; or one contract of a compression.

    To configure, `amount` is the loan's plan, `rate_bp` its cap, `flags` of the head its flags; contract 0 is the
    account's choice for loans to come.  Of a compression, `amount` is the lots.
    """

    contract_id: i64
    amount: i64
    rate_bp: i64
    counterparty: u32
    market: u32
    spare: i64


class MassQuote(_CommandRecord):
    """Replace an account's quotes: `count` records of kind QUOTE follow.  `market` (0: all) bounds PULL_OTHERS."""

    market: u32
    spare: u32
    spare2: i64
    spare3: i64
    spare4: i64
    spare5: i64


class Quote(_CommandRecord):
    """One quote of a mass quote, laid out as an order whose client id is `level`.  No lots: it is withdrawn."""

    market: u16
    side: u8
    time_in_force: u8
    self_trade: u8
    spare: u8
    borrow_rate_bp: u16
    price_ticks: u32
    trigger_ticks: u32
    lots: i64
    level: u32
    spare2: u32
    expiry_us: i64


class PlaceBid(_CommandRecord):
    """A bid to take slices of portfolios: `price_ticks` is d in thousandths, `lots` the notional, groups 0 any."""

    lots: i64
    client_id: i64
    expiry_us: i64
    price_ticks: u32
    market: u16
    time_in_force: u8
    spare: u8
    group_a: u16
    group_b: u16
    group_c: u16
    group_d: u16


class Protect(_CommandRecord):
    """What may be filled of an account's protected orders within an interval; 0 of a figure: without that limit."""

    max_lots: i64
    max_notional: i64
    max_delta: i64
    interval_ms: u32
    cooloff_ms: u32
    market: u32
    spare: u32


class SetLimits(_CommandRecord):
    """What an account may do in a market; 0 of a figure: without that limit."""

    max_order_lots: i64
    max_position_lots: i64
    max_notional: i64
    max_orders: u32
    market: u32
    spare: i64


class PlanStep(_CommandRecord):
    """One step of an unwind plan: what it is about, which share of it, and the slippage limit of what it trades."""

    subject: i64
    share_ppm: u32
    slippage_ppm: u32
    step: u8
    spare: u8
    spare2: u16
    spare3: u32
    spare4: i64
    spare5: i64


class SetPolicy(_CommandRecord):
    """An account's terms for its counterparties; 0 means none: no limit, no test, no threshold."""

    max_exposure: i64
    true_up_threshold: i64
    severity_ppm: i64
    spare: i64
    spare2: i64


class SetCounterparty(_CommandRecord):
    """What an account's policy says of one account, or of that account's owner: one of the actions of codes.py."""

    limit: i64
    other: u32
    action: u32
    spare: i64
    spare2: i64
    spare3: i64


class ProposeChange(_CommandRecord):
    """Change the fields of one guard together; a field's slot is its place in guards.py.  `flags` say who asks."""

    a: i64
    b: i64
    c: u32
    d: u32
    e: u32
    subject: u32
    guard: u8
    spare: u8
    spare2: u16
    spare3: u32


class ListAsset(_CommandRecord):
    """List an asset.  `group` 0 is a new one; `minimum_digits` is the minimum principal as a power of ten quanta."""

    depth: i64
    holding_cap: i64
    collateral_cap: i64
    price_shock_ppm: u32
    slippage_ppm: u32
    basis_ppm: u32
    group: u16
    decimals: u8
    minimum_digits: u8


class ListMarket(_CommandRecord):
    """List a market, with the fees of the market `fees_like` (0: none)."""

    lot_quanta: i64
    tick_value: i64
    minimum_lots: i64
    open_interest_cap: i64
    asset: u16
    fees_like: u16
    tenor_hours: u16
    market_kind: u8
    spare: u8


class Signed(_CommandRecord):
    """An envelope: `count` records follow, which are one command, sent by a key whose signature was verified.

    `account` of the head is the one that the command is about, 0 when there is none.
    """

    signer_high: u64
    signer_middle: u64
    signer_low: u32
    spare: u32
    nonce: i64
    expiry_us: i64


class KeyChange(_CommandRecord):
    """Add a delegate key to an account, or revoke it."""

    key_high: u64
    key_middle: u64
    key_low: u32
    spare: u32
    expiry_us: i64
    spare2: i64


class SetMandate(_CommandRecord):
    """One term of what a delegate key may do: `field` is one of codes.py; `part` and `bits` are those of a set."""

    key_high: u64
    key_middle: u64
    key_low: u32
    field: u16
    part: u16
    value: i64
    bits: u64


class _EventRecord(Record):
    HEAD: ClassVar[dict[str, str]] = {"sequence": "i64", "kind": "u8", "code": "u8", "market": "u16", "account": "u32"}


class Event(_EventRecord):
    """Any event: 16 bytes of head, 48 of body.  Every event of a command carries the command's sequence."""

    a: i64
    b: i64
    c: i64
    d: i64
    e: i64
    f: i64


class AccountOpened(_EventRecord):
    """The head's account is the new one."""

    owner_high: u64
    owner_middle: u64
    owner_low: u32
    index: u32
    spare: u64
    spare2: u64
    spare3: u64


class FundsMoved(_EventRecord):
    """A deposit, withdrawal or transfer; `balance` is the account's afterwards."""

    amount: i64
    balance: i64
    asset: u32
    to: u32
    spare: i64
    spare2: i64
    spare3: i64


class MarkSet(_EventRecord):
    """A mark that was taken."""

    price: i64
    version: i64
    time_us: i64
    asset: u32
    feed: u32
    spare: i64
    spare2: i64


class Switched(_EventRecord):
    """A setting that took effect."""

    asset: u32
    value: u32
    setting: i64
    spare2: i64
    spare3: i64
    spare4: i64
    spare5: i64


class OrderPlaced(_EventRecord):
    """An order that was accepted, before its fills."""

    order_id: i64
    client_id: i64
    lots: i64
    expiry_us: i64
    price_ticks: u32
    flags: u16
    side: u8
    time_in_force: u8
    trigger_ticks: u32
    level: u32


class OrderCancelled(_EventRecord):
    """An order, or what was left of it, that is gone.  `code` says why; `needed` and `had` where it was a limit."""

    order_id: i64
    client_id: i64
    lots: i64
    needed: i64
    had: i64
    price_ticks: u32
    side: u8
    spare: u8
    spare2: u16


class OrderAmended(_EventRecord):
    """A resting order's new price and size.  `code` is 1 when it kept its place in the queue."""

    order_id: i64
    client_id: i64
    lots: i64
    price_ticks: u32
    level: u32
    trigger_ticks: u32
    spare: u32
    spare2: i64


class OrderTriggered(_EventRecord):
    """An order whose trigger the mark has passed, and which is placed now, with this price and size."""

    order_id: i64
    client_id: i64
    lots: i64
    mark: i64
    price_ticks: u32
    trigger_ticks: u32
    spare: i64


class OrdersPaired(_EventRecord):
    """Two orders that are partners now."""

    order_id: i64
    other_id: i64
    client_id: i64
    other_client_id: i64
    spare: i64
    spare2: i64


class DeadManSet(_EventRecord):
    """When an account's dead man's switch goes off; 0: it is disarmed."""

    due_us: i64
    spare: i64
    spare2: i64
    spare3: i64
    spare4: i64
    spare5: i64


class Traded(_EventRecord):
    """A fill.  The head's account is the taker, `code` the taker's side; a negative fee is a rebate."""

    taker_order: i64
    maker_order: i64
    lots: i64
    maker_left: i64
    price_ticks: u32
    maker: u32
    taker_fee: i32
    maker_fee: i32


class PerpChanged(_EventRecord):
    """A perp contract after its lots changed.  The head's account is the long."""

    contract_id: i64
    lots: i64
    cost: i64
    change_lots: i64
    short_account: u32
    spare: u32
    spare2: i64


class TruedUp(_EventRecord):
    """A perp contract paid and struck anew.  `paid` runs from short to long; `owed` of it became an IOU.

    `rounding_account` is who paid the short one quantum besides, so that neither of two bystanders loses the part of a
    quantum that their funding left; 0 when nobody had to.
    """

    contract_id: i64
    paid: i64
    owed: i64
    funding: i64
    cost: i64
    short_account: u32
    rounding_account: u32


class LoanOpened(_EventRecord):
    """A loan contract.  The head's account is the borrower."""

    contract_id: i64
    principal: i64
    due_us: i64
    lender: u32
    rate_bp: u16
    asset: u16
    loan_flags: u32
    spare: u32
    spare2: i64


class LoanRepaid(_EventRecord):
    """A loan repaid in part or whole, with the interest paid beside it."""

    contract_id: i64
    principal: i64
    interest: i64
    left: i64
    lender: u32
    asset: u32
    spare: i64


class LoanExtended(_EventRecord):
    """A loan that runs on for a full tenor from now; `fee` is what somebody else paid for calling the extension."""

    contract_id: i64
    interest: i64
    due_us: i64
    principal: i64
    lender: u32
    rate_bp: u16
    asset: u16
    fee: i64


class LoanMoved(_EventRecord):
    """A loan, or a part of one, with a new lender.  The head's account is the borrower, whose terms are the same.

    `from_contract_id` is the loan it was a part of, or the loan itself; `rate_bp` is what the new lender receives.
    """

    contract_id: i64
    from_contract_id: i64
    principal: i64
    due_us: i64
    former: u32
    lender: u32
    rate_bp: u16
    asset: u16
    spare: u32


class LoanAssumed(_EventRecord):
    """A loan, or a part of one, with a new borrower, on the terms that there were.  The head's account is that one.

    `from_contract_id` is the loan it was a part of, or the loan itself; `rate_bp` is what the borrower pays.
    """

    contract_id: i64
    from_contract_id: i64
    principal: i64
    due_us: i64
    former: u32
    lender: u32
    rate_bp: u16
    asset: u16
    spare: u32


class InterestShared(_EventRecord):
    """A former lender's part of an interest payment.  The head's account is the former lender.

    `amount` runs from lender to former lender, negative the other way; `owed` of it became an IOU.
    """

    contract_id: i64
    amount: i64
    owed: i64
    lender: u32
    asset: u32
    spare: i64
    spare2: i64


class LoanOverdue(_EventRecord):
    """A loan that was not extended, replaced or repaid when it fell due.  The head's account is the borrower."""

    contract_id: i64
    principal: i64
    interest: i64
    due_us: i64
    lender: u32
    asset: u32
    spare: i64


class LoanDelivered(_EventRecord):
    """What the lender of an overdue loan received of one asset, and what of the loan that repaid.

    The head's account is the borrower.  `value` is what the delivery counts, in numeraire quanta.
    """

    contract_id: i64
    amount: i64
    value: i64
    principal: i64
    interest: i64
    lender: u32
    asset: u32


class LoanConfigured(_EventRecord):
    """What a borrower chose to be done at the due time: of one loan, or (contract 0) of those to come."""

    contract_id: i64
    plan: i64
    cap_bp: i64
    flags: i64
    spare: i64
    spare2: i64


class CloseOutBegun(_EventRecord):
    """An account whose close-out begins: marks and interest are those of now.  `code` says why.

    `value` is V(account, 0); below zero its creditors are paid at mark, else at mark less slippage.
    """

    value: i64
    version: i64
    time_us: i64
    spare: i64
    spare2: i64
    spare3: i64


class CloseOutCounted(_EventRecord):
    """What is paid to whom: `ratio_ppb` of every net claim.  Figures are numeraire quanta as creditors are paid.

    `holdings` are balances, `lent` what its debtors still owe it on loans that run on.
    """

    claims: i64
    holdings: i64
    lent: i64
    ratio_ppb: i64
    creditors: u32
    debtors: u32
    spare: i64


class ContractCounted(_EventRecord):
    """A contract of the account that is closed out.  `value` is what the other claims of it; negative: owes it.

    `amount` is principal, or lots (negative: the account is short); of a former lender's part of a loan's interest,
    the part.  `code` says what it is.
    """

    contract_id: i64
    value: i64
    amount: i64
    other: u32
    asset: u32
    spare: i64
    spare2: i64


class ClaimPaid(_EventRecord):
    """What a creditor with a net claim received of one asset; `value` is what that counts.  `code` says by what.

    `remainder` of it could not be delivered and went to the asset's remainders.
    """

    claim: i64
    amount: i64
    value: i64
    creditor: u32
    asset: u32
    remainder: i64
    spare: i64


class CloseOutDone(_EventRecord):
    """A close-out that is over: what claims were, what they were paid, and the account's V(0).  `code` as it began.

    `unpaid` is bad debt, borne by the account's own creditors.
    """

    claims: i64
    paid: i64
    unpaid: i64
    value: i64
    spare: i64
    spare2: i64


class StakeChanged(_EventRecord):
    """A stake in the default fund after `amount` was added or (negative) paid out, in shares, and the fund itself."""

    amount: i64
    shares: i64
    leaving: i64
    fund: i64
    fund_shares: i64
    spare: i64


class CoverSet(_EventRecord):
    """From when on an account is covered by the default fund; 0: it is not."""

    from_us: i64
    spare: i64
    spare2: i64
    spare3: i64
    spare4: i64
    spare5: i64


class CoverCharged(_EventRecord):
    """The price of cover, taken off interest that a covered account received, and the fund afterwards."""

    amount: i64
    interest: i64
    fund: i64
    spare: i64
    spare2: i64
    spare3: i64


class FundingSet(_EventRecord):
    """A market's funding at the end of a period."""

    rate_ppb: i64
    index: i64
    mark: i64
    lots: i64
    time_us: i64
    spare: i64


class WorkDone(_EventRecord):
    """Timed work was done: the command's own events come after.  `next_us` is when the next is due."""

    items: i64
    next_us: i64
    spare: i64
    spare2: i64
    spare3: i64
    spare4: i64


class WorkDeferred(_EventRecord):
    """Timed work that failed, as `code` says, and is tried again at `next_us`.  `subject` is the row it is about.

    Of the ladder, and of close-outs, it is of the account; so is what a CANCEL_ALL left.
    """

    due_us: i64
    next_us: i64
    subject: u32
    work_kind: u32
    spare: i64
    spare2: i64
    spare3: i64


class Compressed(_EventRecord):
    """Circles of contracts that were compressed: how many, of how many contracts, and how many of those are gone."""

    circles: i64
    contracts: i64
    gone: i64
    lots: i64
    spare: i64
    spare2: i64


class QuoteRefused(_EventRecord):
    """A quote that was not taken; its slot is empty.  `leg` is its place under the mass quote, from 1."""

    needed: i64
    had: i64
    subject: i64
    lots: i64
    price_ticks: u32
    level: u32
    side: u8
    leg: u8
    spare: u16
    spare2: u32


class Quoted(_EventRecord):
    """A mass quote that was done: how many quotes were placed, moved, kept, withdrawn, pulled and refused."""

    placed: u32
    moved: u32
    kept: u32
    withdrawn: u32
    pulled: u32
    refused: u32
    spare: i64
    spare2: i64
    spare3: i64


class ProtectionSet(_EventRecord):
    """What protects an account in a market from now on."""

    max_lots: i64
    max_notional: i64
    max_delta: i64
    interval_ms: u32
    cooloff_ms: u32
    spare: i64
    spare2: i64


class ProtectionTripped(_EventRecord):
    """A fill reached a limit, which `code` names: what was filled since the window began, and how many were pulled."""

    lots: i64
    notional: i64
    delta: i64
    window_us: i64
    pulled: u32
    spare: u32
    spare2: i64


class LimitsSet(_EventRecord):
    """What an account may do in a market from now on.  `code` is 1 when the venue set it, 0 when the account did."""

    max_order_lots: i64
    max_position_lots: i64
    max_notional: i64
    max_orders: u32
    spare: u32
    spare2: i64
    spare3: i64


class AccountState(_EventRecord):
    """An account's new state, in `code`.  `value` is V at the rung where the next worse state begins.

    `initial_value` is V at the initial rung: below zero it is what is short.
    """

    value: i64
    initial_value: i64
    rung_ppm: i64
    before: u32
    spare: u32
    spare2: i64
    spare3: i64


class Latched(_EventRecord):
    """An account that the ladder acts on from now on: how it stands, and the steps of its plan.

    `plan_sequence` is the command that set it.
    """

    initial: i64
    value: i64
    mark_version: i64
    resilience_ppm: i32
    steps: u32
    plan_sequence: i64
    spare: i64


class RungEnded(_EventRecord):
    """A rung of the ladder that an account left, which `code` names: how it stood when the rung began, and stands now.

    `first_sequence` is the command the rung began with: the log from there to here has every fill.
    """

    first_sequence: i64
    mark_version: i64
    initial_before: i64
    initial_after: i64
    value_before: i64
    value_after: i64


class RungCost(_EventRecord):
    """What the rung of the event before cost: V(0) lost to prices, to slippage against the mark, and to fees.

    `brought` was added meanwhile: the parts sum, less that, to the fall of V(0).  `code` is the state that follows.
    """

    lost_to_price: i64
    lost_to_slippage: i64
    fees: i64
    brought: i64
    discount: i64
    resilience_before_ppm: i32
    resilience_after_ppm: i32


class StepEnded(_EventRecord):
    """A step of a plan that is done, or (`code` 1) passed over; `done` and `left` are lots, or quanta of a payment."""

    subject: i64
    done: i64
    left: i64
    place: u32
    step: u32
    spare: i64
    spare2: i64


class PlanSet(_EventRecord):
    """An account's unwind plan: how many steps it has."""

    steps: i64
    spare: i64
    spare2: i64
    spare3: i64
    spare4: i64
    spare5: i64


class MarginCalled(_EventRecord):
    """An account in a margin call: `missing` of numeraire would cure it.  `unwind_value` is V at the unwind rung."""

    missing: i64
    unwind_value: i64
    mark_version: i64
    resilience_ppm: i64
    orders: i64
    spare: i64


class MarginCure(_EventRecord):
    """What else cures a margin call: `lots` on the side in `code`, at the mark; or a mark of the asset.

    `up` and `down` are the nearest marks at which the account is free, 0 where none is within a factor of two.
    """

    lots: i64
    up: i64
    down: i64
    asset: u32
    spare: u32
    spare2: i64
    spare3: i64


class PolicySet(_EventRecord):
    """An account's terms for its counterparties."""

    max_exposure: i64
    true_up_threshold: i64
    severity_ppm: i64
    spare: i64
    spare2: i64
    spare3: i64


class CounterpartySet(_EventRecord):
    """What an account's policy says of one account from now on, or (DENY_OWNER) of that account's owner."""

    limit: i64
    other: u32
    action: u32
    spare: i64
    spare2: i64
    spare3: i64
    spare4: i64


class KeyChanged(_EventRecord):
    """A delegate key that was added, until when, or revoked, with how many of its orders cancelled."""

    key_high: u64
    key_middle: u64
    key_low: u32
    cancelled: u32
    expiry_us: i64
    spare: i64
    spare2: i64


class MandateSet(_EventRecord):
    """One term of what a delegate key may do from now on."""

    key_high: u64
    key_middle: u64
    key_low: u32
    field: u16
    part: u16
    value: i64
    bits: u64
    spare: i64


class BackstopTaken(_EventRecord):
    """A slice of an account in auction that a bidder took.  The head's account is the one in auction.

    `share_ppb` of what the bid covers moved, as near as integers and minimum sizes allow.  `loss` is by how much the
    shock loss V(0) - V(initial) fell, `lots` the notional moved, `paid` what the bidder paid (negative: was paid).
    """

    order_id: i64
    paid: i64
    loss: i64
    lots: i64
    bidder: u32
    price_ticks: u32
    share_ppb: u32
    spare: u32


class Rejected(_EventRecord):
    """A command that changed nothing.  `code` is the rule; `needed`, `had` and `subject` are its numbers."""

    needed: i64
    had: i64
    subject: i64
    client_id: i64
    command_kind: u8
    leg: u8
    spare: u16
    spare2: u32
    spare3: i64


class Repeated(_EventRecord):
    """The answer to a client order id seen before: what its first use was answered with."""

    order_id: i64
    client_id: i64
    first_sequence: i64
    spare: i64
    spare2: i64
    spare3: i64


class ParameterChanged(_EventRecord):
    """One field of a change: proposed, moved by a step, or called off.

    `when_us` is the time of the change's next step; `step` of `steps` are done.  `code` says who proposed it, and of a
    change called off why.
    """

    change_id: i64
    old: i64
    new: i64
    when_us: i64
    subject: u32
    step: u16
    steps: u16
    guard: u8
    field: u8
    spare: u16
    spare2: u32


class Listed(_EventRecord):
    """A new asset or market, which a listing has become."""

    change_id: i64
    number: u32
    spare: u32
    spare2: i64
    spare3: i64
    spare4: i64
    spare5: i64


class MarketSettled(_EventRecord):
    """A market that has ended: the price its perps were closed at, and how many contracts there were."""

    price: i64
    contracts: i64
    time_us: i64
    spare: i64
    spare2: i64
    spare3: i64


class Pool(Record):
    """One row a table: its free list, how far it was ever filled, and how many rows it ever gave out."""

    free: u32
    used: u32
    count: u32
    spare: u32
    serial: i64


class Venue(Record):
    """Row 1 is the venue: its clock, counters and parameters."""

    sequence: i64
    time_us: i64
    mark_version: i64
    initial_ppm: i64
    unwind_ppm: i64
    auction_ppm: i64
    lent_haircut_ppm: i64
    open_order_multiple: i64
    iou_penalty_bp: i64
    funding_period_us: i64
    funding_cutoff_us: i64
    funding_step_ppb: i64
    funding_cap_ppb: i64
    next_due_us: i64
    timer_serial: i64
    max_fills: u32
    mode: u32
    assets: u32
    markets: u32
    client_first: u32
    client_last: u32
    first_creditor: u32
    timer_count: u32
    suspended: u32
    tiers: u32
    next_watch: u32
    backstop_market: u32
    crowding_ppm: i64
    numeraire_dollar: i64
    internal_errors: i64
    moved_ppb: i64
    sweep_visits: u32
    sweep_cursor: u32
    touched_cursor: u32
    touched_count: u32
    first_urgent: u32
    swept: u32
    first_estate: u32
    last_estate: u32
    fund: i64
    fund_shares: i64
    fund_price_ppm: i64
    fund_limit_ppm: i64
    parameter_delay_us: i64
    parameter_epoch: i64
    change_serial: i64
    changes: i64
    requires_signatures: u32
    changed: u32
    renewal_window_us: i64
    renewal_fee_ppm: i64
    unwind_clock_us: i64
    auction_clock_us: i64
    ladder_round: i64
    round_us: i64
    slice_ppm: u32
    has_ladder: u32
    ladder_timer: u32
    latched: u32
    first_changed: u32
    last_changed: u32
    changed_us: i64
    swept_us: i64
    close_out_us: i64


class Asset(Record):
    """A token: its risk parameters, its mark, and what of it is in the venue."""

    mark: i64
    unit: i64
    mark_time_us: i64
    window_mark: i64
    window_time_us: i64
    volatile_until_us: i64
    depth: i64
    holding_cap: i64
    collateral_cap: i64
    supply: i64
    lent: i64
    fees: i64
    remainders: i64
    price_shock_ppm: u32
    slippage_ppm: u32
    basis_ppm: u32
    group: u32
    minimum_principal: i64
    decimals: u8
    feed: u8
    is_numeraire: u8
    sources: u8
    spot_market: u16
    perp_market: u16
    loan_market: u16
    spare2: u16
    halt_timer: u32


class Group(Record):
    """A risk group: the mark version its assets last moved at."""

    version: i64
    assets: u32
    spare: u32


class Market(Record):
    """A market: what one lot and one tick are, its fees and caps, and its funding."""

    lot_quanta: i64
    tick_value: i64
    minimum_lots: i64
    fee_cap: i64
    open_interest: i64
    open_interest_cap: i64
    crowded_lots: i64
    lot_low: i64
    lot_high: i64
    linear_lots: i64
    funding_index: i64
    funding_rate_ppb: i64
    weight_high: i64
    weight_low: u64
    window_lots: i64
    window_start_us: i64
    window_end_us: i64
    firm_lots: i64
    mid_sum: i64
    mid_span_us: i64
    mid_time_us: i64
    mid: i64
    next_funding_us: i64
    kind: u8
    mode: u8
    asset: u16
    max_ticks: u32
    maker_ppm: i32
    taker_ppm: i32
    tenor_hours: u32
    band_ppm: u32
    band_low_ticks: u32
    band_high_ticks: u32
    next_book: u32
    spare: u32
    sliced: i64
    slice_us: i64


class Change(Record):
    """A change of parameters, a listing or the end of a market, from its proposal until it is done.

    `a` to `e` are what the command asked for, the `from_` fields what there was.  An end that works keeps its price in
    `a`, its count in `b` and its place in `c`.
    """

    id: i64
    next_us: i64
    a: i64
    b: i64
    c: i64
    d: i64
    e: i64
    from_a: i64
    from_b: i64
    from_c: i64
    from_d: i64
    from_e: i64
    subject: u32
    steps: u16
    step: u16
    guard: u8
    state: u8
    role: u8
    is_looser: u8
    timer: u32


class Sample(Record):
    """The last mark of an asset in one minute of an hour."""

    minute: i64
    mark: i64


class Side(Record):
    """One side of a market's book: its best price, as a rank that grows with priority, and what rests there.

    On a side of a trigger ladder, orders at `passed_rank` and above were passed by a mark and wait for their turn.
    """

    best: i64
    orders: i64
    lots: i64
    root: u32
    passed_rank: u32


class Node(Record):
    """A node of the price ladder: which of its 64 children hold orders."""

    bits: u64


class Child(Record):
    """The row of a node below, one of 64 of a node."""

    node: u32


class Level(Record):
    """The orders at one price, in the order they came."""

    lots: i64
    first: u32
    last: u32


class Order(Record):
    """A resting order.  `position` is its account's in the market's asset."""

    id: i64
    lots: i64
    loss_per_lot: i64
    expiry_us: i64
    price_ticks: u32
    account: u32
    next: u32
    previous: u32
    account_next: u32
    account_previous: u32
    fees_paid: u32
    client: u32
    market: u16
    side: u8
    flags: u8
    borrow_rate_bp: u16
    self_trade: u8
    spare: u8
    position: u32
    quote: u32
    condition: u32
    mandate: u32
    bid: u32
    spare2: u32


class Bid(Record):
    """What an order of the backstop book has beyond an ordinary one: the groups it takes, or none for all.

    `loss_ppm` is the most that what it takes may lose of its notional in the design shock.
    """

    order: u32
    loss_ppm: u32
    group_a: u16
    group_b: u16
    group_c: u16
    group_d: u16


class Condition(Record):
    """What an order has beyond an ordinary one; `partner` is the condition of the order it is paired with.

    While an order is parked its price is its trigger, and `price_ticks` here its own: its limit, or a slippage bound.
    """

    order: u32
    timer: u32
    partner: u32
    trigger_ticks: u32
    price_ticks: u32
    place: u8
    time_in_force: u8
    spare: u16


class Client(Record):
    """What a client order id was first answered with, kept for a day."""

    client_id: i64
    order_id: i64
    sequence: i64
    expires_us: i64
    account: u32
    next: u32
    code: u32
    spare: u32


class Timer(Record):
    """Work of a kind on a row of its table, to be done at a time; `place` is where it stands in the heap."""

    due_us: i64
    serial: i64
    subject: u32
    place: u32
    kind: u16
    spare: u16
    spare2: u32


class Place(Record):
    """A place of the heap of timers: every timer stands after the one at half its number."""

    timer: u32


class Owner(Record):
    """An owner's 20-byte address, and the fees that its accounts paid.

    `window_fees` is the sum over the thirty days before the one that ends at `day_ends_us`; its days are a list, oldest
    first.  Today's are counted as paid, and as they would have been without the owner's cuts.
    """

    high: u64
    middle: u64
    low: u32
    accounts: u32
    today_paid: i64
    today_full: i64
    window_fees: i64
    day_ends_us: i64
    first_day: u32
    last_day: u32
    maker_cut_ppm: u32
    taker_cut_ppm: u32


class FeeDay(Record):
    """The fees that an owner paid on one day, counted from 1970."""

    paid: i64
    day: i64
    owner: u32
    next: u32


class Tier(Record):
    """From which fees in thirty days on the next part of them earns another cut, beside those of the tiers below."""

    fees: i64
    maker_cut_ppm: u32
    taker_cut_ppm: u32


class Account(Record):
    """An account: its settings, its lists, and the sums over its orders.  `cash` is its position in the numeraire."""

    order_loss: i64
    owner: u32
    index: u32
    first_group: u32
    first_order: u32
    order_count: u32
    contracts: u32
    ious: u32
    positions: u8
    is_compressible: u8
    give_up: u8
    is_creditor: u8
    cash: u32
    next_creditor: u32
    dead_man: u32
    sweep_next: u32
    cancel_next: u32
    triggers: u16
    sweep_reason: u16
    policy: u32
    loan_plan: u16
    loan_flags: u16
    first_due_us: i64
    floor: i64
    floor_moved_ppb: i64
    sensitivity: i64
    stale: u64
    first_maker: u32
    quotes: u16
    limits: u16
    next_urgent: u32
    state: u8
    is_urgent: u8
    is_changed: u8
    was_freed: u8
    next_changed: u32
    latch: u32
    plan: u32
    closing: u8
    keeps_overdue: u8
    spare2: u16


class Figure(Record):
    """What one group of an account is worth at the initial severity, and the mark version it was computed at."""

    value: i64
    version: i64
    account: u32
    group: u32
    first_position: u32
    next: u32


class Position(Record):
    """What an account has of an asset: the sums of the contracts below, and always equal to them."""

    balance: i64
    borrowed: i64
    lent: i64
    owed: i64
    lots: i64
    cost: i64
    funding_high: i64
    funding_low: u64
    account: u32
    figure: u32
    next: u32
    first_borrowed: u32
    first_lent: u32
    first_perp: u32
    asset: u16
    max_rate_bp: u16
    tenor_hours: u16
    loans: u16
    first_due_us: i64
    promises: u32
    spare: u32


class Promises(Record):
    """What stands beside the loans of a position: IOUs either way, and what it may owe as a former lender.

    The interest of its IOUs is `weight` times the hours of the clock, less `base`, in parts of a quantum.
    """

    iou_owed: i64
    iou_lent: i64
    weight_high: i64
    weight_low: u64
    base_high: i64
    base_low: u64
    share_owed: i64
    first_iou: u32
    ious: u32


class Maker(Record):
    """An account as a maker of a market: its quotes, what protects them, and what was filled in this window."""

    max_lots: i64
    max_notional: i64
    max_delta: i64
    interval_us: i64
    cooloff_us: i64
    lots: i64
    notional: i64
    delta: i64
    window_us: i64
    tripped_us: i64
    account: u32
    next: u32
    first_quote: u32
    quotes: u32
    market: u16
    tripped: u8
    spare: u8
    spare2: u32


class Slot(Record):
    """A protected order of a maker; a named one is the quote of a side and a level.  `is_out` while it is moved."""

    order: u32
    maker: u32
    next: u32
    previous: u32
    level: u32
    is_named: u8
    is_out: u8
    spare: u16
    touched: i64


class Limit(Record):
    """What an account may do in a market, by its own will and by the venue's, and what it did today."""

    max_order_lots: i64
    max_position_lots: i64
    max_notional: i64
    venue_order_lots: i64
    venue_position_lots: i64
    venue_notional: i64
    turnover: i64
    day: i64
    max_orders: u32
    venue_orders: u32
    orders: u32
    account: u32
    market: u32
    spare: u32


class Perp(Record):
    """A bilateral perp contract.  Each party keeps its contracts in a ring, newest first."""

    id: i64
    lots: i64
    cost: i64
    funding_index: i64
    long_account: u32
    short_account: u32
    long_next: u32
    long_previous: u32
    short_next: u32
    short_previous: u32
    long_position: u32
    short_position: u32
    market: u16
    asset: u16
    chain: u32


class Loan(Record):
    """A bilateral loan contract."""

    id: i64
    principal: i64
    start_us: i64
    due_us: i64
    interest_from_us: i64
    lender: u32
    borrower: u32
    lender_next: u32
    lender_previous: u32
    borrower_next: u32
    borrower_previous: u32
    asset: u16
    market: u16
    rate_bp: u16
    cap_bp: u16
    flags: u16
    minimum_paid: u16
    tenor_hours: u32
    carry: i64
    lender_from_us: i64
    first_share: u32
    lender_rate_bp: u16
    plan: u16
    timer: u32
    rounds: u32
    chain: u32
    spare: u32


class Estate(Record):
    """An account that is closed out, or waits for it.  `line`, `ring`, `contract` and `claim` say how far the work is.

    Figures are numeraire quanta: V(0) when it began, all net claims, balances and loans as creditors are paid by them,
    what was paid, and the default fund's part: net claims that it covers, and what it pays of them.
    """

    value: i64
    time_us: i64
    version: i64
    claims: i64
    holdings: i64
    lent: i64
    paid: i64
    covered: i64
    cover: i64
    cover_left: i64
    account: u32
    next: u32
    first_line: u32
    line: u32
    contract: u32
    first_claim: u32
    last_claim: u32
    claim: u32
    creditors: u32
    debtors: u32
    phase: u8
    ring: u8
    reason: u8
    is_settled: u8
    spare: u32


class EstateLine(Record):
    """An asset of an account that is closed out: its frozen mark, and what creditors receive of it.

    `balance` and `lent` are paid in all, `balance_left` and `lent_left` not yet; `due` is what the creditor whose turn
    it is still receives in loans.
    """

    unit: i64
    funding_index: i64
    balance: i64
    balance_left: i64
    lent: i64
    lent_left: i64
    due: i64
    position: u32
    asset: u32
    next: u32
    spare: u32


class Claim(Record):
    """What an account claims of the one that is closed out, and owes it: the contracts of the two, as two chains."""

    claimed: i64
    owed: i64
    account: u32
    next: u32
    first_loan: u32
    first_perp: u32
    contracts: u32
    is_apart: u16
    is_covered: u16


class Stake(Record):
    """What an account staked in the default fund, and from when on it is covered by it (0: it is not)."""

    shares: i64
    leaving: i64
    covered_from_us: i64
    account: u32
    timer: u32


class Share(Record):
    """A former lender's part in a loan's interest: its rate while it lent, and from then the difference to the next.

    `reserve` is the most it may still have to pay; `carry` the part of a quantum not settled yet; `due` what is being
    settled, and zero in between.
    """

    from_us: i64
    exit_us: i64
    carry: i64
    reserve: i64
    due: i64
    account: u32
    next: u32
    rate_bp: u16
    next_rate_bp: u16
    spare: u32


class Policy(Record):
    """An account's policy.  Those with a threshold hang in a ring; `position` and `perp` are where its round stands."""

    max_exposure: i64
    true_up_threshold: i64
    severity_ppm: i64
    account: u32
    first_counterparty: u32
    counterparties: u32
    next: u32
    previous: u32
    position: u32
    perp: u32
    spare: u32


class Counterparty(Record):
    """What a policy says of one account, or of one owner: a limit, or a denial."""

    limit: i64
    policy: u32
    other: u32
    next: u32
    previous: u32
    is_denied: u8
    is_owner: u8
    spare: u16
    spare2: u32


class Signer(Record):
    """An address whose envelopes are taken: the highest of the nonces it used, and its role in the venue if any."""

    high: u64
    middle: u64
    low: u32
    last: u32
    nonces: u16
    role: u8
    spare: u8
    spare2: u32


class Nonce(Record):
    """A nonce that a signer used, between the next higher and the next lower; the lowest follows the highest."""

    nonce: i64
    next: u32
    previous: u32


class Mandate(Record):
    """What a delegate key may do for an account.  An account's hang in a list; `orders` are those that it answers for.

    `turnover` is the notional that was filled on `day`, `opening` V(account, 0) when that began, and money that came or
    went since; -1 of an amount is no limit.
    """

    kinds: u64
    order_notional: i64
    day_notional: i64
    day_loss: i64
    floor: i64
    expiry_us: i64
    day: i64
    turnover: i64
    opening: i64
    account: u32
    signer: u32
    next: u32
    first_grant: u32
    orders: u32
    has_all_markets: u8
    state: u8
    spare: u16


class Grant(Record):
    """Of a mandate's markets, those from 64 `part` on, a bit each."""

    bits: u64
    part: u32
    next: u32


class Credit(Record):
    """What one account has lent another of an asset: the sum of the principals between them, IOUs among them."""

    principal: i64
    lender: u32
    borrower: u32
    asset: u32
    spare: u32


class Latch(Record):
    """A latched account: what of its clocks is used, where its plan stands, and what its rung has cost so far.

    `left` and `done` are what the step at hand still has to trade, and has traded.  `initial`, `value` and
    `resilience_ppm` are V(initial), V(0) and rho when the rung began, with the marks of `mark_version`; `brought` is
    what was added since, at the mark.  `least` is the least state that the clocks allow.
    `bid` is the order after which its auction goes on, 0 to begin with the best.
    """

    latched_us: i64
    counted_us: i64
    unwind_us: i64
    auction_us: i64
    rung_us: i64
    sequence: i64
    mark_version: i64
    initial: i64
    value: i64
    brought: i64
    slippage: i64
    fees: i64
    discount: i64
    bid: i64
    resilience_ppm: i32
    lowest_ppm: i32
    account: u32
    step: u32
    slices: u32
    closeout: u32
    rung: u8
    least: u8
    tries: u8
    is_paused: u8
    is_begun: u8
    spare: u8
    spare2: u16
    left: i64
    done: i64


class Step(Record):
    """One step of an account's unwind plan, and the command that set the plan; `place` counts from 1."""

    subject: i64
    sequence: i64
    share_ppm: u32
    slippage_ppm: u32
    next: u32
    step: u8
    place: u8
    spare: u16


class Entry(Record):
    """One key of an index; its row number is that of the record it stands for."""

    a: u64
    b: u64
    c: u32
    next: u32


class Bucket(Record):
    """The first entry of a bucket of an index."""

    first: u32


class IndexState(Record):
    """How many buckets an index has: a power of two, and how many of those were already split."""

    mask: u32
    split: u32
    count: u32
    spare: u32


class File(Record):
    """Eight keys: of eight accounts, or the least ones of eight rows of the level below; 0 stands for none."""

    k0: i64
    k1: i64
    k2: i64
    k3: i64
    k4: i64
    k5: i64
    k6: i64
    k7: i64


class Word(Record):
    """64 flags, one an account."""

    bits: u64


class Kept(Record):
    """A record as it was before its first write: where it stood; its bytes lie in the undo log beside."""

    row: i64
    table: u32
    size: u32


class Seen(Record):
    """A row that was kept lately, and in which epoch of the undo log."""

    key: u64
    epoch: u64


COMMANDS = (
    OpenAccount, Funds, SetMark, Switch, PlaceOrder, OrderChange, OrderPair, Timeout, ContractChange,
    PlaceBid, MassQuote, Quote, Protect, SetLimits, PlanStep, SetPolicy, SetCounterparty,
    ProposeChange, ListAsset, ListMarket, Signed, KeyChange, SetMandate,
)  # fmt: skip
EVENTS = (
    AccountOpened, FundsMoved, MarkSet, Switched, OrderPlaced, OrderCancelled, OrderAmended, OrderTriggered,
    OrdersPaired, DeadManSet, Traded, PerpChanged,
    TruedUp, LoanOpened, LoanRepaid, LoanExtended, LoanMoved, LoanAssumed, InterestShared, LoanOverdue, LoanDelivered,
    LoanConfigured, StakeChanged, CoverSet, CoverCharged,
    CloseOutBegun, CloseOutCounted, ContractCounted, ClaimPaid, CloseOutDone,
    FundingSet, Compressed, WorkDone, WorkDeferred, QuoteRefused, Quoted, ProtectionSet, ProtectionTripped, LimitsSet,
    AccountState, Latched, RungEnded, RungCost, StepEnded, PlanSet, MarginCalled, MarginCure,
    PolicySet, CounterpartySet, BackstopTaken, KeyChanged, MandateSet, Rejected, Repeated, ParameterChanged, Listed,
    MarketSettled,
)  # fmt: skip

# Every table, in the order of snapshot and digest: name and record.
TABLES: tuple[tuple[str, type[Record]], ...] = (
    ("pools", Pool),
    ("venue", Venue),
    ("assets", Asset),
    ("groups", Group),
    ("markets", Market),
    ("changes", Change),
    ("samples", Sample),
    ("sides", Side),
    ("nodes", Node),
    ("children", Child),
    ("levels", Level),
    ("trigger_sides", Side),
    ("orders", Order),
    ("conditions", Condition),
    ("bids", Bid),
    ("clients", Client),
    ("client_keys", Entry),
    ("client_buckets", Bucket),
    ("timers", Timer),
    ("places", Place),
    ("owners", Owner),
    ("owner_keys", Entry),
    ("owner_buckets", Bucket),
    ("fee_days", FeeDay),
    ("tiers", Tier),
    ("accounts", Account),
    ("account_keys", Entry),
    ("account_buckets", Bucket),
    ("figures", Figure),
    ("positions", Position),
    ("position_keys", Entry),
    ("position_buckets", Bucket),
    ("perps", Perp),
    ("perp_keys", Entry),
    ("perp_buckets", Bucket),
    ("loans", Loan),
    ("makers", Maker),
    ("maker_keys", Entry),
    ("maker_buckets", Bucket),
    ("slots", Slot),
    ("slot_keys", Entry),
    ("slot_buckets", Bucket),
    ("limits", Limit),
    ("limit_keys", Entry),
    ("limit_buckets", Bucket),
    ("policies", Policy),
    ("counterparties", Counterparty),
    ("counterparty_keys", Entry),
    ("counterparty_buckets", Bucket),
    ("signers", Signer),
    ("signer_keys", Entry),
    ("signer_buckets", Bucket),
    ("nonces", Nonce),
    ("mandates", Mandate),
    ("mandate_keys", Entry),
    ("mandate_buckets", Bucket),
    ("grants", Grant),
    ("credits", Credit),
    ("credit_keys", Entry),
    ("credit_buckets", Bucket),
    ("shares", Share),
    ("promises", Promises),
    ("estates", Estate),
    ("estate_lines", EstateLine),
    ("stakes", Stake),
    ("stake_keys", Entry),
    ("stake_buckets", Bucket),
    ("claims", Claim),
    ("claim_keys", Entry),
    ("claim_buckets", Bucket),
    ("indexes", IndexState),
    ("files", File),
    ("time_files", File),
    ("touched", Word),
    ("latches", Latch),
    ("latch_files", File),
    ("steps", Step),
)
TABLE_IDS = {name: number for number, (name, _) in enumerate(TABLES)}
RECORDS = (Command, *COMMANDS, Event, *EVENTS, *dict.fromkeys(record for _, record in TABLES), Kept, Seen)


def view_name(record: type[Record]) -> str:
    """The name of the function that reads a command or event as `record`."""
    return "as_" + re.sub(r"(?<!^)(?=[A-Z])", "_", record.__name__).lower()


def size_of(record: type[Record]) -> int:
    """The bytes of one row."""
    return ctypes.sizeof(record)


def rows(record: type[Record], count: int, where: Any = None) -> Any:
    """Return `count` rows of `record`, over `where` (a writable buffer) or over memory of their own."""
    from worldmarkets.core import memory  # here, so that the build can read this file alone

    kind = record * count
    return kind.from_buffer(where if where is not None else memory.reserve(ctypes.sizeof(kind)))


def address(row: Record) -> Record:
    """Interpreted twin of `cython.address`: a row already refers to its place in the table."""
    return row


for _record in (*COMMANDS, *EVENTS):
    globals()[view_name(_record)] = _record.from_buffer
    assert ctypes.sizeof(_record) == 64, (_record, ctypes.sizeof(_record))
assert ctypes.sizeof(Command) == ctypes.sizeof(Event) == 64
