"""The packaged genesis, and what is wrong with others."""

from pathlib import Path

import pytest

from tests.exchange.venues import WORKED
from worldmarkets import Exchange
from worldmarkets.exchange import GenesisError, UnknownName, load_genesis, open_engine, parse_genesis


def test_the_packaged_genesis_is_that_of_the_specification() -> None:
    genesis = load_genesis()
    rows = [
        (a.symbol, a.decimals, a.group, a.price_shock_ppm, a.slippage_ppm, a.basis_ppm, a.depth) for a in genesis.assets
    ]
    assert rows == [
        ("USDM", 6, "", 0, 0, 0, None),
        ("BTC", 8, "BTC", 100_000, 3_000, 0, "20000000"),
        ("ETH", 8, "ETH", 120_000, 4_000, 5_000, "10000000"),
        ("stETH", 8, "ETH", 120_000, 8_000, 15_000, "2000000"),
        ("SOL", 8, "SOL", 180_000, 8_000, 0, "3000000"),
        ("MEGA", 8, "MEGA", 400_000, 30_000, 0, "250000"),
        ("USDC", 6, "USD", 20_000, 1_000, 2_000, "10000000"),
        ("USDT", 6, "USD", 25_000, 1_000, 2_000, "10000000"),
    ]
    assert (genesis.venue.initial_ppm, genesis.venue.unwind_ppm, genesis.venue.auction_ppm) == (10**6, 600_000, 300_000)
    assert (genesis.venue.maker_ppm, genesis.venue.taker_ppm, genesis.venue.fee_cap) == (500, 1_000, "10")


def test_open_interest_is_capped_at_twenty_times_the_depth() -> None:
    genesis = load_genesis()
    depths = {asset.symbol: int(asset.depth) for asset in genesis.assets if asset.depth}
    prices = {"BTC": 60_000, "ETH": 3_000, "SOL": 150, "MEGA": 0.4}
    for market in genesis.markets:
        if market.open_interest_cap:
            assert float(market.open_interest_cap) == int(20 * depths[market.asset] / prices[market.asset])


@pytest.mark.both
def test_it_opens_a_venue() -> None:
    exchange = Exchange()
    assert [market.symbol for market in exchange.markets][:3] == ["BTC/USDM", "ETH/USDM", "stETH/USDM"]
    assert exchange.listing.loan_market("USDM").symbol == "USDM-LOAN-10D"
    assert exchange.listing.loan_market("USDM", "30D").tenor_hours == 720
    assert {market.mode for market in exchange.markets} == {"open"}
    assert exchange.audit() == []


def test_a_file_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "genesis.toml"
    path.write_text(WORKED.format(basis=0))
    assert [asset.symbol for asset in Exchange.open(path).listing.assets] == ["USDM", "ETH", "stETH", "BTC"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("maker_ppm = 0", "maker_pmm = 0", "unknown field `maker_pmm` - at `venue`"),
        ("decimals = 6", 'decimals = "6"', r"at `assets\[0\].decimals`"),
        ("opens = 2025-01-01T00:00:00Z", "", "required field `opens`"),
        ("opens = 2025-01-01T00:00:00Z", "opens = 2025-01-01T00:00:00", "venue: .*no time zone"),
        (
            "opens = 2025-01-01T00:00:00Z",
            "unwind_ppm = 1_500_000\nopens = 2025-01-01T00:00:00Z",
            "venue: rungs must fall",
        ),
        ('lot = "1"', 'lot = "0"', "market USDM-LOAN-10D: lot"),
        ('lot = "1"', 'lot = "-1"', "market USDM-LOAN-10D: lot -1 is below zero"),
        ('lot = "1"', "lot = 1.0", "Expected `str`, got `float`"),
        ('lot = "1"', 'lot = "0.0000001"', "market USDM-LOAN-10D: lot 0.0000001 has more than 6 decimals"),
        ("tenor_hours = 240", "tenor_hours = 9000", "market USDM-LOAN-10D: a loan book needs a tenor"),
        ('tick = "0.1"', 'tick = "0.01"', "market BTC-PERP: tick: tick x lot = 0.0000001 is not a whole number"),
        ('tick = "0.1"', 'tick = "x"', "market BTC-PERP: .*'x' is not a decimal"),
        ('tick = "0.1"', "", "market BTC-PERP: tick: missing"),
        ('symbol = "BTC-PERP"', 'symbol = "ETH-PERP"', "market ETH-PERP: named twice"),
        ('asset = "BTC"', 'asset = "DOGE"', "market BTC-PERP: asset: there is no DOGE"),
        ('group = "BTC"', "", "asset BTC: group: missing"),
        ('symbol = "BTC"', 'symbol = "BTC"\ndepth = "x"', "asset BTC: .*'x' is not a decimal"),
        ("slippage_ppm = 5_000", "slippage_ppm = 500_000", "asset ETH: the slippage shock"),
        ("[venue]", "[venue", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, message: str) -> None:
    assert old in WORKED
    with pytest.raises(GenesisError, match=message):
        open_engine(parse_genesis(WORKED.format(basis=0).replace(old, new, 1)))


def test_a_venue_has_a_numeraire() -> None:
    with pytest.raises(GenesisError, match="numeraire"):
        parse_genesis("assets = []\n[venue]\nopens = 2025-01-01T00:00:00Z")


def test_names_that_are_not_listed_are_refused(exchange: Exchange) -> None:
    for ask in (
        lambda: exchange.market("ETHUSDM"),
        lambda: exchange.listing.asset("DOGE"),
        lambda: exchange.listing.asset(0),
        lambda: exchange.listing.loan_market("USDM", "3D"),
        lambda: exchange.listing.loan_market("DOGE"),
        lambda: exchange.get_account(99),
        lambda: exchange.table("nothing"),
        lambda: exchange.set_mode("closed"),
    ):
        with pytest.raises(UnknownName, match="there is no"):
            ask()
