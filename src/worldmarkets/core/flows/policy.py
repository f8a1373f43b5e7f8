"""How policies come into being and change, and the round over contracts that lie beyond a threshold."""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.flows.trade import TradeFlow
from worldmarkets.core.matching import Matching
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.policy import Policies
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Counterparty,
        Event,
        Market,
        Order,
        Policy,
        SetCounterparty,
        SetPolicy,
        Venue,
        as_counterparty_set,
        as_policy_set,
    )
    from worldmarkets.core.units import MAX_COUNTERPARTIES, MAX_EXPOSURE, MAX_REQUEUE, MAX_SEVERITY, MAX_SWEEP


@cython.final
@cython.cclass
class PolicyFlow:
    """Changes of policies."""

    state: State
    policies: Policies
    orders: Orders
    matching: Matching
    admission: Admission
    trade_flow: TradeFlow
    outbox: Outbox

    def __init__(self, state: State, policies: Policies, orders: Orders, matching: Matching, admission: Admission,
                 trade_flow: TradeFlow, outbox: Outbox):  # fmt: skip
        self.state = state
        self.policies = policies
        self.orders = orders
        self.matching = matching
        self.admission = admission
        self.trade_flow = trade_flow
        self.outbox = outbox

    def set_policy(self, command: pointer[SetPolicy]) -> longlong:
        """Write an account's terms for everybody; other terms of dealing put its resting orders at the back."""
        account: longlong = command.account
        code: longlong
        row: longlong
        is_other: cython.bint
        if not self.state.has_account(account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, account)
        code = self.check_amount(command.max_exposure, account)
        if code == OK:
            code = self.check_amount(command.true_up_threshold, account)
        if code != OK:
            return code
        if command.severity_ppm < 0 or command.severity_ppm > MAX_SEVERITY:
            return self.admission.refuse(SEVERITY_OUT_OF_RANGE, MAX_SEVERITY, command.severity_ppm, account)
        row = self.state.accounts.rows[account].policy
        policy = self.state.policies.read(row)  # row 0 is the default policy: all zeros
        is_other = policy.max_exposure != command.max_exposure or policy.severity_ppm != command.severity_ppm
        if is_other:
            code = self.check_requeue(account)
            if code != OK:
                return code
        self.policies.set_terms(account, command.max_exposure, command.true_up_threshold, command.severity_ppm)
        event = as_policy_set(self.outbox.emit(POLICY_SET, 0, 0, account))
        event.max_exposure = command.max_exposure
        event.true_up_threshold = command.true_up_threshold
        event.severity_ppm = command.severity_ppm
        if is_other:
            self.requeue(account)
        return OK

    def set_counterparty(self, command: pointer[SetCounterparty]) -> longlong:
        """Write what an account's policy says of one account or of its owner, or forget it."""
        account: longlong = command.account
        action: longlong = command.action
        code: longlong
        if not self.state.has_account(account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, account)
        if not self.state.has_account(command.other):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.other)
        if self.state.accounts.rows[account].owner == self.state.accounts.rows[command.other].owner:
            return self.admission.refuse(SAME_ACCOUNT, 0, 0, command.other)
        code = self.check_amount(command.limit, account)
        if code != OK:
            return code
        if action > FORGET_OWNER or (action != LIMIT_COUNTERPARTY and command.limit != 0):
            return self.admission.refuse(BAD_COMBINATION, FORGET_OWNER, action, command.other)
        if not self.is_news(command):
            self.report(command)
            return OK
        code = self.check_room(command)
        if code == OK:
            code = self.check_requeue(account)
        if code != OK:
            return code
        self.write(command)
        self.report(command)
        self.requeue(account)
        return OK

    def get_key(self, command: pointer[SetCounterparty]) -> longlong:
        """Return the row of accounts or of owners that a command is about."""
        return self.state.accounts.rows[command.other].owner if self.is_of_owner(command.action) else command.other

    def is_of_owner(self, action: longlong) -> cython.bint:
        """Say whether an action is about an owner."""
        return action == DENY_OWNER or action == FORGET_OWNER

    def find(self, command: pointer[SetCounterparty]) -> longlong:
        """Return the row of what the policy says already, or 0."""
        return self.state.counterparty_index.find(
            command.account, self.get_key(command), 1 if self.is_of_owner(command.action) else 0
        )

    def is_news(self, command: pointer[SetCounterparty]) -> cython.bint:
        """Say whether a command says anything that the policy does not say already."""
        row: longlong = self.find(command)
        action: longlong = command.action
        if row == NONE or action == FORGET_COUNTERPARTY or action == FORGET_OWNER:
            return (row == NONE) != (action == FORGET_COUNTERPARTY or action == FORGET_OWNER)
        entry = self.state.counterparties.read(row)
        return (entry.is_denied == 0) != (action == LIMIT_COUNTERPARTY) or entry.limit != command.limit

    def check_room(self, command: pointer[SetCounterparty]) -> longlong:
        """Return COUNTERPARTIES_LIMIT when a policy would name more counterparties than it may."""
        row: longlong = self.state.accounts.rows[command.account].policy
        named: longlong = self.state.policies.rows[row].counterparties
        if row != NONE and named >= MAX_COUNTERPARTIES and self.find(command) == NONE:
            return self.admission.refuse(COUNTERPARTIES_LIMIT, MAX_COUNTERPARTIES, named, command.account)
        return OK

    def write(self, command: pointer[SetCounterparty]) -> None:
        """Do what a command says that was checked."""
        action: longlong = command.action
        if action == FORGET_COUNTERPARTY or action == FORGET_OWNER:
            self.policies.forget_counterparty(command.account, self.get_key(command), action == FORGET_OWNER)
        else:
            self.policies.set_counterparty(
                command.account, self.get_key(command), action == DENY_OWNER, action, command.limit
            )

    def report(self, command: pointer[SetCounterparty]) -> None:
        """Report what a policy says of a counterparty now."""
        event = as_counterparty_set(self.outbox.emit(COUNTERPARTY_SET, 0, 0, command.account))
        event.limit = command.limit
        event.other = command.other
        event.action = command.action

    def check_amount(self, amount: longlong, account: longlong) -> longlong:
        """Return the code of what is wrong with a limit or a threshold."""
        if amount < 0:
            return self.admission.refuse(AMOUNT_NOT_POSITIVE, 0, amount, NUMERAIRE)
        if amount > MAX_EXPOSURE:
            return self.admission.refuse(AMOUNT_TOO_LARGE, MAX_EXPOSURE, amount, NUMERAIRE)
        return OK

    def check_requeue(self, account: longlong) -> longlong:
        """Return REQUEUE_LIMIT when an account has more resting orders than one command may put at the back."""
        count: longlong = self.state.accounts.rows[account].order_count
        if count > MAX_REQUEUE:
            return self.admission.refuse(REQUEUE_LIMIT, MAX_REQUEUE, count, account)
        return OK

    def requeue(self, account: longlong) -> None:
        """Put an account's resting perp and loan orders at the back of their queues, oldest first."""
        slot: longlong = self.state.accounts.rows[account].first_order
        left: longlong = self.state.accounts.rows[account].order_count
        first: longlong
        second: longlong
        first_id: longlong
        second_id: longlong
        while slot != NONE and self.state.orders.rows[slot].account_next != NONE:
            slot = self.state.orders.rows[slot].account_next
        while left > 0 and slot != NONE:
            first = self.state.orders.rows[slot].account_previous  # which may be its partner, and leave with it
            second = self.state.orders.rows[first].account_previous
            first_id = self.state.orders.rows[first].id
            second_id = self.state.orders.rows[second].id
            if self.state.markets.rows[self.state.orders.rows[slot].market].kind != SPOT and (
                not self.orders.conditions.is_parked(slot)
            ):
                self.requeue_order(slot)
            if self.state.orders.rows[first].id == first_id:
                slot = first
            else:
                slot = second if self.state.orders.rows[second].id == second_id else NONE
                left -= 1
            left -= 1

    def requeue_order(self, slot: longlong) -> None:
        """Put one order at the back; one that may trade now with what it crosses is matched as if it came anew."""
        order = self.state.orders.read(slot)
        market: longlong = order.market
        meets: cython.bint
        if order.expiry_us != 0 and order.expiry_us <= self.state.venue.rows[1].time_us:
            self.orders.cancel(slot, REASON_EXPIRED, 0, 0)
        else:
            self.orders.withdraw(slot)
            self.orders.report_amended(slot, False)
            meets = self.matching.find_touch(order.account, market, order.side, order.price_ticks) != 0
            if not meets:
                self.orders.rest(slot)
            elif order.flags & POST_ONLY or self.state.markets.rows[market].mode != OPEN or (
                self.state.venue.rows[1].mode != OPEN
            ):  # fmt: skip
                self.orders.discard(slot, WOULD_CROSS, 0, 0)
            else:
                self.admission.take(self.matching.taker, order.account)
                self.matching.execute(slot, GOOD_TILL_CANCEL)

    def sweep(self) -> None:
        """Look at a few of the contracts whose parties have a threshold, and true up those beyond it.

        What would leave a party less than free, or worse off below, is left as it is.
        """
        looks: longlong = 0
        row: longlong
        undo: longlong
        events: longlong
        while looks < MAX_SWEEP and self.state.venue.rows[1].next_watch != NONE:
            looks += 1
            row = self.policies.find_watched()
            if row != NONE:
                undo = self.state.undo.begin()
                events = self.outbox.length
                if self.trade_flow.true_up_beyond(row) != OK:
                    self.state.undo.rollback(undo)
                    self.outbox.length = events
