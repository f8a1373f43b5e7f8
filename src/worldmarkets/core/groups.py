"""Commands of several records: a head, and the legs behind it."""

from __future__ import annotations

import cython
from cython import address, longlong

from worldmarkets.core.admission import Admission
from worldmarkets.core.dispatch import Dispatch
from worldmarkets.core.flows.borrow import BorrowFlow
from worldmarkets.core.flows.compression import CompressionFlow
from worldmarkets.core.flows.plan import PlanFlow
from worldmarkets.core.flows.quote import QuoteFlow
from worldmarkets.core.matching import Matching
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import Command, Event, address, as_mass_quote, as_place_order, as_plan_step, as_quote
    from worldmarkets.core.units import MAX_BUNDLE


@cython.final
@cython.cclass
class Groups:
    """Runs bundles, compressions, mass quotes and plans.  `leg` is the leg that a refusal is about, 0 for the whole."""

    state: State
    matching: Matching
    admission: Admission
    borrow_flow: BorrowFlow
    compression_flow: CompressionFlow
    quote_flow: QuoteFlow
    plan_flow: PlanFlow
    dispatch: Dispatch
    outbox: Outbox
    inbox: Command[::1]
    leg: longlong

    def __init__(
        self, state: State, matching: Matching, admission: Admission, borrow_flow: BorrowFlow,
        compression_flow: CompressionFlow, quote_flow: QuoteFlow, plan_flow: PlanFlow,
        dispatch: Dispatch, outbox: Outbox, inbox,
    ):  # fmt: skip
        self.state = state
        self.matching = matching
        self.admission = admission
        self.borrow_flow = borrow_flow
        self.compression_flow = compression_flow
        self.quote_flow = quote_flow
        self.plan_flow = plan_flow
        self.dispatch = dispatch
        self.outbox = outbox
        self.inbox = inbox
        self.leg = 0

    def run(self, place: longlong, taken: longlong) -> longlong:
        """Run a head and the `taken` - 1 records after it.  Returns OK or the code of its rejection."""
        code: longlong
        kind: longlong = address(self.inbox[place]).kind
        if kind == BUNDLE:
            return self.run_bundle(place, taken)
        if self.matching.mandates.active != NONE:
            code = self.check_mandate(place, taken)
            if code != OK:
                return code
        if kind == MASS_QUOTE:
            return self.run_quotes(place, taken)
        if kind == SET_PLAN:
            return self.run_plan(place, taken)
        code = self.compression_flow.compress(place, taken)
        self.leg = self.compression_flow.leg
        return code

    def check_mandate(self, place: longlong, taken: longlong) -> longlong:
        """Return the code that keeps a delegate from a compression or a mass quote: one leg too many is enough."""
        leg: longlong
        code: longlong = self.matching.mandates.check_command(address(self.inbox[place]))
        for leg in range(1, taken):
            if code == OK:
                self.leg = leg
                code = self.matching.mandates.check_place(address(self.inbox[place + leg]))
        if code == OK:
            self.leg = 0
        return code

    def run_bundle(self, place: longlong, taken: longlong) -> longlong:
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
            code = self.dispatch.run(part)
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

    def run_quotes(self, place: longlong, taken: longlong) -> longlong:
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

    def run_plan(self, place: longlong, taken: longlong) -> longlong:
        """Set an account's plan, every step of it or none; without steps it has none any more."""
        command = address(self.inbox[place])
        code: longlong
        leg: longlong = taken - 1
        if taken != 1 + command.count:
            return self.admission.refuse(BUNDLE_SIZE, 1 + command.count, taken, 0)
        code = self.plan_flow.check_head(command.account, command.count)
        if code != OK:
            return code
        self.plan_flow.clear(command.account)
        while leg > 0:
            self.leg = leg
            part = address(self.inbox[place + leg])
            if part.kind != PLAN_STEP or part.account != command.account:
                return self.admission.refuse(BUNDLE_ACCOUNT, command.account, part.account, part.kind)
            code = self.plan_flow.add(as_plan_step(part), leg)
            if code != OK:
                return code
            leg -= 1
        self.leg = 0
        self.plan_flow.finish(command.account, command.count)
        return OK

    def is_account_command(self, kind: longlong) -> cython.bint:
        """Say whether a command is one that an account sends, and may stand in a bundle."""
        return (
            kind == WITHDRAW
            or kind == TRANSFER
            or CONFIGURE_ACCOUNT <= kind <= PLACE_BID
            or ADD_KEY <= kind <= REVOKE_KEY
        )
