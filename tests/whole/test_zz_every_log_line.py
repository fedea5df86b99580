"""Every log line that the whole suite has produced: one event, and nobody's words.

This file is read last: it looks at what the tests before it have logged, in their own
processes (conftest.every_log_line_is_kept) and in those that they have started.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import WRITTEN

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO|WARNING|ERROR) [\w.]+: \S.*"
)
TOKEN = re.compile(r"token=|Bearer \w{6}|[0-9a-f]{64}")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
SHORTEST = 12  # characters of a text that would not be found by chance


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


def test_every_line_is_one_event_without_a_body_a_token_or_an_address(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    logging.getLogger("airbot.sync").info("15 threads, 1 changed, 1 new message")
    here = tmp_path_factory.getbasetemp()
    # A worker of pytest-xdist has a folder of its own below the one of them all.
    everything = here.parent if here.name.startswith("popen-") else here
    lines = []
    for file in everything.rglob("logs/*.log"):
        lines += file.read_text().splitlines()
    assert lines and not wrong_lines(lines, WRITTEN)


@pytest.mark.parametrize(
    "said",
    [
        "Traceback (most recent call last):",
        "2026-11-22T10:27:03Z INFO send: told maya@example.com",
        "2026-11-22T10:27:03Z INFO ask: http://x/?turn=1&token=ab",
        "2026-11-22T10:27:03Z INFO send: Is parking free?",
    ],
)
def test_a_wrong_line_is_found(said: str, tmp_path: Path) -> None:
    assert wrong_lines([said], {"Is parking free?"}) == [said]
