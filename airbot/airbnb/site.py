"""What airbot does on Airbnb: read the list, read a thread, type, press Send.

The page fetches JSON for itself. `open_inbox` and `open_thread` load it and listen;
`read_inbox` and `read_thread` ask the same questions again from inside the page, with
the page's own address and headers: no reload, and a guest's message stays unread in the
host's own inbox. After every navigation and on every answer one check, in this order:
Airbnb's at all? challenge? login? what we wanted?

Errors, of every verb: ChallengeShown, LoginRequired, SiteUnavailable, SiteChanged. What
fails in one conversation, and may be its own trouble, is a ThreadError instead:
ThreadNotShown, ReplyNotTyped, ThreadTroubled. See policy/blame.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import replace

from airbot.airbnb import shapes
from airbot.airbnb.composer import Composer
from airbot.airbnb.hosts import is_airbnb
from airbot.airbnb.hosts import is_login_provider
from airbot.airbnb.reader import Reader
from airbot.airbnb.reader import about_the_conversation
from airbot.browser import Browser
from airbot.exceptions import PageFailed
from airbot.exceptions import ThreadError
from airbot.exceptions import ThreadNotShown
from airbot.exceptions import ThreadTroubled
from airbot.models import InboxPage
from airbot.models import PressOutcome
from airbot.models import Reading

JOB_DEADLINE_S = 50.0


class Airbnb:
    """The host's inbox on the web, in one browser."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self._browser = browser
        self._base_url = base_url
        self._reader = reader = Reader(browser, base_url)
        self._composer = Composer(browser, reader.check_page, reader.listening)

    def is_known(self, url: str) -> bool:
        """Is an address Airbnb's own, or one by which people log in there?"""
        return is_airbnb(url, self._base_url) or is_login_provider(url)

    # Reading

    def open_inbox(self, thread_id: str | None = None) -> InboxPage:
        """Load the inbox and read the first page of its list.

        It is loaded at `thread_id`, which should have nothing unanswered: an open
        conversation marks itself read. The bare address opens the newest one.
        """
        if thread_id is not None:
            with suppress(ThreadError), self._there("opening the inbox", "open"):
                return self._reader.load(thread_id)[0]
        with self._job("opening the inbox"):
            return self._reader.load(None)[0]

    def open_thread(self, thread_id: str) -> Reading:
        """Load a conversation, over the network, and read it as it stands now."""
        with self._there("opening a conversation", "open"):
            shown = self._reader.load(thread_id)[1]
            if isinstance(shown, ThreadError):
                raise shown
            if shown is None:
                raise ThreadNotShown("the inbox is empty")
            return shown

    def read_inbox(self, cursor: str | None = None) -> InboxPage:
        """Read a page of the list without loading anything."""
        with self._job("reading the list"):
            return self._reader.read_inbox(cursor)

    def read_thread(
        self, thread_id: str, fresh: bool = False, more: bool = False
    ) -> Reading:
        """Read a conversation without opening it.

        `fresh`: not from a cache. `more`: more messages than the page asks for.
        """
        with self._job("reading a conversation"):
            return self._reader.read_thread(thread_id, fresh, more)

    def look_anew(self, thread_id: str, rest: str | None) -> Reading:
        """Read a conversation from a page that is loaded for it, at `rest`.

        It is not opened: a guest's message stays unread in the host's own inbox.
        """
        self.open_inbox(rest)
        return replace(self.read_thread(thread_id, fresh=True), fresh=True)

    @property
    def account_id(self) -> str:
        """Whose inbox the last answer was; "" before the first."""
        return self._reader.account_id

    @property
    def standing(self) -> str | None:
        """The conversation that the page is open at, if a page is open."""
        return self._reader.standing if self._reader.is_loaded() else None

    @property
    def loaded_since_press(self) -> bool:
        """Is a page open on which Send was never pressed?"""
        return self._reader.is_loaded() and not self._reader.is_pressed

    # For a person

    def show_inbox(self) -> None:
        """Go to the inbox, whatever comes: a login, a check, or the inbox."""
        with self._job("showing the inbox"):
            self._reader.show()

    def rest(self, seconds: float) -> None:
        """Let the page go on."""
        with self._job("looking on"):
            self._browser.tab.wait(seconds)

    def look(self) -> str:
        """The address that a person has come to.

        Raises ChallengeShown or LoginRequired while there is something left to do.
        """
        with self._job("looking at the page"):
            self._reader.check_page()
            return self._browser.tab.address()

    # Sending

    def type_reply(self, text: str) -> None:
        """Empty the composer, type, and check that it holds exactly the reply.

        Raises DialogShown where one lies over the page already.
        """
        with self._there("typing", "type"), about_the_conversation("type"):
            self._composer.type(text)

    def check_typed(self, thread_id: str, text: str) -> None:
        """Right before the press: the same conversation, the reply, nothing over it."""
        number = shapes.thread_number(thread_id)
        with self._there("looking before the press", "type"):
            with about_the_conversation("type"):
                self._composer.check(number, text)

    def empty_composer(self) -> None:
        """Leave no draft of ours behind, if the page is still there."""
        if not self._reader.is_loaded():
            return
        with self._there("emptying the composer", "type"):
            self._composer.empty()

    def press_send(self) -> PressOutcome:
        """Press Send, once, and watch the page's own request."""
        with self._there("pressing Send", "press"), about_the_conversation("press"):
            self._reader.is_pressed = True
            return self._composer.press()

    def works(self, step: str, thread_id: str) -> bool:
        """Does a step that failed elsewhere work in this conversation?

        Nothing is typed: where it is about typing, a composer and Send are enough.
        """
        try:
            if step == "read":
                self.read_thread(thread_id)
                return True
            with self._there("looking for the composer", "open"):
                shown = self._reader.load(thread_id)[1]
                return isinstance(shown, Reading) and self._composer.is_ready()
        except ThreadError:
            return False

    @contextmanager
    def one_browser(self) -> Iterator[None]:
        """The same browser to the end of the block, however old it is."""
        with self._browser.kept():
            yield

    def _job(self, what: str) -> AbstractContextManager[None]:
        return self._browser.job(what, JOB_DEADLINE_S)

    @contextmanager
    def _there(self, what: str, step: str) -> Iterator[None]:
        """A job in one conversation: its page may hang or crash where no other does."""
        try:
            with self._job(what):
                yield
        except PageFailed as e:
            raise ThreadTroubled(step, e) from None
