"""Reading the inbox: a page that is loaded, and its own questions asked again.

The page fetches JSON for itself. `load` has it do so, and listens; afterwards the same
questions are asked from inside the page, with its own address and headers, and with
other ids. Everything here belongs inside a job of the browser.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from typing import TypeVar

from airbot.airbnb import pages
from airbot.airbnb import shapes
from airbot.airbnb.hosts import is_airbnb
from airbot.airbnb.loading import Loading
from airbot.airbnb.questions import NotJson
from airbot.airbnb.questions import PageQuery
from airbot.airbnb.questions import StaleQuestion
from airbot.airbnb.questions import checked
from airbot.airbnb.questions import last_answered
from airbot.airbnb.questions import last_asked
from airbot.airbnb.questions import last_list
from airbot.airbnb.questions import site_time
from airbot.airbnb.questions import unanswered
from airbot.browser import Answer
from airbot.browser import Browser
from airbot.browser import Document
from airbot.browser import Exchange
from airbot.browser import NoConnection
from airbot.exceptions import BrowserMissing
from airbot.exceptions import ChallengeShown
from airbot.exceptions import DialogShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import SlowDown
from airbot.exceptions import ThreadError
from airbot.exceptions import ThreadNotShown
from airbot.exceptions import ThreadTroubled
from airbot.models import InboxPage
from airbot.models import Reading

PAGE_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 15.0
MORE_MESSAGES = 200  # where the page's own 50 do not reach back far enough

T = TypeVar("T")


class Reader:
    """Reads the list and its conversations in one browser."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self._browser = browser
        self._base_url = base_url
        self._queries: dict[str, PageQuery] = {}
        self._generation = 0
        self.account_id = ""  # whose inbox the last answer was; "" before the first
        self.standing: str | None = None  # the conversation that the page is open at
        self.is_pressed = False  # was Send pressed on the page that is open?

    def load(
        self, thread_id: str | None
    ) -> tuple[InboxPage, Reading | ThreadError | None]:
        """The list, and the conversation that is shown beside it, or what it has."""
        number = shapes.thread_number(thread_id) if thread_id else None
        path = f"{pages.INBOX_PATH}/{number}" if number else pages.INBOX_PATH
        tab = self._browser.tab
        self.standing = None
        with self.listening() as asked, _never_stale():
            with about_the_conversation("open", bool(number)):
                document = tab.load(self._base_url + path, PAGE_TIMEOUT_S)
                self.is_pressed = False
                self._check_document(document, number)
                tab.pump(
                    Loading(asked, tab.address, self.check_page).is_over,
                    PAGE_TIMEOUT_S,
                )
                self.check_page()
            page = self._read_list(asked())
            shown = pages.shown_thread(tab.address())
            if number and shown != number:
                raise ThreadNotShown("Airbnb shows another conversation instead")
            if shown is None:
                if page.threads:
                    raise unanswered(asked(), pages.THREAD_QUERY)
                return page, None
            with about_the_conversation("open", bool(number)):
                reading = self._read_shown(asked(), shown)
            if number and isinstance(reading, ThreadNotShown):
                raise reading
        self.standing = shapes.global_id(shapes.THREAD_TYPE, shown)
        return page, reading

    def show(self) -> None:
        """Go to the inbox, whatever comes."""
        self._browser.tab.load(self._base_url + pages.INBOX_PATH, PAGE_TIMEOUT_S)

    @contextmanager
    def listening(self) -> Iterator[Callable[[], list[Exchange]]]:
        """What the page asks Airbnb so far; not what a frame in it asks a stranger."""
        with self._browser.tab.listening() as heard:
            yield lambda: [e for e in heard if is_airbnb(e.url, self._base_url)]

    def _check_document(self, document: Document, number: str | None) -> None:
        address = document.url or self._browser.tab.address()
        pages.check_address(address, self._base_url)
        status, wish = document.status, document.headers.get("retry-after")
        if status is None or status < 400:
            return
        self._check_marks()  # a check for humans may come as a 403
        text = str(self._browser.tab.probe(pages.WHOLE_PAGE))
        pages.check_refused(status, text, "the inbox page")
        pages.check_status(status, "the inbox page", wish)
        if number and status == 404:
            raise ThreadNotShown("Airbnb does not show this conversation")
        raise SiteChanged(f"the inbox page: HTTP {status}")

    def check_page(self) -> None:
        """Airbnb at all? challenge? login?"""
        pages.check_address(self._browser.tab.address(), self._base_url)
        self._check_marks()

    def _check_marks(self, html: str | None = None) -> None:
        pages.check_marks(self._browser.tab.probe(pages.LOOK, pages.look_for(html)))

    def _read_list(self, exchanges: list[Exchange]) -> InboxPage:
        exchange = last_list(exchanges)
        answer = exchange.answer() if exchange else None
        if exchange is None or answer is None:
            self.check_page()  # it may have gone to a login meanwhile
            raise unanswered(exchanges, pages.LIST_QUERY)
        question = PageQuery.from_exchange(exchange)
        page = self._inbox_page(question, answer)
        self._queries = {pages.LIST_QUERY: question}
        self._generation = self._browser.generation
        return page

    def _read_shown(
        self, exchanges: list[Exchange], shown: str
    ) -> Reading | ThreadError:
        """The open conversation, or its own error; its question serves for others."""
        exchange = last_answered(exchanges, pages.THREAD_QUERY, shown)
        asked = exchange or last_asked(exchanges, pages.THREAD_QUERY)
        answer = exchange.answer() if exchange else None
        if answer is None:
            self.check_page()  # it may have gone to a login meanwhile
        if asked is None:
            raise unanswered(exchanges, pages.THREAD_QUERY)
        self._queries[pages.THREAD_QUERY] = PageQuery.from_exchange(asked)
        try:
            # The list was read just now: the session stands.
            works = unless_the_list_works(lambda: None)
            with about_the_conversation("open"), _never_stale(), works:
                if answer is None:
                    raise unanswered(exchanges, pages.THREAD_QUERY)
                reading = self._reading(answer, shown)
                ids = self._browser.tab.probe(pages.ITEM_IDS)
        except ThreadError as e:
            return e
        return replace(reading, sending=any(not _is_item_id(id_) for id_ in ids))

    # Asking the page's questions again

    def read_inbox(self, cursor: str | None) -> InboxPage:
        """A page of the list, without loading anything."""
        self._be_loaded()
        return self._again_if_stale(lambda: self._read_inbox(cursor))

    def read_thread(self, thread_id: str, fresh: bool, more: bool) -> Reading:
        """A conversation, without opening it; see Airbnb.read_thread."""
        self._be_loaded()
        ask = partial(self._read_thread, thread_id, fresh, more)
        ask_list = partial(self._again_if_stale, partial(self._read_inbox, None))
        with about_the_conversation("read"), unless_the_list_works(ask_list):
            return self._again_if_stale(ask)

    def is_loaded(self) -> bool:
        return self._browser.is_open and self._generation == self._browser.generation

    def _be_loaded(self) -> None:
        if not self.is_loaded():
            self._load_again()

    def _load_again(self) -> None:
        """Load the page where it stood, else at the bare inbox.

        The conversation that it stood at is not the one that is asked for: what is
        wrong with it is none of the caller's business.
        """
        with suppress(ThreadError):
            self.load(self.standing)
            return
        self.load(None)

    def _again_if_stale(self, ask: Callable[[], T]) -> T:
        """Ask; once more in a page that is loaded anew, where that may help."""
        try:
            return ask()
        except (StaleQuestion, NotJson, NoConnection):
            pass  # a page that is loaded now shows what is the matter
        self._load_again()
        with _never_stale():
            return ask()

    def _read_inbox(self, cursor: str | None) -> InboxPage:
        question = self._known(pages.LIST_QUERY)
        if cursor is not None:
            question = question.asking(beforeCursor=cursor)
        return self._inbox_page(question, self._fetch(question))

    def _read_thread(self, thread_id: str, fresh: bool, more: bool) -> Reading:
        question = self._known(pages.THREAD_QUERY).asking(globalThreadId=thread_id)
        if more:
            question = question.asking(numRequestedMessages=MORE_MESSAGES)
        answer = self._fetch(question, fresh)
        return self._reading(answer, shapes.thread_number(thread_id))

    def _known(self, operation: str) -> PageQuery:
        if operation not in self._queries:
            raise StaleQuestion
        return self._queries[operation]

    def _fetch(self, question: PageQuery, fresh: bool = False) -> Answer:
        try:
            return self._browser.tab.fetch(
                question.url,
                question.headers,
                ANSWER_TIMEOUT_S,
                question.method,
                question.body,
                fresh,
            )
        except NoConnection:
            raise
        except SiteUnavailable:
            self._generation = 0  # the page may hang with it: a new one next time
            raise

    # Understanding the answers

    def _inbox_page(self, question: PageQuery, answer: Answer) -> InboxPage:
        data = self._checked(answer, pages.LIST_QUERY)
        try:
            page = shapes.inbox_page(data, question.asked_as(), site_time(answer))
        except SiteChanged as e:
            if data.get("errors"):  # a part of the site is out, and its data are null
                raise SiteUnavailable(f"the list holds errors; {e}") from None
            raise
        self.account_id = page.account_id
        return page

    def _reading(self, answer: Answer, number: str) -> Reading:
        data = self._checked(answer, pages.THREAD_QUERY)
        thread_id = shapes.global_id(shapes.THREAD_TYPE, number)
        return shapes.reading(data, thread_id, self.account_id, site_time(answer))

    def _checked(self, answer: Answer, operation: str) -> Any:
        """The JSON of an answer; raises the error that another content stands for."""
        try:
            return checked(answer, operation, self._base_url)
        except NotJson:
            self._check_marks(answer.text)
            raise


@contextmanager
def _never_stale() -> Iterator[None]:
    """A page that was loaded just now must know its own questions."""
    try:
        yield
    except StaleQuestion:
        raise SiteChanged("an answer to the page's own question") from None
    except NotJson as e:
        raise SiteChanged(f"JSON in {e}") from None


@contextmanager
def about_the_conversation(step: str, is_one: bool = True) -> Iterator[None]:
    """What fails here may be one conversation's own trouble.

    What is plainly about the session, or asks for a pause, is not.
    """
    try:
        yield
    except (LoginRequired, ChallengeShown, SlowDown, BrowserMissing, DialogShown):
        raise
    except SiteError as e:
        if not is_one:
            raise
        raise ThreadTroubled(step, e) from None


@contextmanager
def unless_the_list_works(ask_list: Callable[[], object]) -> Iterator[None]:
    """A conversation alone neither ends the session nor asks for a pause.

    Whether Airbnb does, the list says.
    """
    try:
        yield
    except (LoginRequired, ChallengeShown, SlowDown) as e:
        ask_list()
        raise SiteUnavailable(str(e)) from None


def _is_item_id(text: str | None) -> bool:
    """Message numbers, or -1 for the start; a bubble on its way has another id."""
    return text is None or shapes.is_number(text.removeprefix("-"))
