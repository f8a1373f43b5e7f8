"""The state of the exchange: exactly its tables."""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core import records, tables
from worldmarkets.core.files import Files
from worldmarkets.core.index import Index
from worldmarkets.core.tables import (
    AccountTable,
    AssetTable,
    BidTable,
    BucketTable,
    ChangeTable,
    ChildTable,
    ClaimTable,
    ClientTable,
    ConditionTable,
    CounterpartyTable,
    CreditTable,
    EntryTable,
    EstateLineTable,
    EstateTable,
    FeeDayTable,
    FigureTable,
    FileTable,
    GrantTable,
    GroupTable,
    IndexStateTable,
    LatchTable,
    LevelTable,
    LimitTable,
    LoanTable,
    MakerTable,
    MandateTable,
    MarketTable,
    NodeTable,
    NonceTable,
    OrderTable,
    OwnerTable,
    PerpTable,
    PlaceTable,
    PolicyTable,
    PoolTable,
    PositionTable,
    PromisesTable,
    SampleTable,
    ShareTable,
    SideTable,
    SignerTable,
    SlotTable,
    StakeTable,
    StepTable,
    TierTable,
    TimerTable,
    VenueTable,
    WordTable,
)
from worldmarkets.core.undo import Undo

if not cython.compiled:
    from worldmarkets.core.codes import FROZEN, LEAVING_BOOKS, NONE
    from worldmarkets.core.records import Account, Venue
    from worldmarkets.core.units import NEVER, SIDES

# Rows a table may hold unless the genesis says otherwise.  A row costs memory only once it is used.
CAPACITY = {
    "pools": 256,
    "venue": 2,
    "assets": 4_096,
    "groups": 4_096,
    "markets": 4_096,
    "changes": 128,
    "samples": 1 << 18,
    "sides": 8_194,
    "nodes": 1 << 22,
    "children": 1 << 28,
    "levels": 1 << 28,
    "trigger_sides": 8_194,
    "orders": 1 << 24,
    "conditions": 1 << 24,
    "bids": 1 << 20,
    "clients": 1 << 24,
    "timers": 1 << 25,
    "places": 1 << 25,
    "owners": 1 << 23,
    "fee_days": 1 << 28,
    "tiers": 32,
    "accounts": 1 << 23,
    "figures": 1 << 25,
    "positions": 1 << 25,
    "perps": 1 << 25,
    "loans": 1 << 24,
    "makers": 1 << 20,
    "slots": 1 << 22,
    "limits": 1 << 20,
    "latches": 1 << 23,
    "steps": 1 << 24,
    "policies": 1 << 23,
    "counterparties": 1 << 23,
    "signers": 1 << 23,
    "nonces": 1 << 27,
    "mandates": 1 << 20,
    "grants": 1 << 22,
    "credits": 1 << 24,
    "shares": 1 << 24,
    "promises": 1 << 24,
    "estates": 1 << 23,
    "estate_lines": 1 << 12,
    "claims": 1 << 25,
    "stakes": 1 << 20,
    "indexes": 32,
}

# The indexes in their order: the table whose rows each names, by what its own two tables are called after.
PLURALS = {
    "client": "clients",
    "owner": "owners",
    "account": "accounts",
    "position": "positions",
    "perp": "perps",
    "maker": "makers",
    "slot": "slots",
    "limit": "limits",
    "counterparty": "counterparties",
    "credit": "credits",
    "signer": "signers",
    "mandate": "mandates",
    "stake": "stakes",
    "claim": "claims",
}


@cython.final
@cython.cclass
class State:
    """Every table, its undo log, and the indexes over them."""

    undo: Undo
    all: list
    pools: PoolTable
    venue: VenueTable
    assets: AssetTable
    groups: GroupTable
    markets: MarketTable
    changes: ChangeTable
    samples: SampleTable
    sides: SideTable
    nodes: NodeTable
    children: ChildTable
    levels: LevelTable
    trigger_sides: SideTable
    orders: OrderTable
    conditions: ConditionTable
    bids: BidTable
    clients: ClientTable
    timers: TimerTable
    places: PlaceTable
    owners: OwnerTable
    fee_days: FeeDayTable
    tiers: TierTable
    accounts: AccountTable
    figures: FigureTable
    positions: PositionTable
    perps: PerpTable
    loans: LoanTable
    makers: MakerTable
    slots: SlotTable
    limits: LimitTable
    policies: PolicyTable
    counterparties: CounterpartyTable
    credits: CreditTable
    signers: SignerTable
    nonces: NonceTable
    mandates: MandateTable
    grants: GrantTable
    shares: ShareTable
    promises: PromisesTable
    estates: EstateTable
    estate_lines: EstateLineTable
    stakes: StakeTable
    claims: ClaimTable
    indexes: IndexStateTable
    files: Files
    time_files: Files
    touched: WordTable
    latches: LatchTable
    latch_files: Files
    steps: StepTable
    client_index: Index
    owner_index: Index
    account_index: Index
    position_index: Index
    perp_index: Index
    maker_index: Index
    slot_index: Index
    limit_index: Index
    counterparty_index: Index
    credit_index: Index
    signer_index: Index
    mandate_index: Index
    claim_index: Index
    stake_index: Index

    def __init__(self, capacity=None, huge_pages=False):
        sizes = {**CAPACITY, **(capacity or {})}
        self.undo = Undo()
        self.all = []
        made = {}
        for number, (name, record) in enumerate(records.TABLES):
            base = name.removesuffix("_keys").removesuffix("_buckets")
            plural = PLURALS.get(base, base)
            rows = sizes.get(name) or (sizes["accounts"] // 7 + 32 if record in (records.File, records.Word) else 0)
            rows = rows or (2 * sizes[plural] + 66 if name.endswith("_buckets") else sizes[plural])
            kind = getattr(tables, record.__name__ + "Table")
            made[name] = kind(self.undo, number, record, rows, made.get("pools"), huge_pages)
            self.all.append(made[name])
        self.undo.tables = self.all
        self.bind(made)

    def bind(self, made):
        """Name the tables and build the indexes over them."""
        self.pools = made["pools"]
        self.venue = made["venue"]
        self.assets = made["assets"]
        self.groups = made["groups"]
        self.markets = made["markets"]
        self.changes = made["changes"]
        self.samples = made["samples"]
        self.sides = made["sides"]
        self.nodes = made["nodes"]
        self.children = made["children"]
        self.levels = made["levels"]
        self.trigger_sides = made["trigger_sides"]
        self.orders = made["orders"]
        self.conditions = made["conditions"]
        self.bids = made["bids"]
        self.clients = made["clients"]
        self.timers = made["timers"]
        self.places = made["places"]
        self.owners = made["owners"]
        self.fee_days = made["fee_days"]
        self.tiers = made["tiers"]
        self.accounts = made["accounts"]
        self.figures = made["figures"]
        self.positions = made["positions"]
        self.perps = made["perps"]
        self.loans = made["loans"]
        self.makers = made["makers"]
        self.slots = made["slots"]
        self.limits = made["limits"]
        self.policies = made["policies"]
        self.counterparties = made["counterparties"]
        self.credits = made["credits"]
        self.signers = made["signers"]
        self.nonces = made["nonces"]
        self.mandates = made["mandates"]
        self.grants = made["grants"]
        self.shares = made["shares"]
        self.promises = made["promises"]
        self.estates = made["estates"]
        self.estate_lines = made["estate_lines"]
        self.stakes = made["stakes"]
        self.claims = made["claims"]
        self.indexes = made["indexes"]
        self.files = Files(made["files"])
        self.time_files = Files(made["time_files"])
        self.touched = made["touched"]
        self.latches = made["latches"]
        self.latch_files = Files(made["latch_files"])
        self.steps = made["steps"]
        index = {}
        for number, name in enumerate(PLURALS, 1):
            index[name] = Index(made[name + "_keys"], made[name + "_buckets"], self.indexes, number)
        self.client_index = index["client"]
        self.owner_index = index["owner"]
        self.account_index = index["account"]
        self.position_index = index["position"]
        self.perp_index = index["perp"]
        self.maker_index = index["maker"]
        self.slot_index = index["slot"]
        self.limit_index = index["limit"]
        self.counterparty_index = index["counterparty"]
        self.credit_index = index["credit"]
        self.signer_index = index["signer"]
        self.mandate_index = index["mandate"]
        self.claim_index = index["claim"]
        self.stake_index = index["stake"]

    def open(self):
        """Lay out the empty state: pools, the venue's row, empty indexes."""
        self.pools.cover(len(records.TABLES) - 1)
        self.venue.cover(1)
        venue = self.venue.edit(1)
        venue.next_due_us = NEVER
        self.client_index.open()
        self.owner_index.open()
        self.account_index.open()
        self.position_index.open()
        self.perp_index.open()
        self.maker_index.open()
        self.slot_index.open()
        self.limit_index.open()
        self.counterparty_index.open()
        self.credit_index.open()
        self.signer_index.open()
        self.mandate_index.open()
        self.claim_index.open()
        self.stake_index.open()
        self.undo.commit()

    def has_account(self, account: longlong) -> cython.bint:
        """Say whether an account was opened."""
        return NONE < account <= self.pools.rows[self.accounts.number].used

    def is_closing(self, account: longlong) -> cython.bint:
        """Say whether an account is being closed out: it can neither act nor be given anything."""
        return self.has_account(account) and self.accounts.rows[account].closing >= LEAVING_BOOKS

    def is_frozen(self, account: longlong) -> cython.bint:
        """Say whether the contracts of an account are its close-out's alone."""
        return self.accounts.rows[account].closing == FROZEN

    def has_asset(self, asset: longlong) -> cython.bint:
        """Say whether an asset is listed."""
        return NONE < asset <= self.venue.rows[1].assets

    def has_market(self, market: longlong) -> cython.bint:
        """Say whether a market is listed."""
        return NONE < market <= self.venue.rows[1].markets

    def get_side(self, market: longlong, side: longlong) -> longlong:
        """Return the row of one side of a market's book."""
        return SIDES * market + side
