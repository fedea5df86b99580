"""The standard streams as a shell gives them: closed, full, cut off, not in UTF-8."""

from __future__ import annotations

import os
import sys

from airbot.terminal import PlainStream


def open_streams() -> None:
    """Open what is closed, or the database would get its number; print any text.

    What a terminal would obey is left out; what its character set lacks is printed as
    `\\xe9`.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        _open(number)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))
    # Each line at once, also into a pipe: a person waits for what it says.
    sys.stdout.reconfigure(  # type: ignore[union-attr]
        line_buffering=True, errors="backslashreplace"
    )
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, PlainStream):
            setattr(sys, name, PlainStream(stream))


def _open(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        if os.open(os.devnull, os.O_RDWR) == number:  # the lowest that is free
            os.set_inheritable(number, True)  # the browser's driver has it too


def flush_output() -> None:
    """Give up what the reader of a closed pipe did not take: else Python complains."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
