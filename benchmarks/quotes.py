"""Mass quotes: quotes a second, and how many times as long the same takes in single orders.

A maker with a loan and two perps, as everybody here, quotes 100 levels in a perp market, 50 a side, and replaces
them all at each turn: half of the turns move every price, the others shrink every size.  `replaced` does the same with
a cancellation and an order a quote, `amended` with one amendment, `bundled` with one bundle of 100 amendments.
"""

from __future__ import annotations

from benchmarks import measure, venue
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.codec import decode_events
from worldmarkets.core.digest import compute_digest
from worldmarkets.core.engine import Engine
from worldmarkets.core.snapshot import read_snapshot, write_snapshot

LEVELS = 50
MAKER, MARKET = 1, 1
LOTS = 20
AWAY = 1_000  # ticks, so that nobody else is in the way


def open_venue(accounts: int) -> tuple[Engine, int]:
    """Return a venue with its population, and the market that the maker holds a perp in."""
    engine = venue.open_engine()
    for batch in venue.split(venue.build_population(accounts, 1)):
        engine.apply(batch)
    money = r.Funds(time_us=venue.START_US, kind=c.DEPOSIT, account=MAKER, asset=c.NUMERAIRE, amount=10**12)
    engine.apply(venue.encode([money]))
    return engine, MARKET


def list_quotes(turn: int) -> list[tuple[int, int, int, int]]:
    """Return side, level, price and lots of every quote at one turn: odd turns shrink what even ones moved."""
    move, shrink = turn // 2 % 7, turn % 2
    found = []
    for level in range(LEVELS):
        for side in (c.BUY, c.SELL):
            price = venue.MID_TICKS + (AWAY + 2 * level) * (1 if side == c.SELL else -1) + move
            found.append((side, level, price, LOTS - shrink))
    return found


def write_mass(turn: int) -> bytes:
    """Return a turn as one mass quote."""
    legs = [
        r.Quote(time_us=venue.START_US, kind=c.QUOTE, account=MAKER, flags=c.POST_ONLY, market=MARKET, side=side,
                level=level, price_ticks=price, lots=lots)
        for side, level, price, lots in list_quotes(turn)
    ]  # fmt: skip
    head = r.MassQuote(time_us=venue.START_US, kind=c.MASS_QUOTE, account=MAKER, count=len(legs))
    return venue.encode([head, *legs])


def write_single(turn: int, orders: dict[tuple[int, int], int]) -> list[r.Record]:
    """Return a turn as one amendment a quote; those that would meet the maker's own other side go last."""
    return [
        r.OrderChange(time_us=venue.START_US, kind=c.AMEND_ORDER, account=MAKER, order_id=orders[side, level],
                      price_ticks=price, lots=lots)
        for side, level, price, lots in list_quotes(turn)
    ]  # fmt: skip


def write_replaced(turn: int) -> list[r.Record]:
    """Return a turn as a cancellation and an order a quote, by client id; all leave first, as in a mass quote."""
    quotes = list_quotes(turn)
    gone: list[r.Record] = [
        r.OrderChange(time_us=venue.START_US, kind=c.CANCEL_ORDER, account=MAKER, client_id=1_000 * turn - 1_000 + n)
        for n in range(1, len(quotes) + 1)
    ]
    return gone + [
        r.PlaceOrder(time_us=venue.START_US, kind=c.PLACE_ORDER, account=MAKER, flags=c.POST_ONLY, market=MARKET,
                     side=side, price_ticks=price, lots=lots, client_id=1_000 * turn + n)
        for n, (side, _, price, lots) in enumerate(quotes, 1)
    ]  # fmt: skip


def bundle(commands: list[r.Record]) -> bytes:
    """Return commands as one bundle."""
    head = r.Command(time_us=venue.START_US, kind=c.BUNDLE, account=MAKER, count=len(commands))
    return venue.encode([head, *commands])


def measure_all(turns: int = 400, accounts: int = 1_000) -> dict[str, float]:
    """Return quotes a second, and how many times as long single amendments, and bundles of them, take."""
    engine, _ = open_venue(accounts)
    events = [event for event in decode_events(engine.apply(write_mass(1))) if event.kind == c.ORDER_PLACED]
    assert len(events) == 2 * LEVELS, "the set-up was rejected"
    orders = {(event.side, event.level): event.order_id for event in events}
    snapshot = write_snapshot(engine)
    singles = [write_single(turn, orders) for turn in range(2, turns + 2)]
    logs = {
        "mass": [write_mass(turn) for turn in range(2, turns + 2)],
        "amended": [venue.encode(commands) for commands in singles],
        "bundled": [bundle(commands) for commands in singles],
    }
    pulled = r.MassQuote(time_us=venue.START_US, kind=c.MASS_QUOTE, account=MAKER, flags=c.PULL_OTHERS)
    engine.apply(venue.encode([pulled]))
    engine.apply(venue.encode(write_replaced(1)))
    logs["replaced"] = [venue.encode(write_replaced(turn)) for turn in range(2, turns + 2)]
    snapshots = dict.fromkeys(logs, snapshot) | {"replaced": write_snapshot(engine)}
    seconds: dict[str, float] = {}
    books = set()
    for name, log in logs.items():

        def run(log: list[bytes] = log, snapshot: bytes = snapshots[name]) -> float:
            engine = read_snapshot(snapshot, huge_pages=True)
            begin = measure.clock()
            for batch in log:
                engine.apply(batch)
            passed = measure.clock() - begin
            books.add(str((engine.get_levels(MARKET, c.BUY, 200), engine.get_levels(MARKET, c.SELL, 200))))
            compute_digest(engine.state)
            return passed

        seconds[name] = measure.median(run)
    assert len(books) == 1, "the ways ended in different books"
    quotes = 2 * LEVELS * turns
    return {
        "core.quotes_per_s": quotes / seconds["mass"],
        "core.quote_ns": 1e9 * seconds["mass"] / quotes,
        "core.quotes_replaced_ratio": seconds["replaced"] / seconds["mass"],
        "core.quotes_amended_ratio": seconds["amended"] / seconds["mass"],
        "core.quotes_bundled_ratio": seconds["bundled"] / seconds["mass"],
    }


if __name__ == "__main__":
    measure.require_compiled()
    for name, figure in measure_all().items():
        print(f"{name:40} {figure:16,.2f}")
