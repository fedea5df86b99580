"""What others have written, as a terminal may be given it.

A terminal obeys what it is sent: ESC and the C1 controls move its cursor, name its
window and fill its clipboard, and marks of direction turn a line around. Guests' names
and Airbnb's own sentences come from outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from typing import TextIO

LINES = "\n\t"


def plain(text: str) -> str:
    """The text on one line, with a blank for each character that is not seen."""
    return "".join(char if char.isprintable() else " " for char in text)


class PlainStream:
    """A stream of text whose terminal is given lines that can be read, and no more.

    The last gate, whoever prints: a command, argparse, an exception.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        seen = (c if c.isprintable() or c in LINES else " " for c in text)
        return self._stream.write("".join(seen))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
