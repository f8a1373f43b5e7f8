"""What a node counts and measures, for Prometheus.

Counting is done where things happen, in plain numbers; they become metrics when somebody asks.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable

import numpy as np
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from worldmarkets.core import codes
from worldmarkets.core.codec import EVENT_NAMES, RECORD_BYTES, result_name
from worldmarkets.node.sequencer import Applied

PREFIX = "worldmarkets"
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_CODE, _KIND = 9, 8  # where an event has them


class Metrics(Collector):
    """The figures of one node.  `gauges` are read when they are asked for: a name, what it is, and how to read it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self.journal_seconds = self._measure("journal_seconds", "What writing a mini-block to the journal took.")
        self.apply_seconds = self._measure("apply_seconds", "What applying a mini-block, and telling of it, took.")
        self._blocks = self._commands = 0
        self._events: np.ndarray = np.zeros(256, np.int64)
        self._rejections: np.ndarray = np.zeros(256, np.int64)
        self._refusals: Tally[str] = Tally()
        self._gauges: list[tuple[str, str, Callable[[], float]]] = []

    def _measure(self, name: str, what: str) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", what, registry=self.registry, buckets=_SECONDS)

    def add_gauge(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Have a figure read whenever metrics are asked for."""
        self._gauges.append((f"{PREFIX}_{name}", what, read))

    def count_block(self, applied: Applied) -> None:
        """Count what a block was made of and what it gave."""
        self._blocks += 1
        self._commands += applied.block.count
        rows = np.frombuffer(applied.events, np.uint8).reshape(-1, RECORD_BYTES)
        kinds = rows[:, _KIND]
        self._events += np.bincount(kinds, minlength=256)
        rejected = kinds == codes.REJECTED
        if rejected.any():
            self._rejections += np.bincount(rows[rejected, _CODE], minlength=256)

    def count_refusal(self, code: str) -> None:
        """Count a message that the door turned away."""
        self._refusals[code] += 1

    def collect(self) -> Iterable[Metric]:
        """Yield the figures as they are now; Prometheus' library calls this."""
        yield CounterMetricFamily(f"{PREFIX}_blocks", "Mini-blocks applied since the start.", self._blocks)
        yield CounterMetricFamily(f"{PREFIX}_commands", "Commands applied since the start.", self._commands)
        events = CounterMetricFamily(f"{PREFIX}_events", "Events given, by kind.", labels=["event"])
        for kind in np.flatnonzero(self._events).tolist():
            events.add_metric([EVENT_NAMES[kind]], int(self._events[kind]))
        yield events
        rejections = CounterMetricFamily(
            f"{PREFIX}_rejections", "Commands that broke a rule, by code.", labels=["code"]
        )
        for code in np.flatnonzero(self._rejections).tolist():
            rejections.add_metric([result_name(code)], int(self._rejections[code]))
        yield rejections
        refusals = CounterMetricFamily(
            f"{PREFIX}_refusals", "Messages that the door turned away, by code.", labels=["code"]
        )
        for word, count in sorted(self._refusals.items()):
            refusals.add_metric([word], count)
        yield refusals
        for name, what, read in self._gauges:
            yield GaugeMetricFamily(name, what, read())

    def write(self) -> bytes:
        """Return every figure in Prometheus' text format."""
        return generate_latest(self.registry)

    def describe_all(self) -> list[tuple[str, str]]:
        """Return every metric by the name that it is scraped by, and what it is."""
        found = self.registry.collect()
        return sorted((one.name + ("_total" if one.type == "counter" else ""), one.documentation) for one in found)
