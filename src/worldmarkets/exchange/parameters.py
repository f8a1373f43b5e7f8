"""Changes of parameters, by the names and in the units of the genesis.

exchange.propose("ETH", price_shock_ppm=150_000, depth="8_000_000")
for change in exchange.changes: print(change)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from worldmarkets.core import codes, guards
from worldmarkets.core.records import ContractChange, ListAsset, ListMarket, ProposeChange, Record, Switch
from worldmarkets.core.units import HOUR
from worldmarkets.exchange import genesis as source
from worldmarkets.exchange.commands import make
from worldmarkets.exchange.errors import UnitError, UnknownName
from worldmarkets.exchange.listing import Asset, Market
from worldmarkets.exchange.units import Amount, from_time, from_units, to_units

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange

MODES = {"cancel_only": codes.CANCEL_ONLY, "post_only": codes.POST_ONLY_MODE, "open": codes.OPEN}
ROLES = {"administrator": codes.ADMINISTRATOR, "guardian": codes.GUARDIAN}
_STATES = {codes.CHANGE_WAITING: "waiting", codes.CHANGE_RAMPING: "ramping", codes.CHANGE_WORKING: "working"}
_SLOTS = "abcde"
GENESIS_NAMES = {
    "minimum_lots": "minimum",
    "firm_lots": "firm",
    "parameter_delay_us": "parameter_delay_hours",
    "renewal_window_us": "renewal_window_hours",
}  # where the genesis says it otherwise
_HOURS = ("parameter_delay_us", "renewal_window_us")
_CASH = ("depth", "holding_cap", "fee_cap", "fees")
_OF_ASSET = ("collateral_cap", "minimum_principal")
_OF_LOTS = ("open_interest_cap", "minimum_lots", "firm_lots")

Value = int | Decimal


@dataclass(frozen=True, slots=True)
class Change:
    """A change under way.  `fields` has what each field was and what it will be; `when` is its next step.

    `about` names the asset, market or tier ("tier 2"), or is "venue"; a listing names what it lists.
    """

    id: int
    about: str
    kind: str
    state: str
    when: datetime
    step: int
    steps: int
    proposed_by: str
    fields: Mapping[str, tuple[Value, Value]]


def get_role(role: str) -> int:
    """Return the number of a role.  Raises UnknownName."""
    if role not in ROLES:
        raise UnknownName(f"there is no role {role}; there is {', '.join(ROLES)}")
    return ROLES[role]


def make_proposal(exchange: Exchange, about: str | None, values: Mapping[str, Amount], role: str) -> Record:
    """Return the command that proposes new values of one guard; fields not named stay.  Raises UnknownName."""
    scope, subject, listed = find_subject(exchange, about)
    guard = find_guard(scope, values)
    numbers = list(exchange.engine.parameters.get_values(guard.number, subject))
    if guard.number == codes.ASSET_RISK and "holding_cap" not in values:
        most = guards.compute_most_cap(numbers[0], numbers[2], numbers[3], numbers[4])
        if numbers[1] == most:
            numbers[1] = 0  # the highest there is, as before
    for slot, field in enumerate(guard.fields):
        name = "" if field is None else GENESIS_NAMES.get(field.name, field.name)
        if field is not None and name in values:
            numbers[slot] = to_number(exchange, listed, field.name, values[name])
    body = dict(zip(_SLOTS, numbers, strict=True))
    return make(
        ProposeChange, kind=codes.PROPOSE_CHANGE, flags=get_role(role), guard=guard.number, subject=subject, **body
    )


def make_end(exchange: Exchange, market: str, role: str) -> Record:
    """Return the command that proposes the end of a market."""
    number = exchange.listing.market(market).number
    return make(ProposeChange, kind=codes.PROPOSE_CHANGE, flags=get_role(role), guard=codes.MARKET_END, subject=number)


def make_mode(exchange: Exchange, mode: str, market: str | None, role: str) -> Record:
    """Return the command that sets the mode of a market, or of the venue.  Raises UnknownName."""
    if mode not in MODES:
        raise UnknownName(f"there is no mode {mode}; there is {', '.join(MODES)}")
    number = 0 if market is None else exchange.listing.market(market).number
    return make(Switch, kind=codes.SET_MARKET_MODE, market=number, value=MODES[mode], flags=get_role(role))


def make_halt(exchange: Exchange, asset: str, halted: bool, role: str) -> Record:
    """Return the command that halts the feed of an asset, or lets it run again.  Raises UnknownName."""
    value = codes.FEED_HALTED if halted else codes.FEED_VALID
    number = exchange.listing.asset(asset).number
    return make(Switch, kind=codes.SET_FEED, asset=number, value=value, flags=get_role(role))


def make_cancel(change: int, role: str) -> Record:
    """Return the command that calls a change off."""
    return make(ContractChange, kind=codes.CANCEL_CHANGE, flags=get_role(role), contract_id=change)


def make_listed_asset(exchange: Exchange, asset: source.Asset) -> Record:
    """Return the command that lists an asset.  Raises UnitError, UnknownName."""
    cash = exchange.listing.numeraire.decimals
    own = exchange.listing.numeraire.number
    row = next((a.number for a in exchange.listing.assets if a.number != own and a.group == asset.group), 0)
    minimum = to_units(asset.minimum_principal or "0", asset.decimals, "minimum_principal") or 1
    digits = len(str(minimum)) - 1
    if minimum != 10**digits:
        raise UnitError("minimum_principal: a listed asset takes a power of ten")
    return make(
        ListAsset, kind=codes.LIST_ASSET, flags=codes.ADMINISTRATOR, decimals=asset.decimals,
        group=exchange.read_row("assets", row).group if row else 0,
        price_shock_ppm=asset.price_shock_ppm, slippage_ppm=asset.slippage_ppm, basis_ppm=asset.basis_ppm,
        depth=to_units(asset.depth or "0", cash, "depth"),
        holding_cap=to_units(asset.holding_cap or "0", cash, "holding_cap"),
        collateral_cap=to_units(asset.collateral_cap or "0", asset.decimals, "collateral_cap"), minimum_digits=digits,
    )  # fmt: skip


def make_listed_market(exchange: Exchange, market: source.Market, fees_like: str | None) -> Record:
    """Return the command that lists a market with the fees of another.  Raises GenesisError, UnknownName."""
    asset = exchange.listing.asset(market.asset)
    cash = exchange.listing.numeraire.decimals
    lot = asset.to_quanta(market.lot, "lot")
    is_priced = market.kind in source.PRICED
    return make(
        ListMarket, kind=codes.LIST_MARKET, flags=codes.ADMINISTRATOR, market_kind=source.KINDS[market.kind],
        asset=asset.number, lot_quanta=lot, tick_value=source.compute_tick_value(market, cash) if is_priced else 1,
        minimum_lots=to_lots(asset, lot, "minimum", market.minimum or "0") or 1,
        open_interest_cap=to_lots(asset, lot, "open_interest_cap", market.open_interest_cap or "0"),
        tenor_hours=market.tenor_hours,
        fees_like=0 if fees_like is None else exchange.listing.market(fees_like).number,
    )  # fmt: skip


def find_subject(exchange: Exchange, about: str | None) -> tuple[int, int, Asset | Market | None]:
    """Return the scope, the number and the listing of what a proposal is about.  Raises UnknownName.

    The venue is None; tiers of fees are "tier 1" and so on, and have no listing.
    """
    if about is None:
        return guards.SCOPE_VENUE, 0, None
    if about.startswith("tier ") and about[5:].isdecimal():
        return guards.SCOPE_TIER, int(about[5:]), None
    if about in (asset.symbol for asset in exchange.listing.assets):
        asset = exchange.listing.asset(about)
        return guards.SCOPE_ASSET, asset.number, asset
    market = exchange.listing.market(about)
    return guards.SCOPE_MARKET, market.number, market


def find_guard(scope: int, values: Mapping[str, Any]) -> guards.Guard:
    """Return the guard of a scope that holds every field named.  Raises UnknownName when there is none."""
    sets = []
    for guard in guards.GUARDS:
        names = [GENESIS_NAMES.get(field.name, field.name) for field in guard.fields if field is not None]
        if guard.scope == scope and names:
            sets.append(" ".join(names))
            if values and all(name in names for name in values):
                return guard
    raise UnknownName(f"{', '.join(values) or 'nothing'}: these do not change together; what does: {'; '.join(sets)}")


def to_number(exchange: Exchange, listed: Asset | Market | None, name: str, value: Amount) -> int:
    """Return a value of the genesis as the core counts it.  Raises UnitError."""
    if name in _CASH:
        return exchange.listing.numeraire.to_quanta(value, name)
    if name in _OF_ASSET and isinstance(listed, Asset):
        return listed.to_quanta(value, name)
    if name in _OF_LOTS and isinstance(listed, Market):
        return to_lots(listed.asset, listed.lot_quanta, name, value)
    number = to_units(value, 0, name)
    return number * HOUR if name in _HOURS else number


def to_lots(asset: Asset, lot_quanta: int, name: str, value: Amount) -> int:
    """Return an amount of an asset in lots, exactly.  Raises UnitError."""
    lots, rest = divmod(asset.to_quanta(value, name), lot_quanta)
    if rest:
        raise UnitError(f"{name} {value} is not a whole number of lots")
    return lots


def from_number(exchange: Exchange, listed: Asset | Market | None, name: str, number: int) -> Value:
    """Return a value of the core as the genesis says it."""
    if name in _CASH:
        return exchange.listing.numeraire.from_quanta(number)
    if name in _OF_ASSET and isinstance(listed, Asset):
        return listed.from_quanta(number)
    if name in _OF_LOTS and isinstance(listed, Market):
        return listed.from_lots(number)
    return from_units(number * 100 // HOUR, 2).normalize() if name in _HOURS else number


def read_changes(exchange: Exchange, names: Mapping[int, str]) -> list[Change]:
    """Return every change under way, in the order they were proposed."""
    table = exchange.engine.state.changes
    rows = [exchange.read_row("changes", row) for row in range(1, table.last_row() + 1)]
    return [read_change(exchange, row, names) for row in sorted((r for r in rows if r.state), key=lambda r: r.id)]


def read_change(exchange: Exchange, row: Any, names: Mapping[int, str]) -> Change:
    """Return one change by its row."""
    guard = guards.find_guard(row.guard)
    listed: Asset | Market | None = None
    about = "venue"
    fields: dict[str, tuple[Value, Value]] = {}
    kind = "new asset" if row.guard == codes.NEW_ASSET else "new market"
    if guard is None:
        about = names.get(row.id, "?")
    else:
        kind = guard.name
        if guard.scope == guards.SCOPE_TIER:
            about = f"tier {row.subject}"
        elif guard.scope != guards.SCOPE_VENUE:
            find = exchange.listing.asset if guard.scope == guards.SCOPE_ASSET else exchange.listing.market
            listed = find(row.subject)
            about = listed.symbol
        for slot, field in zip(_SLOTS, guard.fields, strict=True):
            old, new = getattr(row, f"from_{slot}"), getattr(row, slot)
            if field is not None and old != new:
                name = GENESIS_NAMES.get(field.name, field.name)
                fields[name] = (
                    from_number(exchange, listed, field.name, old), from_number(exchange, listed, field.name, new),
                )  # fmt: skip
    role = next(name for name, number in ROLES.items() if number == row.role)
    return Change(row.id, about, kind, _STATES[row.state], from_time(row.next_us), row.step, row.steps, role, fields)
