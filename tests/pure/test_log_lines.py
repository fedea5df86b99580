"""The judge of all log lines, at the end of each run of the tests (see conftest.py)."""

from __future__ import annotations

import pytest
from support.log_lines import wrong_lines


@pytest.mark.parametrize(
    "said",
    [
        "Traceback (most recent call last):",
        "2026-11-22T10:27:03Z INFO send: told maya@example.com",
        "2026-11-22T10:27:03Z INFO ask: http://x/?turn=1&token=ab",
        "2026-11-22T10:27:03Z INFO send: Is parking free?",
    ],
)
def test_a_wrong_line_is_found(said: str) -> None:
    right = "2026-11-22T10:27:03Z INFO sync: 15 threads"
    assert wrong_lines([right, said], {"Is parking free?"}) == [said]
