"""What the shell asks of an engine between commands.  Nothing here changes anything."""

from __future__ import annotations

import cython
from cython import longlong, ulonglong

from worldmarkets.core.book import Book
from worldmarkets.core.parts import Parts

if not cython.compiled:
    from worldmarkets.core.codes import NONE
    from worldmarkets.core.records import Account, Level, Order, Owner, Side, Venue
    from worldmarkets.core.units import NO_LIMIT


@cython.cclass
class Queries(Parts):
    """The questions; a preview (`Engine.open_preview`) asks them of the state that it leaves."""

    is_preview: cython.bint

    def __init__(self, capacity, inbox, outbox, huge_pages):
        super().__init__(capacity, inbox, outbox, huge_pages)
        self.is_preview = False

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

    def is_late(self):
        """Say whether marks or time have made a look due that the budget of their time did not allow."""
        return self.sweep.is_late()

    def get_visited(self):
        """Return how many accounts this engine has looked at since it was made."""
        return self.sweep.visited

    def get_missed(self):
        """Value every account from scratch and return how many that wait for no look have another state than kept."""
        return self.sweep.count_missed()

    def get_signer(self, high: ulonglong, middle: ulonglong, low: longlong):
        """Return the row of an address that is a signer, or 0."""
        return self.keys.find(high, middle, low)

    def get_mandate(self, account: longlong):
        """Return the row of the first of an account's mandates, or 0."""
        return self.keys.get_first(account)

    def find_stake(self, account: longlong):
        """Return the row of an account's stake in the default fund, or 0."""
        return self.fund.find(account)

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
