"""At what price of one asset, with everything else unchanged, an account reaches each rung of the ladder.

The search asks the core itself: within previews it sets marks and reads V.  V is concave in one price, so the prices
at which it is not below zero lie between one lower and one upper price.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from worldmarkets.core import codes
from worldmarkets.core.codec import decode_events
from worldmarkets.core.records import SetMark
from worldmarkets.core.units import MAX_MARK
from worldmarkets.exchange.units import MARK_DECIMALS, from_units, to_severity

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange


@dataclass(frozen=True, slots=True)
class RungPrice:
    """The first price below, and above, the mark at which V at a rung's severity is below zero.

    None: no price that way reaches it.  `is_reached`: it is below zero already, and both are None.
    """

    asset: str
    rung: str
    severity: Decimal
    mark: Decimal
    down: Decimal | None
    up: Decimal | None
    is_reached: bool


def compute_rung_prices(exchange: Exchange, number: int) -> list[RungPrice]:
    """Return the prices of every asset that the account's value depends on, rung by rung."""
    found = []
    for position in list(exchange.get_views(number).walk_positions()):
        asset: Any = exchange.read_row("assets", position.asset)
        exposed = position.balance or position.owed or position.lent or position.lots
        if asset.is_numeraire or not asset.mark or not exposed:
            continue
        for rung, severity in exchange.rungs.items():
            down, up, is_reached = _search(exchange, number, position.asset, asset.mark, to_severity(severity))
            found.append(
                RungPrice(
                    exchange.listing.asset(position.asset).symbol,
                    rung,
                    severity,
                    _price(asset.mark),
                    None if down is None else _price(down),
                    None if up is None else _price(up),
                    is_reached,
                )  # fmt: skip
            )
    return found


def _search(
    exchange: Exchange, number: int, asset: int, mark: int, severity_ppm: int
) -> tuple[int | None, int | None, bool]:
    def is_below(price: int) -> bool | None:
        """Say whether V is below zero at a price; None when the venue takes no such price.

        A preview of its own, since the ladder acts on an account that was below with the next command.
        """
        command = SetMark(
            kind=codes.SET_MARK, time_us=exchange.time_us, source_time_us=exchange.time_us, asset=asset,
            price=price, sources=3, agreeing=3,
        )  # fmt: skip
        with exchange.preview():
            events = decode_events(exchange.engine.apply(bytes(command)))
            if events[-1].kind == codes.REJECTED:
                return None
            return bool(exchange.engine.get_value(number, severity_ppm) < 0)

    if exchange.engine.get_value(number, severity_ppm) < 0:
        return None, None, True
    return _find_down(is_below, mark), _find_up(is_below, mark), False


def _find_down(is_below: Callable[[int], bool | None], mark: int) -> int | None:
    if mark <= 1 or not is_below(1):
        return None
    low, high = 1, mark  # below zero at low, not at high
    while high - low > 1:
        middle = (low + high) // 2
        if is_below(middle):
            low = middle
        else:
            high = middle
    return low


def _find_up(is_below: Callable[[int], bool | None], mark: int) -> int | None:
    low = mark
    high = mark
    while True:
        high = min(2 * high, MAX_MARK)
        answer = is_below(high)
        if answer is None or (high == MAX_MARK and not answer):
            return None
        if answer:
            break
        low = high
    while high - low > 1:  # below zero at high, not at low
        middle = (low + high) // 2
        if is_below(middle):
            high = middle
        else:
            low = middle
    return high


def _price(mark: int) -> Decimal:
    return from_units(mark, MARK_DECIMALS)
