"""`airbot manual [PAGE]`: the pages that are shipped, as a terminal shows them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from airbot.cli.layout import wrapped
from airbot.exceptions import ConfigError
from airbot.exceptions import ExitCode

FOLDER = Path(__file__).parent.parent / "manual"
NAME_WIDTH = 12


def manual(parsed: argparse.Namespace) -> int:
    """Print a page, or the list of pages."""
    pages = {path.stem: path for path in sorted(FOLDER.glob("*.md"))}
    if parsed.page is None:
        lines = [f"{name:{NAME_WIDTH}}{_title(path)}" for name, path in pages.items()]
        print("\n".join(lines))
        return ExitCode.DONE
    if parsed.page not in pages:
        near = get_close_matches(parsed.page.lower(), pages, n=1)
        hint = f", did you mean {near[0]}?" if near else ""
        raise ConfigError([f"there is no page {parsed.page} in the manual{hint}"])
    print("\n".join(_iter_shown(pages[parsed.page].read_text(encoding="utf-8"))))
    return ExitCode.DONE


def _title(path: Path) -> str:
    with open(path, encoding="utf-8") as page:
        return page.readline().strip("# \n")


def _iter_shown(text: str) -> Iterator[str]:
    """Comments are for the tests; a row of a table is a paragraph."""
    in_code = False
    for line in text.splitlines():
        in_code ^= line.startswith("```")
        if in_code or not line.startswith(("|", "<!--")):
            yield line
        elif line.startswith("|") and not re.fullmatch(r"[|:\- ]+", line):
            yield from _row(line)


def _row(line: str) -> list[str]:
    """`| key | default | what it is |`"""
    first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
    return [first, *wrapped("  ".join(filter(None, rest)), "    ")]
