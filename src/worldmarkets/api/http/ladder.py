"""What is said of the ladder: where an account stands on it, what was there, and what would be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from worldmarkets.api.http.accounts import say_standing
from worldmarkets.api.http.text import say, say_account, say_time
from worldmarkets.core.codec import decode_events
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.account import Account
from worldmarkets.exchange.cures import Cure
from worldmarkets.exchange.ladder import LadderStanding, Receipt, WhatIf, read_receipts, reason_name
from worldmarkets.exchange.results import Standing
from worldmarkets.exchange.steps import say_step
from worldmarkets.node.history.reads import Kept
from worldmarkets.schemas import reads

_MILLISECOND = timedelta(milliseconds=1)


def say_ladder(account: Account, cures: Sequence[Cure]) -> reads.Ladder:
    """Return where an account stands on the ladder."""
    latch, standing = account.ladder, account.standing
    return reads.Ladder(
        account=say_account(account), standing=say_standing(standing), missing=_say_missing(standing),
        cures=[
            reads.Cure(asset=cure.asset, market=cure.market, side=cure.side, size=say(cure.size), mark=say(cure.mark))
            for cure in cures
        ],
        latch=None if latch is None else _say_latch(latch),
        plan=[say_step(account.exchange, step) for step in account.plan],
    )  # fmt: skip


def _say_missing(standing: Standing) -> str:
    return say(max(-standing.available_margin, Decimal(0)))


def _say_latch(latch: LadderStanding) -> reads.Latch:
    return reads.Latch(
        rung=latch.rung, since=say_time(latch.since), unwind_left_ms=latch.unwind_left // _MILLISECOND,
        auction_left_ms=latch.auction_left // _MILLISECOND, is_paused=latch.is_paused, step=latch.place or None,
        slices=latch.slices, slippage=say(latch.slippage), fees=say(latch.fees), brought=say(latch.brought),
        lowest_resilience=say(latch.lowest_resilience),
    )  # fmt: skip


def say_receipt(account: str, receipt: Receipt, time_us: int | None = None) -> reads.RungReceipt:
    """Return a receipt of an account, and when it was given."""
    return reads.RungReceipt(
        account=account, rung=receipt.rung, follows=receipt.follows,
        first_sequence=receipt.first_sequence, sequence=receipt.sequence,
        time=None if time_us is None else time_us // 1_000,
        margin_before=say(receipt.margin_before), margin_after=say(receipt.margin_after),
        nav_before=say(receipt.nav_before), nav_after=say(receipt.nav_after),
        lost_to_price=say(receipt.lost_to_price), lost_to_slippage=say(receipt.lost_to_slippage),
        fees=say(receipt.fees), discount=say(receipt.discount), brought=say(receipt.brought),
        resilience_before=say(receipt.resilience_before), resilience_after=say(receipt.resilience_after),
    )  # fmt: skip


def say_receipts(exchange: Exchange, kept: Sequence[Kept]) -> list[reads.RungReceipt]:
    """Return receipts of rungs that the history holds, the latest first; each of them is two events."""
    events = _decode(kept)
    times = {event.sequence: one.time_us for one, event in zip(kept, events, strict=True)}
    found = read_receipts(exchange, events[::-1])
    return [
        say_receipt(say_account(exchange.get_account(one.account)), one, times[one.sequence]) for one in reversed(found)
    ]


def say_close_outs(exchange: Exchange, kept: Sequence[Kept]) -> list[reads.CloseOut]:
    """Return close-outs that the history holds."""
    cash = exchange.listing.numeraire.from_quanta
    return [
        reads.CloseOut(
            account=say_account(exchange.get_account(event.account)), reason=reason_name(event.code),
            sequence=event.sequence, time=one.time_us // 1_000, claims=say(cash(event.claims)),
            paid=say(cash(event.paid)), unpaid=say(cash(event.unpaid)), nav=say(cash(event.value)),
        )
        for one, event in zip(kept, _decode(kept), strict=True)
    ]  # fmt: skip


def _decode(kept: Sequence[Kept]) -> list[Any]:
    return decode_events(b"".join(one.event for one in kept))


def read_moves(said: str) -> dict[str, str]:
    """Return moves that are written as "ETH=-20%,BTC=50000", by asset."""
    return {asset: change for asset, _, change in (one.partition("=") for one in said.split(","))}


def say_what_if(account: Account, found: WhatIf) -> reads.WhatIf:
    """Return what would become of an account."""
    return reads.WhatIf(
        account=say_account(account), marks={asset: say(mark) for asset, mark in found.marks.items()},
        before=say_standing(found.before), moved=say_standing(found.moved), missing=_say_missing(found.moved),
        after=say_standing(found.after),
        receipts=[say_receipt(say_account(account), receipt) for receipt in found.receipts],
        seconds=found.passed // timedelta(seconds=1), is_over=found.is_over,
    )  # fmt: skip
