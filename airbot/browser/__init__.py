"""One warm Chromium on the host's profile: the only room that imports Playwright.

Playwright's sync objects belong to the thread that made them, and calls such as
`evaluate` never return on a stuck page. So every use of the browser is a `job`: in the
owner's thread, under a deadline that another thread enforces by killing the driver
first (Chromium then writes its cookies and goes by itself) and what is left after that.
A job that fails drops the browser; the next job starts a fresh one.

Playwright puts typed text into its errors: none of them leaves this room.
"""

from __future__ import annotations

from airbot.browser.cast import Act
from airbot.browser.cast import Cast
from airbot.browser.cast import Picture
from airbot.browser.cast import Place
from airbot.browser.find import find_browser
from airbot.browser.find import install_browser
from airbot.browser.guard import Opening
from airbot.browser.life import Browser
from airbot.browser.tab import Answer
from airbot.browser.tab import Document
from airbot.browser.tab import Exchange
from airbot.browser.tab import NoConnection

__all__ = [
    "Act",
    "Answer",
    "Browser",
    "Cast",
    "Document",
    "Exchange",
    "NoConnection",
    "Picture",
    "Place",
    "Opening",
    "find_browser",
    "install_browser",
]
