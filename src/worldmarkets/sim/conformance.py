"""Replays order messages of the matching-engine benchmark on the engine and writes the reports it defines.

One spot market, one buyer and one seller of different owners, so that self-trade prevention has nothing to do.  The
engine knows an order by a client order id, one for each time an id of the messages is used.  A modify is a bundle of a
cancel and a new order: it always loses its place, and where there is nothing to cancel nothing is placed.

| line | meaning |
|---|---|
| `0,seq,side,id,price,qty` | accepted |
| `1,seq,price,qty,maker,taker` | a trade, at the maker's price |
| `2,seq,side,id,price` | cancelled: on request, or what was left of an immediate order |
| `3,seq,side,id,price,qty` | modified |
| `4,seq,id` and `5,seq,id` | nothing rests that could be cancelled, or modified |

The lines of one message stand in the order of their first number: the trades of a modify before its own line.  There
is no line for a new order that the engine refuses: one of no lots, or one whose id still rests.
"""

import json
import lzma
import struct
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from worldmarkets.core import codes, records, units
from worldmarkets.core.engine import Engine

MAGIC = 0x4D4542575F303031
VERSION = 1
NEW, CANCEL, MODIFY = range(3)

HEADER = struct.Struct("<QII")
RECORD = struct.Struct("<BBBBIQQqq")
_BOUNDS = {
    "type": (NEW, MODIFY),
    "side": (0, 1),
    "ioc": (0, 1),
    "qty": (0, (1 << 32) - 1),
    "order_id": (0, (1 << 64) - 1),
    "price": (-(1 << 63), (1 << 63) - 1),
}

_FORMATS = {"i64": "q", "u64": "Q", "i32": "i", "u32": "I", "u16": "H", "u8": "B"}
_PLACE, _CHANGE, _COMMAND, _EVENT = (
    struct.Struct("<" + "".join(_FORMATS[kind] for _, kind in record.fields()))
    for record in (records.PlaceOrder, records.OrderChange, records.Command, records.Event)
)
_NOW = 1_700_000_000_000_000  # microseconds; no rule that is used here looks at the clock
_BATCH_BYTES = 64 * 60_000  # what is given to the engine at once, and fits its inbox
_SETUP = 5  # commands of `open_market`
_MARKET = 1
_BASE = 2  # the asset that is traded, for the numeraire
_BUYER, _SELLER = 1, 2
_EXPECTED = (codes.UNKNOWN_ORDER, codes.SIZE_NOT_POSITIVE)


class ConformanceError(Exception):
    """A file of order messages cannot be replayed."""


class Message(NamedTuple):
    """One order message.  Units: `price` in ticks, any 64-bit integer; `quantity` in lots."""

    kind: int
    side: int
    is_immediate: bool
    quantity: int
    sequence: int
    order_id: int
    price: int


class Case(NamedTuple):
    """Messages with a name, and the reports that they should give, if those are known."""

    name: str
    messages: list[Message]
    reports: str | None


def read_cases(path: str | PathLike[str]) -> list[Case]:
    """Return what is in a recording (`.bin`, `.bin.xz`) or in a `.json` file of cases.  Raises ConformanceError."""
    path = Path(path)
    try:
        data = path.read_bytes()
        if path.suffix == ".xz":
            data = lzma.decompress(data)
        if path.name.removesuffix(".xz").endswith(".json"):
            return parse_cases(data, path.name)
        return [Case(path.name, parse_messages(data), None)]
    except OSError as error:
        raise ConformanceError(f"{path}: {error.strerror or error}") from None
    except lzma.LZMAError as error:
        raise ConformanceError(f"{path}: not a whole .xz file: {error}") from None
    except ConformanceError as error:
        raise ConformanceError(f"{path}: {error}") from None


def parse_messages(data: bytes) -> list[Message]:
    """Return the messages of a binary recording.  Raises ConformanceError."""
    if len(data) < HEADER.size:
        raise ConformanceError(f"torn header: {len(data)} bytes of {HEADER.size}")
    magic, version, count = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ConformanceError(f"bad magic: {magic:#018x}, not {MAGIC:#018x}")
    if version != VERSION:
        raise ConformanceError(f"version {version}, not {VERSION}")
    whole, torn = divmod(len(data) - HEADER.size, RECORD.size)
    if torn:
        raise ConformanceError(f"torn record: {torn} bytes of {RECORD.size} after record {whole}")
    if whole != count:
        raise ConformanceError(f"{whole} records, though the header says {count}")
    messages = []
    for place, row in enumerate(RECORD.iter_unpack(data[HEADER.size :])):
        kind, side, ioc, _, quantity, sequence, order_id, price, _ = row
        if kind > MODIFY or side > 1 or ioc > 1:
            raise ConformanceError(f"record {place}: type {kind}, side {side}, ioc {ioc} are not in 0..2, 0..1, 0..1")
        messages.append(Message(kind, side, ioc == 1, quantity, sequence, order_id, price))
    return messages


def parse_cases(data: bytes, name: str) -> list[Case]:
    """Return the cases of a JSON text: a list of cases, one case, or its messages alone.  Raises ConformanceError."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise ConformanceError(f"not JSON: {error}") from None
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ConformanceError("neither a case, nor a list of cases, nor a list of messages")
    if not any("messages" in item for item in value):
        return [Case(name, _parse_fields(value), None)]
    return [_parse_case(item, str(item.get("case", place))) for place, item in enumerate(value)]


def _parse_case(item: dict[str, Any], name: str) -> Case:
    messages, reports = item.get("messages"), item.get("reports")
    if not isinstance(messages, list):
        raise ConformanceError(f"case {name}: messages is not a list")
    if reports is not None and not (isinstance(reports, list) and all(isinstance(line, str) for line in reports)):
        raise ConformanceError(f"case {name}: reports is not a list of lines")
    try:
        return Case(name, _parse_fields(messages), None if reports is None else "\n".join(reports))
    except ConformanceError as error:
        raise ConformanceError(f"case {name}: {error}") from None


def _parse_fields(items: Sequence[Any]) -> list[Message]:
    messages = []
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            raise ConformanceError(f"message {place} is not an object")
        values: dict[str, Any] = {}
        for field, (low, high) in _BOUNDS.items():
            value = values[field] = item.get(field, 0 if field == "ioc" else None)
            if type(value) is not int or not low <= value <= high:
                raise ConformanceError(f"message {place}: {field} is {value!r}, not an integer in {low}..{high}")
        kind, side, ioc, quantity, order_id, price = values.values()
        messages.append(Message(kind, side, ioc == 1, quantity, place, order_id, price))
    return messages


def replay(messages: Sequence[Message]) -> str:
    """Return the reports of the messages: lines, without a newline at the end.  Raises ConformanceError."""
    run = _Replay(messages)
    for message in messages:
        run.put(message)
    run.flush()
    return "\n".join(run.lines)


def compute_ticks(messages: Sequence[Message]) -> dict[int, int]:
    """Return the tick of the book at which each price is matched.

    The price itself, where the book and the bounds on cash hold all of them; else its rank among them.  Matching asks
    of two prices only which is better, and a report names the price that the message gave.  Raises ConformanceError.
    """
    orders = [message for message in messages if message.kind != CANCEL]
    prices = sorted({message.price for message in orders})
    largest = max((message.quantity for message in orders), default=0)
    total = sum(message.quantity for message in orders)
    for ticks in (prices, range(1, len(prices) + 1)):
        top = ticks[-1] if ticks else 1
        is_cash_held = top * largest <= units.MAX_CASH and top * total <= units.MAX_SUPPLY
        if min(ticks, default=1) > 0 and top <= units.MAX_TICKS and is_cash_held:
            return dict(zip(prices, ticks, strict=True))
    raise ConformanceError(f"one market does not hold {total} lots at {len(prices)} prices")


def open_market() -> Engine:
    """Return an engine with one spot market without fees, and a buyer and a seller who own all there can be."""
    engine = Engine()
    engine.state.open()
    rules = engine.governance
    rules.open_venue(_NOW)
    rules.add_asset(6, rules.add_group())
    rules.add_asset(6, rules.add_group())
    rules.add_market(codes.SPOT, _BASE, lot_quanta=1)
    supply = units.MAX_SUPPLY
    commands = [
        records.OpenAccount(kind=codes.OPEN_ACCOUNT, time_us=_NOW, owner_low=_BUYER),
        records.OpenAccount(kind=codes.OPEN_ACCOUNT, time_us=_NOW, owner_low=_SELLER),
        records.Funds(kind=codes.DEPOSIT, time_us=_NOW, account=_BUYER, asset=codes.NUMERAIRE, amount=supply),
        records.Funds(kind=codes.DEPOSIT, time_us=_NOW, account=_SELLER, asset=_BASE, amount=supply),
        records.SetMark(
            kind=codes.SET_MARK, time_us=_NOW, source_time_us=_NOW, asset=_BASE, price=1, sources=1, agreeing=1
        ),
    ]
    events = list(_EVENT.iter_unpack(engine.apply(b"".join(map(bytes, commands)))))
    assert len(commands) == _SETUP
    assert all(kind != codes.REJECTED for _, kind, *_ in events), events
    return engine


class _Use:
    """One use of an id of the messages: what its client order id stands for."""

    __slots__ = ("left", "name", "price", "side")

    def __init__(self, name: int, side: int, price: int) -> None:
        self.name = name
        self.side = side
        self.price = price
        self.left = 0  # lots not yet filled or cancelled, as far as events were read


class _Replay:
    """One run: commands wait in a buffer, and what they report becomes lines."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.ticks = compute_ticks(messages)
        self.engine = open_market()
        self.lines: list[str] = []
        self.uses = [_Use(0, 0, 0)]  # by client order id; 0 is none
        self.latest: dict[int, int] = {}  # client order id by id of the messages
        self.clients: dict[int, int] = {}  # client order id by the engine's order id
        self.buffer = bytearray()
        self.waiting: list[tuple[Message, str]] = []  # for each command its message, and the line that placing gives
        self.sequence = _SETUP + 1  # of the first command that waits
        self.refused = False
        self.unworked = 0  # lots of an order that took more work than one command may do

    def put(self, message: Message) -> None:
        """Take a message; its commands may wait for others."""
        client = self.latest.get(message.order_id, 0)
        if message.kind == CANCEL:
            self.wait(message, "")
            self.add_cancel(client)
        elif message.quantity > units.MAX_FILLS:
            self.put_large(message, client)
        elif message.kind == MODIFY:
            self.put_modify(message, client)
        elif client == 0 or not self.is_resting(client):
            self.put_place(message, self.use(message, message.side), message.quantity, "0")
        else:
            self.put_place(message, client, message.quantity, "")  # the engine knows it for a repeat
        if len(self.buffer) >= _BATCH_BYTES:
            self.flush()

    def use(self, message: Message, side: int) -> int:
        """Return a new client order id for a message's id."""
        self.uses.append(_Use(message.order_id, side, message.price))
        if message.quantity > 0:  # else the engine refuses it, and the use before it stands
            self.latest[message.order_id] = len(self.uses) - 1
        return len(self.uses) - 1

    def is_resting(self, client: int) -> bool:
        self.flush()
        return self.uses[client].left > 0

    def put_place(self, message: Message, client: int, lots: int, head: str) -> None:
        self.wait(message, head)
        self.add_place(message, client, lots)

    def put_modify(self, message: Message, client: int) -> None:
        """Cancel and place as one bundle: if there is nothing to cancel, nothing happens."""
        use = self.uses[client]
        self.wait(message, "3")
        self.buffer += _COMMAND.pack(0, _NOW, codes.BUNDLE, 2, 0, self.account(client), 0, 0, 0, 0, 0)
        self.add_cancel(client)
        self.add_place(message, self.use(message, use.side) if client else 0, message.quantity)

    def put_large(self, message: Message, client: int) -> None:
        """Place an order that may take more fills than one command: what it leaves is sent again, and goes on."""
        side, head = message.side, "0"
        if message.kind == MODIFY:
            self.flush()
            self.wait(message, "")
            self.add_cancel(client)
            self.flush()
            if self.refused:
                return
            side, head = self.uses[client].side, "3"
        elif client and self.is_resting(client):
            self.put_place(message, client, message.quantity, "")
            return
        self.unworked = message.quantity
        while self.unworked:
            lots, self.unworked = self.unworked, 0
            self.put_place(message, self.use(message, side), lots, head)
            self.flush()
            head = ""

    def wait(self, message: Message, head: str) -> None:
        self.waiting.append((message, head))

    def account(self, client: int) -> int:
        return _SELLER if self.uses[client].side else _BUYER

    def add_cancel(self, client: int) -> None:
        self.buffer += _CHANGE.pack(
            0, _NOW, codes.CANCEL_ORDER, 0, 0, self.account(client), 0, client, 0, 0, _MARKET, 0, 0, 0, 0
        )

    def add_place(self, message: Message, client: int, lots: int) -> None:
        side = self.uses[client].side
        is_immediate = message.is_immediate and message.kind == NEW
        self.buffer += _PLACE.pack(
            0, _NOW, codes.PLACE_ORDER, 0, 0, self.account(client), _MARKET, side,
            codes.IMMEDIATE_OR_CANCEL if is_immediate else codes.GOOD_TILL_CANCEL, codes.CANCEL_RESTING, 0, 0,
            self.ticks[message.price], 0, lots, client, 0,
        )  # fmt: skip

    def flush(self) -> None:
        """Give the engine what waits, and write the lines of its events."""
        report = {
            codes.ORDER_PLACED: self.report_placed,
            codes.TRADED: self.report_traded,
            codes.ORDER_CANCELLED: self.report_cancelled,
            codes.REJECTED: self.report_refused,
        }
        self.refused = False
        for sequence, kind, code, _, _, *body in _EVENT.iter_unpack(self.engine.apply(self.buffer)):
            if kind in report:
                message, head = self.waiting[sequence - self.sequence]
                report[kind](message, head, code, body)
        self.sequence += len(self.waiting)
        self.waiting.clear()
        self.buffer.clear()

    def report_placed(self, message: Message, head: str, _: int, body: list[int]) -> None:
        order, client, lots = body[:3]
        use = self.uses[client]
        use.left = lots
        self.clients[order] = client
        if head:
            self.lines.append(f"{head},{message.sequence},{use.side},{use.name},{use.price},{lots}")

    def report_traded(self, message: Message, _: str, __: int, body: list[int]) -> None:
        taker, maker, lots = self.uses[self.clients[body[0]]], self.uses[self.clients[body[1]]], body[2]
        taker.left -= lots
        maker.left -= lots
        place = len(self.lines) - (message.kind == MODIFY)  # its trades stand before the line of a modify
        self.lines.insert(place, f"1,{message.sequence},{maker.price},{lots},{maker.name},{taker.name}")
        if maker.left == 0:
            del self.clients[body[1]]

    def report_cancelled(self, message: Message, _: str, code: int, body: list[int]) -> None:
        order, client, lots = body[:3]
        use = self.uses[client]
        use.left = 0
        del self.clients[order]
        if code == codes.WORK:
            self.unworked = lots
        elif code not in (codes.REASON_REQUESTED, codes.REASON_IMMEDIATE):
            raise ConformanceError(f"message {message.sequence}: the engine cancelled order {use.name}, code {code}")
        elif message.kind != MODIFY:  # a modify has a line of its own
            self.lines.append(f"2,{message.sequence},{use.side},{use.name},{use.price}")

    def report_refused(self, message: Message, _: str, code: int, __: list[int]) -> None:
        if code not in _EXPECTED:
            raise ConformanceError(f"message {message.sequence}: the engine refused it, code {code}")
        self.refused = True
        if message.kind != NEW:
            self.lines.append(f"{3 + message.kind},{message.sequence},{message.order_id}")
