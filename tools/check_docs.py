"""The documentation names everything a user meets, leads nowhere empty, and its Python examples run.

An example that cannot run says why in the line above its fence: `<!-- check: no-run <reason> -->`.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^(?P<skip><!-- check: no-run \S.*-->\n\n?)?```python[^\n]*\n(?P<code>.*?)^```", re.M | re.S)


def get_pages(root: Path) -> list[Path]:
    """README, CHANGELOG and every page of docs/, sorted."""
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def check_page(page: Path) -> Iterator[str]:
    """A page has one title, and its links to files of this repository lead somewhere."""
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    if len(re.findall(r"^# \S", prose, re.M)) != 1:
        yield f"{page}: not exactly one title"
    for target in LINK.findall(prose):
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
            yield f"{page}: link to {target} leads nowhere"


def get_codes(source: Path) -> list[str]:
    """Names of the upper-case constants and enum members that a module of codes declares."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names += [target.id for target in targets if isinstance(target, ast.Name) and target.id.isupper()]
    return [name for name in names if not name.startswith("_")]


def get_commands() -> list[str]:
    """Names of the commands of `world`, as its parser has them; none while there is no CLI."""
    program = (
        "import typer.main, worldmarkets.cli as cli\n"
        "group = typer.main.get_command(cli.app)\n"
        "print(*getattr(group, 'commands', {}), sep='\\n')\n"
    )
    if not (ROOT / "src/worldmarkets/cli").exists():
        return []
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


def check_named(names: list[str], text: str, kind: str) -> Iterator[str]:
    """Every name stands somewhere in the text, as a whole word."""
    for name in names:
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text):
            yield f"docs: {kind} {name} is named nowhere"


def get_example(page: Path) -> str:
    """The Python blocks of a page in one program, each on the lines where the page has it."""
    text = page.read_text(encoding="utf-8")
    program = ""
    for match in FENCE.finditer(text):
        if not match["skip"]:
            program += "\n" * (text.count("\n", 0, match.start("code")) - program.count("\n")) + match["code"]
    return program


def check_example(page: Path) -> Iterator[str]:
    """The examples of a page run one after another, in a folder of their own."""
    program = get_example(page)
    if not program.strip():
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, page.stem + ".py")
        source.write_text(program, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, source.name], cwd=folder, capture_output=True, text=True, env=os.environ, timeout=120
        )
    if done.returncode:
        yield f"{page}: example fails\n{done.stderr.strip()}"


def main() -> int:
    """Check the documentation of this repository; 1 when something is missing, dead or fails."""
    pages = get_pages(ROOT)
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    problems = [problem for page in pages for problem in (*check_page(page), *check_example(page))]
    codes = ROOT / "src/worldmarkets/core/codes.py"
    if codes.exists():
        problems += check_named(get_codes(codes), text, "code")
    problems += check_named([f"world {name}" for name in get_commands()], text, "command")
    print(*problems, sep="\n", end="\n" if problems else "")
    if not problems:
        print(f"docs: {len(pages)} pages; links lead somewhere, names are there, examples run")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
