"""The audit: every invariant of the state that can be seen in the state alone.

It trusts nothing that is kept for speed: sums are taken anew over contracts and orders, lists are walked both ways.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from worldmarkets.core import guards
from worldmarkets.core.codes import (
    ASSET_RISK,
    BACKSTOP,
    BUY,
    DEAD_MAN,
    FEED_HALTED,
    FEED_SUSPENDED,
    FEED_SUSPENSION_DUE,
    FUNDING_PERIOD,
    LADDER,
    LOAN_IOU,
    MANDATE_GOOD,
    MARKET_END,
    NONE,
    NUMERAIRE,
    ORDER_EXPIRY,
    PARAMETER_CHANGE,
    PARKED,
    PERP,
    RESTING,
    SETTLING,
    SPOT,
    STATE_UNWIND,
    TRIGGERS,
    WAITING,
)
from worldmarkets.core.engine import Engine
from worldmarkets.core.records import TABLE_IDS, TABLES
from worldmarkets.core.units import (
    BASIS,
    DAY,
    FEE_DAYS,
    FILE_LEVELS,
    HOUR,
    HOURS_A_YEAR,
    LADDER_TOP,
    MAX_CUT_PPM,
    MAX_EXITS,
    MAX_NONCES,
    NEVER,
    SIDES,
)


class Tables:
    """Every table of a state as rows of its record, over the state's own memory."""

    def __init__(self, engine: Engine) -> None:
        for (name, record), table in zip(TABLES, engine.state.all, strict=True):
            rows = table.last_row() + 1
            setattr(self, name, (record * rows).from_buffer(table.view(0, rows)))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def get_key(files: Any, account: int) -> int:
    """The key of an account in files, 0 when it has none: rows as `Files.get_row` lays them out."""
    row = 1 + sum(((account >> 3) + (1 << shift) - 1) >> shift for shift in range(0, 3 * FILE_LEVELS, 3))
    return getattr(files[row], f"k{account & 7}") if row < len(files) else 0


def compute_interest(principal: int, rate_bp: int, hours: int) -> int:
    """What a principal owes, rounded up."""
    return -(-principal * rate_bp * hours // (BASIS * HOURS_A_YEAR))


def compute_violations(engine: Engine) -> list[str]:
    """Return one line for each thing in an engine's state that breaks an invariant; the number is that of the spec."""
    state = Tables(engine)
    found: list[str] = []
    audit_supply(state, found)
    audit_positions(state, found)
    audit_perps(state, found)
    audit_loans(state, found)
    audit_orders(state, found)
    audit_quotes(state, found)
    audit_limits(state, found)
    audit_books(engine, state, found)
    audit_figures(engine, state, found)
    audit_states(engine, state, found)
    audit_files(state, found)
    audit_latches(state, found)
    audit_timers(state, found)
    audit_fees(state, found)
    audit_credits(state, found)
    audit_estates(state, found)
    audit_fund(state, found)
    audit_policies(state, found)
    audit_nonces(state, found)
    audit_mandates(state, found)
    audit_indexes(state, found)
    audit_changes(engine, state, found)
    return found


def audit_supply(state: Tables, found: list[str]) -> None:
    """1. Per asset, balances and the venue's fees and remainders are what was deposited and not withdrawn."""
    totals = [0] * (state.venue[1].assets + 1)
    for row in range(1, len(state.positions)):
        position = state.positions[row]
        if position.account == NONE:
            continue
        totals[position.asset] += position.balance
        if position.balance < 0:
            found.append(f"1: position {row}: a balance of {position.balance}")
    for asset in range(1, state.venue[1].assets + 1):
        held = totals[asset] + state.assets[asset].fees + state.assets[asset].remainders
        if asset == NUMERAIRE:
            held += state.venue[1].fund + sum(estate.cover_left for estate in list(state.estates)[1:] if estate.account)
        if held != state.assets[asset].supply:
            found.append(f"1: asset {asset}: {held} held, {state.assets[asset].supply} deposited")


def audit_positions(state: Tables, found: list[str]) -> None:
    """3. Positions are indexed, and each hangs in its account's figure for its group."""
    for row in range(1, len(state.positions)):
        position = state.positions[row]
        key = state.position_keys[row]
        if position.account != NONE and (key.a, key.b, key.c) != (position.account, position.asset, 0):
            found.append(f"3: position {row} is not in the index")
    for account in range(1, len(state.accounts)):
        count = 0
        figure = state.accounts[account].first_group
        while figure != NONE:
            if state.figures[figure].account != account:
                found.append(f"3: figure {figure} hangs in account {account} but is another's")
            row = state.figures[figure].first_position
            while row != NONE:
                count += 1
                position = state.positions[row]
                if position.account != account or position.figure != figure:
                    found.append(f"3: position {row} hangs in figure {figure} but is another's")
                row = position.next
            figure = state.figures[figure].next
        if count != state.accounts[account].positions:
            found.append(f"3: account {account}: {count} positions, counted {state.accounts[account].positions}")


def audit_perps(state: Tables, found: list[str]) -> None:
    """2, 3. Lots and cost of perp contracts sum to the positions; a market's lots sum to zero, its longs to its OI."""
    sums: dict[Any, Any] = {}
    contracts: dict[Any, Any] = {}
    interest: dict[Any, Any] = {}
    for row in range(1, len(state.perps)):
        perp = state.perps[row]
        if perp.lots == 0:
            continue
        if perp.lots < 0 or perp.long_account == perp.short_account:
            found.append(f"3: perp {row}: {perp.lots} lots between {perp.long_account} and {perp.short_account}")
        key = state.perp_keys[row]
        if (key.a, key.b, key.c) != (perp.long_account, perp.short_account, perp.market):
            found.append(f"3: perp {row} is not in the index")
        interest[perp.market] = interest.get(perp.market, 0) + perp.lots
        for account, sign in ((perp.long_account, 1), (perp.short_account, -1)):
            lots, cost, baseline = sums.get((account, perp.asset), (0, 0, 0))
            sums[account, perp.asset] = (
                lots + sign * perp.lots,
                cost + sign * perp.cost,
                baseline + sign * perp.lots * int(perp.funding_index),
            )
            contracts[account, perp.asset] = contracts.get((account, perp.asset), 0) + 1
    for row in range(1, len(state.positions)):
        position = state.positions[row]
        key = (position.account, position.asset)
        kept = (
            position.lots,
            position.cost,
            (int(position.funding_high) << 64) + int(position.funding_low),
        )
        if position.account != NONE and kept != sums.get(key, (0, 0, 0)):
            found.append(f"3: position {row}: perps {kept}, contracts sum to {sums.get(key, (0, 0, 0))}")
        walked = walk_perps(state, row) if position.account != NONE else 0
        if walked != contracts.get(key, 0) and position.account != NONE:
            found.append(f"3: position {row}: a ring of {walked} perps, {contracts.get(key, 0)} contracts")
    for row in range(1, state.venue[1].markets + 1):
        market = state.markets[row]
        if market.kind == PERP and market.open_interest != interest.get(row, 0):
            found.append(f"2: market {row}: open interest {market.open_interest}, longs sum to {interest.get(row, 0)}")


def walk_perps(state: Tables, position: int) -> int:
    """Return how many contracts a position's ring holds, -1 when it is not a ring."""
    account = state.positions[position].account
    first = state.positions[position].first_perp
    row = first
    count = 0
    if first == NONE:
        return 0
    while True:
        perp = state.perps[row]
        count += 1
        if perp.long_account == account:
            following = perp.long_next
            if state.perps[following].long_previous != row:
                return -2
        else:
            following = perp.short_next
            if state.perps[following].short_previous != row:
                return -2
        row = following
        if row == first or count > len(state.perps):
            return count


def audit_loans(state: Tables, found: list[str]) -> None:
    """2, 3. Principals sum to what positions say is lent and borrowed; per asset the two are equal."""
    lent: dict[Any, Any] = {}
    debts: dict[Any, Any] = {}
    ious: dict[Any, Any] = {}
    claims: dict[Any, Any] = {}
    counts: dict[Any, Any] = {}
    owing: dict[Any, Any] = {}
    shares: dict[Any, Any] = {}
    for row in range(1, len(state.loans)):
        loan = state.loans[row]
        if loan.principal == 0:
            continue
        counts[loan.borrower] = counts.get(loan.borrower, 0) + 1
        key = (loan.borrower, loan.asset)
        if loan.lender == loan.borrower:
            found.append(f"2: loan {row}: {loan.lender} owes itself")
        if loan.flags & LOAN_IOU:
            weight = loan.principal * loan.rate_bp
            begun = -(-loan.interest_from_us // HOUR)
            part = (loan.principal, 1, weight, weight * begun - loan.carry)
            ious[key] = tuple(a + b for a, b in zip(ious.get(key, (0, 0, 0, 0)), part, strict=True))
            claims[loan.lender, loan.asset] = claims.get((loan.lender, loan.asset), 0) + loan.principal
            continue
        owing[key] = owing.get(key, 0) + 1
        audit_shares(state, row, loan, shares, counts, found)
        lent[loan.lender, loan.asset] = lent.get((loan.lender, loan.asset), 0) + loan.principal
        total, rate, tenor = debts.get(key, (0, 0, 0))
        debts[key] = (total + loan.principal, max(rate, loan.rate_bp), max(tenor, loan.tenor_hours))
    assets: dict[Any, Any] = {}
    for row in range(1, len(state.positions)):
        position = state.positions[row]
        if position.account == NONE:
            continue
        key = (position.account, position.asset)
        total, rate, tenor = debts.get(key, (0, 0, 0))
        kept = (position.borrowed, position.max_rate_bp, position.tenor_hours)
        if kept != (total, rate, tenor):
            found.append(f"3: position {row}: borrowed {kept}, loans give {(total, rate, tenor)}")
        shared = shares.get(key, 0)
        audit_promises(state, row, ious.get(key, (0, 0, 0, 0)), claims.get(key, 0), shared, found)
        if position.owed != total + compute_interest(total, rate, tenor) + shared:
            found.append(f"3: position {row}: owed {position.owed} is not what its loans give")
        if position.lent != lent.get(key, 0):
            found.append(f"3: position {row}: lent {position.lent}, loans sum to {lent.get(key, 0)}")
        if position.loans != owing.get(key, 0):
            found.append(f"3: position {row}: {position.loans} loans, counted {owing.get(key, 0)}")
        assets[position.asset] = assets.get(position.asset, 0) + position.lent - position.borrowed
    for row, left in assets.items():
        if left != 0:
            found.append(f"2: asset {row}: lent less borrowed is {left}")
    perps: dict[Any, Any] = {}
    for row in range(1, len(state.perps)):
        perp = state.perps[row]
        if perp.lots != 0:
            perps[perp.long_account] = perps.get(perp.long_account, 0) + 1
            perps[perp.short_account] = perps.get(perp.short_account, 0) + 1
    for row in range(1, len(state.accounts)):
        account = state.accounts[row]
        if account.ious != sum(sums[1] for (debtor, _), sums in ious.items() if debtor == row):
            found.append(f"3: account {row}: {account.ious} IOUs, counted otherwise")
        if account.contracts != counts.get(row, 0) + perps.get(row, 0):
            found.append(f"3: account {row}: {account.contracts} contracts, counted otherwise")


def audit_credits(state: Tables, found: list[str]) -> None:
    """3. What one account has lent another of an asset is the sum of the principals between the two."""
    sums: dict[Any, int] = {}
    for row in range(1, len(state.loans)):
        loan = state.loans[row]
        if loan.principal != 0:
            key = (loan.lender, loan.borrower, loan.asset)
            sums[key] = sums.get(key, 0) + loan.principal
    kept: dict[Any, int] = {}
    for row in range(1, len(state.credits)):
        credit = state.credits[row]
        if credit.lender == NONE:  # the first bytes of a free row are a link
            continue
        key = (credit.lender, credit.borrower, credit.asset)
        kept[key] = credit.principal
        entry = state.credit_keys[row]
        if (entry.a, entry.b, entry.c) != key:
            found.append(f"3: credit {row} is not in the index")
    found += [
        f"3: {key}: a credit of {kept.get(key, 0)}, loans sum to {sums.get(key, 0)}"
        for key in {**sums, **kept}
        if sums.get(key, 0) != kept.get(key, 0)
    ]


def audit_estates(state: Tables, found: list[str]) -> None:
    """10. Accounts that are closed out stand in one queue; of the first one, what is still to be paid is there."""
    venue = state.venue[1]
    queue: dict[int, int] = {}
    row, last = venue.first_estate, NONE
    while row != NONE and state.estates[row].account not in queue:
        queue[state.estates[row].account] = row
        last, row = row, state.estates[row].next
    if last != venue.last_estate:
        found.append(f"10: the queue of close-outs ends with {last}, the venue says {venue.last_estate}")
    for account in range(1, len(state.accounts)):
        closing = state.accounts[account].closing
        if (closing != 0) != (account in queue) or (
            closing > WAITING and queue.get(account) != venue.first_estate
        ):  # fmt: skip
            found.append(f"10: account {account} is closed out or in the queue, not both: {closing}")
    claims = 0
    row = state.estates[venue.first_estate].first_claim if venue.first_estate else NONE
    while row != NONE:
        claims += 1
        row = state.claims[row].next
    live = sum(claim.account != NONE for claim in list(state.claims)[1:])
    if claims != live:
        found.append(f"10: {claims} claims hang in a close-out, {live} are there")
    row = state.estates[venue.first_estate].first_line if venue.first_estate else NONE
    lines = 0
    while row != NONE:
        line = state.estate_lines[row]
        held = state.positions[line.position].balance
        if not 0 <= line.balance_left <= min(line.balance, held) or not 0 <= line.lent_left <= line.lent:
            found.append(f"10: asset {line.asset}: {line.balance_left} still to be paid of {held}")
        lines += 1
        row = line.next
    if lines != sum(line.position != NONE for line in list(state.estate_lines)[1:]):
        found.append(f"10: {lines} assets of a close-out, others are there")


def audit_fund(state: Tables, found: list[str]) -> None:
    """1. The shares of the default fund are those of its stakes, and none is left without anything in it."""
    venue = state.venue[1]
    shares = 0
    for row in range(1, len(state.stakes)):
        stake = state.stakes[row]
        if stake.account == NONE:
            continue
        shares += stake.shares
        key = state.stake_keys[row]
        if (key.a, key.b, key.c) != (stake.account, 0, 0):
            found.append(f"3: stake {row} is not in the index")
        if not 0 <= stake.leaving <= stake.shares or (stake.leaving > 0) != (stake.timer != NONE):
            found.append(f"3: stake {row}: {stake.leaving} of {stake.shares} leave, timer {stake.timer}")
        if stake.shares == 0 and stake.covered_from_us == 0:
            found.append(f"3: stake {row} says nothing")
    if shares != venue.fund_shares or venue.fund < 0 or (shares == 0 and venue.fund > 0):
        found.append(f"1: a fund of {venue.fund} in {venue.fund_shares} shares, stakes sum to {shares}")


def audit_policies(state: Tables, found: list[str]) -> None:
    """3. Policies belong to their accounts, list what they say of counterparties, and none says nothing."""
    listed = 0
    ring: dict[int, bool] = {}
    row = state.venue[1].next_watch
    while row != NONE and row not in ring:
        ring[row] = True
        if state.policies[state.policies[row].next].previous != row:
            found.append(f"3: policy {row} hangs badly in the ring of thresholds")
        row = state.policies[row].next
    for account in range(1, len(state.accounts)):
        number = state.accounts[account].policy
        if number == NONE:
            continue
        policy = state.policies[number]
        if policy.account != account:
            found.append(f"3: account {account} has policy {number}, which is another's")
        if not (policy.max_exposure or policy.true_up_threshold or policy.severity_ppm or policy.counterparties):
            found.append(f"3: policy {number} says nothing")
        if (number in ring) != (policy.true_up_threshold > 0):
            found.append(f"3: policy {number}: threshold {policy.true_up_threshold}, in the ring: {number in ring}")
        count, before, row = 0, NONE, policy.first_counterparty
        while row != NONE and count <= policy.counterparties:
            entry = state.counterparties[row]
            key = state.counterparty_keys[row]
            if entry.policy != number or entry.previous != before:
                found.append(f"3: counterparty {row} hangs badly in policy {number}")
            if (key.a, key.b, key.c) != (account, entry.other, entry.is_owner):
                found.append(f"3: counterparty {row} is not in the index")
            count, before, row = count + 1, row, entry.next
        listed += count
        if count != policy.counterparties:
            found.append(f"3: policy {number}: {count} counterparties, counted {policy.counterparties}")
    live = sum(1 for row in range(1, len(state.policies)) if state.policies[row].account != NONE)
    if live != sum(1 for account in range(1, len(state.accounts)) if state.accounts[account].policy != NONE):
        found.append(f"3: {live} policies, and not as many accounts that have one")
    if listed != sum(1 for row in range(1, len(state.counterparties)) if state.counterparties[row].policy != NONE):
        found.append(f"3: {listed} counterparties hang in policies, and there are others")


def audit_shares(state: Tables, row: int, loan: Any, shares: Any, counts: Any, found: list[str]) -> None:
    """3. Former lenders' rates and the present one's make up the borrower's; what they reserve covers what they owe."""
    share_row, rate, since, parts = loan.first_share, loan.lender_rate_bp, loan.lender_from_us, 0
    while share_row != NONE:
        share = state.shares[share_row]
        parts += 1
        counts[share.account] = counts.get(share.account, 0) + 1
        if (share.next_rate_bp, share.exit_us) != (rate, since):
            found.append(f"3: loan {row}: share {share_row} does not meet the next lender's")
        rate, since = share.rate_bp, share.from_us
        hours = max(-(-(loan.due_us - share.exit_us) // HOUR), 0)
        lent = (share.exit_us - share.from_us) // HOUR
        owes = loan.principal * (share.next_rate_bp * hours - share.rate_bp * (lent + hours)) - share.carry
        reserve = max(-(-owes // (BASIS * HOURS_A_YEAR)), 0)
        if share.reserve != reserve or share.due != 0:
            found.append(f"3: share {share_row}: reserves {share.reserve}, may owe {reserve}")
        key = (share.account, loan.asset)
        shares[key] = shares.get(key, 0) + share.reserve
        share_row = share.next
    if (rate, since) != (loan.rate_bp, loan.interest_from_us) or parts > MAX_EXITS:
        found.append(f"3: loan {row}: its {parts} shares do not begin with the borrower's rate and interest")


def audit_promises(state: Tables, row: int, ious: Any, claims: int, shared: int, found: list[str]) -> None:
    """3. What stands beside a position's loans is the sum of its IOUs, its claims by IOU, and its shares."""
    position = state.positions[row]
    if position.promises == NONE:
        kept: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    else:
        promises = state.promises[position.promises]
        weight = (int(promises.weight_high) << 64) + int(promises.weight_low)
        base = (int(promises.base_high) << 64) + int(promises.base_low)
        kept = (promises.iou_owed, promises.ious, weight, base, promises.iou_lent, promises.share_owed)
    if kept != (*ious, claims, shared):
        found.append(f"3: position {row}: promises {kept}, contracts give {(*ious, claims, shared)}")


def audit_orders(state: Tables, found: list[str]) -> None:
    """3. An account's orders are in its list, and their losses sum to what it keeps."""
    for account in range(1, len(state.accounts)):
        count = 0
        loss = 0
        row = state.accounts[account].first_order
        while row != NONE and count <= state.accounts[account].order_count:
            order = state.orders[row]
            if order.account != account or order.lots <= 0:
                found.append(f"3: order {row} in the list of account {account}: {order.lots} lots")
            is_bid = state.markets[order.market].kind == BACKSTOP
            if is_bid != (order.bid != NONE) or (is_bid and state.bids[order.bid].order != row):
                found.append(f"3: order {row} of market {order.market} has the bid {order.bid}")
            count += 1
            loss += order.lots * order.loss_per_lot
            row = order.account_next
        if count != state.accounts[account].order_count or loss != state.accounts[account].order_loss:
            found.append(f"3: account {account}: {count} orders that lose {loss}, kept otherwise")


def audit_states(engine: Engine, state: Tables, found: list[str]) -> None:
    """4. An account that does not wait to be looked at has the state that its values at the rungs give."""
    venue = state.venue[1]
    urgent: list[int] = []
    row = venue.first_urgent
    while row != NONE and row not in urgent:
        urgent.append(row)
        row = state.accounts[row].next_urgent
    touched = 0
    for account in range(1, len(state.accounts)):
        record = state.accounts[account]
        is_touched = (account >> 6) + 1 < len(state.touched) and state.touched[(account >> 6) + 1].bits >> account % 64
        touched += is_touched & 1
        if bool(record.is_urgent) != (account in urgent):
            found.append(f"4: account {account} is urgent in its row or in the list, not both")
        reach, look_us = engine.get_reach(account), engine.get_look_us(account)
        if is_touched & 1 or account in urgent:
            continue
        if (reach is None) != (record.contracts == 0):
            found.append(f"4: account {account} has {record.contracts} contracts and a reach of {reach}")
        if reach is None or reach < 0 or (look_us is not None and look_us < venue.time_us):
            continue
        if engine.get_state(account) != record.state:
            found.append(f"4: account {account} is in state {record.state}, from scratch {engine.get_state(account)}")
    if touched != venue.touched_count:
        found.append(f"4: {touched} accounts are touched, the venue counts {venue.touched_count}")


def audit_files(state: Tables, found: list[str]) -> None:
    """3. Above the keys of accounts, every key is the least of the row below."""
    for name in ("files", "time_files", "latch_files"):
        rows = getattr(state, name)
        block, firsts = 0, {}
        place = 1
        while place < len(rows):
            levels = next(n for n in range(FILE_LEVELS, 0, -1) if block % 8 ** (n - 1) == 0)
            for level in range(levels):
                firsts[level, block >> 3 * level] = place + level
            place += levels
            block += 1
        for (level, number), row in firsts.items():
            keys = [key for _, key in rows[row].as_dict().items() if key] if row < len(rows) else []
            above = firsts.get((level + 1, number >> 3))
            if above is None or above >= len(rows):
                continue
            kept = getattr(rows[above], f"k{number & 7}")
            if kept != min(keys, default=0):
                found.append(f"3: {name}, level {level} row {number}: least key {min(keys, default=0)}, above {kept}")


def audit_latches(state: Tables, found: list[str]) -> None:
    """9. Who is latched has a latch and a turn, unless it waits to be taken; nobody else has, unless it waits too.

    Accounts wait in one list, each once.
    """
    venue = state.venue[1]
    waiting: list[int] = []
    row = venue.first_changed
    while row != NONE and row not in waiting:
        waiting.append(row)
        row = state.accounts[row].next_changed
    if venue.last_changed != (waiting[-1] if waiting else NONE):
        found.append(f"9: the last account with a new state is {venue.last_changed}, the list says {waiting[-1:]}")
    count = 0
    for account in range(1, len(state.accounts)):
        record = state.accounts[account]
        count += record.latch != NONE
        if bool(record.is_changed) != (account in waiting):
            found.append(f"9: account {account} waits for the ladder in its row or in the list, not both")
        if record.latch != NONE and state.latches[record.latch].account != account:
            found.append(f"9: account {account} has the latch of account {state.latches[record.latch].account}")
        latch = state.latches[record.latch]
        if not latch.latched_us <= latch.rung_us <= latch.counted_us <= venue.time_us or latch.tries > 2:
            found.append(f"9: account {account} has a latch whose times are not in order, or too many tries")
        if (record.latch != NONE) != (get_key(state.latch_files, account) != 0):
            found.append(f"9: account {account} is latched and has no turn, or the other way")
        is_due = venue.has_ladder and record.state >= STATE_UNWIND
        if account not in waiting and is_due != (record.latch != NONE):
            found.append(f"9: account {account} is in state {record.state} and has latch {record.latch}")
    for market in range(1, venue.markets + 1):
        if state.markets[market].sliced < 0 or state.markets[market].slice_us > venue.time_us:
            found.append(f"9: market {market} counts {state.markets[market].sliced} sliced in a second to come")
    if count != venue.latched:
        found.append(f"9: {count} accounts are latched, the venue counts {venue.latched}")


def audit_timers(state: Tables, found: list[str]) -> None:
    """12. The queue of timed work is in order, each timer knows its place, and the venue when the first is due."""
    venue = state.venue[1]
    keys: list[tuple[int, int]] = []
    for place in range(1, len(state.places)):
        row = state.places[place].timer
        if (row != NONE) != (place <= venue.timer_count):
            found.append(f"12: place {place} of {venue.timer_count} holds timer {row}")
        if row == NONE:
            break
        timer = state.timers[row]
        if timer.place != place:
            found.append(f"12: timer {row} stands in place {place} and believes {timer.place}")
        keys.append((timer.due_us, timer.serial))
        if place > 1 and keys[place // 2 - 1] >= keys[-1]:
            found.append(f"12: timer {row} in place {place} stands behind a later one")
    if venue.next_due_us != (keys[0][0] if keys else NEVER):
        found.append(f"12: the first timer is due at {keys[:1]}, the venue says {venue.next_due_us}")
    due: dict[tuple[int, int], int] = {}
    for place in range(1, venue.timer_count + 1):
        timer = state.timers[state.places[place].timer]
        due[timer.kind, timer.subject] = timer.due_us
    audit_conditions(state, found, due)
    for market in range(1, venue.markets + 1):
        if state.markets[market].kind == PERP and (FUNDING_PERIOD, market) not in due:
            found.append(f"12: nothing ends the funding period of market {market}")
        for side in range(SIDES * market, SIDES * market + SIDES):
            if (state.trigger_sides[side].passed_rank != 0) != ((TRIGGERS, side) in due):
                found.append(f"12: trigger side {side} was passed, and nothing places its orders, or not")
    suspended = 0
    for asset in range(1, venue.assets + 1):
        feed = state.assets[asset].feed
        suspended += feed == FEED_SUSPENDED
        if (feed == FEED_HALTED) != ((FEED_SUSPENSION_DUE, asset) in due):
            found.append(f"12: asset {asset}: feed {feed}, and what suspends it is not as it should be")
    if venue.suspended != suspended:
        found.append(f"3: {venue.suspended} suspended assets counted, there are {suspended}")
    is_queued = (LADDER, 1) in due
    if is_queued != (venue.ladder_timer != NONE) or (venue.latched > 0 and not is_queued):
        found.append(f"12: {venue.latched} accounts are latched, timer {venue.ladder_timer} takes their turns")
    for account in range(1, len(state.accounts)):
        if (state.accounts[account].dead_man != NONE) != ((DEAD_MAN, account) in due):
            found.append(f"12: the dead man's switch of account {account} is set and not queued, or not")


def audit_conditions(state: Tables, found: list[str], due: dict[tuple[int, int], int]) -> None:
    """3, 12. Conditions and orders name one another; partners do; every order that expires does so in time."""
    triggers: dict[int, int] = {}
    expiring = 0
    for account in range(1, len(state.accounts)):
        record = state.accounts[account]
        swept = record.sweep_next
        cancelled = record.cancel_next
        row = record.first_order
        while row != NONE:
            order = state.orders[row]
            condition = state.conditions[order.condition]
            if order.condition != NONE and condition.order != row:
                found.append(f"3: the condition of order {row} is that of {condition.order}")
            if order.condition != NONE and condition.partner != NONE:
                partner = state.conditions[condition.partner]
                if partner.partner != order.condition or state.orders[partner.order].account != account:
                    found.append(f"3: the partner of order {row} is another's")
            if order.condition != NONE and condition.place == PARKED:
                triggers[account] = triggers.get(account, 0) + 1
            if order.expiry_us > due.get((ORDER_EXPIRY, row), 0):  # later when it was put off
                found.append(f"12: order {row} expires at {order.expiry_us}, and nothing takes it away then")
            expiring += order.expiry_us != 0
            swept = NONE if swept == row else swept
            cancelled = NONE if cancelled == row else cancelled
            row = order.account_next
        if swept != NONE:
            found.append(f"3: the sweep of account {account} stands at order {swept}, which is not its own")
        if cancelled != NONE:
            found.append(f"3: cancel-all of account {account} goes on at order {cancelled}, which is not its own")
        if record.triggers != triggers.get(account, 0):
            found.append(f"3: account {account}: {record.triggers} triggers, counted {triggers.get(account, 0)}")
    if sum(kind == ORDER_EXPIRY for kind, _ in due) != expiring:
        found.append(f"12: {expiring} orders expire, queued are others")


def audit_fees(state: Tables, found: list[str]) -> None:
    """3. An owner's fees of thirty days are those of the days in its list, and its cuts are what they earn."""
    tiers = [state.tiers[row] for row in range(1, state.venue[1].tiers + 1)]
    listed = 0
    for row in range(1, len(state.owners)):
        owner = state.owners[row]
        days = []
        place = owner.first_day
        while place != NONE and len(days) <= FEE_DAYS:
            day = state.fee_days[place]
            if day.owner != row or day.paid <= 0 or (day.next == NONE) != (place == owner.last_day):
                found.append(f"3: day {place} in the list of owner {row} is not as it should be")
            days.append((day.day, day.paid))
            place = day.next
        listed += len(days)
        today = owner.day_ends_us // DAY - 1
        if days != sorted(days) or any(not today - FEE_DAYS <= day < today for day, _ in days):
            found.append(f"3: owner {row}: days {days} are not thirty before {today}, in order")
        if owner.window_fees != sum(paid for _, paid in days) or not 0 <= owner.today_paid <= owner.today_full:
            found.append(f"3: owner {row}: fees {owner.window_fees} and {owner.today_paid} are not what its days give")
        for name in ("maker_cut_ppm", "taker_cut_ppm"):
            earned = sum(max(owner.window_fees - tier.fees, 0) * getattr(tier, name) for tier in tiers)
            if getattr(owner, name) != (earned // owner.window_fees if owner.window_fees else 0):
                found.append(f"3: owner {row}: {name} {getattr(owner, name)} is not what its fees earn")
    if listed != sum(day.owner != NONE for day in state.fee_days):
        found.append(f"3: {listed} days of fees in the lists of owners, others beside")


def audit_quotes(state: Tables, found: list[str]) -> None:
    """3. A maker's slots are in its list and have its orders; a protection that was tripped has none."""
    counts: dict[Any, Any] = {}
    listed = 0
    for row in range(1, len(state.makers)):
        maker = state.makers[row]
        if maker.account == NONE:
            continue
        if (state.maker_keys[row].a, state.maker_keys[row].b) != (maker.account, maker.market):
            found.append(f"3: maker {row} is not in the index")
        walked = walk_slots(state, row, found)
        counts[maker.account] = counts.get(maker.account, 0) + walked
        listed += walked
        if walked != maker.quotes or (maker.tripped and walked):
            found.append(f"3: maker {row}: {walked} slots, counted {maker.quotes}, tripped {maker.tripped}")
        if not maker.tripped and any(
            limit and abs(had) >= limit
            for had, limit in (
                (maker.lots, maker.max_lots), (maker.notional, maker.max_notional), (maker.delta, maker.max_delta)
            )
        ):  # fmt: skip
            found.append(f"3: maker {row} reached a limit of its protection and is not tripped")
    if listed != sum(slot.maker != NONE for slot in state.slots):
        found.append(f"3: {listed} slots in the lists of makers, others beside")
    if listed != sum(order.quote != NONE for order in state.orders):
        found.append(f"3: {listed} slots, other orders say that they have one")
    for row in range(1, len(state.accounts)):
        if state.accounts[row].quotes != counts.get(row, 0):
            found.append(f"3: account {row}: {counts.get(row, 0)} slots, counted {state.accounts[row].quotes}")


def walk_slots(state: Tables, maker: int, found: list[str]) -> int:
    """Return how many slots a maker's list holds."""
    count = before = 0
    row = state.makers[maker].first_quote
    while row != NONE and count <= len(state.slots):
        slot, order = state.slots[row], state.orders[state.slots[row].order]
        if slot.maker != maker or slot.previous != before or slot.is_out or order.quote != row:
            found.append(f"3: slot {row} in the list of maker {maker}, or its order, is another's")
        if (order.account, order.market) != (state.makers[maker].account, state.makers[maker].market):
            found.append(f"3: slot {row} has an order of another account or market")
        key = (order.account, SIDES * order.market + order.side, slot.level) if slot.is_named else (0, 0, 0)
        entry = state.slot_keys[row] if row < len(state.slot_keys) else state.slot_keys[0]
        if (entry.a, entry.b, entry.c) != key:
            found.append(f"3: slot {row} is not in the index as what it is")
        count += 1
        before, row = row, slot.next
    return count


def audit_limits(state: Tables, found: list[str]) -> None:
    """3. Limits count the orders that rest, and accounts the markets in which they have limits."""
    resting: dict[Any, Any] = {}
    for account in range(1, len(state.accounts)):
        row = state.accounts[account].first_order
        while row != NONE and state.accounts[account].limits:
            key = (account, state.orders[row].market)
            resting[key] = resting.get(key, 0) + 1
            row = state.orders[row].account_next
    counts: dict[Any, Any] = {}
    for row in range(1, len(state.limits)):
        limit = state.limits[row]
        if limit.account == NONE:
            continue
        counts[limit.account] = counts.get(limit.account, 0) + 1
        if (state.limit_keys[row].a, state.limit_keys[row].b) != (limit.account, limit.market):
            found.append(f"3: limit {row} is not in the index")
        if limit.orders != resting.get((limit.account, limit.market), 0):
            found.append(f"3: limit {row}: {limit.orders} orders counted, others rest")
    for account in range(1, len(state.accounts)):
        if state.accounts[account].limits != counts.get(account, 0):
            found.append(f"3: account {account}: limits in {state.accounts[account].limits} markets, counted otherwise")


def audit_indexes(state: Tables, found: list[str]) -> None:
    """3. Every key of an index is found by walking the bucket chains, and none twice."""
    for name in ("client", "owner", "account", "position", "perp", "maker", "slot", "limit", "counterparty", "credit",
                 "signer", "mandate", "claim", "stake"):  # fmt: skip
        entries, buckets = getattr(state, name + "_keys"), getattr(state, name + "_buckets")
        firsts = memoryview(buckets).cast("B").cast("I")  # most are empty
        walked = [row for first in firsts if first for row in walk_chain(entries, first)]
        keyed = [row for row in range(1, len(entries)) if entries[row].a or entries[row].b or entries[row].c]
        if sorted(walked) != keyed:
            found.append(f"3: the index of {name}s holds {len(keyed)} keys, its chains {len(walked)}")


def walk_chain(entries: Any, row: int) -> list[int]:
    """The rows of one bucket's chain."""
    rows: list[int] = []
    while row != NONE and len(rows) <= len(entries):
        rows.append(row)
        row = entries[row].next
    return rows


def audit_books(engine: Engine, state: Tables, found: list[str]) -> None:
    """3. Every level sums its queue, every side its levels; only orders that policies keep apart may cross."""
    for market in range(1, state.venue[1].markets + 1):
        best = [0, 0]
        for side in range(SIDES * market, SIDES * market + SIDES):
            audit_side(engine, state, found, side, True)
            best[side % SIDES] = audit_side(engine, state, found, side, False)
        bid, ask = best
        if bid > 0 and ask > 0 and bid >= LADDER_TOP - ask:
            found.append(f"3: market {market} is crossed: bid {bid}, ask {LADDER_TOP - ask}")


def audit_side(engine: Engine, state: Tables, found: list[str], side: int, is_ladder: bool) -> int:
    """3. One side of a book, or of a trigger ladder, sums its levels, and its orders are where they stand.

    Returns the best rank of an order that no policy keeps from anybody, 0 when there is none.
    """
    firm = 0
    lots = 0
    orders = 0
    kept = (state.trigger_sides if is_ladder else state.sides)[side]
    name = f"trigger side {side}" if is_ladder else f"side {side}"
    levels = engine.get_level_rows(side, is_ladder)
    if (levels[0][0] if levels else 0) != kept.best:
        found.append(f"3: {name}: best rank {kept.best}, the ladder says {levels[:1]}")
    for rank, level in levels:
        queue = 0
        row = state.levels[level].first
        while row != NONE:
            order = state.orders[row]
            queue += order.lots
            orders += 1
            if state.markets[order.market].kind == SPOT or state.accounts[order.account].policy == NONE:
                firm = max(firm, rank)
            at = order.price_ticks if side % SIDES == BUY else LADDER_TOP - order.price_ticks
            if order.market != side // SIDES or at != rank:
                found.append(f"3: order {row} stands in another's queue")
            place = state.conditions[order.condition].place
            if (place if order.condition else RESTING) != (PARKED if is_ladder else RESTING):
                found.append(f"3: order {row} stands on {name} and believes to be elsewhere: {place}")
            row = order.next
        if queue != state.levels[level].lots:
            found.append(f"3: {name} rank {rank}: {state.levels[level].lots} lots, queue {queue}")
        lots += queue
    if lots != kept.lots or orders != kept.orders:
        found.append(f"3: {name}: {lots} lots of {orders} orders, kept otherwise")
    return firm


def audit_figures(engine: Engine, state: Tables, found: list[str]) -> None:
    """3. A figure that says it is up to date is what a valuation from scratch gives; one that time moves never is."""
    for row in range(1, len(state.figures)):
        figure = state.figures[row]
        account = state.accounts[figure.account]
        is_accruing = account.ious > 0 or 0 < account.first_due_us < state.venue[1].time_us
        if figure.account == NONE or figure.version == 0 or is_accruing:
            continue
        is_stale = account.stale >> (figure.group & 63) & 1
        if figure.version == state.groups[figure.group].version and not is_stale:
            value = engine.get_admitted_figure(row, state.venue[1].initial_ppm)
            if value != figure.value:
                found.append(f"3: figure {row}: {figure.value} kept, {value} from scratch")
    for account in range(1, len(state.accounts)):
        if state.accounts[account].sensitivity > 0:
            floor, value = engine.get_floor(account), engine.get_value(account, state.venue[1].initial_ppm)
            if floor is not None and floor > value:
                found.append(f"3: account {account}: kept as worth {floor} at least, {value} from scratch")


def audit_nonces(state: Tables, found: list[str]) -> None:
    """3. A signer's nonces rise along its ring, as many as it says; every nonce is one signer's."""
    total = 0
    for row in range(1, len(state.signers)):
        signer = state.signers[row]
        before, count = signer.last, 0
        while before != NONE and count <= MAX_NONCES:
            place = state.nonces[before].next
            nonce = state.nonces[place]
            if nonce.previous != before or (count and nonce.nonce <= state.nonces[before].nonce):
                found.append(f"3: signer {row}: nonce {nonce.nonce} stands in the wrong place")
            before, count = place, count + 1
            if place == signer.last:
                break
        if before != signer.last or count != signer.nonces or count > MAX_NONCES:
            found.append(f"3: signer {row}: {signer.nonces} nonces, counted {count}")
        total += count
    kept = state.pools[TABLE_IDS["nonces"]].count
    if total != kept:
        found.append(f"3: {kept} nonces kept, signers have {total}")


def audit_mandates(state: Tables, found: list[str]) -> None:
    """3. Good mandates hang in their account's list; a mandate answers for the orders that name it, or it is gone."""
    orders: dict[int, int] = {}
    for order in state.orders[1:]:
        if order.account != NONE and order.mandate != NONE:
            orders[order.mandate] = orders.get(order.mandate, 0) + 1
            if state.mandates[order.mandate].account != order.account:
                found.append(f"3: order {order.id} of account {order.account} is under another's mandate")
    listed: dict[int, int] = {}
    granted = 0
    for row in range(1, len(state.mandate_keys)):
        place = row if state.mandate_keys[row].a else NONE
        while place != NONE and place not in listed:
            listed[place] = int(state.mandate_keys[row].a)
            place = state.mandates[place].next
    for row in range(1, len(state.mandates)):
        mandate = state.mandates[row]
        if mandate.account == NONE:
            continue
        if listed.get(row, NONE) != (mandate.account if mandate.state == MANDATE_GOOD else NONE):
            found.append(f"3: mandate {row} of account {mandate.account} hangs in the list of {listed.get(row)}")
        if mandate.orders != orders.get(row, 0) or (mandate.state != MANDATE_GOOD and not mandate.orders):
            found.append(f"3: mandate {row}: {mandate.orders} orders, counted {orders.get(row, 0)}")
        grant = mandate.first_grant
        while grant != NONE:
            granted += 1
            grant = state.grants[grant].next
    if granted != state.pools[TABLE_IDS["grants"]].count:
        found.append(f"3: {granted} grants hang in mandates, not as many as there are")


def audit_changes(engine: Engine, state: Tables, found: list[str]) -> None:
    """3, 5. Parameters are within their bounds, those that ramp are where their schedule says, one change a guard."""
    under_way: dict[Any, Any] = {}
    for row in range(1, len(state.changes)):
        change = state.changes[row]
        if change.state == 0:
            continue
        timer = state.timers[change.timer]
        if (timer.kind, timer.subject, timer.due_us) != (PARAMETER_CHANGE, row, change.next_us):
            found.append(f"3: change {row} has no timer of its own")
        guard = guards.find_guard(change.guard)
        if guard is None:
            continue
        key = (change.guard, change.subject)
        if key in under_way:
            found.append(f"5: changes {under_way[key]} and {row} are of one guard")
        under_way[key] = row
        if change.guard == MARKET_END:
            continue
        start = [change.from_a, change.from_b, change.from_c, change.from_d, change.from_e]
        target = [change.a, change.b, change.c, change.d, change.e]
        reached = guards.compute_values(guard, start, target, change.step, change.steps)
        values = engine.parameters.get_values(change.guard, change.subject)
        if list(values) != reached:
            found.append(f"5: change {row}: {values}, where step {change.step} is {reached}")
    if len([1 for change in state.changes if change.state]) != state.venue[1].changes:
        found.append(f"3: {state.venue[1].changes} changes counted, not as many under way")
    for guard in guards.GUARDS:
        count = (1, state.venue[1].assets, state.venue[1].markets, state.venue[1].tiers)[guard.scope]
        for subject in range(1, count + 1):
            if guard.number == MARKET_END:
                audit_end(state, subject, (MARKET_END, subject) in under_way, found)
            elif guard.number != ASSET_RISK or subject != NUMERAIRE:
                values = engine.parameters.get_values(guard.number, subject if guard.scope else 0)
                broken = guards.find_out_of_bounds(guard, list(values))
                if broken is not None:
                    found.append(f"5: {guard.name} {subject}: {broken[1]} beyond {broken[0]} in slot {broken[2]}")
    tiers = [state.tiers[row] for row in range(1, state.venue[1].tiers + 1)]
    fees = [0, *(tier.fees for tier in tiers)]
    cuts = max(sum(tier.maker_cut_ppm for tier in tiers), sum(tier.taker_cut_ppm for tier in tiers))
    if any(high <= low for low, high in pairwise(fees)) or cuts > MAX_CUT_PPM:
        found.append(f"5: tiers from fees of {fees[1:]} cut {cuts} ppm")


def audit_end(state: Tables, market: int, is_working: bool, found: list[str]) -> None:
    """2. A market that has ended has neither orders nor open interest."""
    row = state.markets[market]
    orders = state.sides[SIDES * market].orders + state.sides[SIDES * market + 1].orders
    if row.mode == SETTLING and not is_working and (orders or row.open_interest):
        found.append(f"2: market {market} has ended with {orders} orders and {row.open_interest} lots")
