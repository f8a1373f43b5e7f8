"""Reads of accounts.  Portfolios are public: anybody may ask for any of them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from litestar import get
from litestar.params import Parameter

from worldmarkets.api.http import accounts
from worldmarkets.api.http.errors import describe
from worldmarkets.api.http.state import After, Index, Limit, Owner, Served
from worldmarkets.exchange.account import Account
from worldmarkets.exchange.prices import compute_prices, read_prices
from worldmarkets.schemas import reads

TAG = ["Accounts"]
PATH = "/v1/accounts/{owner:str}/{index:int}"
Severity = Annotated[str, Parameter(pattern=r"^([0-9](\.[0-9]{1,6})?|10)$", description="a severity between 0 and 10")]
SAID = describe(400, 404)


def find(state: Served, owner: str, index: int) -> Account:
    """Return an account.  Raises UnknownName."""
    return state.node.exchange.find_account(owner, index)


@get("/v1/accounts", sync_to_thread=False, tags=TAG, responses=describe(400))
def get_accounts(state: Served, after: After = 0, limit: Limit = 100) -> reads.Accounts:
    """Every account, in the order they were opened."""
    return accounts.read_accounts(state.node.exchange, after, limit)


@get(PATH, sync_to_thread=False, tags=TAG, responses=SAID)
def get_account(state: Served, owner: Owner, index: Index) -> reads.Account:
    """An account: where it stands, and what it has of each asset."""
    return accounts.read_account(find(state, owner, index))


@get(f"{PATH}/orders", sync_to_thread=False, tags=TAG, responses=SAID)
def get_orders(state: Served, owner: Owner, index: Index, after: After = 0, limit: Limit = 100) -> reads.Orders:
    """Its orders, newest first: those that rest, and those that wait for their triggers."""
    return accounts.read_orders(find(state, owner, index), after, limit)


@get(f"{PATH}/perps", sync_to_thread=False, tags=TAG, responses=SAID)
def get_perps(state: Served, owner: Owner, index: Index, after: After = 0, limit: Limit = 100) -> reads.Perps:
    """Its perp contracts with their counterparties."""
    return accounts.read_perps(find(state, owner, index), after, limit)


@get(f"{PATH}/loans", sync_to_thread=False, tags=TAG, responses=SAID)
def get_loans(state: Served, owner: Owner, index: Index, after: After = 0, limit: Limit = 100) -> reads.Loans:
    """Its loans and IOUs with their counterparties: those it borrowed, then those it lent."""
    return accounts.read_loans(find(state, owner, index), after, limit)


@get(f"{PATH}/calendar", sync_to_thread=False, tags=TAG, responses=SAID)
def get_calendar(state: Served, owner: Owner, index: Index, after: After = 0, limit: Limit = 100) -> reads.Loans:
    """Its loans and IOUs in the order in which they fall due."""
    return accounts.read_loans(find(state, owner, index), after, limit, by_due=True)


@get(f"{PATH}/counterparties", sync_to_thread=False, tags=TAG, responses=SAID)
def get_counterparties(
    state: Served, owner: Owner, index: Index, after: After = 0, limit: Limit = 100
) -> reads.Counterparties:
    """Whom it has contracts with, what it is exposed to each, and where each of them stands.

    A counterparty's own portfolio is at its own address.
    """
    return accounts.read_counterparties(find(state, owner, index), after, limit)


@get(f"{PATH}/policy", sync_to_thread=False, tags=TAG, responses=SAID)
def get_policy(state: Served, owner: Owner, index: Index) -> reads.Policy:
    """With whom its orders may make contracts."""
    return accounts.read_policy(find(state, owner, index))


@get(f"{PATH}/curve", sync_to_thread=False, tags=TAG, responses=SAID)
def get_curve(
    state: Served,
    owner: Owner,
    index: Index,
    points: Annotated[int, Parameter(ge=2, le=101, description="how many severities, at even steps from 0")] = 21,
    to: Severity = "2",
) -> list[reads.CurvePoint]:
    """V of the account over severities."""
    return accounts.read_curve(find(state, owner, index), points, to)


@get(f"{PATH}/risk", sync_to_thread=False, tags=TAG, responses=SAID)
def get_risk(state: Served, owner: Owner, index: Index, severity: Severity = "1") -> reads.Risk:
    """Where it stands, and what each group and asset is worth and costs at a severity."""
    return accounts.read_risk(find(state, owner, index), severity)


@get(f"{PATH}/fees", sync_to_thread=False, tags=TAG, responses=SAID)
def get_fees(state: Served, owner: Owner, index: Index) -> reads.Fees:
    """What its owner paid in fees, and what that cuts off today's."""
    return accounts.read_fees(find(state, owner, index))


@get(f"{PATH}/making", sync_to_thread=False, tags=TAG, responses=SAID)
def get_making(state: Served, owner: Owner, index: Index) -> reads.Making:
    """Its quotes, what protects them, and its limits."""
    return accounts.read_making(find(state, owner, index))


@get(f"{PATH}/keys", sync_to_thread=False, tags=TAG, responses=SAID)
def get_keys(state: Served, owner: Owner, index: Index) -> list[reads.Key]:
    """The keys that may act for it beside its owner's, and what each may do."""
    return accounts.read_keys(find(state, owner, index))


@get(f"{PATH}/prices", tags=TAG, responses=SAID)
async def get_prices(state: Served, owner: Owner, index: Index) -> reads.Prices:
    """The marks at which it would cross each rung of the ladder, would be cured, and breaks even on its perps."""
    account = find(state, owner, index)
    inputs = read_prices(state.node.exchange, account.number)
    found = await asyncio.get_running_loop().run_in_executor(state.history.readers, compute_prices, inputs)
    return accounts.say_prices(account, found)


ROUTES = [
    get_accounts, get_account, get_orders, get_perps, get_loans, get_calendar, get_counterparties, get_policy,
    get_curve, get_risk, get_fees, get_making, get_keys,
    get_prices,
]  # fmt: skip
