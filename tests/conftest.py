"""Fixtures for all tests."""

import importlib
import os
import sys
from pathlib import Path

import pytest

# A wallet's library raises the recursion limit when it is imported, so far that a deep document then overflows the
# stack of this process. It is imported here once, and the limit put back.
_limit = sys.getrecursionlimit()
importlib.import_module("eth_account")
sys.setrecursionlimit(_limit)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of full recordings: WORLDMARKETS_SHARED, or `shared` beside the repository. They are not published."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("WORLDMARKETS_SHARED", beside))
    if not (folder / "data").is_dir():
        pytest.skip(f"there are no full recordings in {folder}; WORLDMARKETS_SHARED can name another folder")
    return folder
