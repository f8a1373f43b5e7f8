"""Venues that tests open."""

import msgspec

from worldmarkets import Exchange
from worldmarkets.exchange import Genesis, load_genesis, parse_genesis

SMALL = {
    "nodes": 4_096, "children": 1 << 18, "levels": 1 << 18, "orders": 4_096, "clients": 4_096, "owners": 256,
    "accounts": 256, "figures": 2_048, "positions": 2_048, "perps": 2_048, "loans": 2_048,
}  # fmt: skip

# The parameters of the worked cases: no fees, unlimited depth; stETH and ETH in one group, alone with a basis shock.
WORKED = """
[venue]
opens = 2025-01-01T00:00:00Z
maker_ppm = 0
taker_ppm = 0

[[assets]]
symbol = "USDM"
decimals = 6

[[assets]]
symbol = "ETH"
decimals = 8
group = "ETH"
price_shock_ppm = 100_000
slippage_ppm = 5_000
basis_ppm = {basis}

[[assets]]
symbol = "stETH"
decimals = 8
group = "ETH"
price_shock_ppm = 100_000
basis_ppm = {basis}

[[assets]]
symbol = "BTC"
decimals = 8
group = "BTC"
price_shock_ppm = 100_000

[[markets]]
symbol = "ETH/USDM"
kind = "spot"
asset = "ETH"
lot = "0.0001"
tick = "0.01"

[[markets]]
symbol = "ETH-PERP"
kind = "perp"
asset = "ETH"
lot = "0.0001"
tick = "0.01"

[[markets]]
symbol = "stETH-PERP"
kind = "perp"
asset = "stETH"
lot = "0.0001"
tick = "0.01"

[[markets]]
symbol = "BTC-PERP"
kind = "perp"
asset = "BTC"
lot = "0.00001"
tick = "0.1"

[[markets]]
symbol = "USDM-LOAN-10D"
kind = "loan"
asset = "USDM"
lot = "1"
tenor_hours = 240
"""


def without_ladder() -> Genesis:
    """The packaged genesis with nobody who acts on accounts in distress: for tests of what holds without that."""
    genesis = load_genesis()
    return msgspec.structs.replace(genesis, venue=msgspec.structs.replace(genesis.venue, has_ladder=False))


def open_worked(basis: int = 0, has_ladder: bool = False) -> Exchange:
    """A venue with the parameters of the worked cases, and their marks."""
    genesis = parse_genesis(WORKED.format(basis=basis))
    genesis = msgspec.structs.replace(genesis, venue=msgspec.structs.replace(genesis.venue, has_ladder=has_ladder))
    exchange = Exchange(genesis, capacity=SMALL)
    exchange.marks({"ETH": "2000", "stETH": "2000", "BTC": "50000"})
    maker = exchange.account("maker")
    maker.deposit("USDM", "10_000_000")
    maker.deposit("ETH", "1000")
    return exchange
