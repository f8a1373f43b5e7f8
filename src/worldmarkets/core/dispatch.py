"""Which part takes a command.

A kind of command is a record (`records.py`), its code (`codes.py`), a handler that returns OK or the code of its
rejection, and a line of `Dispatch.run`.
"""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.bids import Bids
from worldmarkets.core.flows.borrow import BorrowFlow
from worldmarkets.core.flows.fund import FundFlow
from worldmarkets.core.flows.funds import FundsFlow
from worldmarkets.core.flows.keys import KeysFlow
from worldmarkets.core.flows.policy import PolicyFlow
from worldmarkets.core.flows.quote import QuoteFlow
from worldmarkets.core.flows.trade import TradeFlow
from worldmarkets.core.governance import Governance
from worldmarkets.core.matching import Matching
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.parameters import Parameters
from worldmarkets.core.state import State
from worldmarkets.core.sweep import Sweep
from worldmarkets.core.triggers import Triggers
from worldmarkets.core.work import Work

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Asset,
        Command,
        SetLimits,
        SetMark,
        Venue,
        as_contract_change,
        as_funds,
        as_key_change,
        as_open_account,
        as_order_change,
        as_order_pair,
        as_place_bid,
        as_place_order,
        as_propose_change,
        as_protect,
        as_set_counterparty,
        as_set_limits,
        as_set_mandate,
        as_set_mark,
        as_set_policy,
        as_switch,
        as_timeout,
    )


@cython.final
@cython.cclass
class Dispatch:
    """Hands a command of one record to its handler."""

    state: State
    matching: Matching
    triggers: Triggers
    bids: Bids
    admission: Admission
    oracle: Oracle
    sweep: Sweep
    governance: Governance
    parameters: Parameters
    funds_flow: FundsFlow
    trade_flow: TradeFlow
    borrow_flow: BorrowFlow
    quote_flow: QuoteFlow
    policy_flow: PolicyFlow
    keys_flow: KeysFlow
    fund_flow: FundFlow
    work: Work
    outbox: Outbox

    def __init__(
        self, state: State, matching: Matching, triggers: Triggers, bids: Bids, admission: Admission, oracle: Oracle,
        sweep: Sweep, governance: Governance, parameters: Parameters, funds_flow: FundsFlow, trade_flow: TradeFlow,
        borrow_flow: BorrowFlow, quote_flow: QuoteFlow, policy_flow: PolicyFlow, keys_flow: KeysFlow,
        fund_flow: FundFlow, work: Work, outbox: Outbox,
    ):  # fmt: skip
        self.state = state
        self.matching = matching
        self.triggers = triggers
        self.bids = bids
        self.admission = admission
        self.oracle = oracle
        self.sweep = sweep
        self.governance = governance
        self.parameters = parameters
        self.funds_flow = funds_flow
        self.trade_flow = trade_flow
        self.borrow_flow = borrow_flow
        self.quote_flow = quote_flow
        self.policy_flow = policy_flow
        self.keys_flow = keys_flow
        self.fund_flow = fund_flow
        self.work = work
        self.outbox = outbox

    def run(self, command: pointer[Command]) -> longlong:
        """Run one command.  Returns OK or the code of its rejection."""
        kind: longlong = command.kind
        code: longlong
        if self.matching.mandates.active != NONE:
            code = self.matching.mandates.check_command(command)
            if code != OK:
                return code
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
            return self.set_mark(as_set_mark(command))
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
        if kind == PLACE_BID:
            return self.bids.place(as_place_bid(command))
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
        if kind == ADD_KEY:
            return self.keys_flow.add(as_key_change(command))
        if kind == SET_MANDATE:
            return self.keys_flow.set_mandate(as_set_mandate(command))
        if kind == REVOKE_KEY:
            return self.keys_flow.revoke(as_key_change(command))
        if kind == STAKE:
            return self.fund_flow.stake(as_funds(command))
        if kind == UNSTAKE:
            return self.fund_flow.unstake(as_funds(command))
        if kind == SET_COVER:
            return self.fund_flow.set_cover(as_switch(command))
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

    def set_mark(self, command: pointer[SetMark]) -> longlong:
        """Take a price as a mark, if it passes the guards."""
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
            self.work.run_due(command.time_us)
        self.policy_flow.sweep()
        self.sweep.close()
        return OK
