"""What a command of a trader shares: where the venue is, whose key signs, what it answers."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from worldmarkets.cli.errors import fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from worldmarkets.schemas.commands import AnyCommand
    from worldmarkets.schemas.signing import Domain, Signer

TIMEOUT_SECONDS = 30
EXPIRY_MS = 60_000
HOME = Path("~/.config/worldmarkets")

Url = Annotated[str, typer.Option(envvar="WORLDMARKETS_URL", help="Where the venue is.")]
KeyFile = Annotated[Path, typer.Option("--key", envvar="WORLDMARKETS_KEY", help="The file of the key that signs.")]
Index = Annotated[int, typer.Option("--account", min=0, help="Which of the owner's accounts.")]
Owner = Annotated[str, typer.Option("--owner", help="Whose account, when the key is a delegate's; else the key's own.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the venue's answer as JSON.")]
Tried = Annotated[bool, typer.Option("--preview", help="Only say what it would come to; nothing is sent.")]
URL = "http://127.0.0.1:8000"
KEY = HOME / "key.json"


class KeyOnDisk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key file."""

    address: str
    secret: str


def write_key(path: Path, signer: Signer) -> None:
    """Write a new key file that only its user may read.  Exits with code 2 when there is one, or it cannot be."""
    path = path.expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        fail(f"{path} is there already: name another with --key, or move it away")
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(KeyOnDisk(signer.address, signer.secret)) + b"\n")


def read_key(path: Path) -> Signer:
    """Return the key of a file.  Exits with code 2 when it is none, or others may read it."""
    from worldmarkets.schemas.signing import Signer

    path = path.expanduser()
    try:
        if path.stat().st_mode & 0o077:
            fail(f"{path} may be read by others: chmod 600 {path}")
        found = msgspec.json.decode(path.read_bytes(), type=KeyOnDisk)
        signer = Signer(found.secret)
    except FileNotFoundError:
        fail(f"there is no key in {path}: make one with `world keys new`")
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except (msgspec.DecodeError, ValueError):
        fail(f"{path} is no key file")
    if signer.address != found.address.lower():
        fail(f"{path}: the address is not that of the secret")
    return signer


class Session:
    """A venue over HTTP, and a key."""

    def __init__(self, url: str, signer: Signer | None = None, owner: str = "", index: int = 0) -> None:
        import httpx

        self.url = url.rstrip("/")
        self.signer = signer
        self.owner = (owner or (signer.address if signer else "")).lower()
        self.index = index
        self._http = httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS, trust_env=False)
        self._domain: Domain | None = None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """Return what a read answers.  Exits with code 2 when the venue says no, or is not there."""
        with self._talk():
            return self._read(self._http.get(path, params=params))

    def post(self, path: str, body: bytes) -> Any:
        """Return what a message is answered with.  Exits as `get` does."""
        with self._talk():
            return self._read(self._http.post(path, content=body, headers={"content-type": "application/json"}))

    def get_account(self, part: str = "") -> Any:
        """Return a read about the account."""
        return self.get(f"/v1/accounts/{self.owner}/{self.index}{part}")

    def send(self, *legs: AnyCommand, tried: bool = False) -> Any:
        """Sign commands as one bundle and return the receipt, or with `tried` the preview."""
        from worldmarkets.schemas.commands import Bundle
        from worldmarkets.schemas.signing import Domain

        assert self.signer is not None
        if self._domain is None:
            venue = self.get("/v1/venue")
            self._domain = Domain(chain_id=venue["chain_id"], genesis=venue["genesis"])
        now_ms = time.time_ns() // 1_000_000
        bundle = Bundle(owner=self.owner, account=self.index, nonce=now_ms, expiry=now_ms + EXPIRY_MS, legs=list(legs))
        body = msgspec.json.encode(self.signer.sign(self._domain, bundle))
        return self.post("/v1/preview" if tried else "/v1/commands", body)

    @contextlib.contextmanager
    def _talk(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            fail(f"no venue answers at {self.url}: {error or type(error).__name__}")

    def _read(self, answer: httpx.Response) -> Any:
        try:
            found = msgspec.json.decode(answer.content)
        except msgspec.DecodeError:
            fail(f"{self.url} is no venue: it answers {answer.status_code} without JSON")
        if answer.status_code >= 400:
            code = found.get("code", answer.status_code) if isinstance(found, dict) else answer.status_code
            fail(f"{code}: {found.get('message', '') if isinstance(found, dict) else ''}")
        return found


def open_session(url: str, key: Path, owner: str = "", index: int = 0) -> Session:
    """Return a session with the key of a file."""
    return Session(url, read_key(key), owner, index)


def show_json(found: Any) -> None:
    """Print an answer as JSON."""
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
