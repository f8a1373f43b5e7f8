"""What would free an account: how much of each asset to trade at the mark, or which mark.

Worked out beside the exchange, as prices.py does: V at the initial rung is concave in what is traded and in one price.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from worldmarkets.core.units import GRID, MILLION
from worldmarkets.exchange.breakdown import Holding, compute_terms, sum_terms
from worldmarkets.exchange.listing import Market
from worldmarkets.exchange.prices import (
    PricedGroup,
    bisect,
    compute_prices,
    compute_rest,
    find_highest,
    read_prices,
)
from worldmarkets.exchange.units import to_severity

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange

INITIAL = "initial"  # the rung at which an account is free


@dataclass(frozen=True, slots=True)
class Cure:
    """What in one asset would free an account: a size to trade at the mark, with its fee; or a mark.

    `market`, `side` and `size` are None where no trade does, `mark` is where no mark does.
    """

    asset: str
    market: str | None
    side: str | None
    size: Decimal | None
    mark: Decimal | None


@dataclass(frozen=True, slots=True)
class _Trade:
    """The whole of what may be traded of a holding: lots, below zero to sell."""

    market: Market
    lots: int
    taker_ppm: int


@dataclass(frozen=True, slots=True)
class Ailment:
    """What the cures of an account are computed from; nothing that belongs to the exchange."""

    groups: list[PricedGroup]
    trades: dict[int, list[_Trade]]  # by asset


def read_ailment(exchange: Exchange, number: int) -> Ailment | None:
    """Return what the cures of an account are computed from; None when it is free."""
    if exchange.engine.get_value(number, to_severity(exchange.rungs[INITIAL])) >= 0:
        return None
    groups = read_prices(exchange, number)
    trades: dict[int, list[_Trade]] = {}
    for group in groups:
        for holding in group.holdings:
            asset, row = holding.asset, holding.position
            if asset.is_numeraire or not asset.mark:
                continue
            owned = row.balance or -row.borrowed
            for market, quanta in ((asset.perp_market, None), (asset.spot_market, owned)):
                if not market:
                    continue
                listed = exchange.listing.market(market)
                lots = row.lots if quanta is None else quanta // listed.lot_quanta  # a debt's are rounded up
                if lots:
                    taker_ppm = exchange.read_row("markets", market).taker_ppm
                    trades.setdefault(row.asset, []).append(_Trade(listed, -lots, taker_ppm))
    return Ailment(groups, trades)


def compute_cures(ailment: Ailment) -> list[Cure]:
    """Return what would free an account, asset by asset; where nothing does there is none."""
    marks = {price.asset: price.cure for price in compute_prices(ailment.groups) if price.rung == INITIAL}
    found = []
    for group in ailment.groups:
        (others, severity_ppm) = next(
            (others, to_severity(severity)) for rung, severity, others in group.rungs if rung == INITIAL
        )
        for place, symbol in enumerate(group.symbols):
            trades = ailment.trades.get(group.holdings[place].position.asset, [])
            sized = [(trade, lots) for trade in trades if (lots := _find(group, place, trade, severity_ppm, others))]
            mark = marks.get(symbol)
            for trade, lots in sized:
                side = "buy" if trade.lots > 0 else "sell"
                found.append(Cure(symbol, trade.market.symbol, side, trade.market.from_lots(lots), mark))
            if not sized and mark is not None:
                found.append(Cure(symbol, None, None, None, mark))
    return found


def _find(group: PricedGroup, place: int, trade: _Trade, severity_ppm: int, others: int) -> int:
    """Return the fewest lots that free the account, traded at the mark; 0 when none do."""
    rest = compute_rest(group, place, severity_ppm)
    holding = group.holdings[place]
    plain = compute_terms(holding, severity_ppm, holding.asset.unit)
    worth = Fraction(trade.market.lot_quanta * holding.asset.unit, GRID)

    def value(lots: int) -> Fraction:
        """V(initial), in numeraire quanta, once so many lots were traded at the mark and the fee was paid."""
        change = lots if trade.lots > 0 else -lots
        terms = compute_terms(_change(holding, trade.market, change), severity_ppm, holding.asset.unit)
        cash = -worth * lots * trade.taker_ppm / MILLION
        if trade.market.kind == "perp":
            terms.unrealised = plain.unrealised  # what is realised is paid
        else:
            cash -= worth * change
        return others + sum_terms([*rest, terms]) / GRID + cash

    best = find_highest(value, 0, abs(trade.lots))
    return 0 if value(best) < 0 else bisect(lambda lots: value(lots) < 0, 0, best)


def _change(holding: Holding, market: Market, lots: int) -> Holding:
    row: Any = type(holding.position).from_buffer_copy(holding.position)
    if market.kind == "perp":
        row.lots += lots
    else:
        row.balance += lots * market.lot_quanta
    return Holding(
        row, holding.asset, holding.market, holding.lent_haircut_ppm, holding.accrued, holding.promised
    )  # fmt: skip
