"""Order messages of our own making, with the reports that the naive book gives.

`python -m tests.conformance.own_scenario` writes the scenario that is kept in `data`.
"""

import random
from pathlib import Path

from tests.models.naive_book import GOOD, IMMEDIATE, NaiveBook
from worldmarkets.core import codes
from worldmarkets.sim.conformance import CANCEL, HEADER, MAGIC, MODIFY, NEW, RECORD, VERSION, Message

DATA = Path(__file__).parent / "data"
ORDERS, REPORTS = DATA / "orders_own.bin", DATA / "reports_own.txt"
LARGEST = (1 << 64) - 1
AWAY = 1 << 64  # added to prices, so that the naive book sees none below 1


def make_messages(seed, count):
    """Return messages of every kind: ids that are used again, gone, or unknown; no lots; prices of zero and below."""
    chance = random.Random(seed)
    ids = [LARGEST - number if number % 5 == 0 else number for number in range(count // 4)]
    sides = {}
    messages = []
    for sequence in range(count):
        order_id = chance.choice(ids)
        kind = chance.choices((NEW, CANCEL, MODIFY), (6, 2, 2))[0]
        side = chance.randrange(2)
        if kind == NEW:
            sides.setdefault(order_id, side)
        price = chance.choice((-1, 1)) * chance.randint(0, 3) + (2 if side else -2)
        lots = chance.choices((0, 1, 3, 10, 40), (1, 8, 8, 8, 4))[0]
        is_immediate = kind == NEW and chance.random() < 0.2
        messages.append(Message(kind, side, is_immediate, lots, sequence, order_id, price))
    return messages


def compute_reports(messages):
    """Return the reports of messages, by the naive book."""
    book = NaiveBook({0: 0, 1: 1}, max_ticks=float("inf"), max_fills=float("inf"), now=0)
    names = {}  # the latest name of an id: the id, and how often it was used
    lines = []
    for kind, side, is_immediate, lots, sequence, order_id, price in messages:
        name = names.get(order_id, (order_id, 0))
        order = book.resting.get(name)
        if kind != NEW and (order is None or (kind == MODIFY and lots == 0)):
            lines.append((3 + kind, sequence, order_id))
            continue
        if kind == CANCEL:
            lines.append((2, sequence, order.side, order_id, order.price - AWAY))
            book.cancel(name, order.account)
            continue
        if kind == MODIFY:
            side = order.side
            book.cancel(name, order.account)
        elif order is not None or lots == 0:
            continue
        names[order_id] = name = (order_id, name[1] + 1)
        time_in_force = IMMEDIATE if is_immediate else GOOD
        accepted, *happened = book.place(name, side, side, price + AWAY, lots, time_in_force)
        assert accepted[0] == "placed"
        trades = [(1, sequence, one[3] - AWAY, one[4], one[2][0], one[1][0]) for one in happened if one[0] == "trade"]
        lines += [(0, sequence, side, order_id, price, lots), *trades] if kind == NEW else trades
        if kind == MODIFY:
            lines.append((3, sequence, side, order_id, price, lots))
        elif len(happened) > len(trades):
            assert happened[-1][0] == "cancelled"
            assert happened[-1][3] == codes.REASON_IMMEDIATE
            lines.append((2, sequence, side, order_id, price))
    return "\n".join(",".join(map(str, line)) for line in lines)


def encode(messages):
    """Return messages as a recording."""
    rows = [
        RECORD.pack(kind, side, ioc, 0, lots, seq, name, price, 0)
        for kind, side, ioc, lots, seq, name, price in messages
    ]
    return HEADER.pack(MAGIC, VERSION, len(rows)) + b"".join(rows)


if __name__ == "__main__":
    messages = make_messages("own", 600)
    ORDERS.write_bytes(encode(messages))
    REPORTS.write_text(compute_reports(messages))
