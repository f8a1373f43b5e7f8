"""How an account is steered beforehand: its unwind plan, its policy, and what would be if marks moved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from worldmarkets.cli.errors import fail, read_bytes
from worldmarkets.cli.receipt import make_receipts
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
    read_key,
    show_json,
)
from worldmarkets.cli.trade import show_number, submit

plan = typer.Typer(no_args_is_help=True, help="What is done, in which order, when the account is latched.")
policy = typer.Typer(no_args_is_help=True, help="With whom the account's orders may make contracts.")
FIGURES = (("net asset value", "nav"), ("available margin", "available_margin"), ("V at the unwind rung", "v_unwind"),
           ("V at the auction rung", "v_auction"), ("resilience", "resilience"), ("state", "state"))  # fmt: skip


@plan.callback()
def about_plan() -> None:
    """What is done, in which order, when the account is latched."""


@plan.command("show")
def show_plan(
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, as_json: AsJson = False
) -> None:
    """Show the steps of an unwind plan; as JSON they are what `world plan set` reads."""
    found = _look(url, key, owner, account).get_account("/ladder")["plan"]
    if as_json:
        show_json(found)
    elif not found:
        typer.echo("no plan of its own: the default plan frees most margin for the least cost")
    for place, step in enumerate([] if as_json else found, 1):
        about = step["market"] or step["order"] or step["loan"] or f"from account {step['account']}"
        slippage = f", at most {step['slippage']} from the mark" if step["slippage"] else ""
        typer.echo(f"{place:>2}  {step['step']:<7} {about}  {step['share']}{slippage}".rstrip())


@plan.command("set")
def set_plan(
    file: Annotated[Path, typer.Argument(help='A JSON list of steps ("-": standard input); an empty one: no plan.')],
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, preview: Tried = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Set the unwind plan of a free account."""
    from worldmarkets.schemas.commands import PlanStep, SetPlan

    steps = _read(file, list[PlanStep])
    submit(open_session(url, key, owner, account), [SetPlan(steps=steps)], preview, as_json)


@policy.callback()
def about_policy() -> None:
    """With whom the account's orders may make contracts."""


@policy.command("show")
def show_policy(
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, as_json: AsJson = False
) -> None:
    """Show a policy; as JSON it is what `world policy set` reads."""
    found = _look(url, key, owner, account).get_account("/policy")
    if as_json:
        show_json(found)
        return
    for title, name in (("exposure to one counterparty", "max_exposure"), ("a counterparty survives", "survives"),
                        ("paid beyond a profit of", "true_up_threshold"), ("given up first", "give_up")):  # fmt: skip
        typer.echo(f"{title:<30}{'no rule' if found[name] is None else found[name]}")
    for term in found["terms"]:
        about = f"every account of {term['counterparty'].partition('#')[0]}" if term["owner"] else term["counterparty"]
        typer.echo(f"{'denied' if term['denied'] else 'at most ' + str(term['limit']):<30}{about}")


@policy.command("set")
def set_policy(
    file: Annotated[Path, typer.Argument(help='A policy in JSON, as `world policy show --json` says it ("-": stdin).')],
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make the policy what a file says, command by command: it ends with the first that is refused."""
    from worldmarkets.schemas.reads import Policy

    wanted = _read(file, Policy)
    session = open_session(url, key, owner, account)
    commands = make_changes(msgspec.convert(session.get_account("/policy"), Policy), wanted)
    if not commands:
        typer.echo("the policy says this already")
    for command in commands:
        submit(session, [command], False, as_json)


def make_changes(now: Any, wanted: Any) -> list[Any]:
    """Return the commands that make one policy another: what is said of counterparties last."""
    from worldmarkets.schemas.commands import ConfigureAccount, SetCounterparty, SetPolicy

    rules = ("max_exposure", "survives", "true_up_threshold")
    commands: list[Any] = []
    if any(getattr(now, name) != getattr(wanted, name) for name in rules):
        commands.append(SetPolicy(**{name: getattr(wanted, name) or "" for name in rules}))
    if now.give_up != wanted.give_up:
        commands.append(ConfigureAccount(give_up=wanted.give_up))
    for term in now.terms:
        if (term.counterparty, term.owner) not in [(one.counterparty, one.owner) for one in wanted.terms]:
            commands.append(_say_term(SetCounterparty, term, "forget"))
    for term in wanted.terms:
        if term not in now.terms:
            commands.append(_say_term(SetCounterparty, term, "deny" if term.denied else "limit"))
    return commands


def _say_term(kind: Any, term: Any, action: str) -> Any:
    owner, _, index = term.counterparty.partition("#")
    if action == "limit" and (term.owner or term.limit is None):
        fail(f"{term.counterparty}: a term is denied, or has the limit of one account")
    if not index.isdigit():
        fail(f"{term.counterparty} is no account: it is written 0x…#0")
    name = f"{action}-owner" if term.owner else action
    return kind(owner=owner, account=int(index), action=name, limit=term.limit if action == "limit" else "")


def what_if(
    move: Annotated[list[str], typer.Option(help="ETH=-20% or ETH=1600; again for more assets.")],
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show what would become of an account if marks moved, against the books as they are; nothing is done."""
    session = _look(url, key, owner, account)
    found = session.get_account("/what-if", moves=",".join(move))
    if as_json:
        show_json(found)
        return
    from rich.console import Console

    from worldmarkets.cli.screen import make_table

    console = Console(highlight=False, width=120)
    moved = ", ".join(f"{asset} at {found['marks'][asset]}" for asset in (one.partition("=")[0] for one in move))
    table = make_table(moved, "now", "at that mark", "in the end")
    for title, name in FIGURES:
        table.add_row(title, *(show_number(found[when][name]) for when in ("before", "moved", "after")))
    console.print(table)
    if found["missing"] != "0":
        typer.echo(f"missing at that mark: {show_number(found['missing'])}")
    if found["receipts"]:
        console.print(make_receipts(found["receipts"]))
    if not found["is_over"]:
        typer.echo(f"still on the ladder after {found['seconds']} s: nobody bids enough, or the venue had no more time")
    elif found["seconds"]:
        typer.echo(f"off the ladder within {found['seconds']} s")


def _look(url: str, key: Path, owner: str, account: int) -> Session:
    return Session(url, None if owner else read_key(key), owner, account)


def _read(file: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(read_bytes(file), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        fail(f"{file}: {error}")
