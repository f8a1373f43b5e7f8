"""Finding circles of perp contracts to compress: which contracts can go without anybody's position changing.

Accounts are the nodes of a graph, contracts between those that consent its edges.  The contract with the fewest lots
that lies on a circle is taken off, its lots go round the shortest such circle, and so on until no circle is left.
What is left is a forest, so that `n` accounts have fewer than `n` contracts among them.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import rustworkx

from worldmarkets.core import codes
from worldmarkets.core.records import Command, ContractChange, Record
from worldmarkets.core.units import MAX_SLICES
from worldmarkets.exchange.commands import make
from worldmarkets.exchange.listing import Market

if TYPE_CHECKING:
    from worldmarkets.exchange.account import Account
    from worldmarkets.exchange.exchange import Exchange


@dataclass(frozen=True, slots=True)
class CircleLeg:
    """One contract of a circle, and how its size changes."""

    contract: int
    long: Account
    short: Account
    before: Decimal
    change: Decimal


@dataclass(frozen=True, slots=True)
class Circle:
    """Contracts that run in a circle: `size` is taken off the first, added to the second, and so on in turn."""

    size: Decimal
    legs: tuple[CircleLeg, ...]


@dataclass(frozen=True, slots=True)
class Party:
    """An account in a compression: its position, which stays, and how many contracts it is made of."""

    account: Account
    position: Decimal
    contracts_before: int
    contracts_after: int


@dataclass(frozen=True, slots=True)
class Compression:
    """Circles to compress in one market, one after another, and what that comes to."""

    market: str
    circles: tuple[Circle, ...]
    contracts_before: int
    contracts_after: int
    parties: tuple[Party, ...]

    def __bool__(self) -> bool:
        return bool(self.circles)

    def batches(self) -> list[list[tuple[int, Decimal]]]:
        """Return the contracts of the circles with their sizes, so many at a time as one command takes."""
        found: list[list[tuple[int, Decimal]]] = []
        for circle in self.circles:
            if not found or len(found[-1]) + len(circle.legs) > MAX_SLICES:
                found.append([])
            found[-1] += [(leg.contract, circle.size) for leg in circle.legs]
        return found


def make_compression(account: int, circles: Sequence[tuple[int, int]], time_us: int = 0) -> list[Record]:
    """Return circles of one market as one command of an account: a head, and a record for each contract and its lots.

    Raises UnitError beyond 255 contracts.
    """
    legs: list[Record] = [
        make(ContractChange, kind=codes.COMPRESS, account=account, time_us=time_us, contract_id=contract, amount=lots)
        for contract, lots in circles
    ]
    return [make(Command, kind=codes.COMPRESS, account=account, time_us=time_us, count=len(legs)), *legs]


def compute_compression(exchange: Exchange, market: Market, sender: int = 0) -> Compression:
    """Return what can be compressed in a market among the accounts that consent, and `sender`."""
    perps = list(_walk_contracts(exchange, market.number))
    consenting = {
        number
        for perp in perps
        for number in _parties_of(perp)
        if number == sender or exchange.read_row("accounts", number).is_compressible
    }
    graph = _Graph([perp for perp in perps if consenting.issuperset(_parties_of(perp))])
    rows = list(graph.take_circles())
    gone = [perp for perp, lots in zip(graph.perps, graph.lots, strict=True) if not lots]
    circles = _view_circles(exchange, market, graph.perps, rows)
    touched = {account.number for circle in circles for leg in circle.legs for account in (leg.long, leg.short)}
    before = Counter(number for perp in perps for number in _parties_of(perp))
    less = Counter(number for perp in gone for number in _parties_of(perp))
    net: Counter[int] = Counter()
    for perp in perps:
        net[perp.long_account] += perp.lots
        net[perp.short_account] -= perp.lots
    parties = tuple(
        Party(exchange.get_account(n), market.from_lots(net[n]), before[n], before[n] - less[n])
        for n in sorted(touched)
    )
    return Compression(market.symbol, circles, len(perps), len(perps) - len(gone), parties)


def _view_circles(
    exchange: Exchange, market: Market, perps: list[Any], rows: list[tuple[list[int], int]]
) -> tuple[Circle, ...]:
    """Return circles of rows of `perps` with their lots, in the order they are taken, in the units of people."""
    held = [perp.lots for perp in perps]
    circles = []
    for circle, lots in rows:
        legs = []
        for place, row in enumerate(circle):
            change = lots if place % 2 else -lots
            long, short = (exchange.get_account(number) for number in _parties_of(perps[row]))
            before = market.from_lots(held[row])
            legs.append(CircleLeg(perps[row].id, long, short, before, market.from_lots(change)))
            held[row] += change
        circles.append(Circle(market.from_lots(lots), tuple(legs)))
    return tuple(circles)


def _walk_contracts(exchange: Exchange, market: int) -> Iterator[Any]:
    """Yield the contracts of a market, in the order of their rows."""
    rows = exchange.table("perps")
    for row in ((rows["lots"] > 0) & (rows["market"] == market)).nonzero()[0]:
        yield exchange.read_row("perps", int(row))


def _parties_of(perp: Any) -> tuple[int, int]:
    return perp.long_account, perp.short_account


class _Graph:
    """Contracts as the edges of a graph; `lots` changes as circles are taken."""

    def __init__(self, perps: list[Any]) -> None:
        self.perps = perps
        self.lots = [perp.lots for perp in perps]
        nodes = sorted({number for perp in perps for number in _parties_of(perp)})
        self._graph: Any = rustworkx.PyGraph(multigraph=False)
        self._node = dict(zip(nodes, self._graph.add_nodes_from(nodes), strict=True))
        for row in range(len(perps)):
            self._graph.add_edge(*self._ends(row), row)

    def _ends(self, row: int) -> tuple[int, int]:
        perp = self.perps[row]
        return self._node[perp.long_account], self._node[perp.short_account]

    def take_circles(self) -> Iterator[tuple[list[int], int]]:
        """Yield circles, as edges, with their lots, until none is left.

        The first edge of a circle, and every other one from it, loses the lots: the fewest of all edges that are left,
        so that the circle can bear them.  An edge on no circle leaves the graph, since it never comes to lie on one.
        """
        waiting = [(lots, row) for row, lots in enumerate(self.lots)]
        heapq.heapify(waiting)
        while waiting:
            lots, row = heapq.heappop(waiting)
            if lots != self.lots[row]:
                continue  # it changed since, and waits once more
            circle = self._cut(row)
            if not circle:
                continue
            yield circle, lots
            self.lots[row] = 0
            for place, edge in enumerate(circle[1:]):
                self.lots[edge] += -lots if place % 2 else lots
                if self.lots[edge]:
                    heapq.heappush(waiting, (self.lots[edge], edge))
                else:
                    self._graph.remove_edge(*self._ends(edge))

    def _cut(self, row: int) -> list[int]:
        """Take an edge away and return the shortest circle it closed, led by it; none when no command would take it."""
        long, short = self._ends(row)
        self._graph.remove_edge(long, short)
        paths = rustworkx.dijkstra_shortest_paths(self._graph, short, target=long)
        path = list(paths[long]) if long in paths else []
        if not path or len(path) > MAX_SLICES:
            return []
        return [row, *(self._graph.get_edge_data(a, b) for a, b in zip(path, path[1:], strict=False))]
