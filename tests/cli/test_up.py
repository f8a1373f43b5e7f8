"""`world up` as a process of its own, over real sockets: a basis that survives a kill, and a market that lives."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from worldmarkets.cli.session import Session, write_key
from worldmarkets.node.admin import Audit, Credit, ask
from worldmarkets.node.deposits import Deposit
from worldmarkets.schemas.commands import PlaceOrder
from worldmarkets.schemas.signing import Signer
from worldmarkets.sim.agents.keys import write_genesis

pytestmark = pytest.mark.slow
PATIENCE = 120.0  # seconds: the machines that run this are shared
LENDER, MAKER, TRADER = (Signer(bytes([number]) * 32) for number in (11, 12, 13))
KEYS = {"lender": LENDER, "maker": MAKER, "trader": TRADER}
PRICES = {"ETH": "2000", "USDM": "1"}


class Venue:
    """A process of `world up`, and what it printed."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        program = "from worldmarkets.cli import main; main()"
        command = [sys.executable, "-W", "ignore", "-c", program, "up", "--data", str(data), "--plain", "--port", "0"]
        self.log = open(data.parent / "stderr", "ab")  # noqa: SIM115 - closed by `end`
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, start: str) -> str:
        """Return the first line that starts so, without the start."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for line in self.lines:
                if line.startswith(start):
                    return line.removeprefix(start).strip()
            assert self.process.poll() is None, (self.lines, (self.data.parent / "stderr").read_text())
            time.sleep(0.05)
        raise AssertionError(f"no line {start!r} in {self.lines}")

    def end(self, number: int) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.log.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextlib.contextmanager
def running(data: Path, *options: str) -> Iterator[Venue]:
    venue = Venue(data, *options)
    try:
        yield venue
    finally:
        if venue.process.poll() is None:
            venue.end(signal.SIGKILL)


class Prices(BaseHTTPRequestHandler):
    """Answers with the prices above, which do not move."""

    def do_GET(self) -> None:
        body = json.dumps({"price": PRICES[self.path.strip("/")]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def prices() -> Iterator[int]:
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Prices)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield serving.server_port
    serving.shutdown()
    serving.server_close()
    thread.join()


def write_settings(folder: Path, port: int) -> Path:
    """Settings of a venue with one source an asset, and a faucet."""
    genesis = write_genesis(datetime.now(UTC)).replace(
        "funding_period_seconds = 300", "funding_period_seconds = 28_800"
    )
    (folder / "genesis.toml").write_text(genesis)
    sources = "".join(
        f'[[sources]]\nname = "{asset}"\nasset = "{asset}"\nurl = "http://127.0.0.1:{port}/{asset}"\npath = "price"\n'
        f"every_seconds = 0.5\ntimeout_seconds = 10\n"
        for asset in PRICES
    )
    path = folder / "venue.toml"
    path.write_text(f'genesis = "{folder / "genesis.toml"}"\n{sources}[faucet]\non = true\n')
    return path


def order(market: str, side: str, size: str, price: str, **options: Any) -> PlaceOrder:
    return PlaceOrder(market=market, side=side, size=size, price=price, **options)


def without_moment(event: dict[str, Any]) -> dict[str, Any]:
    """An event, but for what tells a preview from what is sent a moment later."""
    return {name: value for name, value in event.items() if name not in ("sequence", "event_number", "due")}


def read_whole(session: Session) -> dict[str, Any]:
    """All that anybody may see of an account."""
    return {"account": session.get_account()} | {
        part: session.get_account(f"/{part}") for part in ("orders", "perps", "loans", "counterparties", "risk")
    }


def test_a_levered_basis_is_built_as_previewed_and_survives_a_kill(tmp_path: Path, prices: int, world: Run) -> None:
    data = tmp_path / "data"
    settings = write_settings(tmp_path, prices)
    options = ("--config", str(settings), "--no-agents")
    with running(data, *options) as venue, contextlib.ExitStack() as stack:
        url = venue.wait_for("http ")
        venue.wait_for("ready after")
        lender, maker, trader = (stack.enter_context(contextlib.closing(Session(url, key))) for key in KEYS.values())
        for session in (lender, maker, trader):
            assert session.ask_faucet()["amounts"]["USDM"] == "100000"
        deposit = Deposit(id="bank/1", owner=TRADER.address, asset="USDM", amount="1000")
        assert ask(data, Credit(deposit=deposit))["is_new"]
        for session, one in (
            (lender, order("USDM-LOAN-10D", "sell", "50000", "5%")),
            (maker, order("ETH/USDM", "sell", "15", "2001")),
            (maker, order("ETH-PERP", "buy", "15", "1999.5")),
        ):
            assert session.send(one)["code"] == "OK"
        legs = [
            order("USDM-LOAN-10D", "buy", "30000", "6%", time_in_force="ioc"),
            order("ETH/USDM", "buy", "10", "2001", time_in_force="ioc"),
            order("ETH-PERP", "sell", "10", "1999.5", time_in_force="ioc"),
        ]
        preview = trader.send(*legs, tried=True)
        before = trader.get_account()
        assert before["standing"] == preview["before"] and before["contracts"] == 0
        receipt = trader.send(*legs)
        assert receipt["code"] == "OK"
        assert trader.get_account()["standing"] == preview["after"]
        said = list(map(without_moment, receipt["events"]))
        assert said == list(map(without_moment, preview["receipt"]["events"]))
        fills = [(event["market"], event["size"], event["price"]) for event in said if event["event"] == "TRADED"]
        assert fills == [("USDM-LOAN-10D", "30000", "5%"), ("ETH/USDM", "10", "2001"), ("ETH-PERP", "10", "1999.5")]
        sessions = {"lender": lender, "maker": maker, "trader": trader}
        wholes = {name: read_whole(session) for name, session in sessions.items()}
        assert [loan["principal"] for loan in wholes["lender"]["loans"]["loans"]] == ["30000"]
        assert wholes["trader"]["loans"]["loans"][0]["counterparty"] == f"{LENDER.address}#0"
        assert [perp["size"] for perp in wholes["trader"]["perps"]["perps"]] == ["-10"]
        venue.end(signal.SIGKILL)
    with running(data, *options) as venue:
        url = venue.wait_for("http ")
        venue.wait_for("ready after")
        for name, key in KEYS.items():
            with contextlib.closing(Session(url, key)) as session:
                assert read_whole(session) == wholes[name], name
        assert not ask(data, Credit(deposit=deposit))["is_new"]
        assert ask(data, Audit())["violations"] == []
        # The shell sees the same, and gives it all back.
        key = tmp_path / "key.json"
        write_key(key, TRADER)
        shell = ("--url", url, "--key", key)
        shown = world("portfolio", *shell)
        assert shown.returncode == 0 and "ETH-PERP" in shown.stdout and "30,000 USDM" in shown.stdout
        refused = world("order", "ETH-PERP", "sell", "2000", "1999.5", *shell)
        assert refused.returncode == 1 and refused.stdout.startswith("refused: MARGIN")
        wrong = world("order", "ETH-PERP", "sell", "1", "1999.505", *shell)
        assert (wrong.returncode, wrong.stdout) == (2, "") and wrong.stderr.startswith("world: UNIT: leg 1:")
        other = world("up", "--data", data, "--plain", "--port", "0")
        assert other.returncode == 2 and "another process runs the venue" in other.stderr
        assert venue.end(signal.SIGINT) == 0
        assert venue.lines[-1] == "stopped, with a snapshot"
    assert not (data / "venue.json").exists() and not (data / "admin.sock").exists()
    verified = world("journal", "verify", "--data", data, "--genesis", tmp_path / "genesis.toml")
    assert verified.returncode == 0 and "invariants ok" in verified.stdout
    gone = world("status", "--data", data)
    assert gone.returncode == 2 and "no node runs" in gone.stderr


def read(url: str, path: str) -> Any:
    """Return what a read answers."""
    with contextlib.closing(Session(url)) as session:
        return session.get(path)


def test_a_venue_of_development_trades_within_a_minute_and_is_well(tmp_path: Path, world: Run) -> None:
    data = tmp_path / "data"
    with running(data) as venue:
        url = venue.wait_for("http ")
        after = float(venue.wait_for("first trade after").removesuffix(" s"))
        assert after < 60
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            markets = read(url, "/v1/markets")
            if bare := [
                market["symbol"]
                for market in markets
                if not (market["bid"] and market["ask"]) and market["kind"] in ("spot", "perp", "loan")
            ]:
                time.sleep(0.5)
                continue
            break
        assert not bare
        assert {mark["feed"] for mark in read(url, "/v1/marks")} == {"valid"}
        assert ask(data, Audit())["violations"] == []
        found = json.loads((data / "venue.json").read_text())
        assert (found["pid"], found["http"]) == (venue.process.pid, url) and found["stream"].startswith("ws://")
        assert venue.end(signal.SIGTERM) == 0
    verified = world("journal", "verify", "--data", data)
    assert verified.returncode == 0 and "invariants ok" in verified.stdout
    assert os.stat(data / "genesis.toml").st_size
