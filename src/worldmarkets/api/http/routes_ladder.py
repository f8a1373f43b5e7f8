"""The ladder over HTTP: where an account stands on it, its receipts, and what would be if marks moved."""

from __future__ import annotations

import asyncio
from typing import Annotated

from litestar import Request, get
from litestar.params import Parameter

from worldmarkets.api.http import history, ladder
from worldmarkets.api.http.errors import describe
from worldmarkets.api.http.routes_accounts import PATH, SAID, TAG, find
from worldmarkets.api.http.routes_history import Before
from worldmarkets.api.http.state import Index, Limit, Owner, Served
from worldmarkets.core import codes
from worldmarkets.exchange.cures import compute_cures, read_ailment
from worldmarkets.node.errors import Refused
from worldmarkets.node.history.reads import MOST, Kept
from worldmarkets.schemas import reads

MOVE = r"[A-Za-z0-9]{1,64}=([+-]?[0-9]{1,4}(\.[0-9]{1,6})?%|[0-9]{1,12}(\.[0-9]{1,8})?)"


@get(f"{PATH}/ladder", tags=TAG, responses=SAID)
async def get_ladder(state: Served, owner: Owner, index: Index) -> reads.Ladder:
    """Where it stands on the ladder: what it lacks, what would free it, its clocks, and its unwind plan."""
    account = find(state, owner, index)
    ailment = read_ailment(state.node.exchange, account.number)
    cures = []
    if ailment is not None:
        cures = await asyncio.get_running_loop().run_in_executor(state.history.readers, compute_cures, ailment)
    return ladder.say_ladder(account, cures)


@get(f"{PATH}/what-if", sync_to_thread=False, tags=TAG, responses=describe(400, 404, 429, 503))
def get_what_if(
    state: Served,
    request: Request[None, None, Served],
    owner: Owner,
    index: Index,
    moves: Annotated[
        str,
        Parameter(
            pattern=f"^{MOVE}(,{MOVE}){{0,15}}$", description="such as ETH=-20%, or ETH=1600,BTC=-15% (up to 16)"
        ),
    ],
) -> reads.WhatIf:
    """What would become of it if marks moved so and books stayed as they are: a preview, which changes nothing.

    Time passes in it until the account is off the ladder, or for twenty minutes, or as long as the venue takes for it.
    It counts as twenty previews of the address that asks.
    """
    if not state.node.is_ready:
        raise Refused("NOT_READY", "the venue takes no commands now")
    account = find(state, owner, index)
    asker = request.client.host if request.client else ""
    return ladder.say_what_if(account, state.node.show_what_if(account, ladder.read_moves(moves), asker))


async def find_kept(state: Served, owner: str, index: int, kinds: list[int], before: int, limit: int) -> list[Kept]:
    """Return what the history holds of an account."""
    number = find(state, owner, index).number
    await state.history.settle()
    return await state.history.ask(
        lambda past: past.find_events(kinds, before=before, limit=limit, account=number)
    )  # fmt: skip


@get(f"{PATH}/rungs", tags=TAG, responses=describe(400, 404, 503))
async def get_rungs(
    state: Served, owner: Owner, index: Index, before: Before = MOST, limit: Limit = 100
) -> reads.RungReceipts:
    """The receipts of the rungs of the ladder that it left, the latest first: all since it was opened."""
    kinds = [codes.RUNG_ENDED, codes.RUNG_COST]
    kept = await find_kept(state, owner, index, kinds, before, 2 * limit)
    return reads.RungReceipts(
        receipts=ladder.say_receipts(state.node.exchange, kept), next=history.find_next(kept, 2 * limit),
        block=state.history.block,
    )  # fmt: skip


@get(f"{PATH}/close-outs", tags=TAG, responses=describe(400, 404, 503))
async def get_close_outs(
    state: Served, owner: Owner, index: Index, before: Before = MOST, limit: Limit = 100
) -> reads.CloseOuts:
    """The times that it was closed out, the latest first.  Who was paid what is in its history, topic unwinds."""
    kept = await find_kept(state, owner, index, [codes.CLOSE_OUT_DONE], before, limit)
    return reads.CloseOuts(
        close_outs=ladder.say_close_outs(state.node.exchange, kept), next=history.find_next(kept, limit),
        block=state.history.block,
    )  # fmt: skip


ROUTES = [get_ladder, get_what_if, get_rungs, get_close_outs]
