"""The licence check follows requirements and tells a GPL from what only resembles one."""

from __future__ import annotations

from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

from tools import check_licences


def write_metadata(**fields: str | list[str]) -> Message:
    message = Message()
    for name, values in fields.items():
        for value in [values] if isinstance(values, str) else values:
            message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    "licence",
    [
        "MIT",
        "BSD-3-Clause AND 0BSD AND Zlib",
        "LGPL-3.0-or-later",
        "GNU Lesser General Public License v3 (LGPLv3)",
        "GPL-2.0-only OR MIT",
        "BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1",
    ],
)
def test_a_licence_that_users_can_live_with_passes(licence: str) -> None:
    assert check_licences.is_free_to_use([licence])


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0-or-later",
        "AGPL-3.0-only",
        "GPLv3",
        "MIT AND GPL-2.0-only",
        "GNU General Public License v3 (GPLv3)",
        "GNU Affero General Public License v3",
    ],
)
def test_a_gpl_is_refused(licence: str) -> None:
    assert not check_licences.is_free_to_use([licence])
    assert not check_licences.is_free_to_use(["MIT", licence])


def test_no_licence_is_refused() -> None:
    assert not check_licences.is_free_to_use([])


def test_the_most_exact_form_of_the_metadata_is_read() -> None:
    classifiers = ["License :: OSI Approved", "License :: OSI Approved :: MIT License", "Topic :: Games"]
    assert check_licences.get_licences(write_metadata(Classifier=classifiers, License="GPL")) == ["MIT License"]
    both = write_metadata(License_Expression="Apache-2.0", Classifier=classifiers)
    assert check_licences.get_licences(both) == ["Apache-2.0"]
    assert check_licences.get_licences(write_metadata(License="BSD\nand a page of text")) == ["BSD"]
    assert check_licences.get_licences(write_metadata(Name="nothing")) == []


def test_the_closure_follows_extras_and_markers() -> None:
    requires = {
        "a": ["B>=1", "windows-only; sys_platform == 'win32'", "extra-of-a; extra == 'x'"],
        "b": ["a", "c[y]"],
        "c": ["extra-of-c; extra == 'y'"],
    }
    assert check_licences.get_closure(["A"], requires.get) == ["a", "b", "c", "extra-of-c"]


def test_what_is_installed_here_passes() -> None:
    assert check_licences.main() == 0


def test_a_licence_named_only_by_its_file_is_read_from_there(tmp_path: Path) -> None:
    folder = tmp_path / "quiet-1.0.dist-info"
    (folder / "licenses").mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.4\nName: quiet\nVersion: 1.0\nLicense-File: LICENSE\n")
    (folder / "licenses/LICENSE").write_text("\nGNU Affero General Public License\n")
    found = check_licences.read_licence_file(metadata.PathDistribution(folder))
    assert found == ["GNU Affero General Public License"]
    assert not check_licences.is_free_to_use(found)
