"""The levered basis: what the plan says is what sending it does."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.client.shop import Shop, play
from tests.node.venue import TAKER
from worldmarkets.client import ClientError, RejectedError


async def make_books(shop: Shop) -> None:
    async with shop.client() as maker:
        await maker.send(
            maker.bundle()
            .sell("ETH/USDM", "10", "2000")
            .buy("ETH-PERP", "10", "2000")
            .lend("USDM-LOAN-10D", "50000", "5.5%")
        )


def test_the_worked_case_is_planned_and_entered(tmp_path: Path) -> None:
    """100,000 of one's own are there, and of them 100: borrow 900, buy 1,000 of ETH, sell 1,000 of the perpetual.

    A lot of ETH is 0.0001; with both fees (10 bp each) and 0.5 % for slippage 1,000 buys 0.4965 ETH at 2,000: 993.
    Fees are a thousandth of 993 twice: 1.986.  Interest is 5.5 % of 900 a year: 49.5; of one's own 100, 49.5 %.
    """

    async def story(shop: Shop) -> None:
        await make_books(shop)
        async with shop.client(signer=TAKER) as trader:
            plan = await trader.plan_levered_basis("ETH", 100, 900)
            market = await trader.get_market("ETH/USDM")
            size = Decimal(1_000) / (Decimal(2_010) * (1 + Decimal(2 * market.taker_ppm) / 1_000_000))
            assert plan.size == size // Decimal(market.lot) * Decimal(market.lot)
            assert plan.fees == pytest.approx(plan.size * 2_000 * 2 * Decimal(market.taker_ppm) / 1_000_000)
            assert (plan.slippage, plan.cost) == (0, plan.fees)
            assert (plan.borrowed, plan.rate, plan.interest) == (900, Decimal("0.055"), Decimal("49.5"))
            assert plan.funding == 0 and plan.apr == Decimal("-0.495") and plan.break_even_days is None
            assert plan.resilience is not None and plan.resilience > 1
            receipt = await trader.send_signed(plan.bundle)
            assert receipt.accepted
            account = await trader.get_account()
            assert account.standing == plan.preview.after
            held = {one.asset: one for one in account.balances}
            assert Decimal(held["ETH"].balance) - 500 == plan.size == -Decimal(held["ETH"].perp)
            assert held["USDM"].borrowed == "900"

    play(tmp_path, story)


def test_what_cannot_be_entered_is_said(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        async with shop.client(signer=TAKER) as trader:
            with pytest.raises(ClientError, match="nobody sells"):
                await trader.plan_levered_basis("ETH", 100, 900)
            with pytest.raises(ClientError, match="no perp market of USDT"):
                await trader.plan_levered_basis("USDT", 100, 900)
            await make_books(shop)
            with pytest.raises(RejectedError) as rejected:  # the books are not that deep
                await trader.plan_levered_basis("ETH", 10_000, 40_000)
            assert rejected.value.code == "FILL_OR_KILL_UNFILLED" and rejected.value.leg
            with pytest.raises(ClientError, match="does not buy"):
                await trader.plan_levered_basis("ETH", "0.001", 0)

    play(tmp_path, story)


def test_the_carry_is_funding_less_interest() -> None:
    """By hand: 0.01 % a period of 8 h is 10.95 % a year of 2,000: 219, less 5.5 % of 900, 49.5, on 200 of one's own."""
    import msgspec

    from worldmarkets.client.strategies import _weigh
    from worldmarkets.schemas import reads
    from worldmarkets.schemas.answers import Receipt

    standing = reads.Standing(
        nav="1", available_margin="1", v_unwind="1", v_auction="1", resilience="1.5", state="free"
    )
    receipt = Receipt(
        sequence=1, time=1, code="OK", events=[
            {"event": "LOAN_OPENED", "principal": "900", "rate": "5.5%"},
            {"event": "TRADED", "market": "ETH/USDM", "size": "1", "price": "2001", "taker_fee": "2"},
            {"event": "TRADED", "market": "ETH-PERP", "size": "1", "price": "1999", "taker_fee": "1"},
            {"event": "TRADED", "market": "USDM-LOAN-10D", "size": "900", "price": "5.5%", "taker_fee": "0"},
        ],
    )  # fmt: skip
    perp = msgspec.convert(
        {
            "symbol": "ETH-PERP", "kind": "perp", "asset": "ETH", "mode": "open", "lot": "0.001", "tick": "0.1",
            "minimum": "0.01", "maker_ppm": 1, "taker_ppm": 1, "bid": None, "ask": None, "mark": "2000",
            "funding_rate": "0.0001",
        },
        reads.Market,
    )  # fmt: skip
    preview = reads.Preview(receipt=receipt, before=standing, after=standing)
    plan = _weigh("ETH", Decimal(1), Decimal(200), Decimal(900), perp, "ETH/USDM", Decimal(1_095), preview, None)  # type: ignore[arg-type]
    assert (plan.funding, plan.interest, plan.apr) == (219, Decimal("49.5"), Decimal("0.8475"))
    assert (plan.fees, plan.slippage, plan.cost) == (3, 2, 5)
    assert plan.break_even_days == pytest.approx(Decimal(10) / Decimal("169.5") * 365)  # there and back
