"""Readers: a text and the folder of relative paths in, a value out.

A ValueError says what is wrong in words that follow the key: "is ...".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airbot.addresses import CALLBACK_PATH

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
SHORTEST_SECRET = 16  # characters
BOOLEANS = {"true": True, "yes": True, "on": True, "1": True}
BOOLEANS |= {"false": False, "no": False, "off": False, "0": False}

Reader = Callable[[str, Path], Any]


def whole(minimum: int, maximum: int = 1_000_000) -> Reader:
    """Reader of a whole number; the limit keeps dates computed from it in range."""

    def read(text: str, base: Path) -> int:
        if re.fullmatch(r"[+-]?[0-9]{1,9}", text):
            if minimum <= (number := int(text)) <= maximum:
                return number
        raise ValueError(f"is {text!r}, not a whole number from {minimum} to {maximum}")

    return read


def read_boolean(text: str, base: Path) -> bool:
    if text.lower() not in BOOLEANS:
        raise ValueError(f"is {text!r}, not true or false (nor yes, no, on, off, 1, 0)")
    return BOOLEANS[text.lower()]


def read_level(text: str, base: Path) -> str:
    if text.upper() not in LEVELS:
        raise ValueError(f"is {text!r}, not one of {', '.join(LEVELS)}")
    return text.upper()


def one_of(*words: str) -> Reader:
    def read(text: str, base: Path) -> str:
        if text.lower() not in words:
            raise ValueError(f"is {text!r}, not one of {', '.join(words)}")
        return text.lower()

    return read


def read_host(text: str, base: Path) -> str:
    # One colon: somebody wrote HOST:PORT. An IPv6 address has two at least.
    if not re.fullmatch(r"[^\s/]+", text) or text.count(":") == 1:
        raise ValueError(f"is {text!r}, not a host name or an IP address")
    return text.strip("[]")


def read_address(text: str, base: Path) -> str:
    _check_filled_in(text)
    if not _is_http_address(text):
        raise ValueError("is not an http:// or https:// address with a host")
    return text


def read_base_address(text: str, base: Path) -> str:
    """An address to which paths are appended."""
    if "?" in text or "#" in text:
        raise ValueError("is an address with ? or #, to which no path can be added")
    return read_address(text, base).rstrip("/")


def read_public_address(text: str, base: Path) -> str:
    """The address at which others reach the webhook; "" where none is given."""
    address = read_base_address(text, base) if text else ""
    if urlsplit(address).path.endswith(CALLBACK_PATH):
        raise ValueError(f"ends with {CALLBACK_PATH}, which airbot adds: take it away")
    return address


def read_path(text: str, base: Path) -> Path:
    if not text:
        raise ValueError("is empty, a path is expected")
    _check_filled_in(text)
    try:
        return base / Path(text).expanduser()
    except RuntimeError:  # `~` of a user without one, or whom nobody knows
        raise ValueError("begins with ~, a home that is not known here") from None


def read_optional_path(text: str, base: Path) -> Path | None:
    return read_path(text, base) if text else None


def read_program(text: str, base: Path) -> str:
    """A path, or the bare name of a command, which belongs to no folder."""
    return str(read_path(text, base)) if "/" in text else text


def _check_filled_in(text: str) -> None:
    if "${" in text:
        raise ValueError("holds ${…}, which airbot does not fill in: write it out")


def check_unquoted(text: str) -> None:
    """A shell or python-dotenv takes quotes away; what reads config.ini does not."""
    if len(text) > 1 and text[0] + text[-1] in ('""', "''", "“”", "‘’", "``"):
        raise ValueError("is in quotes: take the quotes away")


def is_short(secret: str) -> bool:
    """Can it be guessed by trying?"""
    return 0 < len(secret) < SHORTEST_SECRET


def read_secret(text: str, base: Path) -> str:
    # It travels in an HTTP header, which takes no more than this.
    if not (text.isascii() and text.isprintable()):
        raise ValueError("is not one line of plain ASCII characters")
    words = text.split()
    if any(word.startswith("whsec_") for word in words) and not all(
        map(_is_signing_secret, words)
    ):
        raise ValueError("is not whsec_ and 24 to 64 bytes in base64, once or more")
    return text


def _is_signing_secret(text: str) -> bool:
    """As Standard Webhooks has them: `whsec_` and base64."""
    encoded = text.removeprefix("whsec_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return False
    return encoded != text and 24 <= len(key) <= 64


def _is_http_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # raises on a port that is none
    except ValueError:
        return False
    has_space = re.search(r"[\s\x00-\x1f]", text)  # urlsplit drops these silently
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not has_space
