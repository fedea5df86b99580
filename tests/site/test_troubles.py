"""Every trouble of the site at every stage of a send, in a real Chromium: one table.

A row of TROUBLES is read as: the trouble strikes at the stage; then the reply is so
(status, presses, how often it stands there), and so is the session; when the trouble is
over, a person was there if one was needed, and settle_sec has passed twice, it is so.
"counted" is a reply that is pending and has used up an attempt: what fails in its
conversation alone is its own, and the session stays ok.

Pairs that are left out, and why:

- The switches of the send's own answer exist at the press alone. "slow" is a
  question without an answer where airbot asks, a page that hangs where it types, and
  an answer after the deadline at the press.
- A page sees a redesign when it is loaded, so it strikes before that (claim) or tears
  the composer out of the open page (mid-type, typed). After the press only the page's
  own answers are read, so that a vanished composer changes nothing there.
- A challenge and a login are the same four answers (page, API, 401, 420) at each
  stage: one or two of them are tried per stage, every kind in test_where_we_are.py.
  One that is to be met mid-type needs a page that navigates by itself: that is typed.
- What comes over the page is here once per end; its kinds are in test_presses.py.
- A scheduled text that nobody knows for one is a host's text, and yields like it.
- What people write mid-type is what they write when it is typed: nothing is read in
  between. After the press and while settling it is no longer about yielding but about
  evidence, so those rows have a swallowed post beside them too.
- Chromium is killed at every stage, but "claim", where no page of this reply is open:
  the next job starts another one, which is "typing" without the draft. Its driver's
  death takes it along, and is tried at the press.
- A Send button that is missing is a composer that is: test_send_on_the_site.py.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from threading import Event
from typing import Any

import pytest
from support.fakes import KeptOpen
from support.fakes import Scene

from airbot.airbnb import Airbnb
from airbot.airbnb import composer
from airbot.airbnb import reader
from airbot.airbnb import site as verbs
from airbot.browser import Browser
from airbot.browser import life
from airbot.browser import processes
from airbot.browser.tab import Tab
from airbot.config import Config
from airbot.daemon.gate import Gate
from airbot.models import SessionState
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.trouble import HeldBack
from airbot.sandbox.trouble import Interruption
from airbot.storage import Storage

pytestmark = pytest.mark.browser

REPLY = "Yes, parking is free.\nSee you soon!"
WAIT_S = 130  # settle_sec, and what is shown late

CLAIM = "between claim and first reading"
TYPING = "before typing"
MID_TYPE = "mid-type"
TYPED = "typed, before the press"
PRESS = "at the press"
PRESSED = "pressed, before proving"
SETTLING = "while settling"  # the first post was swallowed, one reading says absent

OK, LOGIN, CAPTCHA = "ok", "login", "captcha"
UNAVAILABLE, UNKNOWN = "unavailable", "unknown"

# status, presses, messages of ours that stand there
SENT = ("sent", 1, 1)
COUNTED = ("counted", 0, 0)
SENT_BY_THE_SECOND = ("sent", 2, 1)
WAITS = ("pending", 0, 0)
LOOKS_ABSENT = ("uncertain", 1, 0)
NOT_READ_YET = ("uncertain", 1, 1)
REFUSED = ("failed", 1, 0)
CANCELLED = ("cancelled", 0, 0)
NEVER_ARRIVED = ("cancelled", 1, 0)

End = tuple[str, int, int]
TROUBLES: list[tuple[str, str, End, str, End]] = [
    # the answer to the send itself
    ("lose_answer", PRESS, SENT, OK, SENT),
    ("swallow", PRESS, LOOKS_ABSENT, OK, SENT_BY_THE_SECOND),
    ("swallow twice", PRESS, LOOKS_ABSENT, OK, ("uncertain", 2, 0)),
    ("rewrite", PRESS, SENT, OK, SENT),
    ("refuse", PRESS, REFUSED, OK, REFUSED),
    ("refuse_200", PRESS, REFUSED, OK, REFUSED),
    ("no_request", PRESS, LOOKS_ABSENT, OK, SENT_BY_THE_SECOND),
    ("send 401", PRESS, LOOKS_ABSENT, LOGIN, SENT_BY_THE_SECOND),
    ("send 420", PRESS, LOOKS_ABSENT, CAPTCHA, SENT_BY_THE_SECOND),
    ("send 429", PRESS, LOOKS_ABSENT, UNAVAILABLE, SENT_BY_THE_SECOND),
    ("send 500", PRESS, LOOKS_ABSENT, OK, SENT_BY_THE_SECOND),
    ("taken, answered late", PRESS, SENT, OK, SENT),
    ("taken late", PRESS, LOOKS_ABSENT, OK, SENT),
    # slow beyond the deadline
    ("slow", CLAIM, WAITS, UNAVAILABLE, SENT),
    ("slow there", CLAIM, COUNTED, OK, SENT),
    ("page hangs", MID_TYPE, COUNTED, OK, SENT),
    ("page hangs", PRESS, LOOKS_ABSENT, OK, SENT_BY_THE_SECOND),
    ("slow", TYPED, WAITS, UNAVAILABLE, SENT),
    ("slow", PRESSED, NOT_READ_YET, UNAVAILABLE, SENT),
    ("slow", SETTLING, LOOKS_ABSENT, UNAVAILABLE, SENT_BY_THE_SECOND),
    # the browser's death
    ("chromium killed", TYPING, WAITS, UNAVAILABLE, SENT),
    ("chromium killed", MID_TYPE, WAITS, UNAVAILABLE, SENT),
    ("chromium killed", TYPED, WAITS, UNAVAILABLE, SENT),
    ("chromium killed", PRESS, LOOKS_ABSENT, UNAVAILABLE, SENT_BY_THE_SECOND),
    ("chromium killed", PRESSED, NOT_READ_YET, UNAVAILABLE, SENT),
    ("chromium killed", SETTLING, LOOKS_ABSENT, UNAVAILABLE, SENT_BY_THE_SECOND),
    ("driver killed", PRESS, LOOKS_ABSENT, UNAVAILABLE, SENT_BY_THE_SECOND),
    # redesigned
    ("no composer", CLAIM, COUNTED, OK, SENT),
    ("nothing as it was", CLAIM, COUNTED, OK, SENT),
    ("composer torn out", MID_TYPE, COUNTED, OK, SENT),
    ("composer torn out", TYPED, COUNTED, OK, SENT),
    ("nothing as it was", PRESSED, SENT, OK, SENT),
    ("send stays grey", CLAIM, COUNTED, OK, SENT),
    # over the page, or between it and airbot
    ("dialog on the page", CLAIM, WAITS, OK, SENT),
    ("dialog opens", MID_TYPE, COUNTED, OK, SENT),
    ("dialog opens", TYPED, COUNTED, OK, SENT),
    ("dialog opens", PRESS, LOOKS_ABSENT, OK, SENT_BY_THE_SECOND),
    ("focus taken", MID_TYPE, SENT, OK, SENT),
    ("service worker", CLAIM, SENT, OK, SENT),
    # readings that are not whole
    ("held back", CLAIM, WAITS, OK, SENT),
    ("held back", TYPED, WAITS, OK, SENT),
    ("held back", PRESSED, NOT_READ_YET, OK, SENT),
    ("held back", SETTLING, LOOKS_ABSENT, OK, SENT_BY_THE_SECOND),
    # one conversation, one row, or a part of the site
    ("errors there", CLAIM, COUNTED, OK, SENT),
    ("errors there", TYPED, COUNTED, OK, SENT),
    ("errors there", PRESSED, NOT_READ_YET, OK, SENT),
    ("errors there", SETTLING, LOOKS_ABSENT, OK, SENT_BY_THE_SECOND),
    ("errors everywhere", CLAIM, WAITS, UNAVAILABLE, SENT),
    ("hidden", CLAIM, COUNTED, OK, SENT),
    ("hidden", PRESSED, NOT_READ_YET, OK, SENT),
    ("half an emoji", CLAIM, SENT, OK, SENT),
    ("a null row", CLAIM, SENT, OK, SENT),
    # logged out
    ("logged out", CLAIM, WAITS, LOGIN, SENT),
    ("logged out", TYPED, WAITS, LOGIN, SENT),
    ("logged out", PRESS, LOOKS_ABSENT, LOGIN, SENT_BY_THE_SECOND),
    ("logged out", PRESSED, NOT_READ_YET, LOGIN, SENT),
    ("logged out", SETTLING, LOOKS_ABSENT, LOGIN, SENT_BY_THE_SECOND),
    # challenged
    ("datadome", PRESS, LOOKS_ABSENT, CAPTCHA, SENT_BY_THE_SECOND),
    ("airlock_page", CLAIM, WAITS, CAPTCHA, SENT),
    ("airlock_420", TYPED, WAITS, CAPTCHA, SENT),
    ("arkose", PRESSED, NOT_READ_YET, CAPTCHA, SENT),
    ("airlock_page", SETTLING, LOOKS_ABSENT, CAPTCHA, SENT_BY_THE_SECOND),
    # people
    ("host text", CLAIM, CANCELLED, OK, CANCELLED),
    ("host text", TYPED, CANCELLED, OK, CANCELLED),
    ("host text", PRESS, SENT, OK, SENT),
    ("host text beside a swallowed post", PRESS, LOOKS_ABSENT, OK, NEVER_ARRIVED),
    ("host text", SETTLING, NEVER_ARRIVED, OK, NEVER_ARRIVED),
    ("scheduled text", CLAIM, CANCELLED, OK, CANCELLED),
    ("guest text", CLAIM, CANCELLED, OK, CANCELLED),
    ("guest text", TYPED, CANCELLED, OK, CANCELLED),
    ("guest text", PRESS, SENT, OK, SENT),
    ("guest text", SETTLING, NEVER_ARRIVED, OK, NEVER_ARRIVED),
]

Strike = Callable[[], object]


class Mishap:
    """One reply on its way, and the trouble that it meets."""

    def __init__(
        self, scene: Scene, browser: Browser, patch: pytest.MonkeyPatch, gate: Event
    ) -> None:
        self.scene, self.browser, self.patch, self.gate = scene, browser, patch, gate
        self.site = scene.site
        self.patience = (reader.PAGE_TIMEOUT_S, verbs.JOB_DEADLINE_S)
        self.run_job = Gate(scene.storage, KeptOpen(), scene.clock).run

    def send(self) -> None:
        self.run_job("send", self.scene.sender.run)

    def is_so(self) -> End:
        reply = self.scene.reply()
        counted = reply.status == "pending" and reply.attempts > reply.presses
        status = "counted" if counted else str(reply.status)
        return status, reply.presses, len(self.site.posted())

    def session(self) -> str:
        return self.scene.storage.session.get().state

    def over(self) -> None:
        """The trouble ends; a person was at Airbnb."""
        self.site.clear_trouble()
        self.site.hide(self.scene.thread, hidden=False)
        self.gate.set()
        page_s, job_s = self.patience
        self.patch.setattr(reader, "PAGE_TIMEOUT_S", page_s)
        self.patch.setattr(verbs, "JOB_DEADLINE_S", job_s)
        ok, now = SessionState.OK, self.scene.clock()
        self.scene.storage.session.set_state(ok, "a person was there", now)
        self.scene.storage.session.end_waits()

    # Troubles

    def strike(self, trouble: str) -> None:
        getattr(self, "_" + trouble.replace(" ", "_").replace(",", ""))()

    def arrange(self, trouble: str) -> bool:
        """Switch on what the send's answer will be; False where it is about more."""
        switch = self.site.trouble
        word, _, more = trouble.partition(" ")
        if word == "send":
            switch.send = int(more)
        elif word in ("lose_answer", "rewrite", "refuse", "refuse_200", "no_request"):
            switch.send, switch.send_times = word, 1
        elif trouble in ("swallow", "host text beside a swallowed post"):
            switch.send, switch.send_times = "swallow", 1
            return trouble == "swallow"
        elif trouble == "swallow twice":
            switch.send = "swallow"
            self.site.clear_trouble = lambda: None  # type: ignore[method-assign]
        elif trouble == "taken, answered late":
            self.site.on("after_send_taken", lambda _: self.gate.wait(10))
        elif trouble == "taken late":
            self.site.on("before_send_taken", lambda _: self.gate.wait(10))
        elif trouble == "datadome":
            switch.challenge, switch.challenge_on = trouble, "send"
        else:
            return False
        return True

    def _host_text_beside_a_swallowed_post(self) -> None:
        self._host_text()

    def _slow(self) -> None:
        self.patch.setattr(reader, "PAGE_TIMEOUT_S", 0.5)
        self.site.trouble.hang = True

    def _slow_there(self) -> None:
        self.patch.setattr(reader, "PAGE_TIMEOUT_S", 0.5)
        self.site.add_thread("Noor")  # the page can be loaded there
        self.site.thread_trouble(self.scene.thread, hang=True)

    def _page_hangs(self) -> None:
        self._hurry()
        self._in_the_page("setTimeout(() => { while (1) {} })")

    def _in_the_page(self, script: str) -> None:
        with self.browser.job("changing the page", 5):
            self.browser.tab.probe(f"() => {{ {script} }}")

    def _dialog_on_the_page(self) -> None:
        self.site.trouble.interruption = Interruption("dialog")

    def _dialog_opens(self) -> None:
        made = "const made = document.createElement('dialog'); made.textContent = 'x';"
        self._in_the_page(f"{made} document.body.append(made); made.showModal();")

    def _focus_taken(self) -> None:
        made = "const made = document.createElement('input');"
        self._in_the_page(f"{made} document.body.append(made); made.focus();")

    def _send_stays_grey(self) -> None:
        self.site.trouble.send_disabled_for = "parking"

    def _service_worker(self) -> None:
        self.site.trouble.service_worker = "stale"

    def _held_back(self) -> None:
        self.site.trouble.held_back = HeldBack(1)

    def _errors_there(self) -> None:
        self.site.thread_trouble(self.scene.thread, api_errors="data")

    def _errors_everywhere(self) -> None:
        self.site.trouble.api_errors = "data"

    def _hidden(self) -> None:
        self.site.hide(self.scene.thread)

    def _half_an_emoji(self) -> None:
        def cut(body: Any) -> None:
            title = body["data"]["threadData"]["inboxTitle"]
            title["components"][0]["text"] += "\ud83d"

        self.site.odd("thread", cut)

    def _a_null_row(self) -> None:
        def add(body: Any) -> None:
            inbox = body["data"]["node"]["messagingInbox"]
            inbox["inboxItems"]["edges"].insert(0, None)

        self.site.odd("list", add)

    def _chromium_killed(self) -> None:
        for pid in processes.chromiums(self.browser.profile):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _driver_killed(self) -> None:
        for driver in self.browser._drivers():
            with suppress(ProcessLookupError):
                os.kill(driver.pid, signal.SIGKILL)

    def _no_composer(self) -> None:
        self.site.trouble.markup_gone = "composer"

    def _nothing_as_it_was(self) -> None:
        self.site.trouble.markup_gone = "all"

    def _composer_torn_out(self) -> None:
        with self.browser.job("tearing", 5):
            script = "() => document.querySelector('.composer').remove()"
            self.browser.tab.probe(script)
            self.browser.tab._page.set_default_timeout(300)

    def _logged_out(self) -> None:
        self.site.trouble.logged_out = True

    def _challenged(self, kind: str) -> None:
        self.site.trouble.challenge = kind

    def __getattr__(self, name: str) -> Any:
        kinds = "arkose airlock_page airlock_420"
        if name.removeprefix("_") in kinds.split():
            return lambda: self._challenged(name.removeprefix("_"))
        raise AttributeError(name)

    def _host_text(self) -> None:
        self.scene.host()

    def _scheduled_text(self) -> None:
        self.site.scheduled_writes(self.scene.thread, "Checkout is at 11 tomorrow.")

    def _guest_text(self) -> None:
        self.scene.guest("And breakfast?")

    # Stages

    def at(self, stage: str, strike: Strike) -> None:
        """Strike once, when the send comes to that stage."""
        once = _once(strike)
        if stage == MID_TYPE:
            self._before("type_reply", self._hurry)
            self._mid_type(once)
        elif stage == TYPED:
            self._before("read_thread", once, call=2)
        elif stage == PRESSED:
            self._after("press_send", once)
        else:
            verb = {CLAIM: "read_thread", TYPING: "type_reply", PRESS: "press_send"}
            self._before(verb.get(stage, "open_thread"), once)

    def _hurry(self) -> None:
        self.patch.setattr(verbs, "JOB_DEADLINE_S", 1.0)

    def _before(self, verb: str, strike: Strike, call: int = 1) -> None:
        real, calls = getattr(self.scene.airbnb, verb), []

        def struck(*values: Any, **named: Any) -> object:
            calls.append(verb)
            if len(calls) == call:
                strike()
            return real(*values, **named)

        self.patch.setattr(self.scene.airbnb, verb, struck)

    def _after(self, verb: str, strike: Strike) -> None:
        real = getattr(self.scene.airbnb, verb)

        def struck(*values: Any, **named: Any) -> object:
            done = real(*values, **named)
            strike()
            return done

        self.patch.setattr(self.scene.airbnb, verb, struck)

    def _mid_type(self, strike: Strike) -> None:
        real = Tab.type_text

        def struck(tab: Tab, selector: str, text: str) -> bool:
            real(tab, selector, text.split("\n")[0])
            strike()
            return real(tab, selector, text)

        self.patch.setattr(Tab, "type_text", struck)


def _once(strike: Strike) -> Strike:
    left = [strike]
    return lambda: left.pop()() if left else None


@pytest.fixture
def mishap(
    site: AirbnbSite,
    airbnb: Airbnb,
    browser: Browser,
    storage: Storage,
    make_config: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Mishap]:
    monkeypatch.setattr(life, "ACTION_TIMEOUT_MS", 1000)
    monkeypatch.setattr(composer, "PRESS_TIMEOUT_S", 0.4)
    monkeypatch.setattr(composer, "COMPOSER_TIMEOUT_S", 0.4)
    monkeypatch.setattr(reader, "ANSWER_TIMEOUT_S", 0.4)
    site.poll_s = 60
    scene = Scene(site, airbnb, storage, make_config())
    yield Mishap(scene, browser, monkeypatch, Event())
    monkeypatch.undo()
    if browser._context is not None:
        browser._context.set_default_timeout(life.ACTION_TIMEOUT_MS)


@pytest.mark.parametrize(
    ("trouble", "stage", "end", "session", "later"),
    TROUBLES,
    ids=[f"{trouble}, {stage}" for trouble, stage, *_ in TROUBLES],
)
def test_a_trouble_at_a_stage_has_its_end_state(
    mishap: Mishap, trouble: str, stage: str, end: End, session: str, later: End
) -> None:
    mishap.scene.queue(REPLY)
    if stage == SETTLING:
        mishap.site.trouble.send, mishap.site.trouble.send_times = "swallow", 1
        mishap.send()
        assert mishap.is_so() == LOOKS_ABSENT
        mishap.scene.clock.advance(WAIT_S)
    if stage != PRESS or not mishap.arrange(trouble):
        mishap.at(stage, lambda: mishap.strike(trouble))
    mishap.send()
    assert (mishap.is_so(), mishap.session()) == (end, session)

    mishap.over()
    for _ in range(2):
        mishap.scene.clock.advance(WAIT_S)
        mishap.send()
    assert mishap.is_so() == later
    assert mishap.session() == OK
