"""The twins tool sees what a row must not have."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

from tools import twins


class Tight(ctypes.Structure):
    _fields_ = (("a", ctypes.c_int64), ("b", ctypes.c_uint32), ("spare", ctypes.c_uint32))


class Padded(ctypes.Structure):
    _fields_ = (("a", ctypes.c_int64), ("b", ctypes.c_uint32))


def test_padding_is_found():
    records = SimpleNamespace(TABLES=(("tight", Tight), ("padded", Padded)), COMMANDS=(), EVENTS=())
    assert len(twins.find_padding(records)) == 1
    assert "Padded has 4 bytes of padding" in twins.find_padding(records)[0]


def test_commands_have_one_size():
    records = SimpleNamespace(TABLES=(), COMMANDS=(Tight,), EVENTS=())
    assert twins.find_padding(records) == ["records.py: Tight has 16 bytes: commands and events have 64"]


def test_no_record_has_any():
    assert twins.find_padding(twins.load("records")) == []
