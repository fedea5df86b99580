"""What airbot does on Airbnb: read the list, read a thread, type, press Send.

The page fetches JSON for itself. `open_inbox` and `open_thread` load it and listen;
`ask_inbox` and `ask_thread` ask the same questions again from inside the page, with the
page's own address and headers: no reload, and a guest's message stays unread in the
host's own inbox. After every navigation and on every answer one check, in this order:
Airbnb's at all? challenge? login? what we wanted?

Errors, of every verb: ChallengeShown, LoginRequired, SiteUnavailable, SiteChanged. What
fails in one conversation, and may be its own trouble, is a ThreadError instead:
ThreadNotShown, ReplyNotTyped, ThreadTroubled. See policy/blame.py.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from typing import TypeVar

from airbot.airbnb import addresses
from airbot.airbnb import pages
from airbot.airbnb import shapes
from airbot.airbnb.addresses import is_airbnb
from airbot.airbnb.composer import Composer
from airbot.airbnb.loading import Loading
from airbot.airbnb.questions import NotJson
from airbot.airbnb.questions import Question
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
from airbot.browser import NotReached
from airbot.exceptions import BrowserMissing
from airbot.exceptions import ChallengeShown
from airbot.exceptions import DialogShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import PageFailed
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import SlowDown
from airbot.exceptions import ThreadError
from airbot.exceptions import ThreadNotShown
from airbot.exceptions import ThreadTroubled
from airbot.models import InboxPage
from airbot.models import PressOutcome
from airbot.models import Reading

JOB_DEADLINE_S = 50.0
PAGE_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 15.0
MORE_MESSAGES = 200  # where the page's own 50 do not reach back far enough

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
        self._composer = Composer(browser, self._check_page, self._listening)

    def is_known(self, url: str) -> bool:
        """Is an address Airbnb's own, or one by which people log in there?"""
        return addresses.is_airbnb(url, self._base_url) or (
            addresses.is_login_provider(url)
        )

    # Reading

    def open_inbox(self, thread_id: str | None = None) -> InboxPage:
        """Load the inbox and read the first page of its list.

        It is loaded at `thread_id`, which should have nothing unanswered: an open
        conversation marks itself read. The bare address opens the newest one.
        """
        if thread_id is not None:
            with suppress(ThreadError), self._there("opening the inbox", "open"):
                return self._load(thread_id)[0]
        with self._job("opening the inbox"):
            return self._load(None)[0]

    def open_thread(self, thread_id: str) -> Reading:
        """Load a conversation, over the network, and read it as it stands now."""
        with self._there("opening a conversation", "open"):
            shown = self._load(thread_id)[1]
            if isinstance(shown, ThreadError):
                raise shown
            if shown is None:
                raise ThreadNotShown("the inbox is empty")
            return shown

    def ask_inbox(self, cursor: str | None = None) -> InboxPage:
        """Read a page of the list without loading anything."""
        with self._job("reading the list"):
            self._be_loaded()
            return self._again_if_stale(lambda: self._ask_inbox(cursor))

    def ask_thread(
        self, thread_id: str, fresh: bool = False, more: bool = False
    ) -> Reading:
        """Read a conversation without opening it.

        `fresh`: not from a cache. `more`: more messages than the page asks for.
        """
        with self._job("reading a conversation"):
            self._be_loaded()
            ask = partial(self._ask_thread, thread_id, fresh, more)
            ask_list = partial(self._again_if_stale, partial(self._ask_inbox, None))
            with about_the_conversation("read"), unless_the_list_works(ask_list):
                return self._again_if_stale(ask)

    def look_anew(self, thread_id: str, rest: str | None) -> Reading:
        """Read a conversation from a page that is loaded for it, at `rest`.

        It is not opened: a guest's message stays unread in the host's own inbox.
        """
        self.open_inbox(rest)
        return replace(self.ask_thread(thread_id, fresh=True), fresh=True)

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
        if not self._is_loaded():
            return
        with self._there("emptying the composer", "type"):
            self._composer.empty()

    def press_send(self) -> PressOutcome:
        """Press Send, once, and watch the page's own request."""
        with self._there("pressing Send", "press"), about_the_conversation("press"):
            self._pressed = True
            return self._composer.press()

    def works(self, step: str, thread_id: str) -> bool:
        """Does a step that failed elsewhere work in this conversation?

        Nothing is typed: where it is about typing, a composer and Send are enough.
        """
        try:
            if step == "read":
                self.ask_thread(thread_id)
                return True
            with self._there("looking for the composer", "open"):
                shown = self._load(thread_id)[1]
                return isinstance(shown, Reading) and self._composer.is_ready()
        except ThreadError:
            return False

    @contextmanager
    def one_browser(self) -> Iterator[None]:
        """The same browser to the end of the block, however old it is."""
        with self._browser.kept():
            yield

    # Loading the page, listening to what it fetches

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

    def _load(
        self, thread_id: str | None
    ) -> tuple[InboxPage, Reading | ThreadError | None]:
        """The list, and the conversation that is shown beside it, or what it has."""
        number = shapes.thread_number(thread_id) if thread_id else None
        path = f"{pages.INBOX_PATH}/{number}" if number else pages.INBOX_PATH
        tab = self._browser.tab
        self._standing = None
        with self._listening() as asked, _never_stale():
            with about_the_conversation("open", bool(number)):
                document = tab.load(self._base_url + path, PAGE_TIMEOUT_S)
                self._pressed = False
                self._check_document(document, number)
                tab.pump(
                    Loading(asked, tab.address, self._check_page).is_over,
                    PAGE_TIMEOUT_S,
                )
                self._check_page()
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
        self._standing = shapes.global_id(shapes.THREAD_TYPE, shown)
        return page, reading

    @contextmanager
    def _listening(self) -> Iterator[Callable[[], list[Exchange]]]:
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

    def _check_page(self) -> None:
        """Airbnb at all? challenge? login?"""
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

    def _read_shown(
        self, exchanges: list[Exchange], shown: str
    ) -> Reading | ThreadError:
        """What is wrong with it is its own: its question will do for the others."""
        exchange = last_answered(exchanges, pages.THREAD_QUERY, shown)
        asked = exchange or last_asked(exchanges, pages.THREAD_QUERY)
        answer = exchange.answer() if exchange else None
        if answer is None:
            self._check_page()  # it may have gone to a login meanwhile
        if asked is None:
            raise unanswered(exchanges, pages.THREAD_QUERY)
        self._questions[pages.THREAD_QUERY] = Question.from_exchange(asked)
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

    def _is_loaded(self) -> bool:
        return self._browser.is_open and self._generation == self._browser.generation

    def _be_loaded(self) -> None:
        if not self._is_loaded():
            self._load_again()

    def _load_again(self) -> None:
        """Load the page where it stood, or where Airbnb will have it.

        The conversation that it stood at is not the one that is asked for: what is
        wrong with it is none of the caller's business.
        """
        with suppress(ThreadError):
            self._load(self._standing)
            return
        self._load(None)

    def _again_if_stale(self, ask: Callable[[], T]) -> T:
        """Ask; once more in a page that is loaded anew, where that may help."""
        try:
            return ask()
        except (StaleQuestion, NotJson, NotReached):
            pass  # a page that is loaded now shows what is the matter
        self._load_again()
        with _never_stale():
            return ask()

    def _ask_inbox(self, cursor: str | None) -> InboxPage:
        question = self._known(pages.LIST_QUERY)
        if cursor is not None:
            question = question.asking(beforeCursor=cursor)
        return self._inbox_page(question, self._fetch(question))

    def _ask_thread(self, thread_id: str, fresh: bool, more: bool) -> Reading:
        question = self._known(pages.THREAD_QUERY).asking(globalThreadId=thread_id)
        if more:
            question = question.asking(numRequestedMessages=MORE_MESSAGES)
        answer = self._fetch(question, fresh)
        return self._reading(answer, shapes.thread_number(thread_id))

    def _known(self, operation: str) -> Question:
        if operation not in self._questions:
            raise StaleQuestion
        return self._questions[operation]

    def _fetch(self, question: Question, fresh: bool = False) -> Answer:
        try:
            return self._browser.tab.fetch(
                question.url,
                question.headers,
                ANSWER_TIMEOUT_S,
                question.method,
                question.body,
                fresh,
            )
        except NotReached:
            raise
        except SiteUnavailable:
            self._generation = 0  # the page may hang with it: a new one next time
            raise

    # Understanding the answers

    def _inbox_page(self, question: Question, answer: Answer) -> InboxPage:
        data = self._checked(answer, pages.LIST_QUERY)
        try:
            page = shapes.inbox_page(data, question.asked_as(), site_time(answer))
        except SiteChanged as e:
            if data.get("errors"):  # a part of the site is out, and its data are null
                raise SiteUnavailable(f"the list holds errors; {e}") from None
            raise
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
