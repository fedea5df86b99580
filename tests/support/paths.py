"""Where things are, and how a program of this folder is started as a process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
DATA = TESTS / "data"


def own_process(name: str, *arguments: object) -> list[str]:
    """`support.NAME` in a Python of its own; it needs `own_environment()`."""
    return [sys.executable, "-m", f"support.{name}", *map(str, arguments)]


def own_environment() -> dict[str, str]:
    """This process's, and `support` is found."""
    known = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(known)}
