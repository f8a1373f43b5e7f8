"""No distribution that a user of worldmarkets installs is under the GPL or the AGPL."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# GPL and AGPL by any spelling; not the LGPL, and not a GPL with a linking exception (numpy's libgfortran).
COPYLEFT = re.compile(
    r"(?<![A-Z])A?GPL(?!\S*\s+WITH\s+\S*EXCEPTION)|AFFERO|(?<!LESSER )(?<!LIBRARY )GENERAL PUBLIC", re.I
)


def get_licences(package: metadata.PackageMetadata) -> list[str]:
    """What the metadata of a distribution says of its licence, the most exact form it has."""
    if "License-Expression" in package:
        return [package["License-Expression"]]
    classifiers = [str(line) for line in package.get_all("Classifier") or [] if str(line).startswith("License ::")]
    named = [line.rpartition(" :: ")[2] for line in classifiers if not line.endswith("OSI Approved")]
    if named:
        return named
    text = str(package["License"]).strip() if "License" in package else ""
    return [text.splitlines()[0]] if text else []


def read_licence_file(distribution: metadata.Distribution) -> list[str]:
    """The first line of the licence that a distribution brings, for one whose metadata names none."""
    for name in distribution.metadata.get_all("License-File") or []:
        text = distribution.read_text(f"licenses/{name}") or distribution.read_text(str(name)) or ""
        if text.strip():
            return [text.strip().splitlines()[0].strip()]
    return []


def is_free_to_use(licences: list[str]) -> bool:
    """Whether a licence is named and none that must be kept is a GPL; of `A OR B` one that is not is enough."""
    kept = [re.split(r"\s+OR\s+", licence) for licence in licences]
    return bool(kept) and all(any(not COPYLEFT.search(choice) for choice in choices) for choices in kept)


def get_closure(requirements: Iterable[str], get_requires: Callable[[str], Iterable[str] | None]) -> list[str]:
    """The names of all distributions that `requirements` bring on this machine, sorted."""
    seen: set[tuple[str, frozenset[str]]] = set()
    no_extras: frozenset[str] = frozenset()
    waiting = [(Requirement(text), no_extras) for text in requirements]
    while waiting:
        requirement, extras = waiting.pop()
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            continue
        found = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if found not in seen:
            seen.add(found)
            waiting += [(Requirement(text), found[1]) for text in get_requires(found[0]) or ()]
    return sorted({name for name, _ in seen})


def main() -> int:
    """Check what pyproject.toml needs at run time, as installed here; 1 when a licence is missing or forbidden."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    names = get_closure(project["project"]["dependencies"], metadata.requires)
    problems = 0
    for name in names:
        distribution = metadata.distribution(name)
        licences = get_licences(distribution.metadata) or read_licence_file(distribution)
        if not is_free_to_use(licences):
            problems += 1
            print(f"{name}: {' and '.join(licences) or 'no licence named'}")
    if not problems:
        print(f"licences: {len(names)} runtime distributions, none under the GPL or AGPL")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
