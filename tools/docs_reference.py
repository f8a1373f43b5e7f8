"""MkDocs hook: one page of reference a module, read from the source without importing it, and their list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
INDEX = "api/index.md"


def get_modules(source: Path) -> list[str]:
    """Every public module below `source`, as dotted names."""
    names = []
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            names.append(".".join(parts))
    return sorted(names)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every module."""
    for name in get_modules(ROOT / "src"):
        files.append(File.generated(config, f"api/{name}.md", content=f"# {name}\n\n::: {name}\n"))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Append the list of modules to the index of the reference."""
    if page.file.src_uri != INDEX:
        return markdown
    return markdown + "\n" + "".join(f"- [`{name}`]({name}.md)\n" for name in get_modules(ROOT / "src"))
