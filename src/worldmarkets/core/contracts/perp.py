"""Perps: bilateral contracts keyed (long, short, market).

Whoever touches a contract first trues it up: its unrealised profit is paid and it is struck anew at the mark.  A fill
between a buyer and a seller moves lots slice by slice: what they have between themselves is torn up; counterparties of
a reducing side are re-paired at the mark; the price's distance from the mark is settled between buyer and seller alone.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.atlas import Atlas
from worldmarkets.core.bounds import Bounds
from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.policy import Policies
from worldmarkets.core.state import State
from worldmarkets.core.tables import AssetTable, MarketTable, PerpTable, PositionTable

if not cython.compiled:
    from worldmarkets.core.codes import (
        CLOSED_OUT,
        CROSSED,
        FROZEN,
        NEWEST_FIRST,
        NONE,
        NUMERAIRE,
        OLDEST_FIRST,
        OPENED,
        PERP_CHANGED,
        REPAIRED,
        SETTLED,
        TORN_UP,
        TRUED_UP,
    )
    from worldmarkets.core.records import (
        Account,
        Asset,
        Event,
        Market,
        Perp,
        Position,
        Venue,
        as_perp_changed,
        as_trued_up,
    )
    from worldmarkets.core.units import AT_MARK, FUNDING_ONE, GRID, MAX_LEG, MAX_SLICES, NO_BOUND, ORDER_SLOT_BITS
    from worldmarkets.core.wide import (
        high_of,
        low_of,
        narrow_floor,
        prefetch,
        wide,
        wide_div_ceil,
        wide_div_floor,
        wide_of,
    )


@cython.final
@cython.cclass
class Perps:
    """Perp contracts and the sums over them."""

    state: State
    ledger: Ledger
    bounds: Bounds
    loans: Loans
    atlas: Atlas
    policies: Policies
    outbox: Outbox
    perps: PerpTable
    assets: AssetTable
    markets: MarketTable
    positions: PositionTable
    slices: longlong
    given: longlong
    taken: longlong
    looks: longlong

    def __init__(self, state: State, ledger: Ledger, bounds: Bounds, loans: Loans, atlas: Atlas, policies: Policies,
                 outbox: Outbox):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.bounds = bounds
        self.loans = loans
        self.atlas = atlas
        self.policies = policies
        self.outbox = outbox
        self.perps = state.perps
        self.assets = state.assets
        self.markets = state.markets
        self.positions = state.positions
        self.slices = 0
        self.given = 0
        self.taken = 0
        self.looks = 0

    def find_id(self, contract_id: longlong) -> longlong:
        """Return the row of a contract by its id, or 0."""
        row: longlong = contract_id & ((1 << ORDER_SLOT_BITS) - 1)
        if row == NONE or row > self.perps.get_used() or self.perps.rows[row].id != contract_id:
            return NONE
        return row

    def find(self, long_account: longlong, short_account: longlong, market: longlong) -> longlong:
        """Return the row of the contract between two accounts in a market, or 0."""
        return self.state.perp_index.find(long_account, short_account, market)

    @cython.overflowcheck(False)
    def compute_mark_value(self, market: longlong, lots: longlong) -> longlong:
        """Return what `lots` are worth at the mark, in numeraire quanta, rounded down."""
        row = self.markets.read(market)
        worth: wide = lots
        unit: wide = row.lot_quanta
        unit *= self.assets.rows[row.asset].unit
        return narrow_floor(worth * unit, GRID)

    @cython.overflowcheck(False)
    def compute_funding(self, row: longlong, actor: longlong) -> longlong:
        """Return what the long owes the short since the contract's baseline: rounded down, up for a long that acts."""
        perp = self.perps.read(row)
        owed: wide = self.markets.rows[perp.market].funding_index
        owed = (owed - perp.funding_index) * perp.lots
        if owed == 0:
            return 0
        if actor == perp.long_account:
            return narrow_floor(wide_div_ceil(owed, FUNDING_ONE), 1)
        return narrow_floor(wide_div_floor(owed, FUNDING_ONE), 1)

    def add_sums(self, row: longlong, lots: longlong, cost: longlong, index: longlong) -> None:
        """Add lots with today's funding index as their baseline, and their cost, to the sums of a position."""
        position = self.positions.edit(row)
        change: longlong = NO_BOUND
        growth: longlong = 0
        total: longlong = position.cost + cost
        if self.ledger.accounts.rows[position.account].sensitivity != 0 and -(MAX_LEG // 2) < total < MAX_LEG:
            if lots == 0:
                change = -cost
            else:
                change = self.bounds.compute_change(self.assets.rows[position.asset].perp_market, position.lots, lots,
                                                    cost)  # fmt: skip
                growth = self.bounds.growth
        position.lots += lots
        position.cost = total
        if index != 0 and lots != 0:
            self.add_baseline(row, lots, index)
        self.ledger.shift(position.account, position.asset, change, growth)

    @cython.overflowcheck(False)
    def add_baseline(self, row: longlong, lots: longlong, index: longlong) -> None:
        """Add lots times a funding baseline to the exact sum of a position."""
        total: wide = index
        position = self.positions.edit(row)
        total = total * lots + wide_of(position.funding_high, position.funding_low)
        position.funding_high = high_of(total)
        position.funding_low = low_of(total)

    def true_up(self, row: longlong, actor: longlong) -> None:
        """Pay a contract's unrealised profit and strike it at the mark; nothing to do when it stands there already."""
        perp = self.perps.read(row)
        strike: longlong = self.compute_mark_value(perp.market, perp.lots)
        if strike != perp.cost or perp.funding_index != self.markets.rows[perp.market].funding_index:
            self.strike(row, strike, actor)

    def strike(self, row: longlong, strike: longlong, actor: longlong) -> None:
        """Pay what a contract is worth beyond its cost, and funding, and set its cost to `strike`."""
        perp = self.perps.edit(row)
        before: longlong = perp.funding_index
        index: longlong = self.markets.rows[perp.market].funding_index
        funding: longlong = self.compute_funding(row, actor)
        gain: longlong = strike - perp.cost - funding
        owed: longlong
        rounding: longlong = NONE
        self.add_sums(perp.long_position, 0, strike - perp.cost, 0)
        self.add_sums(perp.short_position, 0, perp.cost - strike, 0)
        if index != before:  # funding owed is off the figures now, but for the part of a quantum
            self.add_baseline(perp.long_position, perp.lots, index - before)
            self.add_baseline(perp.short_position, -perp.lots, index - before)
            self.ledger.shift(perp.long_account, perp.asset, funding - 1, 0)
            self.ledger.shift(perp.short_account, perp.asset, -funding - 1, 0)
        perp.cost = strike
        perp.funding_index = index
        if actor != perp.long_account and actor != perp.short_account and self.has_rest(row, index, before):
            self.pay(actor, perp.short_account, 1)  # the part of a quantum that neither of two bystanders is to lose
            rounding = actor
        if gain >= 0:
            owed = self.pay(perp.short_account, perp.long_account, gain)
        else:
            owed = self.pay(perp.long_account, perp.short_account, -gain)
        event = as_trued_up(self.outbox.emit(TRUED_UP, 0, perp.market, perp.long_account))
        event.contract_id = perp.id
        event.paid = gain
        event.owed = owed
        event.funding = funding
        event.cost = strike
        event.short_account = perp.short_account
        event.rounding_account = rounding

    @cython.overflowcheck(False)
    def has_rest(self, row: longlong, index: longlong, before: longlong) -> cython.bint:
        """Say whether a contract's funding between two values of the index is not whole quanta."""
        owed: wide = index
        owed = (owed - before) * self.perps.rows[row].lots
        return wide_div_floor(owed, FUNDING_ONE) != wide_div_ceil(owed, FUNDING_ONE)

    def pay(self, payer: longlong, payee: longlong, amount: longlong) -> longlong:
        """Pay numeraire; what the payer's balance does not cover becomes an IOU.  Returns that part."""
        cash: longlong = min(amount, self.ledger.get_cash(payer))
        self.ledger.pay(payer, payee, cash)
        if amount > cash:
            self.loans.open_iou(payee, payer, NUMERAIRE, amount - cash)
        return amount - cash

    def add(self, longs: longlong, shorts: longlong, market: longlong, lots: longlong, cost: longlong,
            cause: longlong, actor: longlong) -> None:  # fmt: skip
        """Add lots at a cost to the contract between two positions, opened if it was not there."""
        index: longlong = self.markets.rows[market].funding_index
        row: longlong = self.find(self.positions.rows[longs].account, self.positions.rows[shorts].account, market)
        if row == NONE:
            row = self.open(longs, shorts, market)
        else:
            self.true_up(row, actor)
        perp = self.perps.edit(row)
        perp.funding_index = index
        perp.lots += lots
        perp.cost += cost
        self.add_sums(longs, lots, cost, index)
        self.add_sums(shorts, -lots, -cost, index)
        self.report(row, lots, cause)

    def open(self, longs: longlong, shorts: longlong, market: longlong) -> longlong:
        """Return a new contract without lots between two positions, at the head of both rings."""
        row: longlong = self.perps.allocate()
        buyer = self.positions.edit(longs)
        seller = self.positions.edit(shorts)
        perp = self.perps.edit(row)
        perp.id = self.perps.get_serial() << ORDER_SLOT_BITS | row
        perp.long_account = buyer.account
        perp.short_account = seller.account
        perp.long_position = longs
        perp.short_position = shorts
        perp.market = market
        perp.asset = buyer.asset
        perp.long_next = row
        perp.long_previous = row
        perp.short_next = row
        perp.short_previous = row
        if buyer.first_perp != NONE:
            head = self.perps.edit(buyer.first_perp)
            perp.long_next = buyer.first_perp
            perp.long_previous = head.long_previous
            tail = self.perps.edit(head.long_previous)
            tail.long_next = row
            head.long_previous = row
        if seller.first_perp != NONE:
            head = self.perps.edit(seller.first_perp)
            perp.short_next = seller.first_perp
            perp.short_previous = head.short_previous
            tail = self.perps.edit(head.short_previous)
            tail.short_next = row
            head.short_previous = row
        buyer.first_perp = row
        seller.first_perp = row
        self.state.perp_index.insert(buyer.account, seller.account, market, row)
        self.ledger.add_contract(buyer.account, 1)
        self.ledger.add_contract(seller.account, 1)
        return row

    def close(self, row: longlong) -> None:
        """Forget a contract that has no lots left."""
        perp = self.perps.read(row)
        buyer = self.positions.edit(perp.long_position)
        seller = self.positions.edit(perp.short_position)
        before = self.perps.edit(perp.long_previous)
        before.long_next = perp.long_next
        after = self.perps.edit(perp.long_next)
        after.long_previous = perp.long_previous
        before = self.perps.edit(perp.short_previous)
        before.short_next = perp.short_next
        after = self.perps.edit(perp.short_next)
        after.short_previous = perp.short_previous
        if buyer.first_perp == row:
            buyer.first_perp = NONE if perp.long_next == row else perp.long_next
        if seller.first_perp == row:
            seller.first_perp = NONE if perp.short_next == row else perp.short_next
        self.ledger.add_contract(perp.long_account, -1)
        self.ledger.add_contract(perp.short_account, -1)
        self.state.perp_index.remove(row)
        self.perps.release(row)

    def reduce(self, row: longlong, lots: longlong, cause: longlong, actor: longlong) -> None:
        """True up a contract and take `lots` off it, at the mark."""
        self.true_up(row, actor)
        perp = self.perps.edit(row)
        cost: longlong = self.compute_mark_value(perp.market, lots)
        perp.lots -= lots
        perp.cost -= cost
        self.add_sums(perp.long_position, -lots, -cost, perp.funding_index)
        self.add_sums(perp.short_position, lots, cost, perp.funding_index)
        self.report(row, -lots, cause)
        if perp.lots == 0:
            self.close(row)

    @cython.overflowcheck(False)
    def compute_worth(self, market: longlong, lots: longlong, unit: longlong) -> longlong:
        """Return what `lots` are worth at `unit` grid steps a quantum, in numeraire quanta, rounded down."""
        worth: wide = lots
        lot: wide = self.markets.rows[market].lot_quanta
        return narrow_floor(worth * (lot * unit), GRID)

    def close_at(self, row: longlong, unit: longlong) -> None:
        """Close a contract at a price that is not the mark; the part of a quantum of its funding is the long's."""
        perp = self.perps.read(row)
        lots: longlong = perp.lots
        worth: longlong = self.compute_worth(perp.market, lots, unit)
        self.strike(row, worth, perp.long_account)
        changed = self.perps.edit(row)
        self.add_sums(changed.long_position, -lots, -worth, changed.funding_index)
        self.add_sums(changed.short_position, lots, worth, changed.funding_index)
        changed.lots = 0
        changed.cost = 0
        self.report(row, -lots, SETTLED)
        self.close(row)

    def is_frozen(self, row: longlong) -> cython.bint:
        """Say whether one of a contract's parties is being closed out, so that nobody else may touch it."""
        perp = self.perps.read(row)
        return self.state.is_frozen(perp.long_account) or self.state.is_frozen(perp.short_account)

    @cython.overflowcheck(False)
    def compute_gain(self, row: longlong, unit: longlong, index: longlong, actor: longlong) -> longlong:
        """Return what a contract's long has gained at `unit` grid steps a quantum and a funding index.

        Its funding is rounded against a party that acts.
        """
        perp = self.perps.read(row)
        owed: wide = index
        owed = (owed - perp.funding_index) * perp.lots
        if actor == perp.long_account:
            owed = wide_div_ceil(owed, FUNDING_ONE)
        else:
            owed = wide_div_floor(owed, FUNDING_ONE)
        return self.compute_worth(perp.market, perp.lots, unit) - perp.cost - narrow_floor(owed, 1)

    def write_off(self, row: longlong) -> None:
        """End a contract whose gain is settled otherwise; nothing is paid here."""
        perp = self.perps.edit(row)
        lots: longlong = perp.lots
        market = self.markets.edit(perp.market)
        market.open_interest -= lots
        self.add_sums(perp.long_position, -lots, -perp.cost, perp.funding_index)
        self.add_sums(perp.short_position, lots, perp.cost, perp.funding_index)
        self.ledger.edit(perp.long_position)  # its gain was not paid: no bound on the change of V is known
        self.ledger.edit(perp.short_position)
        perp.lots = 0
        perp.cost = 0
        self.report(row, -lots, CLOSED_OUT)
        self.close(row)

    def report(self, row: longlong, change: longlong, cause: longlong) -> None:
        """Report a contract after its lots changed."""
        perp = self.perps.read(row)
        event = as_perp_changed(self.outbox.emit(PERP_CHANGED, cause, perp.market, perp.long_account))
        event.contract_id = perp.id
        event.lots = perp.lots
        event.cost = perp.cost
        event.change_lots = change
        event.short_account = perp.short_account

    def foresee_contract(self, position: longlong) -> None:
        """Ask the processor for the contract that a position would give up first."""
        prefetch(self.perps.read(self.positions.rows[position].first_perp), 2)

    def foresee_parties(self, position: longlong) -> None:
        """Ask the processor for the parties of that contract."""
        perp = self.perps.read(self.positions.rows[position].first_perp)
        prefetch(self.positions.read(perp.long_position), 2)
        prefetch(self.positions.read(perp.short_position), 2)
        prefetch(self.ledger.accounts.read(perp.long_account), 2)
        prefetch(self.ledger.accounts.read(perp.short_account), 2)
        prefetch(self.perps.read(perp.long_next), 2)
        prefetch(self.perps.read(perp.short_next), 2)

    def choose(self, position_row: longlong) -> longlong:
        """Return the contract that a reducing position gives up next, by the order its account chose."""
        position = self.positions.read(position_row)
        row: longlong = position.first_perp
        order: longlong = self.state.accounts.rows[position.account].give_up
        if order == NEWEST_FIRST:
            return row
        if order == OLDEST_FIRST:
            return self.perps.rows[row].long_previous if position.lots > 0 else self.perps.rows[row].short_previous
        return self.choose_weakest(position_row)

    def choose_weakest(self, position_row: longlong) -> longlong:
        """Return the contract with the weakest counterparty among a position's newest ones; of equals the newest."""
        position = self.positions.read(position_row)
        row: longlong = position.first_perp
        found: longlong = NONE
        found_initial: longlong = 0
        found_today: longlong = 0
        initial: longlong
        today: longlong
        looks: longlong = 0
        while row != NONE and looks < MAX_SLICES:
            other: longlong = self.get_other(row, position_row)
            initial = self.atlas.get_initial(other)
            today = self.atlas.compute_value(other, 0)
            if found == NONE or self.policies.is_weaker(initial, today, found_initial, found_today):
                found = row
                found_initial = initial
                found_today = today
            row = self.get_following(row, position_row, False)
            looks += 1
        return found

    def get_other(self, row: longlong, position_row: longlong) -> longlong:
        """Return the party of a contract that faces a position."""
        perp = self.perps.read(row)
        return perp.short_account if perp.long_position == position_row else perp.long_account

    def get_following(self, row: longlong, position_row: longlong, is_backwards: cython.bint) -> longlong:
        """Return the contract after one in a position's ring, newest first or (backwards) oldest first; 0 at the end.
        """
        perp = self.perps.read(row)
        first: longlong = self.positions.rows[position_row].first_perp
        is_long: cython.bint = perp.long_position == position_row
        if is_backwards:
            if row == first:
                return NONE
            return perp.long_previous if is_long else perp.short_previous
        row = perp.long_next if is_long else perp.short_next
        return NONE if row == first else row

    def get_start(self, position_row: longlong) -> longlong:
        """Return the contract from which a position's are gone through when the one chosen may not be given up."""
        first: longlong = self.positions.rows[position_row].first_perp
        if self.state.accounts.rows[self.positions.rows[position_row].account].give_up != OLDEST_FIRST:
            return first
        perp = self.perps.read(first)
        return perp.long_previous if perp.long_position == position_row else perp.short_previous

    def is_guarded(self, buyer: longlong, seller: longlong, given: longlong, taken: longlong) -> cython.bint:
        """Say whether a party to the next slice, or a counterparty to be re-paired in it, has a say in it."""
        if self.state.accounts.rows[buyer].policy != NONE or self.state.accounts.rows[seller].policy != NONE:
            return True
        if given != NONE and self.has_say(self.perps.rows[given].long_account):
            return True
        return taken != NONE and self.has_say(self.perps.rows[taken].short_account)

    def has_say(self, account: longlong) -> cython.bint:
        """Say whether an account that would be re-paired has a policy, or is being closed out."""
        record = self.state.accounts.read(account)
        return record.policy != NONE or record.closing == FROZEN

    def fit(self, market: longlong, bought: longlong, sold: longlong, given: longlong, taken: longlong, lots: longlong,
            lot_cash: longlong) -> longlong:  # fmt: skip
        """Return how many of `lots` policies allow in a slice that gives these contracts (or none) up.

        Who opens asks; who is re-paired asks only while the new party is not free.  Contracts with an account that is
        being closed out are not given up: they end with it.
        """
        buyer: longlong = self.positions.rows[bought].account
        seller: longlong = self.positions.rows[sold].account
        other: longlong
        if given != NONE and self.is_frozen(given) or taken != NONE and self.is_frozen(taken):
            return 0
        if given != NONE:
            lots = min(lots, self.perps.rows[given].lots)
        if taken != NONE:
            lots = min(lots, self.perps.rows[taken].lots)
        if given == NONE and taken == NONE:
            return self.policies.fit_perp(buyer, seller, market, lots, lot_cash, True, True)
        if taken == NONE:
            other = self.perps.rows[given].long_account
            return self.policies.fit_perp(other, seller, market, lots, AT_MARK, self.may_refuse(other, seller), True)
        other = self.perps.rows[taken].short_account
        if given == NONE:
            return self.policies.fit_perp(buyer, other, market, lots, AT_MARK, True, self.may_refuse(other, buyer))
        buyer = self.perps.rows[given].long_account
        return self.policies.fit_perp(
            buyer, other, market, lots, AT_MARK, self.may_refuse(buyer, other), self.may_refuse(other, buyer)
        )

    def may_refuse(self, account: longlong, new: longlong) -> cython.bint:
        """Say whether an account that is to be re-paired has a say: it has a policy, and the new party is not free."""
        return self.state.accounts.rows[account].policy != NONE and self.atlas.get_initial(new) < 0

    def search(self, market: longlong, bought: longlong, sold: longlong, lots: longlong,
               lot_cash: longlong) -> longlong:  # fmt: skip
        """Find contracts to give up that policies allow; keep them, and return how many lots of the slice they take.

        `given` and `taken` are the first choice; after them come the others in their rings, at most MAX_SLICES pairs.
        """
        chosen: longlong = self.given
        taken: longlong = self.taken
        following: longlong
        self.looks = 0
        size: longlong = self.search_taken(market, bought, sold, lots, lot_cash)
        if size > 0 or chosen == NONE:
            return size
        following = self.get_start(bought)
        while following != NONE and self.looks < MAX_SLICES:
            if following != chosen:
                self.given = following
                self.taken = taken
                size = self.search_taken(market, bought, sold, lots, lot_cash)
                if size > 0:
                    return size
            following = self.get_following(following, bought, self.is_backwards(bought))
        return 0

    def search_taken(self, market: longlong, bought: longlong, sold: longlong, lots: longlong,
                     lot_cash: longlong) -> longlong:  # fmt: skip
        """Find the contract that the seller gives up beside the one that the buyer does."""
        chosen: longlong = self.taken
        following: longlong
        self.looks += 1
        size: longlong = self.fit(market, bought, sold, self.given, chosen, lots, lot_cash)
        if size > 0 or chosen == NONE:
            return size
        following = self.get_start(sold)
        while following != NONE and self.looks < MAX_SLICES:
            if following != chosen:
                self.looks += 1
                self.taken = following
                size = self.fit(market, bought, sold, self.given, following, lots, lot_cash)
                if size > 0:
                    return size
            following = self.get_following(following, sold, self.is_backwards(sold))
        return 0

    def is_backwards(self, position_row: longlong) -> cython.bint:
        """Say whether a position's contracts are gone through oldest first."""
        return self.state.accounts.rows[self.positions.rows[position_row].account].give_up == OLDEST_FIRST

    def fill(
        self, market: longlong, bought: longlong, sold: longlong, lots: longlong, lot_cash: longlong, budget: longlong,
        actor: longlong,
    ) -> longlong:  # fmt: skip
        """Move up to `lots` between the positions of a buyer and a seller at `lot_cash` a lot.

        Returns how many, as the budget (each contract given up is one slice of work) and the policies of those
        concerned allow.
        """
        left: longlong = lots
        size: longlong
        mark: longlong
        given: longlong
        taken: longlong
        buyer = self.positions.read(bought)
        seller = self.positions.read(sold)
        self.slices = 0
        while left > 0 and self.slices < budget:
            if buyer.lots < 0 and seller.lots > 0:
                given = self.find(seller.account, buyer.account, market)
                if given != NONE:  # what they have between themselves is torn up
                    size = min(left, self.perps.rows[given].lots)
                    mark = self.compute_mark_value(market, size)
                    self.reduce(given, size, TORN_UP, actor)
                    self.settle(buyer.account, seller.account, size * lot_cash - mark)
                    self.slices += 1
                    left -= size
                    continue
            given = self.choose(bought) if buyer.lots < 0 else NONE
            taken = self.choose(sold) if seller.lots > 0 else NONE
            size = left
            if self.is_guarded(buyer.account, seller.account, given, taken):
                self.given = given
                self.taken = taken
                size = self.search(market, bought, sold, left, lot_cash)
                if size == 0:  # policies forbid what is left
                    break
                given = self.given
                taken = self.taken
            if given == NONE and taken == NONE:  # both open: a contract at the price
                self.add(bought, sold, market, size, size * lot_cash, OPENED, actor)
                return lots - left + size
            longs: longlong = bought if given == NONE else self.perps.rows[given].long_position
            shorts: longlong = sold if taken == NONE else self.perps.rows[taken].short_position
            if given != NONE:
                size = min(size, self.perps.rows[given].lots)
            if taken != NONE:
                size = min(size, self.perps.rows[taken].lots)
            mark = self.compute_mark_value(market, size)
            cause: longlong = CROSSED if given != NONE and taken != NONE else REPAIRED
            if given != NONE:
                self.reduce(given, size, cause, actor)
            if taken != NONE:
                self.reduce(taken, size, cause, actor)
            self.add(longs, shorts, market, size, mark, cause, actor)  # counterparties of what was given up meet
            self.settle(buyer.account, seller.account, size * lot_cash - mark)
            self.slices += 1
            left -= size
        return lots - left

    def hand_over(self, row: longlong, giver: longlong, taker: longlong, lots: longlong, budget: longlong,
                  actor: longlong) -> longlong:  # fmt: skip
        """Put one position in the place of another in a contract, for up to `lots`, at the mark; return how many.

        What the new party has on the other side is given up first, in its own order; what the two have between
        themselves is torn up.  Its policy is asked, as of a contract that its own order makes; the counterparty's is
        not, since whoever asks for this sees to it that the new party is free.
        """
        perp = self.perps.read(row)
        market: longlong = perp.market
        is_long: cython.bint = perp.long_position == giver
        other: longlong = perp.short_position if is_long else perp.long_position
        left: longlong = lots
        size: longlong
        given: longlong
        target: longlong
        held = self.positions.read(taker)
        self.slices = 0
        while left > 0 and self.slices < budget and not self.is_frozen(row):
            given = NONE
            target = taker
            size = left
            cause: longlong = REPAIRED
            if other == taker:
                cause = TORN_UP
            elif (is_long and held.lots < 0) or (not is_long and held.lots > 0):
                given = self.choose(taker)
                if self.is_frozen(given):
                    break
                size = min(size, self.perps.rows[given].lots)
                cause = CROSSED
                target = self.perps.rows[given].long_position if is_long else self.perps.rows[given].short_position
            if cause != TORN_UP:
                size = self.fit_handed(market, other, target, taker, size, is_long)
                if size == 0:
                    break
            self.reduce(row, size, cause, actor)
            if given != NONE:
                self.reduce(given, size, cause, actor)
            if cause != TORN_UP and is_long:
                self.add(target, other, market, size, self.compute_mark_value(market, size), cause, actor)
            elif cause != TORN_UP:
                self.add(other, target, market, size, self.compute_mark_value(market, size), cause, actor)
            self.slices += 1
            left -= size
        return lots - left

    def fit_handed(self, market: longlong, other: longlong, target: longlong, taker: longlong, lots: longlong,
                   is_long: cython.bint) -> longlong:  # fmt: skip
        """Return how many of `lots` policies let one position face another in a contract handed over to `taker`."""
        one: longlong = self.positions.rows[target].account
        two: longlong = self.positions.rows[other].account
        one_asks: cython.bint = target == taker or self.may_refuse(one, two)
        two_asks: cython.bint = target != taker and self.may_refuse(two, one)
        if is_long:
            return self.policies.fit_perp(one, two, market, lots, AT_MARK, one_asks, two_asks)
        return self.policies.fit_perp(two, one, market, lots, AT_MARK, two_asks, one_asks)

    def settle(self, buyer: longlong, seller: longlong, amount: longlong) -> None:
        """Settle the price's distance from the mark between buyer and seller."""
        if amount >= 0:
            self.pay(buyer, seller, amount)
        else:
            self.pay(seller, buyer, -amount)
