"""What one command may do at most: bundles have the budgets of one command, and its events fit into any outbox."""

import pytest

from tests.models.spot_venue import SpotVenue
from worldmarkets.core import COMPILED, codes, records, units
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.digest import compute_digest
from worldmarkets.core.engine import Engine

BUY, SELL = codes.BUY, codes.SELL


def open_venue(outbox: int = units.EVENTS_A_COMMAND):
    """A venue whose outbox has room for one command alone, with two books and two accounts that may trade."""
    venue = SpotVenue(open_order_multiple=1000)
    engine = Engine({"nodes": 1 << 16, "children": 1 << 22, "levels": 1 << 22}, outbox=outbox)
    engine.state.open()
    venue.engine, venue.rules = engine, engine.governance
    venue.accounts = venue.assets = 0
    venue.rules.open_venue(venue.time_us, open_order_multiple=1000)
    venue.add_asset()
    markets = [venue.add_market()[0], venue.add_market()[0]]
    perp = venue.rules.add_market(codes.PERP, 2, lot_quanta=1)
    for owner in (1, 2, 3):
        account = venue.open_account(owner)
        for asset in (1, 2, 3):
            venue.deposit(account, asset, 10**9)
    return venue, markets, perp


def fill(venue, account, market, count, side=BUY, price=50):
    for _ in range(count):
        venue.send(venue.place(account, market, side, price, 1))


def count(events, kind, code=None):
    return sum(event.kind == kind and code in (None, event.code) for event in events)


def get_account(venue, account):
    return records.Account.from_buffer_copy(venue.engine.state.accounts.view(account, account + 1))


@pytest.mark.both
def test_what_a_filter_passes_over_hides_nothing():
    """A thousand and a half orders of one book are newer than two of another."""
    venue, (first, second), _ = open_venue()
    fill(venue, 1, second, 2)
    fill(venue, 1, first, 1_500)
    events = venue.send(venue.cancel_all(1, second))
    assert count(events, codes.ORDER_CANCELLED) == len(events) == 2
    assert get_account(venue, 1).order_count == 1_500


@pytest.mark.both
def test_a_cancel_all_goes_on_where_the_one_before_ended():
    venue, (first, _), _ = open_venue()
    most = units.MAX_FILLS
    fill(venue, 1, first, 2 * most + 10)
    newest = venue.get_orders(first, BUY)[-1].id
    for left in (most + 10, 10):
        events = venue.send(venue.cancel_all(1))
        assert count(events, codes.ORDER_CANCELLED) == most
        assert (events[-1].kind, events[-1].code, events[-1].account) == (codes.WORK_DEFERRED, codes.WORK, 1)
        assert get_account(venue, 1).order_count == left
        assert compute_violations(venue.engine) == []
    assert newest not in {row.id for row in venue.get_orders(first, BUY)}
    fill(venue, 1, first, 3)  # newer ones belong to all as well
    events = venue.send(venue.cancel_all(1))
    assert count(events, codes.ORDER_CANCELLED) == len(events) == 13
    assert get_account(venue, 1).cancel_next == 0
    assert compute_violations(venue.engine) == []


@pytest.mark.slow
@pytest.mark.skipif(not COMPILED, reason="places twenty thousand orders")
def test_whoever_has_more_orders_than_one_command_looks_at_reaches_them_all():
    venue, (first, second), _ = open_venue()
    fill(venue, 1, second, 5)
    fill(venue, 1, first, units.MAX_LOOKS + 100)
    events = venue.send(venue.cancel_all(1, second))
    assert [event.kind for event in events] == [codes.WORK_DEFERRED]
    at = get_account(venue, 1).cancel_next
    assert at != 0 and compute_violations(venue.engine) == []
    order = records.Order.from_buffer_copy(venue.engine.state.orders.view(at, at + 1))
    venue.send(venue.cancel(1, order_id=order.id))  # where it stood: it goes on behind
    events = venue.send(venue.cancel_all(1, second))
    assert count(events, codes.ORDER_CANCELLED) == 5
    assert get_account(venue, 1).order_count == units.MAX_LOOKS + 99


@pytest.mark.both
def test_the_legs_of_a_bundle_share_one_budget():
    venue, (first, second), _ = open_venue()
    fill(venue, 1, first, units.MAX_FILLS)
    fill(venue, 1, second, 1)
    legs = [venue.cancel_all(1, market) for market in (first, second)]
    events = venue.send(*venue.bundle(1, *legs))
    assert (events[0].kind, events[0].code) == (codes.REJECTED, codes.WORK)
    assert get_account(venue, 1).order_count == units.MAX_FILLS + 1
    venue.send(venue.cancel(1, order_id=venue.get_orders(first, BUY)[0].id))
    events = venue.send(*venue.bundle(1, *legs, *legs))
    assert count(events, codes.ORDER_CANCELLED) == units.MAX_FILLS and events[-1].kind == codes.BUNDLE_APPLIED
    assert compute_violations(venue.engine) == []


def play(venue, markets, perp):
    """Send commands that report much; return how many events each reported."""
    first, second = markets
    sizes = []

    def send(*commands):
        events = venue.send(*commands)
        assert not count(events, codes.REJECTED), [event.as_dict() for event in events][:1]
        sizes.append(len(events))
        return events

    fill(venue, 1, first, units.MAX_FILLS, SELL, 60)
    assert count(send(venue.place(2, first, BUY, 60, 10**5)), codes.TRADED) == units.MAX_FILLS
    send(venue.cancel_all(2))
    for number in range(units.MAX_FILLS + 60):  # pairs, each cancelled with its partner
        for client in (2 * number + 1, 2 * number + 2):
            venue.send(venue.place(1, second, BUY, 40 + client % 2, 1, client_id=client))
        venue.send(venue.command(records.OrderPair, codes.PAIR_ORDERS, account=1, client_id=2 * number + 1,
                                 other_client_id=2 * number + 2))  # fmt: skip
    send(venue.cancel_all(1, side=BUY))
    send(venue.cancel_all(1))
    fill(venue, 1, perp, units.MAX_REQUEUE)
    send(venue.command(records.SetCounterparty, codes.SET_COUNTERPARTY, account=1, other=3,
                       action=codes.DENY_COUNTERPARTY))  # fmt: skip
    for start in range(0, units.MAX_QUOTES, 64):
        quotes = [venue.command(records.Quote, codes.QUOTE, account=2, market=second, side=BUY, price_ticks=45, lots=1,
                                flags=codes.POST_ONLY, level=start + level) for level in range(64)]  # fmt: skip
        send(venue.command(records.MassQuote, codes.MASS_QUOTE, account=2, count=64), *quotes)
    send(venue.command(records.MassQuote, codes.MASS_QUOTE, account=2, flags=codes.PULL_OTHERS))
    fill(venue, 1, first, 300)
    venue.send(venue.command(records.Timeout, codes.SET_DEAD_MAN, account=1, timeout_us=units.SECOND))
    venue.time_us += 2 * units.SECOND
    while get_account(venue, 1).order_count:
        send(venue.command(records.Command, codes.ADVANCE_TIME))
    return sizes


@pytest.mark.both
@pytest.mark.slow
def test_a_command_fits_into_the_smallest_outbox():
    """The same events and state as with much room, and no command reports more than the bound for one."""
    small, large = open_venue(), open_venue(1 << 20)
    sizes = play(*small)
    assert sizes == play(*large)
    assert 2 * units.MAX_FILLS <= max(sizes) <= units.EVENTS_AN_ORDER, sizes
    assert compute_digest(small[0].engine.state) == compute_digest(large[0].engine.state)
    assert compute_violations(small[0].engine) == []


def test_an_outbox_has_room_for_one_command():
    with pytest.raises(ValueError, match="room"):
        Engine({}, outbox=units.EVENTS_A_COMMAND - 1)
