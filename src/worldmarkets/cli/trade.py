"""What a trader does from a shell: orders, loans, bundles, test funds."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from worldmarkets.cli.errors import fail, read_bytes
from worldmarkets.cli.session import (
    KEY,
    URL,
    AsJson,
    Index,
    KeyFile,
    Owner,
    Session,
    Tried,
    Url,
    open_session,
    show_json,
)

Tenor = Annotated[str, typer.Option(help="Of the loan: 1D, 10D, 30D; the asset's first book if nothing is said.")]


def order(
    market: Annotated[str, typer.Argument(help="Such as ETH-PERP or ETH/USDM.")],
    side: Annotated[str, typer.Argument(help="buy or sell.")],
    size: Annotated[str, typer.Argument(help="In the asset.")],
    price: Annotated[str, typer.Argument(help="Without one, at the market.")] = "",
    slippage: Annotated[str, typer.Option(help="At the market: at most this far from the mark.")] = "1%",
    time_in_force: Annotated[str, typer.Option("--tif", help="gtc, ioc or fok.")] = "gtc",
    post_only: Annotated[bool, typer.Option("--post-only", help="Rest, or be refused.")] = False,
    reduce_only: Annotated[bool, typer.Option("--reduce-only", help="Only make a position smaller.")] = False,
    stop: Annotated[str, typer.Option(help="The mark at which it is placed, against you.")] = "",
    take_profit: Annotated[str, typer.Option(help="The mark at which it is placed, in your favour.")] = "",
    borrow_up_to: Annotated[str, typer.Option(help="Borrow what is missing at up to this rate: 8%.")] = "",
    client_id: Annotated[int, typer.Option(min=0, help="A number of yours: the same again does nothing.")] = 0,
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, preview: Tried = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Place an order."""
    from worldmarkets.schemas.commands import PlaceOrder

    leg = PlaceOrder(
        market=market, side=side, size=size, price=price, slippage="" if price else slippage,
        time_in_force=time_in_force, post_only=post_only, reduce_only=reduce_only, stop=stop, take_profit=take_profit,
        borrow_up_to=borrow_up_to, client_id=client_id,
    )  # fmt: skip
    submit(open_session(url, key, owner, account), [leg], preview, as_json)


def cancel(
    order: Annotated[int, typer.Argument(min=0, help="The id of the order.")] = 0,
    everything: Annotated[bool, typer.Option("--all", help="All orders, of --market or of every market.")] = False,
    market: Annotated[str, typer.Option(help="With --all.")] = "",
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Cancel an order, or with --all every one."""
    from worldmarkets.schemas.commands import AnyCommand, CancelAll, CancelOrder

    if everything == bool(order):
        fail("name an order, or say --all")
    leg: AnyCommand = CancelAll(market=market) if everything else CancelOrder(order=order)
    submit(open_session(url, key, owner, account), [leg], False, as_json)


def lend(
    asset: Annotated[str, typer.Argument(help="Such as USDM.")],
    amount: Annotated[str, typer.Argument(help="In the asset.")],
    rate: Annotated[str, typer.Argument(help='A year, at least: "5.5%".')],
    tenor: Tenor = "",
    no_relend: Annotated[bool, typer.Option("--no-relend", help="Do not offer anew what is repaid.")] = False,
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, preview: Tried = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Offer to lend."""
    from worldmarkets.schemas.commands import PlaceOrder

    session = open_session(url, key, owner, account)
    book = find_book(session, asset, tenor)
    leg = PlaceOrder(market=book, side="sell", size=amount, price=rate, no_relend=no_relend)
    submit(session, [leg], preview, as_json)


def borrow(
    asset: Annotated[str, typer.Argument(help="Such as USDM.")],
    amount: Annotated[str, typer.Argument(help="In the asset.")],
    rate: Annotated[str, typer.Argument(help='A year, at most: "6%".')],
    tenor: Tenor = "",
    now: Annotated[bool, typer.Option("--now", help="Take what is offered, and bid for nothing more.")] = False,
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, preview: Tried = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Bid to borrow."""
    from worldmarkets.schemas.commands import PlaceOrder

    session = open_session(url, key, owner, account)
    book = find_book(session, asset, tenor)
    leg = PlaceOrder(market=book, side="buy", size=amount, price=rate, time_in_force="ioc" if now else "gtc")
    submit(session, [leg], preview, as_json)


def bundle(
    file: Annotated[Path, typer.Argument(help='A JSON list of commands ("-": standard input).')],
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, preview: Tried = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Send commands that happen together or not at all, signed once."""
    from worldmarkets.schemas.commands import MAX_LEGS, AnyCommand

    try:
        legs = msgspec.json.decode(read_bytes(file), type=list[AnyCommand])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        fail(f"{file}: {error}")
    if not 0 < len(legs) <= MAX_LEGS:
        fail(f"{file}: a bundle has from 1 to {MAX_LEGS} commands, not {len(legs)}")
    submit(open_session(url, key, owner, account), legs, preview, as_json)


def faucet(url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, as_json: AsJson = False) -> None:
    """Ask for test funds, in a venue of development."""
    session = open_session(url, key, owner, account)
    found = session.ask_faucet()
    if as_json:
        show_json(found)
    else:
        typer.echo(f"{found['account']} has been given " + ", ".join(f"{v} {k}" for k, v in found["amounts"].items()))


def find_book(session: Session, asset: str, tenor: str) -> str:
    """Return the loan book of an asset and a tenor; exits with code 2 when there is none."""
    if not tenor:
        markets = session.get("/v1/markets")
        books = [market["symbol"] for market in markets if market["kind"] == "loan" and market["asset"] == asset]
        if not books:
            fail(f"there is no loan book of {asset}")
        return str(books[0])
    tenors = {f"{one['tenor_hours'] / 24:g}D": one["market"] for one in session.get("/v1/rates", asset=asset)["tenors"]}
    if tenor.upper() not in tenors:
        fail(f"there is no loan book of {asset} for {tenor}; there is {', '.join(tenors)}")
    return str(tenors[tenor.upper()])


def submit(session: Session, legs: list[Any], tried: bool, as_json: bool) -> None:
    """Send commands, or try them, and say what came of it; exit code 1 when they were refused."""
    found = session.send(*legs, tried=tried)
    receipt = found["receipt"] if tried else found
    is_accepted = receipt.get("accepted", True)
    if as_json:
        show_json(found)
    elif not is_accepted:
        leg = f", in leg {receipt['leg']}" if receipt.get("leg") else ""
        typer.echo(f"refused: {receipt['message'] or receipt['code']}{leg}")
    else:
        for line in map(say, receipt.get("events", [])):
            if line:
                typer.echo(line)
        if tried:
            _show_change(found["before"], found["after"])
        else:
            typer.echo(f"done, as command {receipt['sequence']:,}")
    if not is_accepted:
        raise typer.Exit(1)


def _show_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    from rich.console import Console

    from worldmarkets.cli.screen import make_table

    table = make_table("would be", "now", "then")
    for title, name in (("net asset value", "nav"), ("available margin", "available_margin"),
                        ("resilience", "resilience"), ("state", "state")):  # fmt: skip
        table.add_row(title, show_number(before[name]), show_number(after[name]))
    Console(highlight=False).print(table)


def show_number(text: str | None) -> str:
    """Return a decimal for a person: thousands apart, at most two decimals when it is large."""
    if text is None:
        return "below zero"
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if abs(number) >= 1_000 or number == number.to_integral_value():
        number = round(number, 2 if number != number.to_integral_value() else 0)
    return f"{number:,f}"


def say(event: dict[str, Any]) -> str:
    """Return an event of a receipt in a line; nothing of what only machines want to know."""
    name, market = event["event"], event.get("market", "")
    size, price = event.get("size", ""), event.get("price", "")
    match name:
        case "TRADED":
            did = "bought" if event.get("code") == "buy" else "sold"
            if "-LOAN" in market:
                did = "borrowed" if event.get("code") == "buy" else "lent"
            return f"{did} {size} of {market} at {price}, with {event.get('maker', '')}"
        case "ORDER_PLACED":
            return f"order {event.get('order_id', '')}: {event.get('side', '')} {size} of {market} at {price}"
        case "ORDER_CANCELLED":
            return f"order {event.get('order_id', '')}: {size} of {market} cancelled, {event.get('code', '')}"
        case "LOAN_OPENED":
            return f"loan {event.get('contract_id', '')}: {event.get('principal', '')} at {event.get('rate', '')}"
    return ""
