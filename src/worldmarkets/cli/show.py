"""What a trader looks at: an account and a book, once or live."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worldmarkets.cli.session import KEY, URL, AsJson, Index, KeyFile, Owner, Session, Url, read_key, show_json
from worldmarkets.cli.trade import show_number

if TYPE_CHECKING:
    from rich.console import RenderableType

Live = Annotated[bool, typer.Option("--live", help="Draw it again and again, until Ctrl-C.")]
REFRESH_SECONDS = 1.0
PAPER_WIDTH = 110
STATES = {"free": "green", "margin call": "yellow"}
PARTS = ("orders", "perps", "loans", "counterparties")


def portfolio(
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, live: Live = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show an account: where it stands, what it has, its orders, contracts and loans.  Anybody may see anybody's."""
    session = Session(url, None if owner else read_key(key), owner, account)

    def read() -> dict[str, Any]:
        return {"account": session.get_account()} | {part: session.get_account(f"/{part}")[part] for part in PARTS}

    if as_json:
        show_json(read())
    else:
        draw(lambda: make_portfolio(read()), live)


def book(
    market: Annotated[str, typer.Argument(help="Such as ETH-PERP or USDM-LOAN-10D.")],
    levels: Annotated[int, typer.Option(min=1, max=50, help="Of each side.")] = 10,
    url: Url = URL, live: Live = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show a book."""
    session = Session(url)

    def read() -> dict[str, Any]:
        return {"market": session.get("/v1/market", market=market),
                "book": session.get("/v1/book", market=market, depth=levels)}  # fmt: skip

    if as_json:
        show_json(read())
    else:
        draw(lambda: make_book(read()), live)


def draw(make: Callable[[], RenderableType], live: bool) -> None:
    """Print something, or draw it again and again."""
    from rich.console import Console
    from rich.live import Live as LiveView

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PAPER_WIDTH
    if not live:
        console.print(make())
        return
    with LiveView(make(), console=console, auto_refresh=False, screen=console.is_terminal) as view:
        while True:
            time.sleep(REFRESH_SECONDS)
            view.update(make(), refresh=True)


def make_portfolio(found: dict[str, Any]) -> RenderableType:
    """Return an account as tables."""
    from rich.console import Group
    from rich.text import Text

    from worldmarkets.cli.screen import make_table

    account = found["account"]
    standing = account["standing"]
    state = standing["state"]
    parts: list[RenderableType] = [
        Text.assemble((account["account"], "bold"), "   ", (state, STATES.get(state, "bold red"))),
        Text.assemble(
            ("net asset value ", "dim"), show_number(standing["nav"]), ("   available margin ", "dim"),
            show_number(standing["available_margin"]), ("   resilience ", "dim"), show_number(standing["resilience"]),
            ("   may be withdrawn ", "dim"), show_number(account["withdrawable_value"]),
        ),
    ]  # fmt: skip
    table = make_table("asset", "balance", "borrowed", "lent", "perpetual")
    for row in account["balances"]:
        table.add_row(row["asset"], *(_show(row[name]) for name in ("balance", "borrowed", "lent", "perp")))
    parts.append(table)
    if found["orders"]:
        table = make_table("order", "market", "side", "size", "price", "kind", "trigger")
        for row in found["orders"][:20]:
            table.add_row(str(row["id"]), row["market"], _paint_side(row["side"]), _show(row["size"]),
                          row["price"] or "market", row["kind"], row["trigger"] or "")  # fmt: skip
        parts.append(table)
    if found["perps"]:
        table = make_table("perpetual", "with", "size", "entry", "break even", "unrealised", "funding owed")
        for row in found["perps"][:20]:
            table.add_row(row["market"], shorten(row["counterparty"]), _show(row["size"]), show_number(row["entry"]),
                          show_number(row["break_even"]), _paint(row["unrealised"]), _show(row["funding"]))  # fmt: skip
        parts.append(table)
    if found["loans"]:
        table = make_table("loan", "with", "side", "principal", "rate", "interest", "due")
        for row in found["loans"][:20]:
            due = datetime.fromtimestamp(row["due"] / 1_000, UTC)
            table.add_row(str(row["id"]), shorten(row["counterparty"]), row["side"],
                          f"{_show(row['principal'])} {row['asset']}", row["rate"], _show(row["interest"]),
                          f"{due:%Y-%m-%d %H:%M}")  # fmt: skip
        parts.append(table)
    if found["counterparties"]:
        table = make_table("exposed to", "in all", "lent", "profit", "shock", "state")
        for row in found["counterparties"][:10]:
            table.add_row(shorten(row["account"]), *(_show(row[name]) for name in ("exposure", "lent", "profit",
                          "shock")), row["standing"]["state"])  # fmt: skip
        parts.append(table)
    return Group(*parts)


def make_book(found: dict[str, Any]) -> RenderableType:
    """Return a book as a table, both sides beside each other."""
    from rich.console import Group
    from rich.text import Text

    from worldmarkets.cli.screen import make_table

    market, both = found["market"], found["book"]
    is_loan = market["kind"] == "loan"
    head = Text.assemble((market["symbol"], "bold"), ("   mark ", "dim"), show_number(market["mark"] or "0"),
                         ("   mode ", "dim"), market["mode"])  # fmt: skip
    if market.get("funding_rate") is not None:
        head.append_text(Text.assemble(("   funding ", "dim"), f"{Decimal(market['funding_rate']) * 100:+.4f}%",
                                       ("   open interest ", "dim"), _show(market["open_interest"])))  # fmt: skip
    table = make_table("", "borrowers bid" if is_loan else "bid", "lenders ask" if is_loan else "ask", "")
    for place in range(max(len(both["bids"]), len(both["asks"]))):
        bid = both["bids"][place] if place < len(both["bids"]) else None
        ask = both["asks"][place] if place < len(both["asks"]) else None
        table.add_row(
            _show(bid["size"]) if bid else "", Text(bid["price"], "green") if bid else "",
            Text(ask["price"], "red") if ask else "", _show(ask["size"]) if ask else "",
        )  # fmt: skip
    return Group(head, table)


def shorten(name: str) -> str:
    """Return an account's name for a narrow column: 0x1a642f..14f1#0."""
    address, _, index = name.partition("#")
    return f"{address[:8]}..{address[-4:]}#{index}"


def _show(text: str) -> str:
    return f"{Decimal(text):,f}"


def _paint(text: str) -> Any:
    from rich.text import Text

    return Text(_show(text), "red" if text.startswith("-") else "green")


def _paint_side(side: str) -> Any:
    from rich.text import Text

    return Text(side, "green" if side in ("buy", "lend") else "red")
