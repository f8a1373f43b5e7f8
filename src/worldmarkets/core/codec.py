"""Commands and events as bytes: 64 bytes a record, little-endian, the layouts of records.py.

A bundle is a record of kind BUNDLE whose `count` says how many records after it are its legs; a compression and a mass
quote are laid out the same way.  An envelope is a record of kind SIGNED before one command, of which `count` says how
many records it has.  There is no other framing: a file of commands is their concatenation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from worldmarkets.core import codes, records
from worldmarkets.core.records import Command, Event, Record

RECORD_BYTES = 64

COMMANDS: dict[int, type[Record]] = {
    codes.OPEN_ACCOUNT: records.OpenAccount,
    codes.DEPOSIT: records.Funds,
    codes.WITHDRAW: records.Funds,
    codes.TRANSFER: records.Funds,
    codes.SET_MARK: records.SetMark,
    codes.ADVANCE_TIME: records.Command,
    codes.CONFIGURE_ACCOUNT: records.Switch,
    codes.PLACE_ORDER: records.PlaceOrder,
    codes.CANCEL_ORDER: records.OrderChange,
    codes.CANCEL_ALL: records.OrderChange,
    codes.AMEND_ORDER: records.OrderChange,
    codes.PAIR_ORDERS: records.OrderPair,
    codes.SET_DEAD_MAN: records.Timeout,
    codes.TRUE_UP: records.ContractChange,
    codes.REPAY_LOAN: records.ContractChange,
    codes.EXTEND_LOAN: records.ContractChange,
    codes.EXIT_LOAN: records.ContractChange,
    codes.RENEW_LOAN: records.ContractChange,
    codes.CONFIGURE_LOAN: records.ContractChange,
    codes.PLACE_BID: records.PlaceBid,
    codes.BUNDLE: records.Command,
    codes.SET_POLICY: records.SetPolicy,
    codes.SET_COUNTERPARTY: records.SetCounterparty,
    codes.SET_MARKET_MODE: records.Switch,
    codes.SET_FEED: records.Switch,
    codes.COMPRESS: records.ContractChange,
    codes.MASS_QUOTE: records.MassQuote,
    codes.QUOTE: records.Quote,
    codes.SET_PROTECTION: records.Protect,
    codes.RESET_PROTECTION: records.Protect,
    codes.SET_LIMITS: records.SetLimits,
    codes.SET_VENUE_LIMITS: records.SetLimits,
    codes.PROPOSE_CHANGE: records.ProposeChange,
    codes.CANCEL_CHANGE: records.ContractChange,
    codes.LIST_ASSET: records.ListAsset,
    codes.LIST_MARKET: records.ListMarket,
    codes.SIGNED: records.Signed,
    codes.ADD_KEY: records.KeyChange,
    codes.SET_MANDATE: records.SetMandate,
    codes.REVOKE_KEY: records.KeyChange,
    codes.STAKE: records.Funds,
    codes.UNSTAKE: records.Funds,
    codes.SET_COVER: records.Switch,
    codes.SET_PLAN: records.Command,
    codes.PLAN_STEP: records.PlanStep,
}
EVENTS: dict[int, type[Record]] = {
    codes.ACCOUNT_OPENED: records.AccountOpened,
    codes.DEPOSITED: records.FundsMoved,
    codes.WITHDRAWN: records.FundsMoved,
    codes.TRANSFERRED: records.FundsMoved,
    codes.MARK_SET: records.MarkSet,
    codes.TIME_ADVANCED: records.Event,
    codes.ACCOUNT_CONFIGURED: records.Switched,
    codes.ORDER_PLACED: records.OrderPlaced,
    codes.ORDER_CANCELLED: records.OrderCancelled,
    codes.ORDER_AMENDED: records.OrderAmended,
    codes.ORDER_TRIGGERED: records.OrderTriggered,
    codes.ORDERS_PAIRED: records.OrdersPaired,
    codes.DEAD_MAN_SET: records.DeadManSet,
    codes.TRADED: records.Traded,
    codes.PERP_CHANGED: records.PerpChanged,
    codes.TRUED_UP: records.TruedUp,
    codes.LOAN_OPENED: records.LoanOpened,
    codes.LOAN_REPAID: records.LoanRepaid,
    codes.LOAN_EXTENDED: records.LoanExtended,
    codes.LOAN_MOVED: records.LoanMoved,
    codes.LOAN_ASSUMED: records.LoanAssumed,
    codes.INTEREST_SHARED: records.InterestShared,
    codes.LOAN_OVERDUE: records.LoanOverdue,
    codes.LOAN_DELIVERED: records.LoanDelivered,
    codes.LOAN_CONFIGURED: records.LoanConfigured,
    codes.STAKE_CHANGED: records.StakeChanged,
    codes.COVER_SET: records.CoverSet,
    codes.COVER_CHARGED: records.CoverCharged,
    codes.CLOSE_OUT_BEGUN: records.CloseOutBegun,
    codes.CLOSE_OUT_COUNTED: records.CloseOutCounted,
    codes.CONTRACT_COUNTED: records.ContractCounted,
    codes.CLAIM_PAID: records.ClaimPaid,
    codes.CLOSE_OUT_DONE: records.CloseOutDone,
    codes.FUNDING_SET: records.FundingSet,
    codes.MARKET_MODE_SET: records.Switched,
    codes.FEED_SET: records.Switched,
    codes.WORK_DONE: records.WorkDone,
    codes.WORK_DEFERRED: records.WorkDeferred,
    codes.ACCOUNT_STATE: records.AccountState,
    codes.LATCHED: records.Latched,
    codes.RUNG_ENDED: records.RungEnded,
    codes.RUNG_COST: records.RungCost,
    codes.STEP_ENDED: records.StepEnded,
    codes.PLAN_SET: records.PlanSet,
    codes.MARGIN_CALLED: records.MarginCalled,
    codes.MARGIN_CURE: records.MarginCure,
    codes.PARAMETER_PROPOSED: records.ParameterChanged,
    codes.PARAMETER_CHANGED: records.ParameterChanged,
    codes.PARAMETER_CANCELLED: records.ParameterChanged,
    codes.ASSET_LISTED: records.Listed,
    codes.MARKET_LISTED: records.Listed,
    codes.MARKET_SETTLED: records.MarketSettled,
    codes.BUNDLE_APPLIED: records.Event,
    codes.COMPRESSED: records.Compressed,
    codes.QUOTE_REFUSED: records.QuoteRefused,
    codes.QUOTED: records.Quoted,
    codes.PROTECTION_SET: records.ProtectionSet,
    codes.PROTECTION_TRIPPED: records.ProtectionTripped,
    codes.PROTECTION_RESET: records.Event,
    codes.LIMITS_SET: records.LimitsSet,
    codes.POLICY_SET: records.PolicySet,
    codes.COUNTERPARTY_SET: records.CounterpartySet,
    codes.KEY_ADDED: records.KeyChanged,
    codes.MANDATE_SET: records.MandateSet,
    codes.KEY_REVOKED: records.KeyChanged,
    codes.BACKSTOP_TAKEN: records.BackstopTaken,
    codes.BALANCE_TAKEN: records.FundsMoved,
    codes.REPEATED: records.Repeated,
    codes.UNCHANGED: records.Event,
    codes.REJECTED: records.Rejected,
}

_COMMAND_FIRST = ("OPEN_ACCOUNT", "PLAN_STEP")
_EVENT_FIRST = ("ACCOUNT_OPENED", "REJECTED")
_RESULT_FIRST = ("OK", "INTERNAL")


def _names(first: str, last: str) -> dict[int, str]:
    names = [name for name in vars(codes) if name.isupper()]
    return {getattr(codes, name): name for name in names[names.index(first) : names.index(last) + 1]}


COMMAND_NAMES = _names(*_COMMAND_FIRST)
EVENT_NAMES = _names(*_EVENT_FIRST)
RESULT_NAMES = _names(*_RESULT_FIRST)
REASON_NAMES = _names("REASON_REQUESTED", "REASON_MARGIN_CALL")


def encode(commands: Iterable[Record]) -> bytes:
    """Return commands as bytes, 64 each."""
    return b"".join(bytes(command) for command in commands)


def bundle(account: int, time_us: int, legs: list[Record]) -> bytes:
    """Return a bundle of an account's commands as bytes."""
    head = Command(kind=codes.BUNDLE, account=account, time_us=time_us, count=len(legs))
    return encode([head, *legs])


def decode_commands(data: bytes | memoryview) -> Iterator[Record]:
    """Yield the commands in `data`, each as the record of its kind.  Raises ValueError when torn."""
    for row in _rows(data):
        kind = COMMANDS.get(row[16], Command)
        yield kind.from_buffer_copy(row)


def decode_events(data: bytes | memoryview) -> list[Record]:
    """Return the events in `data`, each as the record of its kind.  Raises ValueError when torn."""
    return [EVENTS.get(row[8], Event).from_buffer_copy(row) for row in _rows(data)]


def _rows(data: bytes | memoryview) -> Iterator[memoryview]:
    view = memoryview(data).cast("B")
    if len(view) % RECORD_BYTES:
        raise ValueError(f"{len(view)} bytes are not whole records of {RECORD_BYTES} bytes")
    for start in range(0, len(view), RECORD_BYTES):
        yield view[start : start + RECORD_BYTES]


def result_name(code: int) -> str:
    """The name of a result code or of a reason for which an order left the book."""
    return RESULT_NAMES.get(code) or REASON_NAMES.get(code) or f"CODE_{code}"
