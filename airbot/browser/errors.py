"""What Playwright says, in words of ours: it puts typed text into its errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

from airbot.exceptions import AlreadyRunning


def is_playwright(e: Exception) -> bool:
    # A driver that dies during start() raises a bare Exception from its module.
    return type(e).__module__.startswith("playwright") or is_death(e)


@contextmanager
def suppress_playwright() -> Iterator[None]:
    """Pass over what Playwright raises: a page may be gone before it is asked.

    Not over our own mistakes. Playwright raises other kinds than its own, too, such as
    a RuntimeError where its loop has ended.
    """
    try:
        yield
    except Exception as e:
        if not is_playwright(e) and not _was_raised_there(e):
            raise


def _was_raised_there(e: Exception) -> bool:
    """Was it raised below Playwright's code, and not in ours that it has called?"""
    raised_in = ""
    for frame, _ in walk_tb(e.__traceback__):
        room = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        raised_in = room if room in ("airbot", "playwright") else raised_in
    return raised_in == "playwright"


def is_death(e: Exception) -> bool:
    deaths = ("Connection closed", "Target crashed", "Page crashed")
    return type(e).__name__ == "TargetClosedError" or any(
        death in str(e) for death in deaths
    )


def is_of_the_page(e: Exception) -> bool:
    """Is it the page that hung, crashed or went away, and not browser or network?"""
    if "crashed" in str(e):
        return True
    return not is_death(e) and not is_taken(e) and "net::" not in str(e)


def is_taken(e: Exception) -> bool:
    """Is it because another Chromium has the profile?"""
    return "ProcessSingleton" in str(e) or "existing browser session" in str(e)


def in_words(e: Exception) -> str:
    """A Playwright error without anything that was typed or read."""
    text = str(e)
    if code := re.search(r"net::(ERR_[A-Z_0-9]+)", text):
        return f"no answer ({code[1]})"
    if is_taken(e):
        raise AlreadyRunning("another Chromium has the profile open") from None
    if "crashed" in str(e):
        return "the page crashed"
    if is_death(e):
        return "the browser ended"
    if type(e).__name__ == "TimeoutError":
        return "timed out"
    return f"the browser said {type(e).__name__}"
