"""The documentation check sees dead links, missing names and examples that fail."""

from __future__ import annotations

from pathlib import Path

from tools import check_docs


def write_page(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_links_lead_somewhere_and_a_page_has_one_title(tmp_path: Path) -> None:
    good = write_page(
        tmp_path, "# Title\n\n[self](page.md#title) [web](https://example.org)\n\n```text\n# no title\n```\n"
    )
    assert list(check_docs.check_page(good)) == []
    bad = write_page(tmp_path, "## Not a title\n\n[nowhere](missing.md)\n")
    assert [problem.partition(": ")[2] for problem in check_docs.check_page(bad)] == [
        "not exactly one title",
        "link to missing.md leads nowhere",
    ]


def test_examples_run_in_order_unless_they_say_why_not(tmp_path: Path) -> None:
    good = "# T\n\n```python\nx = 1\n```\n\n```python\nassert x == 1\n```\n"
    assert list(check_docs.check_example(write_page(tmp_path, good))) == []
    skipped = "# T\n\n<!-- check: no-run needs a server -->\n```python\nraise SystemExit(1)\n```\n"
    assert list(check_docs.check_example(write_page(tmp_path, skipped))) == []
    failing = write_page(tmp_path, "# T\n\n```python\nx = 1\nassert x == 2\n```\n")
    (problem,) = check_docs.check_example(failing)
    assert "line 5" in problem


def test_names_stand_as_whole_words() -> None:
    assert list(check_docs.check_named(["MARGIN"], "`MARGIN` or", "code")) == []
    assert list(check_docs.check_named(["MARGIN"], "MARGIN_WORSE", "code")) == ["docs: code MARGIN is named nowhere"]


def test_codes_are_read_from_the_source(tmp_path: Path) -> None:
    source = tmp_path / "codes.py"
    source.write_text("OK = 0\nTYPED: int = 1\n_HIDDEN = 2\nlower = 3\nclass Code:\n    MEMBER = 4\n")
    assert check_docs.get_codes(source) == ["OK", "TYPED", "MEMBER"]
