"""What is said of the venue: assets, markets, books, rates, marks, parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from worldmarkets.api.http.text import say, say_account, say_price, say_time
from worldmarkets.core import codes, guards
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.account import Account
from worldmarkets.exchange.listing import Asset, Market
from worldmarkets.exchange.market import FEEDS, MODES, Level, MarketView
from worldmarkets.exchange.parameters import GENESIS_NAMES, from_number
from worldmarkets.exchange.units import MARK_DECIMALS, from_units
from worldmarkets.node.node import Node
from worldmarkets.schemas import reads


def read_venue(node: Node, version: str) -> reads.Venue:
    """Return which venue this is."""
    exchange = node.exchange
    row = exchange.read_row("venue", 1)
    return reads.Venue(
        version=version, chain_id=node.domain.chain_id, genesis=node.domain.genesis, domain=node.domain.to_typed(),
        requires_signatures=bool(row.requires_signatures), numeraire=exchange.listing.numeraire.symbol,
        mode=MODES[row.mode], time=node.clock.now_us() // 1_000, sequence=row.sequence, block=node.journal.last,
        stream_port=node.config.stream_port,
    )  # fmt: skip


def read_assets(exchange: Exchange) -> list[reads.Asset]:
    """Return what is listed."""
    return [
        reads.Asset(
            symbol=asset.symbol, decimals=asset.decimals, group=asset.group, mark=mark.mark, feed=mark.feed
        )  # fmt: skip
        for asset, mark in zip(exchange.listing.assets, read_marks(exchange), strict=True)
    ]


def read_marks(exchange: Exchange) -> list[reads.Mark]:
    """Return the mark of every asset, the numeraire's among them, and the state of its feed."""
    return [_read_mark(exchange, asset) for asset in exchange.listing.assets]


def _read_mark(exchange: Exchange, asset: Asset) -> reads.Mark:
    row = exchange.read_row("assets", asset.number)
    return reads.Mark(
        asset=asset.symbol, mark=say(from_units(row.mark, MARK_DECIMALS)) if row.mark else None,
        feed=FEEDS[exchange.engine.get_feed(asset.number)], time=row.mark_time_us // 1_000,
        version=exchange.read_row("groups", row.group).version,
    )  # fmt: skip


# Markets.


def read_market(exchange: Exchange, listed: Market) -> reads.Market:
    """Return a market as it stands."""
    view = MarketView(exchange, listed)
    row = exchange.read_row("markets", listed.number)
    mark = exchange.read_row("assets", listed.asset.number).mark
    kind: dict[str, Any] = {}
    if listed.kind == "loan":
        kind["tenor_hours"] = listed.tenor_hours
    elif mark:
        low, high = view.band
        kind |= {"band_low": say(low), "band_high": say(high)}
    if listed.kind == "perp":
        kind |= {
            "open_interest": say(view.open_interest), "funding_rate": say(view.funding_rate),
            "next_funding": say_time(view.next_funding), "opening_margin": say(view.opening_margin),
            "open_interest_cap": say(listed.from_lots(row.open_interest_cap)) if row.open_interest_cap else None,
        }  # fmt: skip
    return reads.Market(
        symbol=listed.symbol, kind=listed.kind, asset=listed.asset.symbol, mode=view.mode, lot=say(listed.lot),
        tick=say_price(listed, listed.tick) or "", minimum=say(listed.from_lots(row.minimum_lots)),
        maker_ppm=row.maker_ppm, taker_ppm=row.taker_ppm, bid=_say_level(listed, view.bid),
        ask=_say_level(listed, view.ask), mark=say(from_units(mark, MARK_DECIMALS)) if mark else None, **kind,
    )  # fmt: skip


def read_book(exchange: Exchange, listed: Market, depth: int, account: Account | None) -> reads.Book:
    """Return a book's best levels; with an account, those that it could trade."""
    found = MarketView(exchange, listed).depth(depth, account)
    row = exchange.read_row("venue", 1)
    return reads.Book(
        market=listed.symbol, sequence=row.sequence, time=row.time_us // 1_000,
        bids=_say_levels(listed, found.bids), asks=_say_levels(listed, found.asks),
        account=None if account is None else say_account(account),
    )  # fmt: skip


def read_curve(exchange: Exchange, asset: str) -> reads.Curve:
    """Return the rates of an asset, a tenor each."""
    tenors = []
    for rate in exchange.loan_curve(asset):
        listed = exchange.listing.market(rate.market)
        tenors.append(
            reads.TenorRate(
                market=rate.market, tenor_hours=listed.tenor_hours, bid=_say_level(listed, rate.bid),
                ask=_say_level(listed, rate.ask),
            )
        )  # fmt: skip
    return reads.Curve(asset=asset, tenors=tenors)


def _say_levels(listed: Market, levels: Iterable[Level]) -> list[reads.Level]:
    return [reads.Level(price=say_price(listed, level.price) or "", size=say(level.size)) for level in levels]


def _say_level(listed: Market, level: Level | None) -> reads.Level | None:
    return None if level is None else _say_levels(listed, [level])[0]


# Parameters.


def read_parameters(exchange: Exchange) -> reads.Parameters:
    """Return every parameter in force, by the names and in the units of the genesis."""
    row, cash = exchange.read_row("venue", 1), exchange.listing.numeraire
    tiers = [exchange.read_row("tiers", number) for number in range(1, row.tiers + 1)]
    return reads.Parameters(
        venue=_read_scope(exchange, guards.SCOPE_VENUE, 0, None)
        | {
            "funding_period_seconds": row.funding_period_us // 1_000_000,
            "funding_cutoff_seconds": row.funding_cutoff_us // 1_000_000,
            "sweep_visits": row.sweep_visits,
        },
        assets={
            asset.symbol: _read_scope(exchange, guards.SCOPE_ASSET, asset.number, asset)
            for asset in exchange.listing.assets
        },
        markets={
            market.symbol: _read_scope(exchange, guards.SCOPE_MARKET, market.number, market)
            for market in exchange.listing.markets
        },
        tiers=[
            reads.Tier(
                fees=say(cash.from_quanta(tier.fees)), maker_cut_ppm=tier.maker_cut_ppm,
                taker_cut_ppm=tier.taker_cut_ppm,
            )
            for tier in tiers
        ],
    )  # fmt: skip


def _read_scope(exchange: Exchange, scope: int, subject: int, listed: Asset | Market | None) -> dict[str, int | str]:
    """Return the parameters of one asset, one market, or the venue; amounts are text, the rest is whole."""
    found: dict[str, int | str] = {}
    for guard in guards.GUARDS:
        if guard.scope != scope or guard.number == codes.MARKET_END:
            continue
        values = exchange.engine.parameters.get_values(guard.number, subject)
        for field, number in zip(guard.fields, values, strict=True):
            if field is not None:
                value = from_number(exchange, listed, field.name, number)
                found[GENESIS_NAMES.get(field.name, field.name)] = value if isinstance(value, int) else say(value)
    return found


def read_changes(exchange: Exchange) -> list[reads.Change]:
    """Return the changes of parameters under way, in the order they were proposed."""
    return [
        reads.Change(
            id=change.id, about=change.about, kind=change.kind, state=change.state, time=say_time(change.when),
            step=change.step, steps=change.steps, proposed_by=change.proposed_by,
            fields=[
                reads.FieldChange(name=name, was=_say_value(was), becomes=_say_value(becomes))
                for name, (was, becomes) in change.fields.items()
            ],
        )
        for change in exchange.changes
    ]  # fmt: skip


def _say_value(value: Any) -> str:
    return str(value) if isinstance(value, int) else say(value)
