"""What agents play: films of the recordings, without a jump where they begin anew; ladders; and agents on a node."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldmarkets.exchange.genesis import parse_genesis
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import Config
from worldmarkets.node.node import Node
from worldmarkets.node.oracle import Oracle
from worldmarkets.node.sources.played import PlayedSource
from worldmarkets.sim.agents.crew import Crew
from worldmarkets.sim.agents.films import BUCKETS_BP, FRAME_US, ONE, Film, Sight, load_films, make_films
from worldmarkets.sim.agents.keys import make_signer, write_genesis
from worldmarkets.sim.agents.makers import find_changes
from worldmarkets.sim.agents.played import SEAM_US, WALKS, Market, RecordedMarket, load_market

START_US = 1_767_225_600_000_000
SECOND = 1_000_000


@pytest.fixture(scope="module")
def market() -> Market:
    return load_market()


@pytest.mark.slow
def test_the_packaged_films_are_those_of_the_packaged_recordings() -> None:
    assert make_films() == load_films()


def test_a_recording_begins_anew_without_a_jump() -> None:
    sizes = (0,) * (len(BUCKETS_BP) - 1)
    rising = [Sight(1_000 * ONE + step * ONE, 1_002 * ONE + step * ONE, sizes, sizes) for step in range(101)]
    played = RecordedMarket(Film(rising * 4, [(10, 5), (300_000, -7)]))
    # A film that ends 100 higher than it began: at the seam it goes on there, and comes back over twenty seconds.
    length = played.length_us
    assert played.see(length - 1).mid == 1_101 * ONE == played.see(length).mid
    later = [played.see(length + second * SECOND).mid - rising[4 * second].mid for second in range(21)]
    assert later == [100 * ONE * (SEAM_US - second * SECOND) // SEAM_US for second in range(21)]
    assert played.get_flow(0, length) == (5, 7)
    assert played.get_flow(length - FRAME_US, length + 10) == (5, 0)  # over the seam
    assert played.get_flow(10, 300_000) == (0, 7)  # each trade once: after the one, up to the other


def test_no_price_steps_further_than_a_mark_may(market: Market) -> None:
    """A step over the shock of an asset needs three sources; one of a thousandth a second is far from it."""
    for prices in market.prices:
        for asset, price in prices.items():
            found = [price(START_US + step * SECOND) for step in range(600)]
            moves = [abs(after - before) * 1_000 / before for before, after in zip(found, found[1:], strict=False)]
            assert max(moves) < (5 if asset == "MEGA" else 2), (asset, max(moves))


def test_walks_stay_around_their_price_and_are_the_same_in_every_run(market: Market) -> None:
    again = load_market()
    for symbol, walk in WALKS.items():
        for day in range(20):
            moment = START_US + day * 86_400 * SECOND
            sight = market.markets[f"{symbol}/USDM"].see(moment)
            assert sight == again.markets[f"{symbol}/USDM"].see(moment)
            assert sight.bid < sight.ask and abs(sight.mid / ONE / walk.price - 1) < 0.1


def test_the_genesis_of_development_says_that_it_is_one() -> None:
    text = write_genesis(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    venue = parse_genesis(text).venue
    assert text.startswith("# A venue of DEVELOPMENT")
    assert venue.requires_signatures and venue.funding_period_seconds == 300
    assert venue.administrators == [make_signer("administrator").address]
    assert venue.guardians == [make_signer("guardian").address]
    assert venue.opens == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


ladders = st.dictionaries(
    st.tuples(st.sampled_from(["buy", "sell"]), st.integers(0, 3)), st.tuples(st.integers(1, 99), st.integers(1, 50))
)


@given(ladders, ladders, st.dictionaries(st.integers(0, 3), st.integers(0, 9)))
def test_changes_make_what_rests_what_is_wanted(
    wanted: dict[tuple[str, int], tuple[int, int]], resting: dict[tuple[str, int], tuple[int, int]],
    tolerances: dict[int, int],
) -> None:  # fmt: skip
    changes = find_changes(wanted, resting, tolerances)
    after = {slot: quoted for slot, quoted in {**resting, **changes}.items() if quoted[1]}
    assert after.keys() == wanted.keys()
    for slot, (ticks, lots) in wanted.items():
        assert abs(after[slot][0] - ticks) <= tolerances.get(slot[1], 0)
        assert lots <= 2 * after[slot][1] <= 4 * lots
    assert find_changes(wanted, after, tolerances) == {}  # and then nothing more


@pytest.mark.slow
def test_agents_fill_every_book_trade_and_leave_the_state_well(tmp_path: Path, market: Market) -> None:
    (tmp_path / "genesis.toml").write_text(write_genesis(datetime.fromtimestamp(START_US / 1e6, UTC)))
    clock = ManualClock(START_US)
    node = Node.open(Config(data=str(tmp_path / "data"), genesis=str(tmp_path / "genesis.toml")), clock)

    async def story() -> None:
        running = asyncio.create_task(node.run())
        await asyncio.sleep(0)
        oracle = Oracle(node, [PlayedSource(f"{place}", prices, place) for place, prices in enumerate(market.prices)],
                        node.config.oracle)  # fmt: skip
        crew = Crew(node, node.deposits, market)

        async def mark() -> None:
            oracle.look()
            while any(feed.is_waiting for feed in oracle.feeds.values()):
                await asyncio.sleep(0.001)

        await mark()
        await crew.fund()
        accounts = len(node.exchange.accounts)
        for _ in range(3):
            clock.advance(SECOND)
            await mark()
            for agent in crew.agents:
                await agent.step()
        for view in node.exchange.markets:
            if view.kind not in ("spot", "perp", "loan"):
                continue
            depth = view.depth(50)
            assert len(depth.bids) >= 5 and len(depth.asks) >= 5, (view.symbol, depth)
        assert sum(view.open_interest > 0 for view in node.exchange.markets if view.kind == "perp") >= 2
        assert crew.refused * 20 < crew.sent
        assert node.exchange.audit() == []
        await crew.fund()
        assert len(node.exchange.accounts) == accounts
        node.stop()
        await running

    asyncio.run(story())
    node.close()
