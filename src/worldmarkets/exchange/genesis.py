"""What a venue consists of, read from TOML: its parameters, assets and markets, in the units of people.

The core numbers assets and markets from 1 in the order of the file, and knows no names.  The first asset is the
numeraire.  Source: docs/spec/assets.md, docs/spec/units.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from os import PathLike
from typing import Literal

import msgspec

from worldmarkets.core import codes
from worldmarkets.core.engine import Engine
from worldmarkets.core.units import HOUR, MAX_VISITS, SECOND
from worldmarkets.exchange.addresses import get_address, is_address
from worldmarkets.exchange.errors import GenesisError, UnitError
from worldmarkets.exchange.units import from_units, parse, to_time, to_units

KINDS = {"spot": codes.SPOT, "perp": codes.PERP, "loan": codes.LOAN, "backstop": codes.BACKSTOP}
PRICED = ("spot", "perp")  # markets with prices in the numeraire


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; a field that it does not know is an error."""


class Venue(_Part, frozen=True):
    """Parameters of the whole venue."""

    opens: datetime
    initial_ppm: int = 1_000_000
    unwind_ppm: int = 600_000
    auction_ppm: int = 300_000
    lent_haircut_ppm: int = 20_000
    open_order_multiple: int = 5
    iou_penalty_bp: int = 500
    fund_price_ppm: int = 50_000
    fund_limit_ppm: int = 200_000
    max_fills: int = 1_024
    funding_period_seconds: int = 28_800
    funding_cutoff_seconds: int = 1_800
    funding_step_ppb: int = 50_000
    funding_cap_ppb: int = 3_000_000
    crowding_ppm: int = 800_000
    sweep_visits: int = MAX_VISITS
    parameter_delay_hours: int = 48
    renewal_window_hours: int = 6
    renewal_fee_ppm: int = 10_000
    has_ladder: bool = False
    unwind_clock_seconds: int = 600
    auction_clock_seconds: int = 300
    slice_ppm: int = 100_000
    maker_ppm: int = 500
    taker_ppm: int = 1_000
    fee_cap: str = "10"
    requires_signatures: bool = False
    administrators: list[str] = []
    guardians: list[str] = []


class Tier(_Part, frozen=True):
    """From which fees paid in thirty days on, in the numeraire, how much more is cut off the fees."""

    fees: str
    maker_cut_ppm: int = 0
    taker_cut_ppm: int = 0


class Asset(_Part, frozen=True):
    """A token.  Depth and holding cap are in the numeraire; the collateral cap and the minimum in the token."""

    symbol: str
    decimals: int
    group: str = ""
    price_shock_ppm: int = 0
    slippage_ppm: int = 0
    basis_ppm: int = 0
    depth: str | None = None
    holding_cap: str | None = None
    collateral_cap: str | None = None
    minimum_principal: str | None = None


class Market(_Part, frozen=True):
    """A book.  Sizes are in the token; fees left out are the venue's, and zero in a loan or backstop book."""

    symbol: str
    kind: Literal["spot", "perp", "loan", "backstop"]
    asset: str
    lot: str
    tick: str | None = None
    minimum: str | None = None
    tenor_hours: int = 0
    maker_ppm: int | None = None
    taker_ppm: int | None = None
    fee_cap: str | None = None
    open_interest_cap: str | None = None
    firm: str | None = None
    band_ppm: int = 0


class Genesis(_Part, frozen=True):
    """A whole venue before anybody came."""

    venue: Venue
    assets: list[Asset]
    markets: list[Market] = []
    tiers: list[Tier] = []


def load_genesis(path: str | PathLike[str] | None = None) -> Genesis:
    """Return the genesis of a TOML file, or the packaged one.  Raises GenesisError, OSError."""
    if path is None:
        text = files("worldmarkets.exchange").joinpath("genesis.toml").read_text(encoding="utf-8")
    else:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    return parse_genesis(text)


def parse_genesis(text: str) -> Genesis:
    """Return the genesis written in a TOML text.  Raises GenesisError."""
    try:
        genesis = msgspec.convert(tomllib.loads(text), Genesis)
    except tomllib.TOMLDecodeError as error:
        raise GenesisError(f"not TOML: {error}") from None
    except msgspec.ValidationError as error:
        message = str(error).replace("`$.", "`")
        raise GenesisError(message) from None
    if not genesis.assets:
        raise GenesisError("assets: the first one, the numeraire, is missing")
    _check_symbols("asset", [asset.symbol for asset in genesis.assets])
    _check_symbols("market", [market.symbol for market in genesis.markets])
    return genesis


def _check_symbols(what: str, symbols: list[str]) -> None:
    for symbol in symbols:
        if symbols.count(symbol) > 1:
            raise GenesisError(f"{what} {symbol}: named twice")


def open_engine(
    genesis: Genesis, capacity: Mapping[str, int] | None = None, *, inbox: int = 1 << 16, outbox: int = 1 << 20
) -> Engine:
    """Return an engine with the venue of a genesis, open and empty.

    `capacity` bounds rows by table; `inbox` and `outbox` count the commands and events of one batch.
    Raises GenesisError naming the asset or market and the field.
    """
    engine = Engine(capacity, inbox, outbox)
    engine.state.open()
    venue = genesis.venue
    with _Field("venue"):
        engine.governance.open_venue(
            to_time(venue.opens),
            rungs_ppm=(venue.initial_ppm, venue.unwind_ppm, venue.auction_ppm),
            lent_haircut_ppm=venue.lent_haircut_ppm,
            open_order_multiple=venue.open_order_multiple,
            iou_penalty_bp=venue.iou_penalty_bp,
            fund_price_ppm=venue.fund_price_ppm,
            fund_limit_ppm=venue.fund_limit_ppm,
            max_fills=venue.max_fills,
            funding_period_us=venue.funding_period_seconds * SECOND,
            funding_cutoff_us=venue.funding_cutoff_seconds * SECOND,
            funding_step_ppb=venue.funding_step_ppb,
            funding_cap_ppb=venue.funding_cap_ppb,
            crowding_ppm=venue.crowding_ppm,
            tiers=[
                (_units("fees", tier.fees, genesis.assets[0].decimals), tier.maker_cut_ppm, tier.taker_cut_ppm)
                for tier in genesis.tiers
            ],
            sweep_visits=venue.sweep_visits,
            parameter_delay_us=venue.parameter_delay_hours * HOUR,
            requires_signatures=venue.requires_signatures,
            renewal_window_us=venue.renewal_window_hours * HOUR,
            renewal_fee_ppm=venue.renewal_fee_ppm,
            has_ladder=venue.has_ladder,
            unwind_clock_us=venue.unwind_clock_seconds * SECOND,
            auction_clock_us=venue.auction_clock_seconds * SECOND,
            slice_ppm=venue.slice_ppm,
        )
        for role, names in ((codes.ADMINISTRATOR, venue.administrators), (codes.GUARDIAN, venue.guardians)):
            for name in names:
                if not is_address(name):
                    raise GenesisError(f"{name} is not an address")
                engine.governance.add_role(get_address(name), role)
    _add_assets(engine, genesis)
    for market in genesis.markets:
        with _Field(f"market {market.symbol}"):
            _add_market(engine, genesis, market)
    return engine


def _add_assets(engine: Engine, genesis: Genesis) -> None:
    cash = genesis.assets[0].decimals
    groups: dict[str, int] = {}
    for number, asset in enumerate(genesis.assets, 1):
        with _Field(f"asset {asset.symbol}"):
            if number == 1 and asset.group:
                raise GenesisError("group: the numeraire is in none")
            name = asset.group if number > 1 else ""
            if number > 1 and not name:
                raise GenesisError("group: missing")
            if name not in groups:
                groups[name] = engine.governance.add_group()
            engine.governance.add_asset(
                asset.decimals,
                groups[name],
                asset.price_shock_ppm,
                asset.slippage_ppm,
                asset.basis_ppm,
                depth=_units("depth", asset.depth, cash),
                holding_cap=_units("holding_cap", asset.holding_cap, cash),
                collateral_cap=_units("collateral_cap", asset.collateral_cap, asset.decimals),
                minimum_principal=_units("minimum_principal", asset.minimum_principal, asset.decimals) or 1,
            )


def _add_market(engine: Engine, genesis: Genesis, market: Market) -> None:
    number = next((n for n, asset in enumerate(genesis.assets, 1) if asset.symbol == market.asset), 0)
    if not number:
        raise GenesisError(f"asset: there is no {market.asset}")
    is_priced = market.kind in PRICED
    venue, cash, decimals = genesis.venue, genesis.assets[0].decimals, genesis.assets[number - 1].decimals
    lot_quanta = _units("lot", market.lot, decimals)
    if not lot_quanta:
        raise GenesisError("lot: must be above zero")
    maker, taker = (venue.maker_ppm, venue.taker_ppm) if is_priced else (0, 0)
    engine.governance.add_market(
        KINDS[market.kind],
        number,
        lot_quanta,
        tick_value=compute_tick_value(market, cash) if is_priced else 1,
        minimum_lots=_lots("minimum", market.minimum, decimals, lot_quanta) or 1,
        maker_ppm=maker if market.maker_ppm is None else market.maker_ppm,
        taker_ppm=taker if market.taker_ppm is None else market.taker_ppm,
        fee_cap=_units("fee_cap", market.fee_cap or venue.fee_cap, cash),
        tenor_hours=market.tenor_hours,
        open_interest_cap=_lots("open_interest_cap", market.open_interest_cap, decimals, lot_quanta),
        band_ppm=market.band_ppm,
        firm_lots=_lots("firm", market.firm, decimals, lot_quanta),
    )


def compute_tick_value(market: Market, cash_decimals: int) -> int:
    """Return what one tick is worth per lot, in numeraire quanta.  Raises GenesisError when that is not whole."""
    if market.tick is None:
        raise GenesisError("tick: missing")
    places = _places(market.tick) + _places(market.lot)
    product = _units("tick", market.tick, _places(market.tick)) * _units("lot", market.lot, _places(market.lot))
    value, rest = divmod(product * 10**cash_decimals, 10**places)
    if rest or value <= 0:
        least = from_units(product, places)
        raise GenesisError(f"tick: tick x lot = {least:f} is not a whole number of numeraire quanta")
    return value


def _places(text: str) -> int:
    return -int(min(parse(text).as_tuple().exponent, 0))


def _units(field: str, text: str | None, decimals: int) -> int:
    """Return a decimal string of the file in quanta; 0 when it was left out.  Raises GenesisError."""
    if text is None:
        return 0
    try:
        units = to_units(text, decimals, field)
    except UnitError as error:
        raise GenesisError(str(error)) from None
    if units < 0:
        raise GenesisError(f"{field} {text} is below zero")
    return units


def _lots(field: str, text: str | None, decimals: int, lot_quanta: int) -> int:
    lots, rest = divmod(_units(field, text, decimals), lot_quanta)
    if rest:
        raise GenesisError(f"{field} {text} is not a whole number of lots")
    return lots


class _Field:
    """Says where in the genesis an error arose."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError | OverflowError):
            raise GenesisError(f"{self.where}: {error}") from None
