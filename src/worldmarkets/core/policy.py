"""Policies: whom an account deals with, on what terms, and what it is exposed to each of its counterparties.

A policy is asked about a contract that its account's own order would make or enlarge, and about one that its account
is re-paired into while the new party is not free.  The default policy is no row at all: `Account.policy` is 0.
Units: exposures and limits are numeraire quanta.  Rounds: exposures up.  Source: docs/spec/policies.md.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.atlas import Atlas
from worldmarkets.core.index import Index
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.state import State
from worldmarkets.core.tables import (
    AccountTable,
    AssetTable,
    CounterpartyTable,
    CreditTable,
    FigureTable,
    MarketTable,
    PerpTable,
    PolicyTable,
    PositionTable,
    PromisesTable,
    VenueTable,
)

if not cython.compiled:
    from worldmarkets.core.codes import DENY_COUNTERPARTY, DENY_OWNER, NONE
    from worldmarkets.core.interest import compute_interest
    from worldmarkets.core.records import (
        Account,
        Asset,
        Counterparty,
        Credit,
        Figure,
        Market,
        Perp,
        Policy,
        Position,
        Promises,
        Venue,
    )
    from worldmarkets.core.units import AT_MARK, FUNDING_ONE, GRID, MAX_SUPPLY, MILLION, NO_LIMIT
    from worldmarkets.core.wide import (
        clamp_wide,
        magnitude,
        mul_div_ceil,
        narrow_floor,
        wide,
        wide_div_ceil,
        wide_div_floor,
    )


@cython.final
@cython.cclass
class Policies:
    """Policies, what they say of single counterparties, and exposures."""

    atlas: Atlas
    accounts: AccountTable
    assets: AssetTable
    counterparties: CounterpartyTable
    credits: CreditTable
    figures: FigureTable
    markets: MarketTable
    perps: PerpTable
    policies: PolicyTable
    positions: PositionTable
    promises: PromisesTable
    venue: VenueTable
    counterparty_index: Index
    credit_index: Index
    perp_index: Index
    ledger: Ledger
    lent: longlong
    profit: longlong
    shock: longlong

    def __init__(self, state: State, ledger: Ledger, atlas: Atlas):
        self.ledger = ledger
        self.atlas = atlas
        self.accounts = state.accounts
        self.assets = state.assets
        self.counterparties = state.counterparties
        self.credits = state.credits
        self.figures = state.figures
        self.markets = state.markets
        self.perps = state.perps
        self.policies = state.policies
        self.positions = state.positions
        self.promises = state.promises
        self.venue = state.venue
        self.counterparty_index = state.counterparty_index
        self.credit_index = state.credit_index
        self.perp_index = state.perp_index
        self.lent = 0
        self.profit = 0
        self.shock = 0

    # What a policy says.

    def find(self, account: longlong, other: longlong) -> longlong:
        """Return the row that decides what an account's policy says of another: its own, else its owner's, else 0."""
        row: longlong = self.counterparty_index.find(account, other, 0)
        if row == NONE:
            row = self.counterparty_index.find(account, self.accounts.rows[other].owner, 1)
        return row

    def is_denied(self, account: longlong, other: longlong) -> cython.bint:
        """Say whether an account denies another."""
        if self.accounts.rows[account].policy == NONE:
            return False
        row: longlong = self.find(account, other)
        return row != NONE and self.counterparties.rows[row].is_denied != 0

    def are_apart(self, one: longlong, other: longlong) -> cython.bint:
        """Say whether one of two accounts denies the other."""
        return self.is_denied(one, other) or self.is_denied(other, one)

    def get_limit(self, account: longlong, other: longlong) -> longlong:
        """Return the exposure that an account with a policy allows itself to another, or NO_LIMIT."""
        row: longlong = self.counterparty_index.find(account, other, 0)
        if row != NONE:
            return self.counterparties.rows[row].limit
        row = self.accounts.rows[account].policy
        return NO_LIMIT if self.policies.rows[row].max_exposure == 0 else self.policies.rows[row].max_exposure

    # Exposure.

    def compute_exposure(self, account: longlong, other: longlong) -> longlong:
        """Return the exposure of an account to another, and keep its three parts: lent, profit, shock.

        Principal lent, at the mark; each contract's positive unrealised profit, funding included; and for each group
        the shock at severity 1 of what the contracts between the two net to.  At most 10**18.
        """
        figure: longlong = self.accounts.rows[account].first_group
        lent: longlong = 0
        profit: longlong = 0
        shock: longlong = 0
        row: longlong
        perp: longlong
        while figure != NONE:
            row = self.figures.rows[figure].first_position
            while row != NONE:
                position = self.positions.read(row)
                if position.lent > 0 or self.has_claims(row):
                    lent = min(lent + self.compute_lent(account, other, position.asset), MAX_SUPPLY)
                if position.lots != 0:
                    perp = self.find_perp(row, other)
                    if perp != NONE:
                        profit = min(profit + self.compute_profit(perp, account), MAX_SUPPLY)
                row = position.next
            shock = min(shock + magnitude(self.compute_net_shock(figure, other)), MAX_SUPPLY)
            figure = self.figures.rows[figure].next
        self.lent = lent
        self.profit = profit
        self.shock = shock
        return min(lent + profit + shock, MAX_SUPPLY)

    def has_claims(self, row: longlong) -> cython.bint:
        """Say whether a position has claims by IOU."""
        promises: longlong = self.positions.rows[row].promises
        return promises != NONE and self.promises.rows[promises].iou_lent > 0

    def compute_lent(self, lender: longlong, borrower: longlong, asset: longlong) -> longlong:
        """Return what one account has lent another of an asset, at the mark."""
        row: longlong = self.credit_index.find(lender, borrower, asset)
        return 0 if row == NONE else self.atlas.compute_notional(asset, self.credits.rows[row].principal)

    def find_perp(self, row: longlong, other: longlong) -> longlong:
        """Return the contract that a position with lots has with another account, or 0."""
        position = self.positions.read(row)
        market: longlong = self.assets.rows[position.asset].perp_market
        if position.lots > 0:
            return self.perp_index.find(position.account, other, market)
        return self.perp_index.find(other, position.account, market)

    def compute_net_shock(self, figure: longlong, other: longlong) -> longlong:
        """Return what a rise of a group's prices by their shocks makes of an account's contracts with another."""
        net: longlong = 0
        perp: longlong
        shock: longlong
        row: longlong = self.figures.rows[figure].first_position
        while row != NONE:
            position = self.positions.read(row)
            if position.lots != 0:
                perp = self.find_perp(row, other)
                if perp != NONE:
                    shock = self.compute_shock(self.perps.rows[perp].market, self.perps.rows[perp].lots)
                    net += shock if position.lots > 0 else -shock
            row = position.next
        return net

    def compute_shock(self, market: longlong, lots: longlong) -> longlong:
        """Return what `lots` >= 0 move by in their asset's price shock at severity 1: up, at most 10**18."""
        rules = self.markets.read(market)
        worth: longlong = self.compute_worth(market, lots, True)
        return mul_div_ceil(worth, min(self.assets.rows[rules.asset].price_shock_ppm, MILLION), MILLION)

    @cython.overflowcheck(False)
    def compute_worth(self, market: longlong, lots: longlong, is_up: cython.bint) -> longlong:
        """Return what `lots` >= 0 are worth at the mark, rounded as asked, at most 10**18."""
        rules = self.markets.read(market)
        worth: wide = lots
        unit: wide = rules.lot_quanta
        unit *= self.assets.rows[rules.asset].unit
        worth *= unit
        worth = wide_div_ceil(worth, GRID) if is_up else wide_div_floor(worth, GRID)
        return narrow_floor(clamp_wide(worth, MAX_SUPPLY), 1)

    def compute_profit(self, row: longlong, account: longlong) -> longlong:
        """Return a party's unrealised profit in a contract, funding included, rounded up; 0 when it is a loss."""
        perp = self.perps.read(row)
        worth: longlong
        if perp.long_account == account:
            worth = self.compute_worth(perp.market, perp.lots, True)
            return max(worth - perp.cost - self.compute_funding(row, False), 0)
        worth = self.compute_worth(perp.market, perp.lots, False)
        return max(perp.cost - worth + self.compute_funding(row, True), 0)

    @cython.overflowcheck(False)
    def compute_funding(self, row: longlong, is_up: cython.bint) -> longlong:
        """Return what the long of a contract owes the short since its baseline, rounded as asked."""
        perp = self.perps.read(row)
        owed: wide = self.markets.rows[perp.market].funding_index
        owed = (owed - perp.funding_index) * perp.lots
        if is_up:
            return narrow_floor(wide_div_ceil(owed, FUNDING_ONE), 1)
        return narrow_floor(wide_div_floor(owed, FUNDING_ONE), 1)

    # What fits.

    def fit_perp(self, long_account: longlong, short_account: longlong, market: longlong, lots: longlong,
                 lot_cash: longlong, long_asks: cython.bint, short_asks: cython.bint) -> longlong:  # fmt: skip
        """Return how many of `lots` a contract between two accounts may grow by, at `lot_cash` a lot or AT_MARK.

        Asked are the policies of those who may refuse.  A limit takes the part that fits; whoever has not enough left
        at the severity asked for, as if that part were done, is refused whole.
        """
        long_asks = long_asks and self.accounts.rows[long_account].policy != NONE
        short_asks = short_asks and self.accounts.rows[short_account].policy != NONE
        if long_asks and self.is_denied(long_account, short_account):
            return 0
        if short_asks and self.is_denied(short_account, long_account):
            return 0
        if long_asks:
            lots = self.fit_limit(long_account, short_account, market, lots, lot_cash, True)
        if short_asks:
            lots = self.fit_limit(short_account, long_account, market, lots, lot_cash, False)
        if lots > 0 and long_asks and self.is_weak(long_account, short_account, market, -lots, lot_cash):
            return 0
        if lots > 0 and short_asks and self.is_weak(short_account, long_account, market, lots, lot_cash):
            return 0
        return lots

    def fit_limit(self, account: longlong, other: longlong, market: longlong, lots: longlong, lot_cash: longlong,
                  is_long: cython.bint) -> longlong:  # fmt: skip
        """Return how many of `lots` leave an account's exposure to another within its limit, or do not raise it."""
        limit: longlong = self.get_limit(account, other)
        before: longlong
        rest: longlong
        net: longlong
        perp: longlong
        figure: longlong
        gain: longlong
        low: longlong = 0
        high: longlong = lots
        middle: longlong
        if limit == NO_LIMIT or lots == 0:
            return lots
        before = self.compute_exposure(account, other)
        rest = before
        perp = (
            self.perp_index.find(account, other, market) if is_long else self.perp_index.find(other, account, market)
        )
        figure = self.positions.rows[self.ledger.find(account, self.markets.rows[market].asset)].figure
        net = self.compute_net_shock(figure, other)
        rest -= magnitude(net)
        if perp != NONE:  # it is trued up first: what the other cannot pay stays, as an IOU
            gain = self.compute_profit(perp, account)
            rest -= gain - max(gain - self.ledger.get_cash(other), 0)
        limit = max(limit, before)
        if self.compute_after(market, perp, rest, net, lots, lot_cash, is_long) <= limit:
            return lots
        while high - low > 1:
            middle = (low + high) // 2
            if self.compute_after(market, perp, rest, net, middle, lot_cash, is_long) <= limit:
                low = middle
            else:
                high = middle
        return low if low >= self.markets.rows[market].minimum_lots else 0

    def compute_after(self, market: longlong, perp: longlong, rest: longlong, net: longlong, lots: longlong,
                      lot_cash: longlong, is_long: cython.bint) -> longlong:  # fmt: skip
        """Return an exposure once a contract (0: a new one) was trued up and has grown by `lots`."""
        held: longlong = 0 if perp == NONE else self.perps.rows[perp].lots
        cash: longlong = self.compute_worth(market, lots, False) if lot_cash == AT_MARK else lots * lot_cash
        cash += self.compute_worth(market, held, False)
        gain: longlong = self.compute_worth(market, held + lots, is_long) - cash
        shock: longlong = self.compute_shock(market, held + lots) - self.compute_shock(market, held)
        if not is_long:
            gain = -gain
            shock = -shock
        return rest + max(gain, 0) + magnitude(net + shock)

    def is_weak(self, account: longlong, other: longlong, market: longlong, lots: longlong,
                lot_cash: longlong) -> cython.bint:  # fmt: skip
        """Say whether another account, as if `lots` more were its own, falls short at the severity a policy asks for.

        Whoever is re-paired at the mark keeps its net position: it is taken as it stands.
        """
        severity: longlong = self.policies.rows[self.accounts.rows[account].policy].severity_ppm
        position: longlong = NONE
        if severity == 0:
            return False
        if lot_cash != AT_MARK:
            position = self.ledger.find(other, self.markets.rows[market].asset)
        return self.compute_value_with(other, severity, position, 0, lots, lots * lot_cash) < 0

    def compute_value_with(self, account: longlong, severity_ppm: longlong, position: longlong, balance: longlong,
                           lots: longlong, cost: longlong) -> longlong:  # fmt: skip
        """Return V(account, severity) as if one position (0: none) had changed."""
        total: longlong = 0
        row: longlong = self.accounts.rows[account].first_group
        self.atlas.is_admission = False
        while row != NONE:
            total += self.atlas.compute_figure(row, severity_ppm, False, position, balance, lots, cost)
            row = self.figures.rows[row].next
        return total

    def fit_loan(self, claim: longlong, debt: longlong, market: longlong, lots: longlong,
                 rate_bp: longlong) -> longlong:  # fmt: skip
        """Return how many of `lots` the policies of a lender and a borrower, by their positions, let them agree on."""
        rules = self.markets.read(market)
        lender: longlong = self.positions.rows[claim].account
        borrower: longlong = self.positions.rows[debt].account
        lends: cython.bint = self.accounts.rows[lender].policy != NONE
        borrows: cython.bint = self.accounts.rows[borrower].policy != NONE
        quanta: longlong
        haircut: longlong
        severity: longlong
        if self.are_apart(lender, borrower):
            return 0
        if lends:
            lots = self.fit_principal(lender, borrower, market, lots)
        if lots == 0:
            return 0
        quanta = lots * rules.lot_quanta
        if lends:
            severity = self.policies.rows[self.accounts.rows[lender].policy].severity_ppm
            if severity > 0 and self.compute_value_with(
                borrower, severity, debt, quanta - self.compute_more_owed(debt, market, quanta, rate_bp), 0, 0
            ) < 0:  # fmt: skip
                return 0
        if borrows:
            severity = self.policies.rows[self.accounts.rows[borrower].policy].severity_ppm
            haircut = mul_div_ceil(severity, self.venue.rows[1].lent_haircut_ppm, MILLION)
            if severity > 0 and self.compute_value_with(
                lender, severity, claim, -mul_div_ceil(quanta, haircut, MILLION), 0, 0
            ) < 0:  # fmt: skip
                return 0
        return lots

    def fit_taken(self, claim: longlong, borrower: longlong, market: longlong, lots: longlong) -> longlong:
        """Return how many of `lots` of a borrower's loan the policy of who would take a lender's place allows.

        The borrower's own is not asked: its lender changes, and its terms do not.
        """
        lender: longlong = self.positions.rows[claim].account
        severity: longlong
        if self.accounts.rows[lender].policy == NONE:
            return lots
        if self.is_denied(lender, borrower):
            return 0
        severity = self.policies.rows[self.accounts.rows[lender].policy].severity_ppm
        if severity > 0 and self.compute_value_with(borrower, severity, NONE, 0, 0, 0) < 0:
            return 0
        return self.fit_principal(lender, borrower, market, lots)

    def fit_principal(self, lender: longlong, borrower: longlong, market: longlong, lots: longlong) -> longlong:
        """Return how many of `lots` leave a lender's exposure within its limit."""
        rules = self.markets.read(market)
        limit: longlong = self.get_limit(lender, borrower)
        rest: longlong
        principal: longlong
        row: longlong
        low: longlong = 0
        high: longlong = lots
        middle: longlong
        if limit == NO_LIMIT:
            return lots
        row = self.credit_index.find(lender, borrower, rules.asset)
        principal = 0 if row == NONE else self.credits.rows[row].principal
        rest = self.compute_exposure(lender, borrower) - self.atlas.compute_notional(rules.asset, principal)
        if rest + self.atlas.compute_notional(rules.asset, principal + lots * rules.lot_quanta) <= limit:
            return lots
        while high - low > 1:
            middle = (low + high) // 2
            if rest + self.atlas.compute_notional(rules.asset, principal + middle * rules.lot_quanta) <= limit:
                low = middle
            else:
                high = middle
        return low if low >= rules.minimum_lots else 0

    def compute_more_owed(self, debt: longlong, market: longlong, quanta: longlong, rate_bp: longlong) -> longlong:
        """Return what a borrower's position owes more for a loan of `quanta` more."""
        rules = self.markets.read(market)
        position = self.positions.read(debt)
        owed: longlong = position.borrowed + quanta
        owed += compute_interest(owed, max(rate_bp, position.max_rate_bp), max(rules.tenor_hours, position.tenor_hours))
        return owed - position.borrowed - compute_interest(
            position.borrowed, position.max_rate_bp, position.tenor_hours
        )

    # Weakness.

    @cython.overflowcheck(False)
    def is_weaker(self, initial: longlong, today: longlong, than_initial: longlong,
                  than_today: longlong) -> cython.bint:  # fmt: skip
        """Say whether V(initial) is a smaller share of V(0) than another's; whoever is worth nothing is weakest."""
        if today <= 0 or than_today <= 0:
            return today < than_today
        one: wide = initial
        other: wide = than_initial
        one *= than_today
        other *= today
        return one < other

    # Thresholds.

    def is_beyond(self, account: longlong, amount: longlong) -> cython.bint:
        """Say whether an unrealised profit or loss lies beyond an account's threshold."""
        row: longlong = self.accounts.rows[account].policy
        threshold: longlong
        if row == NONE:
            return False
        threshold = self.policies.rows[row].true_up_threshold
        return threshold > 0 and magnitude(amount) > threshold

    # Changes.

    def need(self, account: longlong) -> longlong:
        """Return the row of an account's policy, opened if it was not there."""
        row: longlong = self.accounts.rows[account].policy
        if row == NONE:
            row = self.policies.allocate()
            policy = self.policies.edit(row)
            policy.account = account
            record = self.accounts.edit(account)
            record.policy = row
        return row

    def drop_idle(self, account: longlong) -> None:
        """Forget an account's policy when it says nothing: it has the default one again."""
        row: longlong = self.accounts.rows[account].policy
        if row != NONE:
            policy = self.policies.read(row)
            if (policy.max_exposure | policy.true_up_threshold | policy.severity_ppm | policy.counterparties) == 0:
                record = self.accounts.edit(account)
                record.policy = NONE
                self.policies.release(row)

    def set_terms(self, account: longlong, max_exposure: longlong, threshold: longlong, severity: longlong) -> None:
        """Write an account's terms for everybody."""
        row: longlong = self.need(account)
        policy = self.policies.edit(row)
        if (policy.true_up_threshold > 0) != (threshold > 0):
            if threshold > 0:
                self.watch(row)
            else:
                self.unwatch(row)
        policy.max_exposure = max_exposure
        policy.true_up_threshold = threshold
        policy.severity_ppm = severity
        self.drop_idle(account)

    def set_counterparty(self, account: longlong, other: longlong, is_owner: cython.bint, action: longlong,
                         limit: longlong) -> None:  # fmt: skip
        """Write what an account's policy says of another account or (`other` a row of owners) of an owner."""
        key: longlong = 1 if is_owner else 0
        policy_row: longlong = self.need(account)
        row: longlong = self.counterparty_index.find(account, other, key)
        if row == NONE:
            row = self.counterparties.allocate()
            self.counterparty_index.insert(account, other, key, row)
            policy = self.policies.edit(policy_row)
            entry = self.counterparties.edit(row)
            entry.policy = policy_row
            entry.other = other
            entry.is_owner = key
            entry.next = policy.first_counterparty
            if policy.first_counterparty != NONE:
                head = self.counterparties.edit(policy.first_counterparty)
                head.previous = row
            policy.first_counterparty = row
            policy.counterparties += 1
        entry = self.counterparties.edit(row)
        entry.limit = limit
        entry.is_denied = 1 if action == DENY_COUNTERPARTY or action == DENY_OWNER else 0

    def forget_counterparty(self, account: longlong, other: longlong, is_owner: cython.bint) -> cython.bint:
        """Forget what an account's policy says of another account or of an owner; say whether it said anything."""
        key: longlong = 1 if is_owner else 0
        row: longlong = self.counterparty_index.find(account, other, key)
        if row == NONE:
            return False
        entry = self.counterparties.read(row)
        policy = self.policies.edit(entry.policy)
        if entry.previous == NONE:
            policy.first_counterparty = entry.next
        else:
            before = self.counterparties.edit(entry.previous)
            before.next = entry.next
        if entry.next != NONE:
            after = self.counterparties.edit(entry.next)
            after.previous = entry.previous
        policy.counterparties -= 1
        self.counterparty_index.remove(row)
        self.counterparties.release(row)
        self.drop_idle(account)
        return True

    # The round over contracts whose parties have a threshold.

    def watch(self, row: longlong) -> None:
        """Put a policy into the ring of those with a threshold."""
        venue = self.venue.edit(1)
        policy = self.policies.edit(row)
        if venue.next_watch == NONE:
            policy.next = row
            policy.previous = row
            venue.next_watch = row
        else:
            head = self.policies.edit(venue.next_watch)
            tail = self.policies.edit(head.previous)
            policy.next = venue.next_watch
            policy.previous = head.previous
            tail.next = row
            head.previous = row

    def unwatch(self, row: longlong) -> None:
        """Take a policy out of the ring of those with a threshold."""
        venue = self.venue.edit(1)
        policy = self.policies.edit(row)
        before = self.policies.edit(policy.previous)
        before.next = policy.next
        after = self.policies.edit(policy.next)
        after.previous = policy.previous
        if venue.next_watch == row:
            venue.next_watch = NONE if policy.next == row else policy.next
        policy.next = NONE
        policy.previous = NONE
        policy.position = NONE
        policy.perp = NONE

    def find_watched(self) -> longlong:
        """Look at one more contract of those whose party has a threshold; return it when it may lie beyond, or 0.

        One policy after another, one of its positions after another, newest contract first.  A contract that closes
        while the round stands at it ends the round in that position: the next round sees the rest.
        """
        row: longlong = self.venue.rows[1].next_watch
        policy = self.policies.edit(row)
        found: longlong = policy.perp
        following: longlong
        if found == NONE:
            policy.position = self.find_next_position(policy.account, policy.position)
            if policy.position != NONE:
                policy.perp = self.positions.rows[policy.position].first_perp
            else:
                venue = self.venue.edit(1)
                venue.next_watch = policy.next
            return NONE
        perp = self.perps.read(found)
        policy.perp = NONE
        if perp.lots == 0 or (perp.long_position != policy.position and perp.short_position != policy.position):
            return NONE
        following = perp.long_next if perp.long_position == policy.position else perp.short_next
        if following != self.positions.rows[policy.position].first_perp:
            policy.perp = following
        return found

    def find_next_position(self, account: longlong, row: longlong) -> longlong:
        """Return the position of an account after `row` (0: the first), or 0 after the last."""
        if row == NONE:
            row = self.accounts.rows[account].first_group
            return self.figures.rows[row].first_position
        position = self.positions.read(row)
        if position.next != NONE:
            return position.next
        row = self.figures.rows[position.figure].next
        return NONE if row == NONE else self.figures.rows[row].first_position
