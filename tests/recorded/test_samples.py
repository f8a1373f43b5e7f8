import gzip
import lzma
from pathlib import Path

import pytest

from worldmarkets.recorded import SAMPLES, Agreement, Tally, compare, read, sample

TALLIES = {
    "perp_ethusdt": Tally(lines=49_985, depth_updates=4_596, snapshots=1, trades=8_599, best_bid_offers=36_789),
    "spot_ethusdt": Tally(lines=22_865, depth_updates=2_392, snapshots=1, trades=3_677, best_bid_offers=16_795),
}
AGREEMENTS = {
    "perp_ethusdt": Agreement(quotes_before=317, quotes_after=52, prices_equal=369, quantities_equal=369),
    "spot_ethusdt": Agreement(quotes_before=383, quotes_after=0, prices_equal=383, quantities_equal=383),
}
SOURCES = {"perp_ethusdt": "usdm_ethusdt_20240808.gz", "spot_ethusdt": "spot_ethusdt_20240808.gz"}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_whole_and_its_book_agrees_in_every_case(name: str) -> None:
    tally = Tally()
    assert compare(read(sample(name), SAMPLES[name], tally)) == AGREEMENTS[name]
    assert tally == TALLIES[name]


def test_the_samples_end_together_after_four_minutes() -> None:
    received = {name: [message.received_ns for message in read(sample(name), SAMPLES[name])] for name in SAMPLES}
    start_ns = max(times[0] for times in received.values())
    for times in received.values():
        assert 239.5e9 < times[-1] - start_ns < 240e9


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_small_and_named_with_its_origin(name: str) -> None:
    path = sample(name)
    assert path.stat().st_size < 1_800_000
    readme = (path.parent / "README.md").read_text()
    assert path.name in readme
    assert f"{TALLIES[name].lines:,}" in readme
    assert "MIT License" in (path.parent / "LICENSE.hftbacktest").read_text()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_the_beginning_of_its_source(shared: Path, name: str) -> None:
    source = gzip.decompress((shared / "data/l2" / SOURCES[name]).read_bytes())
    assert source.startswith(lzma.decompress(sample(name).read_bytes()))


def test_an_unknown_sample_is_refused() -> None:
    with pytest.raises(KeyError, match="there are perp_ethusdt, spot_ethusdt"):
        sample("doge")
