"""The box in which a reply is typed, and its Send button.

Nothing is pressed but what airbot knows: before every key and click the thing meant has
the focus or lies under the pointer, and no dialog lies over the page. A key that would
go anywhere else is stopped in the page, and the reply counts as not typed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NoReturn

from airbot.airbnb import pages
from airbot.airbnb import shapes
from airbot.browser import Browser
from airbot.browser import Exchange
from airbot.exceptions import DialogShown
from airbot.exceptions import ReplyNotTyped
from airbot.exceptions import SiteChanged
from airbot.models import PressOutcome

COMPOSER_TIMEOUT_S = 8.0
PRESS_TIMEOUT_S = 10.0
RELOAD_TIMEOUT_S = 20.0
TYPING_TRIES = 3  # a hint of the page's, or a new box, takes the focus once

Listening = Callable[[], AbstractContextManager[Callable[[], list[Exchange]]]]


class Composer:
    """The composer of the open conversation; used inside a job of the browser."""

    def __init__(
        self, browser: Browser, check_page: Callable[[], None], listening: Listening
    ) -> None:
        self._browser = browser
        self._check_page = check_page
        self._listening = listening

    def is_ready(self) -> bool:
        """Could a reply be typed here, as far as is seen without typing?"""
        tab = self._browser.tab
        return (
            tab.is_shown(pages.COMPOSER, COMPOSER_TIMEOUT_S)
            and tab.is_shown(pages.SEND_BUTTON, COMPOSER_TIMEOUT_S)
            and not tab.is_under_dialog(pages.COMPOSER)
        )

    def type(self, text: str) -> None:
        """Empty it, type, and check that it holds exactly the reply."""
        tab = self._browser.tab
        is_shown = tab.is_shown(pages.COMPOSER, COMPOSER_TIMEOUT_S)
        if tab.is_under_dialog(pages.COMPOSER):
            raise DialogShown("a dialog lies over Airbnb's page")
        if not is_shown:
            self._check_page()
            raise SiteChanged(f"the composer {pages.COMPOSER_ID}")
        for _ in range(TYPING_TRIES):
            typed = tab.type_text(pages.COMPOSER, text)
            if typed and self._holds(text) or tab.is_under_dialog(pages.COMPOSER):
                break
        self._check(text, typed)
        if not tab.is_shown(pages.SEND_BUTTON, COMPOSER_TIMEOUT_S):
            self.empty()
            raise SiteChanged(f"the Send button {pages.SEND_BUTTON}")
        if not tab.is_enabled(pages.SEND_BUTTON, COMPOSER_TIMEOUT_S):
            self._not_typed("Airbnb's Send button stays disabled for this text")

    def check(self, thread_number: str, text: str) -> None:
        """Right before the press: the same conversation, the reply, nothing over it."""
        self._check_page()
        tab = self._browser.tab
        if pages.shown_thread(tab.address()) != thread_number:
            raise ReplyNotTyped("the page went to another conversation")
        self._check(text)
        if not tab.is_enabled(pages.SEND_BUTTON, COMPOSER_TIMEOUT_S):
            # A key on a dead button would look like a press that nobody heard.
            self._not_typed("the Send button cannot be pressed any more")

    def empty(self) -> None:
        """Leave no draft of ours behind, if need be by loading the page anew."""
        tab = self._browser.tab
        if tab.is_shown(pages.COMPOSER) and not tab.empty(pages.COMPOSER):
            tab.load(tab.address(), RELOAD_TIMEOUT_S)

    def press(self) -> PressOutcome:
        """Press Send, once, and watch the page's own request.

        What comes back is no proof: a browser resends a post whose connection dies, an
        answer can be lost, and a success can be swallowed.
        """
        tab = self._browser.tab
        with self._listening() as asked:
            # From this line on a guest may have the message, whatever we get to see.
            # The attempt is on record already (Outbox.start_press), and nothing may
            # press again before two readings of the conversation have proven that
            # nothing arrived.
            tab.click(pages.SEND_BUTTON)
            tab.pump(lambda: _is_over(asked()), PRESS_TIMEOUT_S)
            return _outcome(asked())

    def _check(self, text: str, typed: bool = True) -> None:
        if self._browser.tab.is_under_dialog(pages.COMPOSER):
            self._not_typed("a dialog opened over the page")
        if not typed:
            self._not_typed("something else took the focus while it was typed")
        if not self._holds(text):
            self._not_typed("the composer did not hold exactly the reply")

    def _holds(self, text: str) -> bool:
        held = self._browser.tab.text_of(pages.COMPOSER)
        return _comparable(held) == _comparable(text)

    def _not_typed(self, why: str) -> NoReturn:
        self.empty()
        raise ReplyNotTyped(why)


def _comparable(text: str) -> str:
    # A contenteditable shows some blanks as no-break spaces, and may end in a newline.
    return text.replace("\u00a0", " ").replace("\r\n", "\n").strip("\n")


def _is_over(exchanges: list[Exchange]) -> bool:
    """Has the page's own send request come to an end?"""
    sends = [e for e in exchanges if pages.is_send(e.method, e.url)]
    return bool(sends) and all(e.failed or e.status is not None for e in sends)


def _outcome(exchanges: list[Exchange]) -> PressOutcome:
    """What became of the page's send request.

    Raises what a challenge, an ended session or a rate limit in its answer means.
    """
    sends = [e for e in exchanges if pages.is_send(e.method, e.url)]
    if not sends:
        requested = any(pages.may_be_send(e.method, e.url) for e in exchanges)
        return PressOutcome(requested)
    refusals = [_refusal(exchange) for exchange in sends]
    if all(refusal is not None for refusal in refusals):
        return PressOutcome(True, refused=True, sentence=refusals[-1])
    return PressOutcome(True, named=frozenset().union(*map(_names, sends)))


def _refusal(exchange: Exchange) -> str | None:
    answer = exchange.answer()
    text = answer.text if answer else ""
    wish = answer.headers.get("retry-after") if answer else None
    pages.check_send(exchange.status, text, wish)
    return pages.refusal(exchange.status, text)


def _names(exchange: Exchange) -> frozenset[str]:
    """What the answer says that the site has stored."""
    answer = exchange.answer()
    if answer is None or answer.status >= 300:
        return frozenset()
    return shapes.names_in(pages.parse(answer.text))
