"""A source that reads a price over HTTP: JSON, and a path to the price in it."""

from __future__ import annotations

import asyncio
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx
import msgspec
import structlog

from worldmarkets.exchange.units import MARK_DECIMALS
from worldmarkets.node.clock import Clock
from worldmarkets.node.config import HttpSourceSettings
from worldmarkets.node.sources import Price

ANSWER_BYTES = 1 << 20
_decode = msgspec.json.Decoder(float_hook=Decimal).decode  # 0.1 is to stay a tenth
log = structlog.get_logger()


class SourceError(Exception):
    """An answer without the price that it should have."""


class HttpSource:
    """The price of one asset, read again and again.  `failures` counts answers that gave none."""

    def __init__(self, settings: HttpSourceSettings, clock: Clock) -> None:
        self.name = settings.name
        self.assets: tuple[str, ...] = (settings.asset,)
        self.failures = 0
        self._settings = settings
        self._clock = clock
        self._latest: Price | None = None
        self._is_well = True

    def get(self, asset: str, now_us: int) -> Price | None:
        """Return the latest price; how old it may be is the oracle's to say."""
        return self._latest

    async def run(self) -> None:
        """Read until cancelled; a failure is reported once, and the next reading tries again."""
        timeout = self._settings.timeout_seconds
        async with httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client:
            while True:
                try:
                    await asyncio.wait_for(self.read(client), timeout)
                    if not self._is_well:
                        log.info("source is back", source=self.name)
                    self._is_well = True
                except (httpx.HTTPError, httpx.InvalidURL, SourceError, TimeoutError) as error:
                    self.failures += 1
                    if self._is_well:
                        log.warning("source fails", source=self.name, error=str(error) or type(error).__name__)
                    self._is_well = False
                await asyncio.sleep(self._settings.every_seconds)

    async def read(self, client: httpx.AsyncClient) -> None:
        """Read the price once.  Raises SourceError, httpx.HTTPError."""
        async with client.stream("GET", self._settings.url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise SourceError(f"status {answer.status_code}")
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > ANSWER_BYTES:
                    raise SourceError("the answer is too large")
        try:
            found = _decode(body)
        except msgspec.DecodeError as error:
            raise SourceError(f"not JSON: {error}") from None
        self._latest = read_price(found, self._settings.path, self._settings.time_path, self._clock.now_us())


def read_price(found: Any, path: str, time_path: str, now_us: int) -> Price:
    """Return the price that a path leads to, and its time, or now without a path to one.  Raises SourceError."""
    price = _to_decimal(_walk(found, path), path)
    units = int(price.scaleb(MARK_DECIMALS).to_integral_value())
    if units <= 0:
        raise SourceError(f"{path} is {price}, which is no price")
    if not time_path:
        return Price(units, now_us)
    time = _to_decimal(_walk(found, time_path), time_path)
    if time <= 0:
        raise SourceError(f"{time_path} is {time}, which is no time")
    while time >= 10**16:  # a time in microseconds has 16 digits until the year 2286
        time /= 1_000
    while time < 10**14:
        time *= 1_000
    return Price(units, int(time))


def _walk(found: Any, path: str) -> Any:
    for step in path.split("."):
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (LookupError, TypeError, ValueError):
            raise SourceError(f"the answer has no {path}") from None
    return found


def _to_decimal(value: Any, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise SourceError(f"{path} is {value!r}, which is no number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise SourceError(f"{path} is {value!r}, which is no number") from None
    if not number.is_finite() or (number and abs(number.adjusted()) > 40):
        raise SourceError(f"{path} is {value!r}, which is no price")
    return number
