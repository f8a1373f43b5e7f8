"""Positions of several legs, worked out, previewed and signed in one call; sending is the caller's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from worldmarkets.client.bundle import Legs, Number
from worldmarkets.client.errors import ClientError, RejectedError
from worldmarkets.schemas import reads
from worldmarkets.schemas.commands import SignedBundle

if TYPE_CHECKING:
    from worldmarkets.client.asynchronous import AsyncClient

YEAR_HOURS = 8_760
YEAR_SECONDS = YEAR_HOURS * 3_600
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class BasisPlan:
    """A levered basis: borrow the numeraire, buy the asset with it, sell the perpetual of it.

    All amounts are in the numeraire.  `funding` is what the perpetual receives and `interest` what the loan costs, both
    a year at today's rates; `apr` is their difference as a share of one's own funds.  `fees` and `slippage` are what
    entering costs, slippage being what was paid for the asset above what it was sold for; a negative one is a gain.
    `break_even_days` counts on leaving at the same fees and slippage; None when the carry pays nothing.  `resilience`
    is how many design shocks the account survives afterwards.
    """

    asset: str
    size: Decimal
    own: Decimal
    borrowed: Decimal
    rate: Decimal
    funding: Decimal
    interest: Decimal
    apr: Decimal
    fees: Decimal
    slippage: Decimal
    break_even_days: Decimal | None
    resilience: Decimal | None
    preview: reads.Preview
    bundle: SignedBundle

    @property
    def cost(self) -> Decimal:
        """What entering costs."""
        return self.fees + self.slippage


async def plan_levered_basis(
    client: AsyncClient, asset: str, own: Number, borrow: Number, *, slippage: Number = "0.005",
    rate_cap: Number | None = None, tenor_hours: int = 240,
) -> BasisPlan:  # fmt: skip
    """Return a levered basis in an asset, previewed and signed, with `own` funds and as many borrowed.

    Each leg fills whole or nothing happens: prices at most `slippage` (a share) from the best, the loan at most at
    `rate_cap` (percent a year; without one, half above the best).  Raises RejectedError, with the receipt of the
    preview, when the exchange would not allow it, and ClientError when a book that it needs is not there or empty.
    """
    markets, parameters, venue = await asyncio.gather(client.get_markets(), client.get_parameters(), client.get_venue())
    spot, perp = _find(markets, "spot", asset), _find(markets, "perp", asset)
    loan = _find(markets, "loan", venue.numeraire, tenor_hours)
    if spot.ask is None or perp.bid is None or loan.ask is None:
        raise ClientError(f"nobody sells {asset}, buys {perp.symbol} or lends {venue.numeraire} now")
    own, borrow, slip = Decimal(own), _floor(Decimal(borrow), Decimal(loan.lot)), Decimal(slippage)
    ask, bid = Decimal(spot.ask.price), Decimal(perp.bid.price)
    fees = Decimal(spot.taker_ppm + perp.taker_ppm) / MILLION
    limit = _round(ask * (1 + slip), spot.tick, ROUND_CEILING)
    lot = max(Decimal(spot.lot), Decimal(perp.lot))
    size = _floor((own + borrow) / (limit * (1 + fees)), lot)
    if size <= 0:
        raise ClientError(f"{own + borrow} does not buy {lot} {asset}")
    best = Decimal(loan.ask.price.rstrip("%"))
    cap = Decimal(rate_cap) if rate_cap is not None else _round(best * Decimal("1.5"), "0.01", ROUND_CEILING)
    legs = Legs()
    if borrow:
        legs.borrow(loan.symbol, borrow, f"{cap}%", time_in_force="fok")
    legs.buy(spot.symbol, size, limit, time_in_force="fok")
    legs.sell(perp.symbol, size, _round(bid * (1 - slip), perp.tick, ROUND_FLOOR), time_in_force="fok")
    bundle = await client.sign(legs)
    preview = await client.preview_signed(bundle)
    if not preview.receipt.accepted:
        raise RejectedError(preview.receipt)
    period = Decimal(parameters.venue["funding_period_seconds"])
    return _weigh(asset, size, own, borrow, perp, spot.symbol, YEAR_SECONDS / period, preview, bundle)


def _weigh(
    asset: str, size: Decimal, own: Decimal, borrowed: Decimal, perp: reads.Market, spot: str,
    periods_a_year: Decimal, preview: reads.Preview, bundle: SignedBundle,
) -> BasisPlan:  # fmt: skip
    """Return what a preview says about a levered basis."""
    paid = received = fees = owed = Decimal(0)
    for event in preview.receipt.events:
        if event["event"] == "TRADED" and event["market"] in (spot, perp.symbol):
            fees += Decimal(event["taker_fee"])
            amount = Decimal(event["size"]) * Decimal(event["price"])
            if event["market"] == spot:
                paid += amount
            else:
                received += amount
        elif event["event"] == "LOAN_OPENED":
            owed += Decimal(event["principal"]) * Decimal(event["rate"].rstrip("%")) / 100
    mark, share = Decimal(perp.mark or 0), Decimal(perp.funding_rate or 0)
    funding = share * periods_a_year * size * mark
    carry, slippage = funding - owed, paid - received
    both_ways = 2 * (fees + slippage)
    resilience = preview.after.resilience
    return BasisPlan(
        asset=asset, size=size, own=own, borrowed=borrowed,
        rate=owed / borrowed if borrowed else Decimal(0), funding=funding, interest=owed, apr=carry / own,
        fees=fees, slippage=slippage,
        break_even_days=max(both_ways, Decimal(0)) / carry * 365 if carry > 0 else None,
        resilience=None if resilience is None else Decimal(resilience), preview=preview, bundle=bundle,
    )  # fmt: skip


def _find(markets: list[reads.Market], kind: str, asset: str, tenor_hours: int | None = None) -> reads.Market:
    for market in markets:
        if (market.kind, market.asset) == (kind, asset) and (tenor_hours is None or market.tenor_hours == tenor_hours):
            return market
    raise ClientError(f"there is no {kind} market of {asset}")


def _floor(value: Decimal, step: Decimal) -> Decimal:
    return value // step * step


def _round(value: Decimal, step: str, how: str) -> Decimal:
    tick = Decimal(step.rstrip("%"))
    return (value / tick).to_integral_value(how) * tick
