"""Timed work: what is due when a command comes, a bounded part of it with each command.

The queue is `timers.py`.  A kind of work is a code (`codes.py`, timer kinds), a handler, and a line of `Work.do_due`.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.admission import Admission
from worldmarkets.core.flows.borrow import BorrowFlow
from worldmarkets.core.flows.closeout import CloseOutFlow
from worldmarkets.core.flows.due import DueFlow
from worldmarkets.core.flows.fund import FundFlow
from worldmarkets.core.flows.ladder import LadderFlow
from worldmarkets.core.flows.trade import TradeFlow
from worldmarkets.core.funding import Funding
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.matching import Matching
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.parameters import Parameters
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers
from worldmarkets.core.triggers import Triggers
from worldmarkets.core.undo import Exhausted

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import Event, Timer, Venue, as_work_deferred, as_work_done
    from worldmarkets.core.units import CHANGED_A_TIME, DUE_RETRY, LADDER_PACE, MAX_CHANGED, MAX_SWEEP, WORK_AN_ITEM


@cython.final
@cython.cclass
class Work:
    """Does timed work, and what a command leaves for its end.

    `clock_us` is the venue's time as the work of a command sees it; `items` counts what the command did of it.
    """

    state: State
    ledger: Ledger
    timers: Timers
    orders: Orders
    triggers: Triggers
    matching: Matching
    admission: Admission
    oracle: Oracle
    funding: Funding
    parameters: Parameters
    trade_flow: TradeFlow
    borrow_flow: BorrowFlow
    due_flow: DueFlow
    ladder_flow: LadderFlow
    close_out_flow: CloseOutFlow
    fund_flow: FundFlow
    outbox: Outbox
    clock_us: longlong
    items: longlong
    fault_work: longlong
    fault_subject: longlong

    def __init__(
        self, state: State, ledger: Ledger, timers: Timers, orders: Orders, triggers: Triggers, matching: Matching,
        admission: Admission, oracle: Oracle, funding: Funding, parameters: Parameters, trade_flow: TradeFlow,
        borrow_flow: BorrowFlow, due_flow: DueFlow, ladder_flow: LadderFlow, close_out_flow: CloseOutFlow,
        fund_flow: FundFlow, outbox: Outbox,
    ):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.timers = timers
        self.orders = orders
        self.triggers = triggers
        self.matching = matching
        self.admission = admission
        self.oracle = oracle
        self.funding = funding
        self.parameters = parameters
        self.trade_flow = trade_flow
        self.borrow_flow = borrow_flow
        self.due_flow = due_flow
        self.ladder_flow = ladder_flow
        self.close_out_flow = close_out_flow
        self.fund_flow = fund_flow
        self.outbox = outbox
        self.clock_us = 0
        self.items = 0
        self.fault_work = 0
        self.fault_subject = NONE

    def run_due(self, now_us: longlong) -> None:
        """Do timed work that is due, by due time and serial, at most `MAX_SWEEP` items a command.

        Each item sees the venue's clock at its due time, or at the command before when that is later already.
        """
        venue = self.state.venue.read(1)
        done: longlong = 0
        was_careful: cython.bint = self.matching.is_careful
        self.matching.is_careful = True  # an item that fails takes nothing else with it
        while venue.next_due_us <= now_us and self.items < MAX_SWEEP:
            self.run_item(self.timers.get_first(), now_us)
            self.items += 1 + self.matching.get_work() // WORK_AN_ITEM
            done += 1
        self.matching.is_careful = was_careful
        clock = self.state.venue.edit(1)
        clock.time_us = now_us
        self.matching.reset_work()
        self.admission.refuse(OK, 0, 0, 0)
        if done > 0:
            event = as_work_done(self.outbox.emit(WORK_DONE, 0, 0, 0))
            event.items = done
            event.next_us = venue.next_due_us

    def run_item(self, row: longlong, now_us: longlong) -> None:
        """Do one item of timed work.  One that fails is taken back and tried again later: it stops nothing else."""
        timer = self.timers.timers.read(row)
        kind: longlong = timer.kind
        subject: longlong = timer.subject
        timer_due: longlong = timer.due_us
        mark: longlong
        events: longlong = self.outbox.length
        code: longlong = OK
        clock = self.state.venue.edit(1)
        self.clock_us = max(self.clock_us, timer.due_us)
        clock.time_us = self.clock_us
        if kind == LADDER:
            subject = self.ladder_flow.find_turn()
        mark = self.state.undo.begin()
        self.matching.reset_work()
        try:
            self.timers.cancel(row)
            self.do_due(kind, subject, timer_due, now_us)
        except Exhausted:
            code = CAPACITY
        except Exception:
            code = INTERNAL
        if code != OK:
            self.state.undo.rollback(mark)
            self.outbox.length = events
            self.defer(row, subject, now_us + DUE_RETRY, code)

    def defer(self, row: longlong, subject: longlong, due_us: longlong, code: longlong) -> None:
        """Put timed work off that could not be done, and say so.  What else stands in the same queue goes on."""
        timer = self.timers.timers.edit(row)
        kind: longlong = timer.kind
        account: longlong = NONE
        if kind == LADDER and subject != NONE:
            account = subject
            self.ladder_flow.pass_over(account)
            due_us = self.clock_us + LADDER_PACE
        elif kind == CLOSE_OUT:
            account = self.state.estates.rows[subject].account
            timer.subject = self.close_out_flow.put_behind(subject)
        self.report_deferred(kind, subject, account, code, timer.due_us, due_us)
        self.timers.delay(row, due_us)

    def report_deferred(
        self, kind: longlong, subject: longlong, account: longlong, code: longlong, due_us: longlong, next_us: longlong
    ) -> None:
        """Report work that failed and is tried again; after an error of the exchange's own the venue only cancels."""
        event = as_work_deferred(self.outbox.emit(WORK_DEFERRED, code, 0, account))
        event.due_us = due_us
        event.next_us = next_us
        event.subject = subject
        event.work_kind = kind
        if code == INTERNAL:
            self.fall()

    def fall(self) -> None:
        """Count an internal error; from now on the venue only cancels."""
        venue = self.state.venue.edit(1)
        venue.mode = CANCEL_ONLY
        venue.internal_errors += 1

    def do_due(self, kind: longlong, subject: longlong, due_us: longlong, now_us: longlong) -> None:
        """Do the work of a timer that was due at `due_us`, with the command of `now_us`.

        It left the queue; work that goes on is scheduled anew by its handler.

        A handler takes the row of its subject; whoever ends the subject before its time cancels its timer.
        """
        if kind == self.fault_work and self.fault_subject in (NONE, subject):
            self.fail()
        if kind == FUNDING_PERIOD:
            self.funding.end_period(subject)
        elif kind == ORDER_EXPIRY:
            self.orders.expire(subject)
        elif kind == TRIGGERS:
            self.triggers.place_next(subject, due_us)
        elif kind == DEAD_MAN:
            self.trade_flow.go_off(subject, due_us)
        elif kind == ORDERS_SWEEP:
            self.trade_flow.sweep(subject, due_us)
        elif kind == FEED_SUSPENSION_DUE:
            self.oracle.suspend(subject)
        elif kind == PARAMETER_CHANGE:
            self.parameters.advance(subject, now_us)
        elif kind == LOAN_DUE:
            self.due_flow.run(subject)
        elif kind == LADDER:
            self.ladder_flow.run(subject)
        elif kind == STAKE_LEAVES:
            self.fund_flow.leave(subject)
        elif kind == CLOSE_OUT:
            self.close_out_flow.work(subject)
        elif kind == MARGIN_CALL:
            self.ladder_flow.margin_call.advance(subject)

    def take_changed(self) -> None:
        """Let the ladder see accounts that have a new state, once each; beyond the bounds they wait for the next one.

        One that it fails to see to is put behind the others, and the next command tries again.
        """
        count: longlong = 0
        account: longlong = NONE
        last: longlong = self.state.venue.rows[1].last_changed
        now_us: longlong = self.state.venue.rows[1].time_us
        mark: longlong
        events: longlong
        code: longlong
        venue = self.state.venue.edit(1)
        if venue.changed_us != now_us:
            venue.changed_us = now_us
            venue.changed = 0
        while count < MAX_CHANGED and venue.changed < CHANGED_A_TIME and account != last:
            account = venue.first_changed
            venue.changed += 1
            mark = self.state.undo.begin()
            events = self.outbox.length
            code = OK
            try:
                if self.fault_work == LADDER and self.fault_subject in (NONE, account):
                    self.fail()
                self.ladder_flow.take_changed()
            except Exhausted:
                code = CAPACITY
            except Exception:
                code = INTERNAL
            if code != OK:
                self.state.undo.rollback(mark)
                self.outbox.length = events
                self.ladder_flow.put_behind()
                self.report_deferred(LADDER, account, account, code, now_us, now_us)
            count += 1

    def settle_creditors(self) -> None:
        """Let accounts that received numeraire and owe by IOU repay; beyond the bound they wait for the next one."""
        count: longlong = 0
        while self.state.venue.rows[1].first_creditor != NONE and count < MAX_SWEEP:
            self.borrow_flow.settle_ious(self.ledger.take_creditor())
            count += 1

    def fail(self) -> None:
        """Fail inside, for a test of INTERNAL."""
        raise AssertionError("a fault injected by a test")
