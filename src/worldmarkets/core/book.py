"""The book: a ladder of price levels under a tree of bitmaps, and a queue of orders at each.

A level is found by its **rank**, which grows with priority: a bid's price, and `LADDER_TOP` less an ask's price.  Rank
0 is no level.  The ladder is a tree of depth four with 64 children a node, each node one word of bits; nodes exist
only where orders rest, so any tick range up to 2**24 costs what is used of it.
"""

from __future__ import annotations

import cython
from cython import longlong, ulonglong

from worldmarkets.core.state import State
from worldmarkets.core.tables import ChildTable, LevelTable, NodeTable, OrderTable, SideTable

if not cython.compiled:
    from worldmarkets.core.codes import BUY, NONE
    from worldmarkets.core.records import Child, Level, Node, Order, Side
    from worldmarkets.core.units import LADDER_TOP
    from worldmarkets.core.wide import bit, highest_bit


@cython.final
@cython.cclass
class Book:
    """Every book of the venue; or every trigger ladder, which is a book of orders by their triggers."""

    sides: SideTable
    nodes: NodeTable
    children: ChildTable
    levels: LevelTable
    orders: OrderTable

    def __init__(self, state: State, sides: SideTable):
        self.sides = sides
        self.nodes = state.nodes
        self.children = state.children
        self.levels = state.levels
        self.orders = state.orders

    def open_side(self, row: longlong) -> None:
        """Lay out one empty side."""
        self.sides.cover(row)
        side = self.sides.edit(row)
        side.root = self.new_node()

    def new_node(self) -> longlong:
        """Return the row of an empty node, with room for its children or levels."""
        node: longlong = self.nodes.allocate()
        self.children.cover((node << 6) + 63)
        self.levels.cover((node << 6) + 63)
        return node

    def get_rank(self, side: longlong, price_ticks: longlong) -> longlong:
        """Return the rank of a price on a side."""
        return price_ticks if side & 1 == BUY else LADDER_TOP - price_ticks

    def find_leaf(self, root: longlong, rank: longlong) -> longlong:
        """Return the node whose 64 levels hold `rank`, or 0."""
        node: longlong
        node = self.children.rows[(root << 6) + (rank >> 18)].node
        if node == NONE:
            return NONE
        node = self.children.rows[(node << 6) + (rank >> 12 & 63)].node
        if node == NONE:
            return NONE
        return self.children.rows[(node << 6) + (rank >> 6 & 63)].node

    def make_child(self, parent: longlong, number: longlong) -> longlong:
        """Return the child of a node, made if it was not there."""
        place: longlong = (parent << 6) + number
        node: longlong = self.children.rows[place].node
        if node == NONE:
            node = self.new_node()
            child = self.children.edit(place)
            child.node = node
            above = self.nodes.edit(parent)
            above.bits |= bit(number)
        return node

    def make_leaf(self, root: longlong, rank: longlong) -> longlong:
        """Return the node whose 64 levels hold `rank`, made if it was not there."""
        node: longlong
        node = self.make_child(root, rank >> 18)
        node = self.make_child(node, rank >> 12 & 63)
        return self.make_child(node, rank >> 6 & 63)

    def append(self, row: longlong, slot: longlong) -> None:
        """Put an order at the end of its price's queue on side `row`."""
        rank: longlong
        leaf: longlong
        order = self.orders.edit(slot)
        rank = self.get_rank(row, order.price_ticks)
        side = self.sides.edit(row)
        leaf = self.find_leaf(side.root, rank)
        if leaf == NONE:
            leaf = self.make_leaf(side.root, rank)
        level = self.levels.edit((leaf << 6) + (rank & 63))
        order.previous = level.last
        order.next = NONE
        if level.first == NONE:
            level.first = slot
            node = self.nodes.edit(leaf)
            node.bits |= bit(rank)
            if rank > side.best:
                side.best = rank
        else:
            last = self.orders.edit(level.last)
            last.next = slot
        level.last = slot
        level.lots += order.lots
        side.lots += order.lots
        side.orders += 1

    def remove(self, row: longlong, slot: longlong) -> None:
        """Take an order out of its queue on side `row`."""
        rank: longlong
        leaf: longlong
        order = self.orders.edit(slot)
        rank = self.get_rank(row, order.price_ticks)
        side = self.sides.edit(row)
        leaf = self.find_leaf(side.root, rank)
        level = self.levels.edit((leaf << 6) + (rank & 63))
        if order.previous == NONE:
            level.first = order.next
        else:
            before = self.orders.edit(order.previous)
            before.next = order.next
        if order.next == NONE:
            level.last = order.previous
        else:
            after = self.orders.edit(order.next)
            after.previous = order.previous
        order.next = NONE
        order.previous = NONE
        level.lots -= order.lots
        side.lots -= order.lots
        side.orders -= 1
        if level.first == NONE:
            self.darken(row, leaf, rank)

    def reduce(self, row: longlong, slot: longlong, lots: longlong) -> None:
        """Take `lots` off an order that keeps its place."""
        rank: longlong
        order = self.orders.edit(slot)
        rank = self.get_rank(row, order.price_ticks)
        side = self.sides.edit(row)
        level = self.levels.edit((self.find_leaf(side.root, rank) << 6) + (rank & 63))
        order.lots -= lots
        level.lots -= lots
        side.lots -= lots

    def darken(self, row: longlong, leaf: longlong, rank: longlong) -> None:
        """Mark a level as empty, and find the best one left."""
        node = self.nodes.edit(leaf)
        node.bits ^= bit(rank)
        side = self.sides.edit(row)
        if node.bits != 0:
            if rank == side.best:
                side.best = (rank & ~63) | highest_bit(node.bits)
        else:
            self.prune(side.root, leaf, rank)
            if rank == side.best:
                side.best = self.find_highest(side.root)

    def prune(self, root: longlong, leaf: longlong, rank: longlong) -> None:
        """Release an empty leaf and every node above that it leaves empty, but the root."""
        upper: longlong = self.children.rows[(root << 6) + (rank >> 18)].node
        middle: longlong = self.children.rows[(upper << 6) + (rank >> 12 & 63)].node
        self.nodes.release(leaf)
        if self.clear_child(middle, rank >> 6 & 63):
            self.nodes.release(middle)
            if self.clear_child(upper, rank >> 12 & 63):
                self.nodes.release(upper)
                self.clear_child(root, rank >> 18)

    def clear_child(self, parent: longlong, number: longlong) -> cython.bint:
        """Forget a child of a node; say whether the node is empty now."""
        child = self.children.edit((parent << 6) + number)
        child.node = NONE
        node = self.nodes.edit(parent)
        node.bits ^= bit(number)
        return node.bits == 0

    def descend(self, node: longlong, rank: longlong, depth: longlong) -> longlong:
        """Return the highest rank in use below a node that is not empty; `rank` is the path to it."""
        rank = rank << 6 | highest_bit(self.nodes.rows[node].bits)
        while depth < 3:
            node = self.children.rows[(node << 6) + (rank & 63)].node
            rank = rank << 6 | highest_bit(self.nodes.rows[node].bits)
            depth += 1
        return rank

    def find_highest(self, root: longlong) -> longlong:
        """Return the highest rank in use below a root, or 0."""
        return 0 if self.nodes.rows[root].bits == 0 else self.descend(root, 0, 0)

    def find_below(self, row: longlong, rank: longlong) -> longlong:
        """Return the highest rank in use below `rank` on side `row`, or 0."""
        node: longlong = self.sides.rows[row].root
        bits: ulonglong
        branch_bits: ulonglong = 0
        branch: longlong = NONE
        branch_depth: longlong = 0
        branch_rank: longlong = 0
        depth: longlong
        shift: longlong
        for depth in range(4):
            shift = 18 - 6 * depth
            bits = self.nodes.rows[node].bits & (bit(rank >> shift) - 1)
            if bits != 0:
                branch = node
                branch_bits = bits
                branch_depth = depth
                branch_rank = rank >> (shift + 6)
            if depth == 3 or self.nodes.rows[node].bits & bit(rank >> shift) == 0:
                break
            node = self.children.rows[(node << 6) + (rank >> shift & 63)].node
        if branch == NONE:
            return 0
        branch_rank = branch_rank << 6 | highest_bit(branch_bits)
        if branch_depth == 3:
            return branch_rank
        node = self.children.rows[(branch << 6) + (branch_rank & 63)].node
        return self.descend(node, branch_rank, branch_depth + 1)

    def get_level(self, row: longlong, rank: longlong) -> longlong:
        """Return the row of the level at `rank` of side `row`, or 0."""
        leaf: longlong = self.find_leaf(self.sides.rows[row].root, rank)
        return NONE if leaf == NONE else (leaf << 6) + (rank & 63)

    def get_after(self, row: longlong, slot: longlong) -> longlong:
        """Return the order that comes after one on side `row`, or 0."""
        order = self.orders.read(slot)
        rank: longlong
        if order.next != NONE:
            return order.next
        rank = self.find_below(row, self.get_rank(row, order.price_ticks))
        return NONE if rank == 0 else self.levels.rows[self.get_level(row, rank)].first

    def get_first(self, row: longlong) -> longlong:
        """Return the order with the highest priority on side `row`, or 0."""
        best: longlong = self.sides.rows[row].best
        return NONE if best == 0 else self.levels.rows[self.get_level(row, best)].first
