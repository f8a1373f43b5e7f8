"""The exchange as a pure state machine: no I/O, no clock, no float, no thread.

Compiled when a compiler was there; the same files run interpreted otherwise, or when `WORLDMARKETS_PURE=1` asks for
it.  A build older than its sources is refused; a missing one is reported once.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_STAMP = _HERE / "_build.json"


class _Interpreted:
    """Finds the modules of this package as Python source, though compiled ones lie beside them."""

    @staticmethod
    def find_spec(name: str, path: list[str] | None, target: object = None) -> ModuleSpec | None:
        if not name.startswith(__name__ + ".") or path is None:
            return None
        for folder in path:
            spec = FileFinder(folder, (SourceFileLoader, [".py"])).find_spec(name)
            if spec is not None:
                return spec
        return None


def _get_sources() -> str:
    """Return one hash over every Python source of the core; the build computes the same."""
    digest = hashlib.sha256()
    for path in sorted(_HERE.rglob("*.py")):
        digest.update(path.relative_to(_HERE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _choose() -> bool:
    """Decide once whether the core runs compiled."""
    if os.environ.get("WORLDMARKETS_PURE") == "1":
        sys.meta_path.insert(0, _Interpreted)  # type: ignore[arg-type]
        return False
    if not _STAMP.exists():
        if os.environ.get("WORLDMARKETS_REQUIRE_COMPILED"):
            raise ImportError("the core is not compiled: run `make build`")
        warnings.warn("worldmarkets: the core is not compiled; it runs interpreted, about a hundred times slower",
                      RuntimeWarning, stacklevel=3)  # fmt: skip
        sys.meta_path.insert(0, _Interpreted)  # type: ignore[arg-type]
        return False
    if json.loads(_STAMP.read_text())["sources"] != _get_sources():
        raise ImportError("the compiled core is older than its sources: run `make build` (or set WORLDMARKETS_PURE=1)")
    return True


COMPILED = _choose()
