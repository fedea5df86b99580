"""Any interleaving of guest, host, AI, crash and site keeps the promises of design 1.

A hypothesis machine over the real database, SYNC, ASK and SEND, and the fake Airbnb;
the clock is moved by hand. The model is what the fake has seen itself: which guest
texts each reply of the AI was about, every press and every reading.

A failure prints the shrunk history, and a line that replays it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any
from typing import cast

import pytest
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.stateful import initialize
from hypothesis.stateful import invariant
from hypothesis.stateful import rule
from support.fakes import Clock
from support.fakes import FakeAirbnb

from airbot.ai.host import HostAI
from airbot.airbnb import Airbnb
from airbot.answers import Answers
from airbot.ask import Asker
from airbot.contract.payload import AIAnswer
from airbot.demo import sandbox_config
from airbot.exceptions import AIError
from airbot.exceptions import LoginRequired
from airbot.exceptions import ReplyNotTyped
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import StorageError
from airbot.exceptions import ThreadNotShown
from airbot.exceptions import VerbRefused
from airbot.models import InboxPage
from airbot.models import Question
from airbot.models import Reading
from airbot.policy import proof
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.trouble import HeldBack
from airbot.sandbox.trouble import Interruption
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread
from airbot.send import Sender
from airbot.storage import Storage
from airbot.sync import Syncer

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp()
SETTLE_S = 120
MAX_AGE_S = 12 * 3600
LATE_S = 60.0  # how long a post may hang before it lands, in the trouble "late"
DRAIN_CYCLES = 30
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # no disk to wait for
# Reply, person and guest do not resemble each other: what is recognisable is not asked
# here (see test_policy.py).
PERSON = "ΦΨΩΦΨΩ {}"
WORDS = "parking breakfast towels bicycle garden balcony station kitchen".split()

STEPS = (
    *("read_thread", "open_thread", "type_reply", "check_typed", "press_send"),
    *("empty_composer", "open_inbox", "read_inbox", "post"),
)
COMMITS = "commit"


class Died(BaseException):
    """The process ends here."""


@dataclass
class Mishap:
    """What happens at the `nth` place (from 0) of those named `step`."""

    step: str
    nth: int
    late: bool  # after the effect of the step
    what: str

    def fits(self, step: str, when: str) -> bool:
        return step == self.step and when == ("after" if self.late else "before")


VERBS = ("retry", "cancel", "resolve", "ask again", "done")
PEOPLE = ("guest", "host", "scheduled", "callback", "edit", "unsend", *VERBS)
SICK: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"api_status": 500},
    {"api_errors": "data"},
    {"api_errors": "field"},
    {"composer": "none"},
    {"send_disabled_for": "Reply"},
    {"interruption": Interruption("dialog", "typed", times=1)},
)
mishaps = st.one_of(
    st.none(),
    st.builds(
        Mishap,
        st.just(COMMITS),
        st.integers(0, 8),
        st.booleans(),
        st.sampled_from(["die", "disk"]),
    ),
    st.builds(
        Mishap,
        st.sampled_from(STEPS),
        st.integers(0, 1),
        st.booleans(),
        st.sampled_from(("die", "site", "bug", "login", "slow", *PEOPLE)),
    ),
    st.builds(
        Mishap,
        st.sampled_from(["read_thread", "open_thread"]),
        st.integers(0, 1),
        st.booleans(),
        st.just("not shown"),
    ),
    st.builds(
        Mishap,
        st.sampled_from(["type_reply", "check_typed"]),
        st.just(0),
        st.booleans(),
        st.just("not typed"),
    ),
)
numbers = st.integers(0, 7)


class FrozenSite(AirbnbSite):
    """The world of a site that is never started, at a time that stands still."""

    def now(self) -> float:
        return START + self.clock_offset_s


class FakeAI(HostAI):
    """Answers as it is told, and remembers what each of its texts was about."""

    def __init__(self, answer: Callable[[Question], AIAnswer]) -> None:
        self._answer = answer

    def ask(self, question: Question, callback_url: str) -> AIAnswer:
        return self._answer(question)


class Witness(FakeAirbnb):
    """The fake Airbnb; every step is a place for a mishap, every press is seen."""

    def __init__(self, machine: Promises) -> None:
        super().__init__(machine.site)
        self.machine = machine

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self.machine.at(name, "before")
        with super()._step(name):
            if name == "press_send":
                self.machine.pressed(self.composer, self.standing or "")
            yield
        self.machine.at(name, "after")

    def open_thread(self, thread_id: str) -> Reading:
        reading = super().open_thread(thread_id)
        self.machine.loaded(reading)
        return reading

    def _page(self, cursor: str | None) -> InboxPage:
        page = super()._page(cursor)
        for row in page.threads:
            self.machine.seen.add(row.latest_id or "")
        return page

    def _reading(self, thread: Thread, limit: int = 50) -> Reading:
        reading = super()._reading(thread, limit)
        self.machine.shown(thread, reading)
        return reading

    def _post(self, text: str) -> Message | None:
        if self.site.trouble.send == "late":
            self.machine.hold(self._thread(self.standing or ""), text)
            return None
        self.machine.at("post", "before")
        message = super()._post(text)
        self.machine.posted(self.machine.last_pressed)
        self.machine.at("post", "after")
        return message


class Promises(RuleBasedStateMachine):
    """airbot between a guest, a host, an AI and a site that all do as they please."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY, prefix="airbot-"))
        self.site = FrozenSite()
        self.site.world._random.seed(1)
        self.clock = Clock(self.site)
        self.config = sandbox_config(
            "http://127.0.0.1:1",
            "http://127.0.0.1:1/ai",
            self.folder,
            send__settle_sec=str(SETTLE_S),
            send__max_per_thread_hour="100000",
            send__max_per_hour="100000",
        )
        self.mishap: Mishap | None = None
        self.texts = 0
        self.how = "reply"  # what the AI does when it is asked
        # The model: what was asked, said, pressed, read, and what stands there.
        self.covers: dict[str, tuple[str, ...]] = {}  # a reply's text: guest texts
        self.turns: list[str] = []
        self.about: dict[str, tuple[str, ...]] = {}  # a turn: its guest texts
        self.replies_of: dict[str, set[str]] = defaultdict(set)  # a turn: outbox ids
        self.presses: dict[str, list[tuple[datetime, str | None, int]]]
        self.presses = defaultdict(list)  # a reply's text: when, the trouble, readings
        self.loads: list[tuple[datetime, bool, set[str]]] = []
        self.last_look: dict[str, tuple[datetime, list[Message]]] = {}
        self.seen: set[str] = set()  # the messages that any answer has shown
        self.wanted_old: set[str] = set()  # texts that a person wants answered
        self.last_pressed = ""
        self.ours: dict[str, str] = {}  # a message of ours on the site: its reply
        self.held: list[tuple[float, Thread, str]] = []  # posts that land late
        self.threads: list[Thread] = []
        self._start()

    # The program

    def _start(self) -> None:
        """A new process on the same file."""
        self.storage = Storage(self.folder / "airbot.db")
        self.storage.session.monotonic = self.clock.monotonic
        self.storage.db.transaction = self._watched(  # type: ignore[method-assign]
            self.storage.db.transaction
        )
        self.airbnb = Witness(self)
        airbnb = cast(Airbnb, self.airbnb)
        made = (self.storage, airbnb, self.config, self.clock)
        self.syncer, self.sender = Syncer(*made), Sender(*made)
        self.asker = Asker(
            self.storage,
            FakeAI(self._asked),
            self.config,
            "http://127.0.0.1:1",
            Answers(self.storage, self.config, lambda: None, self.clock),
            self.clock,
        )

    def _watched(self, transaction: Any) -> Any:
        @contextmanager
        def watched() -> Iterator[Any]:
            if getattr(self.storage.db._local, "transaction", None) is not None:
                with transaction() as tx:
                    yield tx
                return
            with transaction() as tx:
                yield tx
                self.at(COMMITS, "before")
            self.at(COMMITS, "after")

        return watched

    def _restart(self) -> None:
        self.mishap = None
        self.storage.close()
        self._start()

    def _run(self, job: Callable[[], object], mishap: Mishap | None) -> None:
        self.mishap = mishap
        try:
            with suppress(SiteError, StorageError, KeyError):
                job()
        except Died:
            self._restart()
        self.mishap = None

    # Mishaps

    def at(self, step: str, when: str) -> None:
        """A place that the program passes; perhaps something happens here."""
        mishap = self.mishap
        if mishap is None or not mishap.fits(step, when):
            return
        if mishap.nth > 0:
            mishap.nth -= 1
            return
        self.mishap = None
        self._happen(mishap.what, step, when)

    def _happen(self, what: str, step: str, when: str) -> None:
        if what == "die":
            raise Died
        if step == COMMITS:
            if what == "disk" and when == "before":
                raise StorageError("the disk is full")
            return
        if what == "site":
            raise SiteUnavailable("timed out")
        if what == "bug":
            raise KeyError("nobody foresaw this")
        if what == "login":
            raise LoginRequired("Airbnb asks for a login")
        if what == "not typed":
            raise ReplyNotTyped("the composer did not hold exactly the reply")
        if what == "not shown":
            raise ThreadNotShown("Airbnb does not show this conversation")
        thread = self.threads[0]
        if what == "guest":
            self._guest(thread)
        elif what == "host":
            self._person(thread, "host")
        elif what == "scheduled":
            self._person(thread, "scheduled")
        elif what == "callback":
            self._call_back(0, "reply")
        elif what == "slow":
            self._advance(40)
        elif what in ("edit", "unsend"):
            self._change(0, what)
        elif what in VERBS:
            self._verb(0, what)

    # People

    @initialize()
    def a_guest_waits(self) -> None:
        self.threads = [
            self.site.add_thread("Maya", coguests=["Liv"], cohosts=["Noor"]),
            self.site.add_thread("Kenji"),
        ]
        (self.cohost,) = self.threads[0].with_role("CO_HOST")
        self._guest(self.threads[0])

    def _number(self) -> int:
        self.texts += 1
        return self.texts

    def _guest(self, thread: Thread, cotraveller: bool = False) -> None:
        others = thread.with_role("COTRAVELER")
        by = others[0] if cotraveller and others else None
        self.site.guest_writes(thread, f"question {self._number()}?", by=by)

    def _person(self, thread: Thread, who: str) -> None:
        text = PERSON.format(self._number())
        if who == "cohost":
            self.site.cohost_writes(thread, text)
        elif who == "scheduled":
            self.site.scheduled_writes(thread, text)
        else:
            self.site.host_writes(thread, text)

    def _change(self, number: int, what: str) -> None:
        """The guest edits or unsends a text; number 0 is the newest."""
        texts = [m for t in self.threads for m in self._guest_texts(t)]
        if not texts:
            return
        message = texts[-1 - number % len(texts)]
        if what == "edit":
            self.site.edit(message, f"question {self._number()}, edited?")
        else:
            self.site.unsend(message)

    @rule(other=st.booleans(), cotraveller=st.booleans(), read=st.booleans())
    def guest_writes(self, other: bool, cotraveller: bool, read: bool) -> None:
        self._guest(self.threads[other], cotraveller)
        if read:
            self._run(self.syncer.run, None)

    @rule(other=st.booleans(), who=st.sampled_from(["host", "cohost", "scheduled"]))
    def person_writes(self, other: bool, who: str) -> None:
        self._person(self.threads[other], who)

    @rule(other=st.booleans(), times=st.integers(1, 4))
    def guest_goes_on_while_the_ai_thinks(self, other: bool, times: int) -> None:
        self.how = "taken"
        for _ in range(times):
            self._guest(self.threads[other])
            self._run(self.syncer.run, None)
            self._run(self.asker.ask_one, None)

    @rule(number=numbers, what=st.sampled_from(["edit", "unsend"]))
    def guest_changes(self, number: int, what: str) -> None:
        self._change(number, what)

    @rule(
        other=st.booleans(),
        by=st.sampled_from(["guest", "host"]),
        card=st.booleans(),
    )
    def a_card_or_a_photo(self, other: bool, by: str, card: bool) -> None:
        if card:
            self.site.card(self.threads[other], by=by)
        else:
            self.site.photo(self.threads[other], by=by)

    # The AI

    def _asked(self, question: Question) -> AIAnswer:
        turn = question.turn
        self.turns.append(turn.id)
        self.about[turn.id] = tuple(text.id for text in question.texts)
        if self.how == "refuse":
            raise AIError("the AI answered HTTP 400", permanent=True)
        if self.how == "fail":
            raise AIError("the AI answered HTTP 503", reached=True)
        if self.how == "closed":
            raise AIError("the AI answered HTTP 401", reached=True, closed=True)
        if self.how == "blank":
            return AIAnswer("reply", " ")
        if self.how == "calls back first":
            self._call_back(0, "reply")
            return AIAnswer("reply", self._say(turn.id))
        if self.how == "reply":
            return AIAnswer("reply", self._say(turn.id))
        return AIAnswer(self.how)

    def _say(self, turn_id: str) -> str:
        number = self._number()
        words = " ".join(WORDS[(number + i) % len(WORDS)] for i in range(6))
        text = f"Reply {number}: {words}.\nCall +31 20 555 01 {number:02}, or write!"
        self.covers[text] = self.about[turn_id]
        return text

    def _call_back(self, number: int, what: str) -> None:
        """As the webhook does it; number 0 is about the turn that was asked last."""
        if not self.turns:
            return
        turn_id = self.turns[-1 - number % len(self.turns)]
        turn = self.storage.turns.get(turn_id)
        assert turn is not None
        if what == "reply":
            reply = self.storage.outbox.enqueue(
                turn, self._say(turn_id), "AI", self.clock()
            )
            self.replies_of[turn_id].add(reply.id)
        elif self.storage.outbox.of_turn(turn_id) is None:
            self.storage.turns.ignore(turn_id, self.clock())

    @rule(number=numbers, what=st.sampled_from(["reply", "ignore"]), mishap=mishaps)
    def ai_calls_back(self, number: int, what: str, mishap: Mishap | None) -> None:
        self._run(lambda: self._call_back(number, what), mishap)

    # The jobs

    @rule(mishap=mishaps)
    def sync(self, mishap: Mishap | None) -> None:
        self._run(self.syncer.run, mishap)

    @rule(
        mishap=mishaps,
        how=st.sampled_from(
            "reply reply taken ignore refuse fail closed blank".split()
            + ["calls back first"]
        ),
    )
    def ask(self, mishap: Mishap | None, how: str) -> None:
        self.how = how
        self._run(self.asker.ask_one, mishap)

    @rule(mishap=mishaps)
    def send(self, mishap: Mishap | None) -> None:
        self._run(self.sender.run, mishap)

    @rule(mishap=mishaps)
    def a_reply_goes_its_way(self, mishap: Mishap | None) -> None:
        self.how = "reply"
        self._run(self.syncer.run, None)
        self._run(self.asker.ask_one, None)
        self._run(self.sender.run, mishap)

    @rule()
    def the_process_dies(self) -> None:
        self._restart()

    # Time and trouble

    @rule(seconds=st.sampled_from([1, 20, 59, 119, 125, 310, 660, 3700, 6 * 3600]))
    def time_passes(self, seconds: int) -> None:
        self._advance(seconds)

    @rule(hours=st.just(13))
    def a_night_passes(self, hours: int) -> None:
        self._advance(hours * 3600)

    @rule(seconds=st.sampled_from([-3 * 3600, -60, 310, 3 * 3600, 2 * 365 * 86_400]))
    def our_clock_is_moved(self, seconds: int) -> None:
        self.clock.jump(seconds)

    def _site_now(self) -> datetime:
        return datetime.fromtimestamp(self.site.now(), UTC)

    @rule(mishap=mishaps)
    def settling_passes(self, mishap: Mishap | None) -> None:
        self._advance(SETTLE_S + 1)
        self._run(self.sender.run, mishap)

    def _advance(self, seconds: float) -> None:
        end = self.site.now() + seconds
        while self.held and self.held[0][0] <= end:
            due, thread, text = self.held.pop(0)
            self.clock.advance(max(0.0, due - self.site.now()))
            name = f"late {len(self.site.world.by_identifier)}"
            self.site.world.post(thread, self.site.host, text, unique_identifier=name)
            self.posted(text)
        self.clock.advance(end - self.site.now())
        if seconds > 600:
            self.syncer._full_at = 0.0  # its ten minutes are the machine's own clock's

    def hold(self, thread: Thread | None, text: str) -> None:
        assert thread is not None
        self.held.append((self.site.now() + LATE_S, thread, text))

    @rule(
        send=st.sampled_from(
            [None, "swallow", "rewrite", "hide", "refuse", "no_request", "late"]
        ),
        times=st.sampled_from([1, 1, 2, None]),
        names=st.sampled_from([None, "uuid", "nothing"]),
        placeholder=st.sampled_from(
            [None, "(masqué par Airbnb)", "【Airbnbで非表示】"]
        ),
        cohost=st.booleans(),
    )
    def send_trouble(
        self,
        send: str | None,
        times: int | None,
        names: str | None,
        placeholder: str | None,
        cohost: bool,
    ) -> None:
        """What the site makes of a post, says of it, and under whose account."""
        trouble = self.site.trouble
        # "late" is asked for by name when the post lands, so it is not counted.
        trouble.send, trouble.send_times = send, None if send == "late" else times
        trouble.send_names, trouble.placeholder = names, placeholder
        trouble.send_as = self.cohost if cohost else None

    @rule(
        other=st.booleans(),
        held=st.sampled_from(
            [None, HeldBack(1), HeldBack(2), HeldBack(), HeldBack(1, has_newer=True)]
        ),
        times=st.sampled_from([1, 3, None]),
        sick=st.sampled_from(SICK),
    )
    def a_conversation_is_sick(
        self,
        other: bool,
        held: HeldBack | None,
        times: int | None,
        sick: dict[str, Any],
    ) -> None:
        """Its answers lag behind its row, or it cannot be read or typed into."""
        held = replace(held, times=times, done=0) if held else None
        self.site.thread_trouble(self.threads[other], held_back=held, **sick)

    # A person's verbs, at any moment

    def _verb(self, number: int, verb: str) -> None:
        rows = self._rows()
        if not rows:
            return
        row = rows[-1 - number % len(rows)]
        verbs, now, text = self.storage.verbs, self.clock(), row["message"]
        oldest = self._site_now() - timedelta(seconds=MAX_AGE_S)
        if any(text == held for _, _, held in self.held):
            return  # who looks now, is wrong a minute later
        with suppress(VerbRefused):
            if verb == "resolve":
                verbs.resolve_reply(row["id"], text in self.ours.values(), now)
            elif verb == "cancel":
                verbs.cancel_reply(row["id"], now)
            elif verb == "retry":
                verbs.retry_reply(row["id"], oldest, False, now)
                self.presses[text].clear()
            elif verb == "done":
                verbs.done(row["id"], None, now)
            elif row["turn_id"]:
                verbs.retry_turn(row["turn_id"], oldest, now)

    @rule(number=numbers, verb=st.sampled_from(VERBS))
    def a_person_decides(self, number: int, verb: str) -> None:
        self._verb(number, verb)

    @rule(number=numbers, mishap=mishaps, old=st.booleans())
    def a_person_asks_again(
        self, number: int, mishap: Mishap | None, old: bool
    ) -> None:
        turns = self.storage.db.read("SELECT id FROM turns ORDER BY rowid")
        if turns:
            oldest = self._site_now() - timedelta(seconds=MAX_AGE_S)
            turn_id = turns[-1 - number % len(turns)]["id"]
            with suppress(VerbRefused):
                self.storage.verbs.retry_turn(turn_id, oldest, self.clock(), old)
                if old:
                    self.wanted_old.update(self._texts_of(turn_id))
        self._run(self.syncer.run, mishap)

    def _texts_of(self, turn_id: str) -> set[str]:
        sql = "SELECT id FROM messages WHERE turn_id = :id"
        return {row["id"] for row in self.storage.db.read(sql, {"id": turn_id})}

    @rule(number=numbers)
    def a_person_says_done(self, number: int) -> None:
        thread = self.threads[number % 2]
        with suppress(VerbRefused):
            self.storage.verbs.done("", thread.id, self.clock())

    @rule(out=st.booleans())
    def logged_out(self, out: bool) -> None:
        self.site.trouble.logged_out = out

    @rule(incomplete=st.booleans(), sending=st.booleans())
    def readings_are_not_whole(self, incomplete: bool, sending: bool) -> None:
        self.airbnb.incomplete, self.airbnb.sending = incomplete, sending

    # What the model sees

    def loaded(self, reading: Reading) -> None:
        (thread,) = (t for t in self.threads if t.id == reading.thread.id)
        newest = self.site.messages(thread)[-1].id
        whole = reading.complete and not reading.sending and newest in reading.ids
        self.loads.append((self._site_now(), whole, set(reading.ids)))

    def shown(self, thread: Thread, reading: Reading) -> None:
        self.seen.update(reading.ids)
        self.last_look[thread.id] = (self._site_now(), list(self.site.messages(thread)))

    def pressed(self, text: str, thread_id: str) -> None:
        self.last_pressed, before = text, self.presses[text]
        assert len(before) < 2, f"Send is pressed a third time for {text!r}"
        if before:
            self._is_proven_absent(text, *before[0])
        self._nobody_was_first(text, thread_id)
        self._is_young(text, thread_id)
        trouble = self.site.trouble
        counts = trouble.send_times is None or trouble.send_times > 0
        met = str(trouble.send) if counts else None
        before.append((self._site_now(), met, len(self.loads)))

    def _is_proven_absent(
        self, text: str, at: datetime, met: str | None, loads: int
    ) -> None:
        """Two whole readings after the press, settle_sec apart, did not show it."""
        ours = {id_ for id_, reply in self.ours.items() if reply == text}
        counting = [
            when for when, whole, ids in self.loads[loads:] if whole and not ours & ids
        ]
        assert not ours, "pressed again although it stands there"
        apart = counting[-1] - counting[0] if counting else timedelta(0)
        assert apart >= timedelta(seconds=SETTLE_S), f"pressed again after {counting}"

    def _nobody_was_first(self, text: str, thread_id: str) -> None:
        _, messages = self.last_look[thread_id]
        above = False
        for message in messages:
            above = above or message.id in self.covers[text]
            person = self._is_persons(message) and message.id in self.seen
            assert not (above and person), "a person had answered before the press"

    def _is_young(self, text: str, thread_id: str) -> None:
        now, messages = self.last_look[thread_id]
        if self.wanted_old & set(self.covers[text]):
            return  # a person wants it answered, however old
        asked = [m for m in messages if m.id in self.covers[text]]
        newest = max(m.created_at_ms for m in asked) / 1000
        assert now.timestamp() - newest <= MAX_AGE_S, "it is too old to be sent"

    def _is_persons(self, message: Message) -> bool:
        host_side = message.thread.role_of(message.account) in ("HOST", "CO_HOST")
        answers = message.kind in ("text", "photo") and not message.deleted
        return host_side and answers and message.id not in self.ours

    def _guest_texts(self, thread: Thread) -> list[Message]:
        """Those that are not unsent."""
        guests = ("GUEST", "COTRAVELER")
        return [
            m
            for m in self.site.messages(thread)
            if m.kind == "text"
            and not m.deleted
            and thread.role_of(m.account) in guests
        ]

    def posted(self, text: str) -> None:
        """The newest post is that reply's, whatever the site made of it."""
        for message in self.site.posted():
            self.ours.setdefault(message.id, text)

    # The promises, after every step

    def _rows(self) -> list[Any]:
        return self.storage.db.read("SELECT * FROM queue_outbox ORDER BY rowid")

    @invariant()
    def no_guest_text_is_answered_twice(self) -> None:
        answered: dict[str, str] = {}
        for message in self.site.posted():
            for id_ in self.covers[self.ours[message.id]]:
                assert id_ not in answered, "two replies to one text stand there"
                answered[id_] = message.id

    @invariant()
    def a_row_says_what_is_so(self) -> None:
        standing = {self.ours[m.id]: m for m in self.site.posted()}
        for row in self._rows():
            text, status = row["message"], row["status"]
            assert len(self.presses[text]) <= row["presses"] <= 2
            message = standing.get(text)
            if status == "sent":
                assert message is not None, "sent, and it does not stand there"
                changed = row["last_error"] == proof.CHANGED
                told = row["last_error"] == "you said: sent"
                assert changed or told or message.text == text
                assert told or row["site_message_id"] == message.id
            elif status in ("pending", "failed", "cancelled"):
                assert message is None, f"{status}, and it stands there"
            if status in ("failed", "cancelled", "uncertain"):
                assert row["last_error"], f"{status} without a reason"

    @invariant()
    def a_turn_has_one_reply(self) -> None:
        for ids in self.replies_of.values():
            assert len(ids) == 1
        sent = [row["message"] for row in self._rows() if row["status"] == "sent"]
        texts = [id_ for reply in sent for id_ in self.covers[reply]]
        assert len(texts) == len(set(texts)), "one text in two answered turns"

    # The promises, at the end

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None and self.threads:
                self._drain()
                self._everything_has_an_end()
        finally:
            self.storage.close()
            self.site.stop()
            shutil.rmtree(self.folder)

    def _drain(self) -> None:
        """All trouble is over, nobody writes any more, and the cycles go on."""
        self.site.clear_trouble()
        for thread in self.threads:
            self.site.thread_trouble(thread)
        self.airbnb.incomplete = self.airbnb.sending = False
        self._restart()
        self.how = "reply"
        for cycle in range(DRAIN_CYCLES):
            self.syncer.run()
            while self.asker.ask_one():
                pass
            self.sender.run()
            self._a_person_resolves_what_is_parked()
            self.no_guest_text_is_answered_twice()
            self.a_row_says_what_is_so()
            if cycle >= 2 and not self._is_under_way():
                return
            self._advance(SETTLE_S + 1)

    def _a_person_resolves_what_is_parked(self) -> None:
        standing = set(self.ours.values())
        for row in self._rows():
            if row["status"] == "uncertain" and row["parked"]:
                stands = row["message"] in standing
                self.storage.verbs.resolve_reply(row["id"], stands, self.clock())

    def _is_under_way(self) -> list[dict[str, Any]]:
        rows = self.storage.db.read("""
            SELECT id, status, last_error, next_attempt_at FROM queue_outbox
                WHERE status IN ('pending', 'processing')
                    OR status = 'uncertain' AND NOT parked
            UNION ALL SELECT id, status, reason, next_attempt_at FROM turns
                WHERE status IN ('new', 'asked') AND reason NOT LIKE '%asked no more'
            """)
        return [dict(row) for row in rows]

    def _everything_has_an_end(self) -> None:
        left = self._is_under_way()
        assert not left, f"left under way: {left}"
        self.a_turn_has_one_reply()
        told = self.storage.db.read("""
            SELECT m.id, t.status, t.reason, h.reason AS thread_reason,
                   o.status AS reply, o.last_error AS reply_reason
            FROM messages m JOIN threads h ON h.id = m.thread_id
            LEFT JOIN turns t ON t.id = m.turn_id
            LEFT JOIN queue_outbox o ON o.turn_id = t.id
            """)
        outcomes = {row["id"]: row for row in told}
        for thread in self.threads:
            for text in self._guest_texts(thread):
                self._has_an_outcome(thread, text, outcomes.get(text.id))

    def _has_an_outcome(self, thread: Thread, text: Message, row: Any) -> None:
        replies = [self.ours[message.id] for message in self.site.posted()]
        if any(text.id in self.covers[reply] for reply in replies):
            return
        messages = self.site.messages(thread)
        below = messages[messages.index(text) + 1 :]
        too_old = self.site.now() - text.created_at_ms / 1000 > MAX_AGE_S
        if row is None:
            assert too_old, "a text that was never stored"
            return
        said = f"{text.text!r}: {dict(row)}"
        assert row["reason"] or row["thread_reason"], said
        if any(self._is_persons(m) for m in below):
            return
        if row["status"] is None or row["status"] == "expired":
            assert too_old, f"nobody was asked: {said}"
        elif row["status"] == "superseded":
            assert too_old, f"left out of the longer turn: {said}"
        elif row["status"] == "answered":
            by_a_person = "you cancelled it" == row["reply_reason"]
            assert row["reply"] == "failed" or by_a_person, f"nobody answered: {said}"
        elif row["status"] == "asked":
            assert row["reason"].endswith("asked no more"), f"given up: {said}"
        else:
            assert row["status"] in ("ignored", "failed"), f"given up: {said}"


TestPromises = Promises.TestCase
TestPromises.settings = settings(
    max_examples=int(os.environ.get("HISTORIES", "200")),
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


# Histories that failed once, as the machine would walk them.


@pytest.fixture
def machine() -> Promises:
    machine = Promises()
    machine.a_guest_waits()
    return machine


def _asked(machine: Promises, how: str) -> None:
    machine.how = how
    machine._run(machine.syncer.run, None)
    machine._run(machine.asker.ask_one, None)


@pytest.mark.parametrize("how", ["ignore", "refuse"])
def test_a_text_left_out_of_a_long_turn_is_asked_when_that_is_over(
    machine: Promises, how: str
) -> None:
    _asked(machine, "taken")
    for _ in range(3):  # the third is left out: longer twice already
        machine._guest(machine.threads[0])
        _asked(machine, "taken")
    if how == "ignore":
        machine._call_back(0, how)
    for _ in range(5 if how == "refuse" else 0):
        machine._advance(1000)
        _asked(machine, how)
    machine.teardown()


def test_a_reply_that_never_arrived_over_night_leaves_a_guest_who_was_missed(
    machine: Promises,
) -> None:
    machine.site.trouble.send, machine.site.trouble.send_times = "swallow", 1
    machine.how = "reply"
    machine._run(machine.syncer.run, None)
    machine._run(machine.asker.ask_one, None)
    machine._run(machine.sender.run, None)
    machine._advance(13 * 3600)
    machine._guest(machine.threads[0])
    machine._run(machine.syncer.run, None)
    machine._run(machine.sender.run, None)
    session, now = machine.storage.session.get(), machine.clock()
    (missed,) = machine.storage.shown.waiting(session, now)
    assert missed.missed and "airbot outbox retry" in missed.command
    machine.teardown()


@pytest.mark.parametrize("what", ["die", "disk"])
def test_a_text_read_while_unsettled_is_asked_whatever_dies_then(
    machine: Promises, what: str
) -> None:
    _asked(machine, "reply")
    machine._run(machine.sender.run, Mishap("open_thread", 1, False, "login"))
    machine._guest(machine.threads[0])
    machine._run(machine.syncer.run, None)  # "not settled yet", and marked as seen
    machine._advance(20)
    # After recover() and conclude(), before record().
    nth, late = (1, True) if what == "die" else (2, False)
    machine._run(machine.sender.run, Mishap(COMMITS, nth, late, what))
    machine.teardown()
