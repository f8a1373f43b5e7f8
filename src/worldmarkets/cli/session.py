"""What a command of a trader shares: where the venue is, whose key signs, what it answers."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from worldmarkets.cli.errors import fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worldmarkets.schemas.commands import AnyCommand
    from worldmarkets.schemas.signing import Signer

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
    """A venue, and a key: a client whose failures end the command with one line."""

    def __init__(self, url: str, signer: Signer | None = None, owner: str = "", index: int = 0) -> None:
        from worldmarkets.client import Client

        self.url = url.rstrip("/")
        self.owner = (owner or (signer.address if signer else "")).lower()
        self.index = index
        self._client = Client(self.url, signer=signer, owner=self.owner, account=index)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **params: Any) -> Any:
        """Return what a read answers.  Exits with code 2 when the venue says no, or is not there."""
        with self._talk():
            return self._client.get(path, **params)

    def get_account(self, part: str = "", **params: Any) -> Any:
        """Return a read about the account."""
        return self.get(f"/v1/accounts/{self.owner}/{self.index}{part}", **params)

    def ask_faucet(self) -> Any:
        """Ask for test funds.  Exits as `get` does."""
        with self._talk():
            return msgspec.to_builtins(self._client.ask_faucet())

    def send(self, *legs: AnyCommand, tried: bool = False) -> Any:
        """Sign commands as one bundle and return the receipt, or with `tried` the preview.  Exits as `get` does."""
        from worldmarkets.client import RejectedError

        with self._talk():
            try:
                return msgspec.to_builtins(self._client.preview(*legs) if tried else self._client.send(*legs))
            except RejectedError as error:
                return msgspec.to_builtins(error.receipt)

    @contextlib.contextmanager
    def _talk(self) -> Iterator[None]:
        import httpx

        from worldmarkets.client import ClientError, Disconnected, RefusedError

        try:
            yield
        except RefusedError as error:
            fail(f"{error.code}: {error.message}")
        except (Disconnected, httpx.HTTPError, httpx.InvalidURL) as error:
            fail(f"no venue answers at {self.url}: {error}")
        except ClientError as error:
            fail(str(error))


def open_session(url: str, key: Path, owner: str = "", index: int = 0) -> Session:
    """Return a session with the key of a file."""
    return Session(url, read_key(key), owner, index)


def show_json(found: Any) -> None:
    """Print an answer as JSON."""
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
