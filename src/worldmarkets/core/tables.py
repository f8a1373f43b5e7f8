"""The typed tables: one class a record.  Written by tools/twins.py from records.py."""

from __future__ import annotations

import cython
from cython import address, const, longlong, pointer

from worldmarkets.core.undo import Table, Undo

if not cython.compiled:
    from worldmarkets.core.records import (
        Account,
        Asset,
        Bid,
        Bucket,
        Change,
        Child,
        Claim,
        Client,
        Condition,
        Counterparty,
        Credit,
        Entry,
        Estate,
        EstateLine,
        FeeDay,
        Figure,
        File,
        Grant,
        Group,
        IndexState,
        Latch,
        Level,
        Limit,
        Loan,
        Maker,
        Mandate,
        Market,
        Node,
        Nonce,
        Order,
        Owner,
        Perp,
        Place,
        Policy,
        Pool,
        Position,
        Promises,
        Sample,
        Share,
        Side,
        Signer,
        Slot,
        Stake,
        Step,
        Tier,
        Timer,
        Venue,
        Word,
    )
    from worldmarkets.core.records import Seen, address
    from worldmarkets.core.units import SEEN_MASK


@cython.final
@cython.cclass
class AccountTable(Table):
    """Rows of `Account`."""

    rows: Account[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Account]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Account]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class AssetTable(Table):
    """Rows of `Asset`."""

    rows: Asset[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Asset]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Asset]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class BidTable(Table):
    """Rows of `Bid`."""

    rows: Bid[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Bid]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Bid]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class BucketTable(Table):
    """Rows of `Bucket`."""

    rows: Bucket[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Bucket]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Bucket]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class ChangeTable(Table):
    """Rows of `Change`."""

    rows: Change[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Change]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Change]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class ChildTable(Table):
    """Rows of `Child`."""

    rows: Child[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Child]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Child]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class ClaimTable(Table):
    """Rows of `Claim`."""

    rows: Claim[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Claim]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Claim]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class ClientTable(Table):
    """Rows of `Client`."""

    rows: Client[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Client]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Client]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class ConditionTable(Table):
    """Rows of `Condition`."""

    rows: Condition[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Condition]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Condition]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class CounterpartyTable(Table):
    """Rows of `Counterparty`."""

    rows: Counterparty[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Counterparty]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Counterparty]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class CreditTable(Table):
    """Rows of `Credit`."""

    rows: Credit[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Credit]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Credit]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class EntryTable(Table):
    """Rows of `Entry`."""

    rows: Entry[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Entry]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Entry]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class EstateTable(Table):
    """Rows of `Estate`."""

    rows: Estate[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Estate]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Estate]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class EstateLineTable(Table):
    """Rows of `EstateLine`."""

    rows: EstateLine[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[EstateLine]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[EstateLine]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class FeeDayTable(Table):
    """Rows of `FeeDay`."""

    rows: FeeDay[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[FeeDay]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[FeeDay]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class FigureTable(Table):
    """Rows of `Figure`."""

    rows: Figure[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Figure]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Figure]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class FileTable(Table):
    """Rows of `File`."""

    rows: File[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[File]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[File]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class GrantTable(Table):
    """Rows of `Grant`."""

    rows: Grant[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Grant]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Grant]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class GroupTable(Table):
    """Rows of `Group`."""

    rows: Group[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Group]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Group]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class IndexStateTable(Table):
    """Rows of `IndexState`."""

    rows: IndexState[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[IndexState]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[IndexState]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class LatchTable(Table):
    """Rows of `Latch`."""

    rows: Latch[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Latch]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Latch]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class LevelTable(Table):
    """Rows of `Level`."""

    rows: Level[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Level]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Level]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class LimitTable(Table):
    """Rows of `Limit`."""

    rows: Limit[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Limit]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Limit]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class LoanTable(Table):
    """Rows of `Loan`."""

    rows: Loan[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Loan]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Loan]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class MakerTable(Table):
    """Rows of `Maker`."""

    rows: Maker[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Maker]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Maker]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class MandateTable(Table):
    """Rows of `Mandate`."""

    rows: Mandate[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Mandate]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Mandate]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class MarketTable(Table):
    """Rows of `Market`."""

    rows: Market[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Market]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Market]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class NodeTable(Table):
    """Rows of `Node`."""

    rows: Node[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Node]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Node]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class NonceTable(Table):
    """Rows of `Nonce`."""

    rows: Nonce[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Nonce]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Nonce]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class OrderTable(Table):
    """Rows of `Order`."""

    rows: Order[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Order]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Order]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class OwnerTable(Table):
    """Rows of `Owner`."""

    rows: Owner[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Owner]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Owner]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class PerpTable(Table):
    """Rows of `Perp`."""

    rows: Perp[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Perp]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Perp]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class PlaceTable(Table):
    """Rows of `Place`."""

    rows: Place[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Place]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Place]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class PolicyTable(Table):
    """Rows of `Policy`."""

    rows: Policy[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Policy]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Policy]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class PoolTable(Table):
    """Rows of `Pool`."""

    rows: Pool[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Pool]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Pool]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class PositionTable(Table):
    """Rows of `Position`."""

    rows: Position[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Position]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Position]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class PromisesTable(Table):
    """Rows of `Promises`."""

    rows: Promises[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Promises]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Promises]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class SampleTable(Table):
    """Rows of `Sample`."""

    rows: Sample[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Sample]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Sample]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class ShareTable(Table):
    """Rows of `Share`."""

    rows: Share[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Share]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Share]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class SideTable(Table):
    """Rows of `Side`."""

    rows: Side[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Side]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Side]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class SignerTable(Table):
    """Rows of `Signer`."""

    rows: Signer[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Signer]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Signer]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class SlotTable(Table):
    """Rows of `Slot`."""

    rows: Slot[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Slot]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Slot]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class StakeTable(Table):
    """Rows of `Stake`."""

    rows: Stake[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Stake]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Stake]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class StepTable(Table):
    """Rows of `Step`."""

    rows: Step[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Step]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Step]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class TierTable(Table):
    """Rows of `Tier`."""

    rows: Tier[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Tier]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Tier]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class TimerTable(Table):
    """Rows of `Timer`."""

    rows: Timer[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Timer]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Timer]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class VenueTable(Table):
    """Rows of `Venue`."""

    rows: Venue[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Venue]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Venue]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])


@cython.final
@cython.cclass
class WordTable(Table):
    """Rows of `Word`."""

    rows: Word[::1]

    def bind(self, rows):
        self.rows = rows

    def edit(self, row: longlong) -> pointer[Word]:
        """Return row `row` to be written; its value before the first write is kept."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)
        return address(self.rows[row])

    def read(self, row: longlong) -> pointer[const[Word]]:
        """Return row `row` to be read only."""
        return address(self.rows[row])
