"""What an answer must be, whichever way it came: text that a person could have typed.

What cannot be typed is refused: control characters, halves of a surrogate pair, code
points that are no characters. What is not seen is taken out and counted: it can turn
the words around (bidirectional overrides), hide others (tags) or only be there
(zero-width spaces). Joiners stay where scripts and emoji need them. Markup is text.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import zip_longest
from typing import NamedTuple

from airbot.terminal import plain

AI_NAME = "AI"  # who answers, where the answer does not say
LONGEST_NAME = 200  # characters

ALLOWED_CONTROLS = frozenset("\n\t")
JOINERS = frozenset("\u200c\u200d")  # Persian and Indic words, families of emoji
JOINED = frozenset({"Lo", "Lm", "Mn", "Mc", "So", "Sk"})
SEEN_FORMATS = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]")
BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u17b4\u17b5\u034f")
# England's flag and its like: a black flag, letters that are not seen, an end.
FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")


class ReplyRefused(ValueError):
    """The text cannot be sent as it is; says why, never what it was."""


class Clean(NamedTuple):
    """A text as it will be typed, and how many unseen characters it has lost."""

    text: str
    lost: int


def clean_reply(text: str, max_chars: int) -> Clean:
    """The text as it will be typed: newlines are `\\n`, no blank ends, nothing unseen.

    Raises ReplyRefused.
    """
    text = re.sub("\r\n?|\u2028|\u2029", "\n", text)
    if any(not _can_be_typed(char) for char in text):
        raise ReplyRefused("message holds a character that cannot be typed")
    seen = _without_unseen(text)
    lost = len(text) - len(seen)
    seen = seen.strip()
    if not seen:
        raise ReplyRefused("message is empty")
    if len(seen) > max_chars:
        raise ReplyRefused(f"message is longer than {max_chars} characters")
    return Clean(seen, lost)


def clean_name(value: object) -> str:
    """Who answers, on one line that a terminal can show; AI_NAME where nothing is left.

    A label that nobody is sent: no fault of it costs a guest the answer.
    """
    text = plain(value) if isinstance(value, str) else ""
    return " ".join(text.split())[:LONGEST_NAME].rstrip() or AI_NAME


def _can_be_typed(char: str) -> bool:
    # Co: private use. Cn is not asked: tomorrow's emoji are unknown to this Python.
    if unicodedata.category(char) in ("Cc", "Cs", "Co"):
        return char in ALLOWED_CONTROLS
    number = ord(char)
    return not (number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF)


def _without_unseen(text: str) -> str:
    kept, end = [], 0
    for flag in FLAG.finditer(text):
        kept += [_seen(text[end : flag.start()]), flag[0]]
        end = flag.end()
    return "".join([*kept, _seen(text[end:])])


def _seen(text: str) -> str:
    kept: list[str] = []
    for char, following in zip_longest(text, text[1:], fillvalue=""):
        if char in JOINERS:
            before = unicodedata.category(kept[-1]) if kept else ""
            needed = before in JOINED and following and not following.isspace()
        else:
            needed = not _is_unseen(char)
        if needed:
            kept.append(char)
    return "".join(kept)


def _is_unseen(char: str) -> bool:
    if char in BLANK_LETTERS:
        return True
    return unicodedata.category(char) == "Cf" and not SEEN_FORMATS.match(char)
