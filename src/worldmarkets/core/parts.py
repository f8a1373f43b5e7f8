"""The parts of the engine, each made of those above it."""

from __future__ import annotations

import cython

from worldmarkets.core import records
from worldmarkets.core.admission import Admission
from worldmarkets.core.atlas import Atlas
from worldmarkets.core.authority import Authority
from worldmarkets.core.bids import Bids
from worldmarkets.core.book import Book
from worldmarkets.core.bounds import Bounds
from worldmarkets.core.conditions import Conditions
from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.dispatch import Dispatch
from worldmarkets.core.fees import Fees
from worldmarkets.core.flows.auction import AuctionFlow
from worldmarkets.core.flows.borrow import BorrowFlow
from worldmarkets.core.flows.closeout import CloseOutFlow
from worldmarkets.core.flows.compression import CompressionFlow
from worldmarkets.core.flows.due import DueFlow
from worldmarkets.core.flows.fund import FundFlow
from worldmarkets.core.flows.funds import FundsFlow
from worldmarkets.core.flows.keys import KeysFlow
from worldmarkets.core.flows.ladder import LadderFlow
from worldmarkets.core.flows.margin_call import MarginCall
from worldmarkets.core.flows.overdue import OverdueFlow
from worldmarkets.core.flows.plan import PlanFlow
from worldmarkets.core.flows.policy import PolicyFlow
from worldmarkets.core.flows.quote import QuoteFlow
from worldmarkets.core.flows.settling import Settling
from worldmarkets.core.flows.trade import TradeFlow
from worldmarkets.core.flows.unwind import Unwind
from worldmarkets.core.foresight import Foresight
from worldmarkets.core.fund import Fund
from worldmarkets.core.funding import Funding
from worldmarkets.core.governance import Governance
from worldmarkets.core.groups import Groups
from worldmarkets.core.keys import Keys
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.limits import Limits
from worldmarkets.core.mandates import Mandates
from worldmarkets.core.matching import Matching
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.parameters import Parameters
from worldmarkets.core.policy import Policies
from worldmarkets.core.protection import Protection
from worldmarkets.core.quotes import Quotes
from worldmarkets.core.slices import Slices
from worldmarkets.core.state import State
from worldmarkets.core.sweep import Sweep
from worldmarkets.core.timers import Timers
from worldmarkets.core.triggers import Triggers
from worldmarkets.core.work import Work

if not cython.compiled:
    from worldmarkets.core.records import Command


@cython.cclass
class Parts:
    """All parts of one engine, and the command records that it takes in."""

    state: State
    ledger: Ledger
    keys: Keys
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
    authority: Authority
    oracle: Oracle
    funding: Funding
    fees: Fees
    sweep: Sweep
    perps: Perps
    fund: Fund
    loans: Loans
    mandates: Mandates
    matching: Matching
    foresight: Foresight
    triggers: Triggers
    bids: Bids
    slices: Slices
    auction_flow: AuctionFlow
    governance: Governance
    settling: Settling
    parameters: Parameters
    funds_flow: FundsFlow
    trade_flow: TradeFlow
    borrow_flow: BorrowFlow
    compression_flow: CompressionFlow
    quote_flow: QuoteFlow
    policy_flow: PolicyFlow
    keys_flow: KeysFlow
    overdue_flow: OverdueFlow
    due_flow: DueFlow
    plan_flow: PlanFlow
    unwind: Unwind
    margin_call: MarginCall
    ladder_flow: LadderFlow
    close_out_flow: CloseOutFlow
    fund_flow: FundFlow
    outbox: Outbox
    work: Work
    dispatch: Dispatch
    groups: Groups
    inbox: Command[::1]

    def __init__(self, capacity, inbox, outbox, huge_pages):
        self.inbox = records.rows(records.Command, inbox)
        self.state = State(capacity, huge_pages)
        self.outbox = Outbox(outbox)
        self.ledger = Ledger(self.state)
        self.keys = Keys(self.state)
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
            self.state, self.book, self.ladder, self.conditions, self.outbox, self.quotes, self.limits, self.funding,
            self.keys,
        )  # fmt: skip
        self.protection = Protection(
            self.state, self.quotes, self.limits, self.orders, self.admission, self.outbox
        )  # fmt: skip
        self.oracle = Oracle(self.state, self.timers, self.outbox)
        self.sweep = Sweep(self.state, self.atlas, self.bounds, self.outbox)
        self.fees = Fees(self.state, self.ledger)
        self.fund = Fund(self.state, self.ledger, self.timers, self.outbox)
        self.loans = Loans(self.state, self.ledger, self.timers, self.fund, self.outbox)
        self.perps = Perps(
            self.state, self.ledger, self.bounds, self.loans, self.atlas, self.policies, self.outbox
        )  # fmt: skip
        self.mandates = Mandates(
            self.state, self.keys, self.orders, self.perps, self.loans, self.limits, self.atlas, self.admission
        )  # fmt: skip
        self.authority = Authority(self.state, self.keys, self.mandates, self.admission)
        self.matching = Matching(
            self.state, self.ledger, self.book, self.orders, self.atlas, self.bounds, self.admission, self.fees,
            self.funding, self.oracle, self.perps, self.loans, self.policies, self.limits, self.mandates,
            self.protection, self.outbox,
        )  # fmt: skip
        self.foresight = Foresight(self.state, self.book)
        self.triggers = Triggers(
            self.state, self.ledger, self.ladder, self.timers, self.conditions, self.orders, self.oracle,
            self.admission, self.matching, self.outbox,
        )  # fmt: skip
        self.bids = Bids(self.state, self.orders, self.admission, self.matching)
        self.slices = Slices(
            self.state, self.ledger, self.atlas, self.policies, self.oracle, self.perps, self.loans, self.bids,
            self.outbox,
        )  # fmt: skip
        self.auction_flow = AuctionFlow(
            self.state, self.ledger, self.book, self.orders, self.limits, self.atlas, self.admission, self.matching,
            self.slices, self.outbox,
        )  # fmt: skip
        self.governance = Governance(
            self.state, self.keys, self.book, self.ladder, self.timers, self.admission, self.oracle, self.outbox
        )
        self.settling = Settling(self.state, self.orders, self.perps, self.loans, self.oracle, self.outbox)
        self.parameters = Parameters(
            self.state, self.timers, self.admission, self.governance, self.settling, self.oracle, self.outbox
        )  # fmt: skip
        self.funds_flow = FundsFlow(self.state, self.ledger, self.matching, self.admission, self.outbox)
        self.trade_flow = TradeFlow(
            self.state, self.timers, self.conditions, self.orders, self.matching, self.triggers, self.bids,
            self.admission, self.perps, self.policies, self.outbox,
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
        self.keys_flow = KeysFlow(
            self.state, self.keys, self.conditions, self.orders, self.matching, self.admission, self.outbox
        )
        self.overdue_flow = OverdueFlow(
            self.state, self.ledger, self.loans, self.admission, self.oracle, self.outbox
        )  # fmt: skip
        self.due_flow = DueFlow(
            self.state, self.ledger, self.loans, self.matching, self.admission, self.oracle, self.borrow_flow,
            self.overdue_flow, self.outbox,
        )  # fmt: skip
        self.fund_flow = FundFlow(
            self.state, self.ledger, self.timers, self.fund, self.funds_flow, self.admission, self.outbox
        )  # fmt: skip
        self.close_out_flow = CloseOutFlow(
            self.state, self.ledger, self.timers, self.orders, self.matching, self.atlas, self.loans, self.perps,
            self.outbox,
        )  # fmt: skip
        self.plan_flow = PlanFlow(
            self.state, self.ledger, self.orders, self.matching, self.admission, self.outbox
        )  # fmt: skip
        self.unwind = Unwind(
            self.state, self.ledger, self.atlas, self.admission, self.fees, self.orders, self.matching,
            self.borrow_flow, self.due_flow, self.outbox,
        )  # fmt: skip
        self.margin_call = MarginCall(
            self.state, self.timers, self.atlas, self.fees, self.oracle, self.orders, self.matching, self.unwind,
            self.outbox,
        )  # fmt: skip
        self.ladder_flow = LadderFlow(
            self.state, self.timers, self.atlas, self.sweep, self.margin_call, self.unwind,
            self.auction_flow, self.close_out_flow, self.outbox,
        )  # fmt: skip
        self.compression_flow = CompressionFlow(
            self.state, self.perps, self.oracle, self.admission, self.outbox, self.inbox
        )  # fmt: skip
        self.work = Work(
            self.state, self.ledger, self.timers, self.orders, self.triggers, self.matching, self.admission,
            self.oracle, self.funding, self.parameters, self.trade_flow, self.borrow_flow, self.due_flow,
            self.ladder_flow, self.close_out_flow, self.fund_flow, self.outbox,
        )  # fmt: skip
        self.dispatch = Dispatch(
            self.state, self.matching, self.triggers, self.bids, self.admission, self.oracle, self.sweep,
            self.governance, self.parameters, self.funds_flow, self.trade_flow, self.borrow_flow, self.quote_flow,
            self.policy_flow, self.keys_flow, self.fund_flow, self.work, self.outbox,
        )  # fmt: skip
        self.groups = Groups(
            self.state, self.matching, self.admission, self.borrow_flow, self.compression_flow, self.quote_flow,
            self.plan_flow, self.dispatch, self.outbox, self.inbox,
        )  # fmt: skip
