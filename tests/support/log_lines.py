"""Every log line of a whole run of the tests: one event, and nobody's words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO|WARNING|ERROR) [\w.]+: \S.*"
)
TOKEN = re.compile(r"token=|Bearer \w{6}|[0-9a-f]{64}")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
SHORTEST = 12  # characters of a text that would not be found by chance

# What the people of the simulated site have written, in this process's tests.
WRITTEN: set[str] = set()


def lines_below(folder: Path) -> list[str]:
    """What this process and those that it has started have logged."""
    files = folder.rglob("logs/*.log")
    return [line for file in files for line in file.read_text().splitlines()]


def wrong_lines(lines: Iterable[str], texts: set[str]) -> list[str]:
    """The lines that are no event of ours, or hold what they must not."""
    told = [text for text in texts if len(text) >= SHORTEST and "\n" not in text]
    return [
        line
        for line in lines
        if not LINE.fullmatch(line)
        or TOKEN.search(line)
        or EMAIL.search(line)
        or any(text in line for text in told)
    ]
