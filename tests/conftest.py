"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of full recordings: WORLDMARKETS_SHARED, or `shared` beside the repository. They are not published."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("WORLDMARKETS_SHARED", beside))
    if not (folder / "data").is_dir():
        pytest.skip(f"there are no full recordings in {folder}; WORLDMARKETS_SHARED can name another folder")
    return folder
