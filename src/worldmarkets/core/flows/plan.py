"""Unwind plans: what an account wants done when it is latched, in its own order, validated while it is free."""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.matching import Matching
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Command,
        Event,
        Loan,
        Market,
        Order,
        PlanStep,
        Step,
        Venue,
        as_plan_set,
    )
    from worldmarkets.core.units import MAX_STEPS, MILLION, ORDER_SLOT_BITS


@cython.final
@cython.cclass
class PlanFlow:
    """Sets plans, whole."""

    state: State
    ledger: Ledger
    orders: Orders
    matching: Matching
    admission: Admission
    outbox: Outbox

    def __init__(self, state: State, ledger: Ledger, orders: Orders, matching: Matching, admission: Admission,
                 outbox: Outbox):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.orders = orders
        self.matching = matching
        self.admission = admission
        self.outbox = outbox

    def check_head(self, account: longlong, steps: longlong) -> longlong:
        """Return the code that keeps an account from setting a plan of so many steps: only a free one does."""
        if not self.state.has_account(account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, account)
        if steps > MAX_STEPS:
            return self.admission.refuse(BUNDLE_SIZE, MAX_STEPS, steps, account)
        self.admission.take(self.matching.taker, account)
        if self.state.accounts.rows[account].state != STATE_FREE or self.matching.taker.initial < 0:
            return self.admission.refuse(PLAN_FROZEN, 0, self.matching.taker.initial, account)
        return OK

    def clear(self, account: longlong) -> None:
        """Forget an account's plan."""
        record = self.state.accounts.edit(account)
        row: longlong = record.plan
        following: longlong
        record.plan = NONE
        while row != NONE:
            following = self.state.steps.rows[row].next
            self.state.steps.release(row)
            row = following

    def add(self, command: pointer[PlanStep], place: longlong) -> longlong:
        """Put a step in front of those of the plan; they come from the last to the first.  Returns OK or its code."""
        code: longlong = self.check(command)
        row: longlong
        if code == OK:
            row = self.state.steps.allocate()
            record = self.state.accounts.edit(command.account)
            step = self.state.steps.edit(row)
            step.subject = command.subject
            step.sequence = self.state.venue.rows[1].sequence
            step.share_ppm = command.share_ppm
            step.slippage_ppm = command.slippage_ppm
            step.step = command.step
            step.place = place
            step.next = record.plan
            record.plan = row
        return code

    def finish(self, account: longlong, steps: longlong) -> None:
        """Report a plan that was set."""
        event = as_plan_set(self.outbox.emit(PLAN_SET, 0, 0, account))
        event.steps = steps

    def check(self, command: pointer[PlanStep]) -> longlong:
        """Return the code of what is wrong with a step."""
        step: longlong = command.step
        subject: longlong = command.subject
        slot: longlong
        if not PLAN_CANCEL <= step <= PLAN_HEDGE:
            return self.admission.refuse(BAD_COMBINATION, PLAN_HEDGE, step, command.account)
        if step != PLAN_CANCEL and not 0 < command.share_ppm <= MILLION:
            return self.admission.refuse(PARAMETER_RANGE, MILLION, command.share_ppm, step)
        if step == PLAN_CANCEL:
            slot = self.orders.find(subject)
            if slot == NONE:
                return self.admission.refuse(UNKNOWN_ORDER, 0, 0, subject)
            if self.state.orders.rows[slot].account != command.account:
                return self.admission.refuse(NOT_OWNER, 0, 0, subject)
            return OK
        if step == PLAN_TOP_UP:
            if not self.state.has_account(subject):
                return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, subject)
            if subject == command.account:
                return self.admission.refuse(SAME_ACCOUNT, 0, 0, subject)
            if not self.ledger.is_same_owner(subject, command.account):
                return self.admission.refuse(NOT_OWNER, 0, 0, subject)
            return OK
        if step == PLAN_REPAY:
            return self.check_loan(command.account, subject)
        if not self.state.has_market(subject):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, subject)
        if self.state.markets.rows[subject].kind != (SPOT if step == PLAN_SELL else PERP):
            return self.admission.refuse(BAD_COMBINATION, 0, self.state.markets.rows[subject].kind, subject)
        if not 0 < command.slippage_ppm < MILLION:
            return self.admission.refuse(SLIPPAGE_OUT_OF_RANGE, MILLION, command.slippage_ppm, subject)
        return OK

    def check_loan(self, account: longlong, contract_id: longlong) -> longlong:
        """Return the code of what is wrong with a loan that a step is to repay."""
        row: longlong = contract_id & ((1 << ORDER_SLOT_BITS) - 1)
        if row == NONE or row > self.state.loans.get_used() or self.state.loans.rows[row].id != contract_id:
            return self.admission.refuse(UNKNOWN_CONTRACT, 0, 0, contract_id)
        if self.state.loans.rows[row].borrower != account:
            return self.admission.refuse(NOT_OWNER, 0, 0, contract_id)
        if self.state.loans.rows[row].flags & LOAN_IOU:
            return self.admission.refuse(BAD_COMBINATION, 0, LOAN_IOU, contract_id)
        return OK
