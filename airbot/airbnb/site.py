"""What airbot does on Airbnb: read the list, read a thread, type, press Send.

The page fetches JSON for itself. `open_inbox` and `open_thread` load it and listen;
`ask_inbox` and `ask_thread` ask the same questions again from inside the page, with the
page's own address and headers: no reload, and a guest's message stays unread in the
host's own inbox. After every navigation and on every answer one check, in this order:
challenge? login? what we wanted?

Errors, of every verb: ChallengeShown, LoginRequired, SiteUnavailable, SiteChanged; of
those about one conversation also ThreadNotShown.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import replace
from typing import Any
from typing import TypeVar

from airbot.airbnb import pages
from airbot.airbnb import shapes
from airbot.airbnb.loading import Loading
from airbot.airbnb.questions import NotJson
from airbot.airbnb.questions import Question
from airbot.airbnb.questions import StaleQuestion
from airbot.airbnb.questions import checked
from airbot.airbnb.questions import last_answered
from airbot.airbnb.questions import last_list
from airbot.airbnb.questions import site_time
from airbot.airbnb.questions import unanswered
from airbot.browser import Answer
from airbot.browser import Browser
from airbot.browser import Document
from airbot.browser import Exchange
from airbot.browser import NotReached
from airbot.exceptions import ReplyNotTyped
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import ThreadNotShown
from airbot.models import InboxPage
from airbot.models import PressOutcome
from airbot.models import Reading

JOB_DEADLINE_S = 50.0
PAGE_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 15.0
COMPOSER_TIMEOUT_S = 5.0
PRESS_TIMEOUT_S = 10.0

T = TypeVar("T")


class Airbnb:
    """The host's inbox on the web, in one browser."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self._browser = browser
        self._base_url = base_url
        self._questions: dict[str, Question] = {}
        self._account_id = ""
        self._standing: str | None = None
        self._generation = 0
        self._pressed = False  # was Send pressed on the page that is open?
        self._covered = False  # does something (a cookie banner) lie over Send?

    # Reading

    def open_inbox(self, thread_id: str | None = None) -> InboxPage:
        """Load the inbox and read the first page of its list.

        It is loaded at `thread_id`, which should have nothing unanswered: an open
        conversation marks itself read. The bare address opens the newest one.
        """
        with self._job("opening the inbox"):
            if thread_id is not None:
                with suppress(ThreadNotShown):
                    return self._load(thread_id)[0]
            try:
                return self._load(None)[0]
            except ThreadNotShown:
                # The page itself chose what it cannot show.
                raise SiteChanged("data.threadData in the page's own answer") from None

    def open_thread(self, thread_id: str) -> Reading:
        """Load a conversation, over the network, and read it as it stands now."""
        with self._job("opening a conversation"):
            reading = self._load(thread_id)[1]
            if reading is None:
                raise ThreadNotShown("the inbox is empty")
            return reading

    def ask_inbox(self, cursor: str | None = None) -> InboxPage:
        """Read a page of the list without loading anything."""
        with self._job("reading the list"):
            return self._asking(lambda: self._ask_inbox(cursor))

    def ask_thread(self, thread_id: str, fresh: bool = False) -> Reading:
        """Read a conversation without opening it; `fresh`: not from a cache."""
        with self._job("reading a conversation"):
            return self._asking(lambda: self._ask_thread(thread_id, fresh))

    @property
    def account_id(self) -> str:
        """Whose inbox the last answer was; "" before the first."""
        return self._account_id

    @property
    def standing(self) -> str | None:
        """The conversation that the page is open at, if a page is open."""
        return self._standing if self._is_loaded() else None

    @property
    def loaded_since_press(self) -> bool:
        """Is a page open on which Send was never pressed?"""
        return self._is_loaded() and not self._pressed

    # For a person

    def show_inbox(self) -> None:
        """Go to the inbox, whatever comes: a login, a check, or the inbox."""
        with self._job("showing the inbox"):
            self._browser.tab.load(self._base_url + pages.INBOX_PATH, PAGE_TIMEOUT_S)

    def rest(self, seconds: float) -> None:
        """Let the page go on."""
        with self._job("looking on"):
            self._browser.tab.wait(seconds)

    def look(self) -> str:
        """The address that a person has come to.

        Raises ChallengeShown or LoginRequired while there is something left to do.
        """
        with self._job("looking at the page"):
            self._check_page()
            return self._browser.tab.address()

    # Sending

    def type_reply(self, text: str) -> None:
        """Empty the composer, type, and check that it holds exactly the reply."""
        with self._job("typing"):
            tab = self._browser.tab
            if not tab.is_shown(pages.COMPOSER, COMPOSER_TIMEOUT_S):
                self._check_page()
                raise SiteChanged(f"the composer {pages.COMPOSER_ID}")
            tab.type_text(pages.COMPOSER, text)
            self._check_composer(text)
            if not tab.is_enabled(pages.SEND_BUTTON, COMPOSER_TIMEOUT_S):
                tab.empty(pages.COMPOSER)
                raise SiteChanged(f"the Send button {pages.SEND_BUTTON}")

    def check_typed(self, thread_id: str, text: str) -> None:
        """Right before the press: the same conversation, the reply, nothing over it."""
        with self._job("looking before the press"):
            self._check_page()
            shown = pages.shown_thread(self._browser.tab.address())
            if shown != shapes.thread_number(thread_id):
                raise ReplyNotTyped("the page went to another conversation")
            self._check_composer(text)
            tab = self._browser.tab
            if not tab.is_enabled(pages.SEND_BUTTON, COMPOSER_TIMEOUT_S):
                # A key on a dead button would look like a press that nobody heard.
                tab.empty(pages.COMPOSER)
                raise ReplyNotTyped("the Send button cannot be pressed any more")
            self._covered = tab.is_covered(pages.SEND_BUTTON)

    def empty_composer(self) -> None:
        """Leave no draft of ours behind, if the page is still there."""
        if not self._is_loaded():
            return
        with self._job("emptying the composer"):
            self._browser.tab.empty(pages.COMPOSER)

    def press_send(self) -> PressOutcome:
        """Press Send, once, and watch the page's own request.

        What comes back is no proof: a browser resends a post whose connection dies, an
        answer can be lost, and a success can be swallowed.
        """
        with self._job("pressing Send"), self._browser.tab.listening() as exchanges:
            # From this line on a guest may have the message, whatever we get to see.
            # The attempt is on record already (Outbox.start_press), and nothing may
            # press again before two readings of the conversation have proven that
            # nothing arrived.
            self._pressed = True
            self._browser.tab.click(pages.SEND_BUTTON, by_key=self._covered)
            self._browser.tab.pump(lambda: _is_over(exchanges), PRESS_TIMEOUT_S)
            return _outcome(exchanges)

    def _check_composer(self, text: str) -> None:
        held = self._browser.tab.text_of(pages.COMPOSER)
        if _comparable(held) != _comparable(text):
            self._browser.tab.empty(pages.COMPOSER)
            raise ReplyNotTyped("the composer did not hold exactly the reply")

    # Loading the page, listening to what it fetches

    def _job(self, what: str) -> AbstractContextManager[None]:
        return self._browser.job(what, JOB_DEADLINE_S)

    def _load(self, thread_id: str | None) -> tuple[InboxPage, Reading | None]:
        number = shapes.thread_number(thread_id) if thread_id else None
        path = f"{pages.INBOX_PATH}/{number}" if number else pages.INBOX_PATH
        tab = self._browser.tab
        self._standing = None
        with tab.listening() as exchanges, _never_stale():
            document = tab.load(self._base_url + path, PAGE_TIMEOUT_S)
            self._pressed = False
            self._check_document(document, number)
            tab.pump(
                Loading(exchanges, tab.address, self._check_page).is_over,
                PAGE_TIMEOUT_S,
            )
            self._check_page()
            page = self._read_list(exchanges)
            shown = pages.shown_thread(tab.address())
            if number and shown != number:
                raise ThreadNotShown("Airbnb shows another conversation instead")
            if shown is None and not page.threads:
                return page, None
            reading = self._read_shown(exchanges, shown)
        self._standing = reading.thread.id
        return page, reading

    def _check_document(self, document: Document, number: str | None) -> None:
        address = document.url or self._browser.tab.address()
        pages.check_address(address, self._base_url)
        status, wish = document.status, document.headers.get("retry-after")
        if status is None or status < 400:
            return
        self._check_marks()  # a check for humans may come as a 403
        pages.check_status(status, "the inbox page", wish)
        if number and status == 404:
            raise ThreadNotShown("Airbnb does not show this conversation")
        raise SiteChanged(f"the inbox page: HTTP {status}")

    def _check_page(self) -> None:
        """Challenge? login? Airbnb at all?"""
        pages.check_address(self._browser.tab.address(), self._base_url)
        self._check_marks()

    def _check_marks(self, html: str | None = None) -> None:
        pages.check_marks(self._browser.tab.probe(pages.LOOK, pages.look_for(html)))

    def _read_list(self, exchanges: list[Exchange]) -> InboxPage:
        exchange = last_list(exchanges)
        answer = exchange.answer() if exchange else None
        if exchange is None or answer is None:
            self._check_page()  # it may have gone to a login meanwhile
            raise unanswered(exchanges, pages.LIST_QUERY)
        question = Question.from_exchange(exchange)
        page = self._inbox_page(question, answer)
        self._questions = {pages.LIST_QUERY: question}
        self._generation = self._browser.generation
        return page

    def _read_shown(self, exchanges: list[Exchange], shown: str | None) -> Reading:
        exchange = last_answered(exchanges, pages.THREAD_QUERY, shown)
        answer = exchange.answer() if exchange else None
        if exchange is None or answer is None or shown is None:
            self._check_page()  # it may have gone to a login meanwhile
            raise unanswered(exchanges, pages.THREAD_QUERY)
        reading = self._reading(answer, shown)
        self._questions[pages.THREAD_QUERY] = Question.from_exchange(exchange)
        ids = self._browser.tab.probe(pages.ITEM_IDS)
        return replace(reading, sending=any(not _is_item_id(id_) for id_ in ids))

    # Asking the page's questions again

    def _is_loaded(self) -> bool:
        return self._browser.is_open and self._generation == self._browser.generation

    def _asking(self, ask: Callable[[], T]) -> T:
        """Ask; load the page first, or anew, where that is needed."""
        if self._is_loaded():
            try:
                return ask()
            except (StaleQuestion, NotJson, NotReached):
                pass  # a page that is loaded now shows what is the matter
            except SiteUnavailable:
                self._generation = 0  # the page may hang with it: a new one next time
                raise
        self._load(self._standing)
        with _never_stale():
            return ask()

    def _ask_inbox(self, cursor: str | None) -> InboxPage:
        question = self._known(pages.LIST_QUERY)
        if cursor is not None:
            question = question.asking(beforeCursor=cursor)
        return self._inbox_page(question, self._fetch(question))

    def _ask_thread(self, thread_id: str, fresh: bool) -> Reading:
        question = self._known(pages.THREAD_QUERY).asking(globalThreadId=thread_id)
        answer = self._fetch(question, fresh)
        return self._reading(answer, shapes.thread_number(thread_id))

    def _known(self, operation: str) -> Question:
        if operation not in self._questions:
            raise StaleQuestion
        return self._questions[operation]

    def _fetch(self, question: Question, fresh: bool = False) -> Answer:
        return self._browser.tab.fetch(
            question.url,
            question.headers,
            ANSWER_TIMEOUT_S,
            question.method,
            question.body,
            fresh,
        )

    # Understanding the answers

    def _inbox_page(self, question: Question, answer: Answer) -> InboxPage:
        data = self._checked(answer, pages.LIST_QUERY)
        page = shapes.inbox_page(data, question.asked_as(), site_time(answer))
        self._account_id = page.account_id
        return page

    def _reading(self, answer: Answer, number: str) -> Reading:
        data = self._checked(answer, pages.THREAD_QUERY)
        thread_id = shapes.global_id(shapes.THREAD_TYPE, number)
        return shapes.reading(data, thread_id, self._account_id, site_time(answer))

    def _checked(self, answer: Answer, operation: str) -> Any:
        """What an answer holds, or what it means that it does not."""
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


def _is_item_id(text: str | None) -> bool:
    """Message numbers, or -1 for the start; a bubble on its way has another id."""
    return text is None or shapes.is_number(text.removeprefix("-"))


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
    return PressOutcome(True, accepted=any(_is_accepted(e) for e in sends))


def _refusal(exchange: Exchange) -> str | None:
    answer = exchange.answer()
    text = answer.text if answer else ""
    wish = answer.headers.get("retry-after") if answer else None
    pages.check_send(exchange.status, text, wish)
    return pages.refusal(exchange.status, text)


def _is_accepted(exchange: Exchange) -> bool:
    """Does the answer name a message, so that there must be one?"""
    answer = exchange.answer()
    return (
        answer is not None and answer.status < 300 and pages.names_message(answer.text)
    )
