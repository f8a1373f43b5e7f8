"""The engine: command records in, event records out.

A command is applied whole or not at all.  It is numbered and its time is taken; then it runs inside one level of the
undo log.  A rejection, an exhausted table or an internal error takes everything back and leaves one event that says so.
"""

from __future__ import annotations

import cython
from cython import address, longlong, pointer

from worldmarkets.core import records
from worldmarkets.core.admission import Admission
from worldmarkets.core.atlas import Atlas
from worldmarkets.core.book import Book
from worldmarkets.core.bounds import Bounds
from worldmarkets.core.conditions import Conditions
from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.fees import Fees
from worldmarkets.core.flows.borrow import BorrowFlow
from worldmarkets.core.flows.compression import CompressionFlow
from worldmarkets.core.flows.due import DueFlow
from worldmarkets.core.flows.funds import FundsFlow
from worldmarkets.core.flows.policy import PolicyFlow
from worldmarkets.core.flows.quote import QuoteFlow
from worldmarkets.core.flows.settling import Settling
from worldmarkets.core.flows.trade import TradeFlow
from worldmarkets.core.foresight import Foresight
from worldmarkets.core.funding import Funding
from worldmarkets.core.governance import Governance
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.limits import Limits
from worldmarkets.core.matching import Matching
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.parameters import Parameters
from worldmarkets.core.policy import Policies
from worldmarkets.core.protection import Protection
from worldmarkets.core.quotes import Quotes
from worldmarkets.core.state import State
from worldmarkets.core.sweep import Sweep
from worldmarkets.core.timers import Timers
from worldmarkets.core.triggers import Triggers
from worldmarkets.core.undo import Exhausted

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Asset,
        Command,
        Event,
        Order,
        Owner,
        SetLimits,
        SetMark,
        Venue,
        address,
        as_contract_change,
        as_funds,
        as_mass_quote,
        as_open_account,
        as_order_change,
        as_order_pair,
        as_place_order,
        as_propose_change,
        as_protect,
        as_quote,
        as_rejected,
        as_set_counterparty,
        as_set_limits,
        as_set_mark,
        as_set_policy,
        as_switch,
        as_timeout,
        as_work_deferred,
        as_work_done,
    )
    from worldmarkets.core.units import (
        DUE_RETRY,
        EVENTS_A_COMMAND,
        FAR,
        MAX_BUNDLE,
        MAX_SWEEP,
        MAX_TIME,
        NEAR,
        NEXT,
        NO_LIMIT,
        WORK_AN_ITEM,
    )

@cython.final
@cython.cclass
class Engine:
    """The exchange as a state machine."""

    state: State
    ledger: Ledger
    book: Book
    ladder: Book
    timers: Timers
    quotes: Quotes
    limits: Limits
    conditions: Conditions
    orders: Orders
    protection: Protection
    atlas: Atlas
    policies: Policies
    bounds: Bounds
    admission: Admission
    oracle: Oracle
    funding: Funding
    fees: Fees
    sweep: Sweep
    perps: Perps
    loans: Loans
    matching: Matching
    foresight: Foresight
    triggers: Triggers
    governance: Governance
    settling: Settling
    parameters: Parameters
    funds_flow: FundsFlow
    trade_flow: TradeFlow
    borrow_flow: BorrowFlow
    compression_flow: CompressionFlow
    quote_flow: QuoteFlow
    policy_flow: PolicyFlow
    due_flow: DueFlow
    inbox: Command[::1]
    inbox_bytes: object
    outbox: Outbox
    capacity: longlong
    leg: longlong
    clock_us: longlong
    items: longlong
    own_events: longlong
    preview_mark: longlong
    preview_events: longlong
    preview_sequence: longlong
    preview_time_us: longlong
    is_preview: cython.bint
    fault_at: longlong
    fault_work: longlong

    def __init__(self, capacity=None, inbox=1 << 16, outbox=1 << 20, huge_pages=False):
        if outbox < EVENTS_A_COMMAND:
            raise ValueError(f"an outbox has room for what one command may report: {EVENTS_A_COMMAND} events")
        self.state = State(capacity, huge_pages)
        self.outbox = Outbox(outbox)
        self.ledger = Ledger(self.state)
        self.book = Book(self.state, self.state.sides)
        self.ladder = Book(self.state, self.state.trigger_sides)
        self.timers = Timers(self.state)
        self.conditions = Conditions(self.state, self.timers)
        self.atlas = Atlas(self.state)
        self.bounds = Bounds(self.state, self.atlas)
        self.policies = Policies(self.state, self.ledger, self.atlas)
        self.admission = Admission(self.state, self.atlas, self.bounds)
        self.quotes = Quotes(self.state)
        self.limits = Limits(self.state, self.admission, self.atlas)
        self.funding = Funding(self.state, self.book, self.timers, self.outbox)
        self.orders = Orders(
            self.state, self.book, self.ladder, self.conditions, self.outbox, self.quotes, self.limits, self.funding
        )  # fmt: skip
        self.protection = Protection(
            self.state, self.quotes, self.limits, self.orders, self.admission, self.outbox
        )  # fmt: skip
        self.oracle = Oracle(self.state, self.timers, self.outbox)
        self.sweep = Sweep(self.state, self.atlas, self.bounds, self.outbox)
        self.fees = Fees(self.state, self.ledger)
        self.loans = Loans(self.state, self.ledger, self.timers, self.outbox)
        self.perps = Perps(
            self.state, self.ledger, self.bounds, self.loans, self.atlas, self.policies, self.outbox
        )  # fmt: skip
        self.matching = Matching(
            self.state, self.ledger, self.book, self.orders, self.atlas, self.bounds, self.admission, self.fees,
            self.funding, self.oracle, self.perps, self.loans, self.policies, self.limits, self.protection, self.outbox,
        )  # fmt: skip
        self.foresight = Foresight(self.state, self.book)
        self.triggers = Triggers(
            self.state, self.ledger, self.ladder, self.timers, self.conditions, self.orders, self.oracle,
            self.admission, self.matching, self.outbox,
        )  # fmt: skip
        self.governance = Governance(
            self.state, self.book, self.ladder, self.timers, self.admission, self.oracle, self.outbox
        )
        self.settling = Settling(self.state, self.orders, self.perps, self.loans, self.oracle, self.outbox)
        self.parameters = Parameters(
            self.state, self.timers, self.admission, self.governance, self.settling, self.oracle, self.outbox
        )  # fmt: skip
        self.funds_flow = FundsFlow(self.state, self.ledger, self.matching, self.admission, self.outbox)
        self.trade_flow = TradeFlow(
            self.state, self.timers, self.conditions, self.orders, self.matching, self.triggers, self.admission,
            self.perps, self.policies, self.outbox,
        )  # fmt: skip
        self.borrow_flow = BorrowFlow(
            self.state, self.ledger, self.loans, self.matching, self.admission, self.outbox
        )  # fmt: skip
        self.quote_flow = QuoteFlow(
            self.state, self.ledger, self.atlas, self.quotes, self.limits, self.orders, self.protection, self.matching,
            self.admission, self.outbox,
        )  # fmt: skip
        self.policy_flow = PolicyFlow(
            self.state, self.policies, self.orders, self.matching, self.admission, self.trade_flow, self.outbox
        )
        self.due_flow = DueFlow(
            self.state, self.ledger, self.loans, self.matching, self.admission, self.oracle, self.borrow_flow,
            self.outbox,
        )  # fmt: skip
        rows = records.rows(records.Command, inbox)
        self.inbox = rows
        self.compression_flow = CompressionFlow(self.state, self.perps, self.oracle, self.admission, self.outbox, rows)
        self.inbox_bytes = memoryview(rows).cast("B")
        self.capacity = inbox
        self.leg = 0
        self.clock_us = 0
        self.items = 0
        self.own_events = 0
        self.is_preview = False
        self.fault_at = 0
        self.fault_work = 0

    def load(self, commands):
        """Fill the inbox with encoded commands (64 bytes each) and return how many.  Raises ValueError when torn."""
        size = len(commands)
        if size % 64 or size > 64 * self.capacity:
            raise ValueError(f"{size} bytes are not at most {self.capacity} whole command records of 64 bytes")
        self.inbox_bytes[:size] = commands
        return size // 64

    def run(self, count: longlong, start: longlong = 0):
        """Apply commands `start` to `count` of the inbox; return how many records were taken.

        It ends early, before a command, when the outbox has no room for all that the command may report.
        """
        place: longlong = start
        while place < count:
            if self.outbox.get_room() < EVENTS_A_COMMAND:
                break
            self.foresee(place, count)
            place += self.step(place, count)
        return place - start

    def foresee(self, place: longlong, count: longlong) -> None:
        """Look at the commands ahead, each three times before its turn."""
        if place + FAR < count:
            self.foresight.look_far(address(self.inbox[place + FAR]))
        if place + NEAR < count:
            self.foresight.look_near(address(self.inbox[place + NEAR]))
        if place + NEXT < count:
            self.foresight.look_next(address(self.inbox[place + NEXT]))

    def apply(self, commands):
        """Apply encoded commands and return the events they gave, encoded."""
        self.outbox.length = 0
        count = self.load(commands)
        parts = []
        done = 0
        while done < count:
            taken = self.run(count, done)
            done += taken
            parts.append(bytes(self.outbox.view(0, self.outbox.length)))
            self.outbox.length = 0
        return b"".join(parts)

    def step(self, place: longlong, count: longlong) -> longlong:
        """Apply one command, or one bundle or compression with its legs; return how many records that was."""
        command = address(self.inbox[place])
        taken: longlong = 1
        code: longlong
        mark: longlong
        events: longlong = self.outbox.length
        if command.kind == BUNDLE or command.kind == COMPRESS or command.kind == MASS_QUOTE:
            taken = min(1 + command.count, count - place)
        code = self.stamp(place)
        mark = self.state.undo.begin()
        clock_us: longlong = self.clock_us
        self.leg = 0
        if code == OK:
            self.matching.is_careful = False
            code = self.attempt(place, taken)
            self.matching.is_careful = True
            if self.matching.has_failed:
                self.state.undo.rollback(mark)
                self.outbox.length = events
                self.clock_us = clock_us
                code = self.attempt(place, taken)
        if code != OK:
            self.state.undo.rollback(mark)
            self.outbox.length = events
            self.reject(place, code)
        elif self.outbox.length == self.own_events:
            self.outbox.emit(UNCHANGED, command.kind, 0, command.account)
        if not self.is_preview:
            self.state.undo.commit()
        return taken

    def attempt(self, place: longlong, taken: longlong) -> longlong:
        """Run a command or a bundle, whatever happens inside.  Returns OK or the code of its rejection."""
        self.matching.has_failed = False
        self.leg = 0
        try:
            return self.perform(place, taken)
        except Exhausted:
            return self.admission.refuse(CAPACITY, 0, 0, 0)
        except Exception:
            return self.admission.refuse(INTERNAL, 0, 0, 0)

    def stamp(self, place: longlong) -> longlong:
        """Number a command and take its time, which never runs backwards.

        A rejected command keeps both, so they are written beside the undo log; a preview puts them back itself.
        """
        command = address(self.inbox[place])
        venue = address(self.state.venue.rows[1])
        venue.sequence += 1
        self.outbox.sequence = venue.sequence
        if command.sequence != 0 and command.sequence != venue.sequence:
            return self.admission.refuse(MALFORMED, venue.sequence, command.sequence, 0)
        if command.time_us < venue.time_us or command.time_us > MAX_TIME:
            return self.admission.refuse(TIME_BACKWARDS, venue.time_us, command.time_us, 0)
        self.clock_us = venue.time_us
        venue.time_us = command.time_us
        return OK

    def reject(self, place: longlong, code: longlong) -> None:
        """Say that a command changed nothing, and why."""
        command = address(self.inbox[place])
        self.matching.is_bundle = False
        event = as_rejected(self.outbox.emit(REJECTED, code, 0, command.account))
        event.needed = self.admission.needed
        event.had = self.admission.had
        event.subject = self.admission.subject
        event.command_kind = command.kind
        event.leg = self.leg
        if command.kind == PLACE_ORDER:
            event.client_id = as_place_order(command).client_id
        if code == INTERNAL:
            self.fall()

    def perform(self, place: longlong, taken: longlong) -> longlong:
        """Run a command or a bundle.  Returns OK or the code of its rejection."""
        command = address(self.inbox[place])
        code: longlong
        self.matching.reset_work()
        self.matching.is_bundle = False
        self.admission.refuse(OK, 0, 0, 0)
        self.items = 0
        if self.state.venue.rows[1].next_due_us <= command.time_us:
            self.run_due(command.time_us)
        self.own_events = self.outbox.length
        self.orders.sweep_clients()
        if command.kind == BUNDLE:
            code = self.perform_bundle(place, taken)
        elif command.kind == COMPRESS:
            code = self.compression_flow.compress(place, taken)
            self.leg = self.compression_flow.leg
        elif command.kind == MASS_QUOTE:
            code = self.perform_quotes(place, taken)
        else:
            code = self.dispatch(place)
        if code == OK and self.state.venue.rows[1].first_creditor != NONE:
            self.settle_creditors()
        if code == OK and self.state.venue.rows[1].first_urgent != NONE:
            self.sweep.settle_urgent()
        if self.fault_at != 0 and self.state.venue.rows[1].sequence == self.fault_at:
            self.fail()
        return code

    # Timed work.

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
        mark: longlong = self.state.undo.begin()
        events: longlong = self.outbox.length
        code: longlong = OK
        clock = self.state.venue.edit(1)
        self.clock_us = max(self.clock_us, timer.due_us)
        clock.time_us = self.clock_us
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
            self.defer(row, now_us + DUE_RETRY, code)

    def defer(self, row: longlong, due_us: longlong, code: longlong) -> None:
        """Put timed work off that could not be done, and say so."""
        timer = self.timers.timers.read(row)
        event = as_work_deferred(self.outbox.emit(WORK_DEFERRED, code, 0, 0))
        event.due_us = timer.due_us
        event.next_us = due_us
        event.subject = timer.subject
        event.work_kind = timer.kind
        self.timers.delay(row, due_us)
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
        if kind == self.fault_work:
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

    def fail(self) -> None:
        """Fail inside, for a test of INTERNAL."""
        raise AssertionError("a fault injected by a test")

    def settle_creditors(self) -> None:
        """Let accounts that received numeraire and owe by IOU repay; beyond the bound they wait for the next one."""
        count: longlong = 0
        while self.state.venue.rows[1].first_creditor != NONE and count < MAX_SWEEP:
            self.borrow_flow.settle_ious(self.ledger.take_creditor())
            count += 1

    def perform_bundle(self, place: longlong, taken: longlong) -> longlong:
        """Run the legs of a bundle, and ask for admission once, at the end."""
        command = address(self.inbox[place])
        leg: longlong
        code: longlong
        if command.count == 0 or command.count > MAX_BUNDLE or taken != 1 + command.count:
            return self.admission.refuse(BUNDLE_SIZE, MAX_BUNDLE, command.count, taken - 1)
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        self.admission.take(self.matching.taker, command.account)
        self.matching.is_bundle = True
        self.borrow_flow.pending = 0
        for leg in range(1, taken):
            self.leg = leg
            part = address(self.inbox[place + leg])
            if part.kind == BUNDLE:
                return self.admission.refuse(BUNDLE_NESTED, 0, 0, leg)
            if part.account != command.account or not self.is_account_command(part.kind):
                return self.admission.refuse(BUNDLE_ACCOUNT, command.account, part.account, part.kind)
            code = self.dispatch(place + leg)
            if code != OK:
                return code
        self.matching.is_bundle = False
        self.leg = 0
        code = self.admission.check(self.matching.taker)
        if code == OK:
            code = self.matching.check_open_orders(command.account, 0)
        if code == OK:
            self.outbox.emit(BUNDLE_APPLIED, command.count, 0, command.account)
            self.borrow_flow.return_pending()
        return code

    def perform_quotes(self, place: longlong, taken: longlong) -> longlong:
        """Replace an account's quotes, each accepted or refused on its own unless the command says otherwise."""
        command = as_mass_quote(address(self.inbox[place]))
        leg: longlong
        code: longlong
        is_empty: cython.bint = command.count == 0 and not command.flags & PULL_OTHERS
        if is_empty or command.count > MAX_BUNDLE or taken != 1 + command.count:
            return self.admission.refuse(BUNDLE_SIZE, MAX_BUNDLE, command.count, taken - 1)
        code = self.quote_flow.check_head(command)
        if code != OK:
            return code
        for leg in range(1, taken):
            part = address(self.inbox[place + leg])
            if part.kind != QUOTE or part.account != command.account:
                self.leg = leg
                return self.admission.refuse(BUNDLE_ACCOUNT, command.account, part.account, part.kind)
        self.quote_flow.begin()
        for leg in range(1, taken):
            self.quote_flow.clear(as_quote(address(self.inbox[place + leg])), command.flags & PULL_OTHERS != 0)
        if command.flags & PULL_OTHERS:
            self.quote_flow.pull_others(command)
        for leg in range(1, taken):
            part = address(self.inbox[place + leg])
            code = self.quote_flow.enter(as_quote(part), as_place_order(part), leg)
            if code != OK and command.flags & ALL_OR_NONE:
                self.leg = leg
                return code
        self.quote_flow.finish(command)
        return OK

    def is_account_command(self, kind: longlong) -> cython.bint:
        """Say whether a command is one that an account sends, and may stand in a bundle."""
        return kind == WITHDRAW or kind == TRANSFER or CONFIGURE_ACCOUNT <= kind <= CONFIGURE_LOAN

    def dispatch(self, place: longlong) -> longlong:
        """Run one command.  Returns OK or the code of its rejection."""
        command = address(self.inbox[place])
        kind: longlong = command.kind
        if kind == PLACE_ORDER:
            if as_place_order(command).trigger_ticks != 0:
                return self.triggers.park(as_place_order(command))
            return self.matching.place(as_place_order(command))
        if kind == CANCEL_ORDER:
            return self.trade_flow.cancel(as_order_change(command))
        if kind == AMEND_ORDER:
            return self.trade_flow.amend(as_order_change(command))
        if kind == CANCEL_ALL:
            return self.trade_flow.cancel_all(as_order_change(command))
        if kind == PAIR_ORDERS:
            return self.trade_flow.pair(as_order_pair(command))
        if kind == SET_DEAD_MAN:
            return self.trade_flow.set_dead_man(as_timeout(command))
        if kind == SET_MARK:
            return self.set_mark(place)
        if kind == ADVANCE_TIME:
            self.policy_flow.sweep()
            self.sweep.open()
            self.outbox.emit(TIME_ADVANCED, 0, 0, 0)
            self.sweep.close()
            return OK
        if kind == OPEN_ACCOUNT:
            return self.funds_flow.open_account(as_open_account(command))
        if kind == DEPOSIT:
            return self.funds_flow.deposit(as_funds(command))
        if kind == WITHDRAW:
            return self.funds_flow.withdraw(as_funds(command))
        if kind == TRANSFER:
            return self.funds_flow.transfer(as_funds(command))
        if kind == CONFIGURE_ACCOUNT:
            return self.funds_flow.configure(as_switch(command))
        if kind == TRUE_UP:
            return self.trade_flow.true_up(as_contract_change(command))
        if kind == REPAY_LOAN:
            return self.borrow_flow.repay(as_contract_change(command))
        if kind == EXTEND_LOAN:
            return self.borrow_flow.extend(as_contract_change(command))
        if kind == SET_PROTECTION:
            return self.quote_flow.protect(as_protect(command))
        if kind == RESET_PROTECTION:
            return self.quote_flow.reset_protection(as_protect(command))
        if kind == SET_LIMITS:
            return self.quote_flow.set_limits(as_set_limits(command))
        if kind == SET_VENUE_LIMITS:
            return self.set_venue_limits(as_set_limits(command))
        if kind == SET_POLICY:
            return self.policy_flow.set_policy(as_set_policy(command))
        if kind == SET_COUNTERPARTY:
            return self.policy_flow.set_counterparty(as_set_counterparty(command))
        if kind == EXIT_LOAN:
            return self.borrow_flow.exit(as_contract_change(command))
        if kind == RENEW_LOAN:
            return self.borrow_flow.renew(as_contract_change(command))
        if kind == CONFIGURE_LOAN:
            return self.borrow_flow.configure(as_contract_change(command))
        if kind == SET_MARKET_MODE:
            return self.governance.set_market_mode(as_switch(command))
        if kind == SET_FEED:
            return self.governance.set_feed(as_switch(command))
        if kind == PROPOSE_CHANGE:
            return self.parameters.propose(as_propose_change(command))
        if kind == CANCEL_CHANGE:
            return self.parameters.cancel(as_contract_change(command))
        if kind == LIST_ASSET:
            return self.parameters.list_asset(command)
        if kind == LIST_MARKET:
            return self.parameters.list_market(command)
        return self.admission.refuse(UNKNOWN_KIND, COMMAND_KINDS - 1, kind, 0)

    def set_venue_limits(self, command: pointer[SetLimits]) -> longlong:
        """Set the venue's limits of an account in a market, as its roles may."""
        code: longlong = self.governance.check_role(command.flags, True)
        return code if code != OK else self.quote_flow.set_limits(command)

    def set_mark(self, place: longlong) -> longlong:
        """Take a price as a mark, if it passes the guards."""
        command = as_set_mark(address(self.inbox[place]))
        code: longlong
        if not self.state.has_asset(command.asset):
            return self.admission.refuse(UNKNOWN_ASSET, 0, 0, command.asset)
        code = self.oracle.check_mark(
            command.asset, command.price, command.source_time_us, command.sources, command.agreeing
        )  # fmt: skip
        if code != OK:
            return self.admission.refuse(code, self.oracle.needed, self.oracle.had, command.asset)
        self.sweep.open()
        self.oracle.apply_mark(command.asset, command.price, command.source_time_us)
        asset = self.state.assets.edit(command.asset)
        asset.sources = min(command.sources, 255)
        self.triggers.note_mark(command.asset)
        if self.state.venue.rows[1].next_due_us <= command.time_us:
            self.run_due(command.time_us)
        self.policy_flow.sweep()
        self.sweep.close()
        return OK

    # Previews: run anything, look at the state it leaves, take it back.

    def open_preview(self):
        """Start a preview: commands run as ever until `close_preview` takes them back."""
        if self.is_preview:
            raise RuntimeError("a preview is open already")
        self.preview_mark = self.state.undo.begin()
        self.preview_events = self.outbox.length
        self.preview_sequence = self.state.venue.rows[1].sequence
        self.preview_time_us = self.state.venue.rows[1].time_us
        self.is_preview = True

    def close_preview(self):
        """Take everything back that was applied since `open_preview`."""
        self.state.undo.rollback(self.preview_mark)
        self.state.undo.commit()
        venue = address(self.state.venue.rows[1])
        venue.sequence = self.preview_sequence
        venue.time_us = self.preview_time_us
        self.outbox.length = self.preview_events
        self.outbox.sequence = self.preview_sequence
        self.is_preview = False

    # What the shell asks.

    def set_fault(self, sequence: longlong):
        """Make the command of this number fail inside, once it has run: what tests of INTERNAL need."""
        self.fault_at = sequence

    def set_work_fault(self, kind: longlong):
        """Make timed work of this kind fail inside, until told otherwise (0)."""
        self.fault_work = kind

    def get_value(self, account: longlong, severity_ppm: longlong):
        """Return V(account, severity) in numeraire quanta."""
        return self.atlas.compute_value(account, severity_ppm)

    def get_floor(self, account: longlong):
        """Return what an account keeps as the least V(account, initial), or None when it must be valued."""
        return self.bounds.get_floor(account) if self.bounds.has_floor(account) else None

    def get_cautious_value(self, account: longlong, severity_ppm: longlong):
        """Return V-(account, severity) in numeraire quanta."""
        return self.atlas.compute_cautious(account, severity_ppm)

    def get_resilience(self, account: longlong):
        """Return an account's resilience in ppm, at most ten; -1 when it is worth less than zero."""
        return self.atlas.compute_resilience(account)

    def get_reach(self, account: longlong):
        """Return by how many ppb marks may move, in all, before an account is looked at again; None: not filed.

        Below zero: it waits to be looked at.
        """
        key: longlong = self.state.files.get(account)
        return None if key == NONE else key - self.state.venue.rows[1].moved_ppb

    def get_look_us(self, account: longlong):
        """Return the time after which an account is looked at in any case; None when it is not waiting for one."""
        key: longlong = self.state.time_files.get(account)
        return None if key == NONE else key

    def get_state(self, account: longlong):
        """Return an account's state from V at the rungs, from scratch, and the latch that it is under."""
        return self.sweep.compute_state(account)

    def get_backlog(self):
        """Return how many accounts wait to be looked at: all whose figures have expired, or whose contracts changed."""
        return self.sweep.count_backlog()

    def is_behind(self):
        """Say whether accounts are left over that marks or time steps should have looked at."""
        return self.sweep.is_behind()

    def get_visited(self):
        """Return how many accounts this engine has looked at since it was made."""
        return self.sweep.visited

    def get_missed(self):
        """Value every account from scratch and return how many that wait for no look have another state than kept."""
        return self.sweep.count_missed()

    def get_exposure(self, account: longlong, other: longlong):
        """Return (lent, profit, shock): the parts of an account's exposure to another, in numeraire quanta."""
        self.policies.compute_exposure(account, other)
        return self.policies.lent, self.policies.profit, self.policies.shock

    def get_limit(self, account: longlong, other: longlong):
        """Return the exposure that an account allows itself to another: -1 without a limit, 0 also when denied."""
        if self.state.accounts.rows[account].policy == NONE:
            return NO_LIMIT
        return 0 if self.policies.is_denied(account, other) else self.policies.get_limit(account, other)

    def get_dealable(self, account: longlong, market: longlong, side: longlong, depth: longlong):
        """Return the best `depth` levels of one side as (price in ticks, lots that an account could trade).

        Orders of the account's own owner, expired ones and those that policies keep from it count nothing.
        """
        row: longlong = self.state.get_side(market, side)
        slot: longlong = self.book.get_first(row)
        price: longlong = 0
        total: longlong = 0
        levels = []
        while slot != NONE and len(levels) < depth:
            order = self.state.orders.read(slot)
            if order.price_ticks != price:
                if total > 0:
                    levels.append((price, total))
                price = order.price_ticks
                total = 0
            if not self.ledger.is_same_owner(account, order.account):
                total += self.matching.compute_dealable(account, slot)
            slot = self.book.get_after(row, slot)
        if total > 0 and len(levels) < depth:
            levels.append((price, total))
        if not self.is_preview:
            self.state.undo.commit()
        return levels

    def get_figure(self, figure: longlong, severity_ppm: longlong):
        """Return what one group of an account is worth at a severity, in numeraire quanta."""
        return self.atlas.get_figure(figure, severity_ppm, False)

    def get_admitted_figure(self, figure: longlong, severity_ppm: longlong):
        """Return what admission takes one group of an account for: suspended holdings count nothing."""
        return self.atlas.get_figure(figure, severity_ppm, True)

    def get_fees(self, account: longlong):
        """Return what an account's owner paid in thirty days, today, today without cuts; its maker's and taker's cut.

        As the owner's next fee would find it: the days that have gone by since its last one are let go.
        """
        owner: longlong = self.state.accounts.rows[account].owner
        mark = self.state.undo.begin()
        if self.state.venue.rows[1].time_us >= self.state.owners.rows[owner].day_ends_us:
            self.fees.begin_day(owner)
        row = self.state.owners.read(owner)
        found = (row.window_fees, row.today_paid, row.today_full, row.maker_cut_ppm, row.taker_cut_ppm)
        self.state.undo.rollback(mark)
        if not self.is_preview:
            self.state.undo.commit()
        return found

    def get_feed(self, asset: longlong):
        """Return the state of an asset's feed at the venue's time."""
        return self.oracle.get_feed(asset)

    def get_crowding(self, market: longlong, more: longlong):
        """Return the margin in ppm that a perp market asks for beyond its design shock, with `more` lots open in it."""
        return self.admission.compute_crowding_ppm(market, more)

    def get_levels(self, market: longlong, side: longlong, depth: longlong):
        """Return the best `depth` levels of one side as (price in ticks, lots), best first."""
        row: longlong = self.state.get_side(market, side)
        rank: longlong = self.state.sides.rows[row].best
        levels = []
        while rank > 0 and len(levels) < depth:
            levels.append((self.book.get_rank(row, rank), self.state.levels.rows[self.book.get_level(row, rank)].lots))
            rank = self.book.find_below(row, rank)
        return levels

    def get_level_rows(self, side: longlong, is_ladder: cython.bint = False):
        """Return every level in use on a side of the book, or the trigger ladder, best first: (rank, its row)."""
        book: Book = self.ladder if is_ladder else self.book
        rank: longlong = book.find_highest(book.sides.rows[side].root)
        levels = []
        while rank > 0:
            levels.append((rank, book.get_level(side, rank)))
            rank = book.find_below(side, rank)
        return levels

    def get_best(self, market: longlong):
        """Return (bid, bid lots, ask, ask lots) in ticks and lots; zeros where a side is empty."""
        result = []
        for side in range(2):
            levels = self.get_levels(market, side, 1)
            result += levels[0] if levels else (0, 0)
        return tuple(result)
