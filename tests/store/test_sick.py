"""One sick conversation among healthy ones: it is counted and named, and nobody waits.

The sick one comes first wherever there is an order: newest in the list, first in the
queue. On FakeAirbnb; some of it in Chromium.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from support.fakes import Clock
from support.fakes import FakeAirbnb

from airbot.airbnb import Airbnb
from airbot.airbnb import composer
from airbot.airbnb import reader
from airbot.airbnb import shapes
from airbot.browser import Browser
from airbot.config import Config
from airbot.daemon.gate import Gate
from airbot.exceptions import QueueFull
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import SessionState
from airbot.models import TurnStatus
from airbot.policy.blame import TRIED_ELSEWHERE
from airbot.policy.blame import Blame
from airbot.policy.pace import MOST_WITHOUT_TURN
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.trouble import HeldBack
from airbot.sandbox.world import Thread
from airbot.send import Sender
from airbot.storage import Storage
from airbot.sync import Syncer

CYCLE_S = 45
LINK = "https://maps.example/loft"
Json = dict[str, Any]


class KeptOpen(Browser):
    """For the gate: that it closes the browser is tested elsewhere."""

    def __init__(self) -> None:
        pass

    def close(self) -> None:
        pass


class Inn:
    """Six guests, of whom Maya's conversation is to be sick; time is moved by hand."""

    def __init__(
        self,
        site: AirbnbSite,
        airbnb: Any,
        storage: Storage,
        config: Config,
        healthy: int = 5,
    ) -> None:
        self.site, self.airbnb, self.storage = site, airbnb, storage
        self.clock = Clock(site)
        storage.session.monotonic = self.clock.monotonic
        self.syncer = Syncer(storage, airbnb, config, self.clock)
        self.sender = Sender(storage, airbnb, config, self.clock)
        self.gate = Gate(storage, KeptOpen(), self.clock)
        self.resting = self._answered("Noor")
        self.healthy = [self._waits(f"Guest {n}", 10 - n) for n in range(healthy)]
        self.sick = self._waits("Maya", 1)
        self.said = "Yes."

    def _answered(self, name: str) -> Thread:
        thread, now = self.site.add_thread(name), self.clock()
        self.site.guest_writes(thread, "Thanks!", at=now - timedelta(hours=3))
        self.site.host_writes(thread, "Come back!", at=now - timedelta(hours=2))
        return thread

    def _waits(self, name: str, minutes: int) -> Thread:
        thread, at = self.site.add_thread(name), self.clock()
        at -= timedelta(minutes=minutes)
        self.site.guest_writes(thread, f"Kanarienvogel {name}", at=at)
        return thread

    def read(self, seconds: float = CYCLE_S) -> bool:
        self.clock.advance(seconds)
        return self.gate.run("sync", self.syncer.run)

    def answer(self) -> None:
        """The AI answers all that is asked, the sick one first."""
        for thread in [self.sick, *self.healthy, self.resting]:
            turn = self.storage.turns.newest(thread.id)
            if turn is not None and turn.status == TurnStatus.NEW:
                self.storage.outbox.enqueue(turn, self.said, "ai", self.clock())

    def send(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)
        self.gate.run("send", self.sender.run)

    def cycle(self, times: int = 1) -> None:
        for _ in range(times):
            self.read()
            self.answer()
            self.send()

    def queued(self) -> None:
        """All have been asked and answered; nothing is sent yet."""
        self.read()
        self.answer()

    def answered(self, thread: Thread) -> bool:
        return [m.text for m in self.site.posted(thread)] == [self.said]

    def all_but_the_sick_one_are_answered(self) -> bool:
        others = all(self.answered(thread) for thread in self.healthy)
        return others and not self.site.posted(self.sick)

    def session(self) -> SessionState:
        return self.storage.session.get().state

    def row(self, thread: Thread) -> Json:
        sql = "SELECT * FROM threads WHERE id = :id"
        found = self.storage.db.read_one(sql, {"id": thread.id})
        assert found is not None
        return dict(found)

    def reply(self, thread: Thread) -> Reply:
        turn = self.storage.turns.newest(thread.id)
        reply = self.storage.outbox.of_turn(turn.id) if turn else None
        assert reply is not None
        return reply

    def shown(self) -> dict[str, str | None]:
        """As `airbot messages` shows it: who asked, and why he has no answer yet."""
        lines = self.storage.shown.messages(50)
        return {line.sender: line.thread_reason for line in lines}

    def waits_for_a_person(self) -> list[tuple[str | None, str]]:
        """As `airbot status` shows it: about whom, and what."""
        session = self.storage.session.get()
        waiting = self.storage.shown.waiting(session, self.clock())
        return [(w.who, w.what.partition(": ")[2]) for w in waiting]

    def is_stored_from_the_row(self, thread: Thread) -> bool:
        sql = "SELECT * FROM messages WHERE thread_id = :id"
        (message,) = self.storage.db.read(sql, {"id": thread.id})
        (sent,) = self.site.messages(thread)
        shown = message["body"] == sent.text or message["kind"] == "media"
        return bool(shown and message["direction"] == "inbound")


@pytest.fixture
def inn(site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]) -> Inn:
    return Inn(site, FakeAirbnb(site), storage, make_config())


# Kinds of sickness

Sicken = Callable[[Inn], None]


def switched(**switches: Any) -> Sicken:
    def sicken(inn: Inn) -> None:
        inn.site.thread_trouble(inn.sick, **switches)

    return sicken


def odd(change: Callable[[Json], Any]) -> Sicken:
    """What is odd in the answer of that conversation alone."""

    def sicken(inn: Inn) -> None:
        def changed(data: Json) -> None:
            if (data["data"]["threadData"] or {}).get("id") == inn.sick.id:
                change(data["data"])

        inn.site.odd("thread", changed)

    return sicken


def thread_is(value: Any) -> Sicken:
    return odd(lambda data: data.update(threadData=value))


def field_is(name: str, value: Any) -> Sicken:
    return odd(lambda data: data["threadData"].update({name: value}))


def messages_are(value: Any) -> Sicken:
    return odd(lambda data: data["threadData"]["messageData"].update(messages=value))


def newest_is(**values: Any) -> Sicken:
    return odd(lambda d: d["threadData"]["messageData"]["messages"][-1].update(values))


def another_one(data: Json) -> None:
    data["threadData"]["id"] = shapes.global_id("MessageThread", "999999999")


def fails_in_storage(inn: Inn) -> None:
    """A fault of the program's, met in that conversation alone."""
    take_in = inn.storage.readings.take_in

    def fails(reading: Reading, *more: Any, **named: Any) -> Any:
        assert reading.thread.id != inn.sick.id
        return take_in(reading, *more, **named)

    inn.storage.readings.take_in = fails  # type: ignore[method-assign]


def hidden(inn: Inn) -> None:
    """Between the list and the reading, as where the row is an older one."""
    inn.site.on("thread_read", lambda thread: inn.site.hide(inn.sick))


API = {
    **{
        f"HTTP {status}": switched(api_status=status)
        for status in (400, 401, 403, 404, 410, 418, 420, 429, 500, 502, 503)
    },
    "errors and no data": switched(api_errors="data"),
    "errors and a null field": switched(api_errors="field"),
    "HTML": switched(html_on_api=True),
}
ODD = {
    "a conversation that is a list": thread_is([[]]),
    "a conversation that is a number": thread_is(5),
    "an empty conversation": thread_is({}),
    "another conversation": odd(another_one),
    "messageData null": field_is("messageData", None),
    "messageData a list": field_is("messageData", [None]),
    "messages null": messages_are(None),
    "messages a text": messages_are("none"),
    "no messages": messages_are([]),
    "messages that are numbers": messages_are([1, 2, 3]),
    "messages that are lists": messages_are([[None], [[]]]),
    "a null message": messages_are([None]),
    "an id that is a number": newest_is(id=32804117032),
    "no account": newest_is(account=None),
    "an account of numbers": newest_is(account={"accountId": 5, "accountType": 6}),
    "no time": newest_is(createdAtMs=None),
    "a time that is a list": newest_is(createdAtMs=[1]),
    "no kind": newest_is(contentType=None),
    "no content": newest_is(hydratedContent=None),
    "content that is a number": newest_is(hydratedContent={"content": 12}),
    "a null body": newest_is(hydratedContent={"content": {"body": None}}),
}
READING = {**API, **ODD, "a fault of ours": fails_in_storage}


# SYNC


@pytest.mark.parametrize("kind", READING)
def test_it_is_named_the_others_are_answered_and_when_it_is_well_it_is_too(
    inn: Inn, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    take_in = inn.storage.readings.take_in
    READING[kind](inn)
    inn.cycle()
    assert inn.all_but_the_sick_one_are_answered()
    row = inn.row(inn.sick)
    assert row["trouble"] and row["trouble"] == row["reason"]
    assert row["seen_mark"] is None
    assert inn.is_stored_from_the_row(inn.sick)
    inn.cycle(2)
    assert inn.waits_for_a_person() == [("Maya", row["trouble"])]
    assert inn.session() == SessionState.OK
    assert caplog.text.count("3 times in a row") == 1
    assert "Kanarien" not in caplog.text + row["trouble"]
    inn.site.clear_trouble()
    inn.storage.readings.take_in = take_in  # type: ignore[method-assign]
    inn.cycle()
    assert inn.answered(inn.sick)
    assert inn.row(inn.sick)["trouble"] is None


PEOPLE: list[Any] = [None, 5, {"edges": None}, {"edges": [None, 7, [], {"node": 1}]}]


@pytest.mark.parametrize("people", PEOPLE)
def test_where_the_people_are_odd_the_row_says_who_they_are(
    inn: Inn, people: Any
) -> None:
    field_is("participants", people)(inn)
    inn.cycle()
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])
    assert "participants.edges" in inn.row(inn.sick)["trouble"]


@pytest.mark.parametrize("people", PEOPLE)
def test_where_they_are_odd_everywhere_nothing_is_guessed(
    inn: Inn, people: Any
) -> None:
    field_is("participants", people)(inn)
    inn.site.odd("list", first_node_has(participants=people))
    inn.cycle()
    assert inn.all_but_the_sick_one_are_answered()
    assert inn.row(inn.sick)["seen_mark"] is None
    inn.site.clear_trouble()
    inn.cycle()
    assert inn.answered(inn.sick)


def test_one_that_is_shown_no_more_is_named(inn: Inn) -> None:
    hidden(inn)
    inn.cycle()
    assert inn.all_but_the_sick_one_are_answered()
    assert "does not show" in inn.row(inn.sick)["trouble"]
    assert "does not show" in (inn.shown()["Maya"] or "")


def test_all_are_read_when_three_sick_ones_stand_at_the_top_and_nobody_rests(
    inn: Inn,
) -> None:
    inn.site.hide(inn.resting)
    for thread in (inn.sick, *inn.healthy[3:]):
        inn.site.thread_trouble(thread, api_status=500)
    inn.cycle()
    assert [inn.answered(thread) for thread in inn.healthy[:3]] == [True] * 3
    assert inn.session() == SessionState.OK


@pytest.mark.parametrize("rests", [True, False])
def test_conversations_that_cannot_be_read_anywhere_are_the_sites(
    inn: Inn, rests: bool
) -> None:
    if rests:
        inn.read()
    inn.site.trouble.api_for = "ViaductGetThreadAndDataQuery"
    inn.site.trouble.api_status = 500
    for thread in (*inn.healthy, inn.sick):
        inn.site.guest_writes(thread, "Hello?")
    assert not inn.read()
    assert inn.session() == SessionState.UNAVAILABLE
    inn.site.clear_trouble()
    inn.cycle(2)
    assert all(inn.answered(thread) for thread in [*inn.healthy, inn.sick])


@pytest.mark.parametrize("errors", ["data", "field"])
def test_an_outage_of_the_list_is_tried_again_in_seconds(inn: Inn, errors: str) -> None:
    inn.site.trouble.api_errors = errors
    assert not inn.read()
    assert inn.session() == SessionState.UNAVAILABLE
    inn.site.clear_trouble()
    inn.cycle()
    assert all(inn.answered(thread) for thread in inn.healthy)


# Rows of the list


def rows(data: Json, name: str = "inboxItems") -> list[Any]:
    found = data["data"]["node"]["messagingInbox"][name]["edges"]
    assert isinstance(found, list)
    return found


def first_row_is(value: Any) -> Callable[[Json], None]:
    def change(data: Json) -> None:
        rows(data)[0] = rows(data, "priorityItems")[0] = value

    return change


def first_node_has(**values: Any) -> Callable[[Json], None]:
    def change(data: Json) -> None:
        for name in ("inboxItems", "priorityItems"):
            rows(data, name)[0]["node"].update(values)

    return change


NULL_ROWS: list[object] = [
    None,
    5,
    [],
    {},
    {"node": None},
    {"node": []},
    {"node": {"id": None}},
]


@pytest.mark.parametrize("value", NULL_ROWS)
def test_a_null_row_takes_nothing_from_the_others(
    inn: Inn, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    inn.site.odd("list", first_row_is(value))
    inn.cycle()
    assert inn.all_but_the_sick_one_are_answered()
    cycles = inn.storage.shown.overview(inn.clock()).cycles
    assert "1 row not understood" in cycles["sync"].outcome
    inn.read()
    assert caplog.text.count("a row of the list is not understood: ") == 1
    inn.site.clear_trouble()
    inn.cycle()
    assert inn.answered(inn.sick)


POOR_ROWS = [
    {"participants": None},
    {"participants": {"edges": [None]}},
    {"participants": {"edges": [{"node": {"accountId": 5}}]}},
    {"inboxTitle": None, "inboxDescription": 5, "userThreadTags": [None, 7, {}]},
    {"messageData": None},
    {"messageData": None, "messages": None},
    {"messageData": {"messages": [None]}, "messages": {"edges": [None]}},
    {"messageData": {"messages": [{"id": 5}]}, "messages": {"edges": [5]}},
    {"mostRecentInboxActivityAtMsFromROS": [None]},
]


@pytest.mark.parametrize("values", POOR_ROWS)
def test_a_poor_row_is_enough_to_read_its_conversation(inn: Inn, values: Json) -> None:
    inn.site.odd("list", first_node_has(**values))
    inn.cycle()
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])
    inn.site.guest_writes(inn.sick, "And breakfast?")
    inn.cycle()
    assert len(inn.site.posted(inn.sick)) == 2


def test_a_page_of_odd_rows_does_not_end_the_walk(inn: Inn) -> None:
    inn.site.trouble.page_size, inn.site.trouble.priority_rows = 1, 0
    inn.site.odd("list", lambda data: rows(data).__setitem__(0, None))
    inn.read()
    inn.site.clear_trouble()
    inn.cycle()
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])


def test_most_rows_odd_is_a_changed_site(inn: Inn) -> None:
    inn.site.odd("list", lambda data: rows(data).__setitem__(slice(0, 4), [None] * 4))
    assert not inn.read()
    assert inn.session() == SessionState.UNKNOWN
    assert "inboxItems.edges[0]" in inn.storage.session.get().sentence


def test_half_an_emoji_is_stored_and_answered(inn: Inn) -> None:
    inn.site.guest_writes(inn.sick, "Merci \ud83d")
    inn.sick.listing = "Loft \ude00"
    inn.cycle()
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])
    assert "Merci \ufffd" in [line.body for line in inn.storage.shown.messages(9)]


# SEND

OF_TYPING = {
    "no composer": switched(composer="none"),
    "Send stays disabled": switched(send_disabled_for="https?://"),
}
SENDING = {
    **API,
    **OF_TYPING,
    "a null conversation": thread_is(None),
    "a conversation that is a list": thread_is([[]]),
    "messages null": messages_are(None),
    "shown no more": lambda inn: inn.site.hide(inn.sick),
    "a fault of ours": fails_in_storage,
}
WITH_LINK = "Send stays disabled"


def only_the_sick_reply_has_a_link(inn: Inn) -> None:
    inn.queued()
    reply = inn.reply(inn.sick)
    with inn.storage.db.transaction() as tx:
        sql = "UPDATE queue_outbox SET message = :text WHERE id = :id"
        tx.execute(sql, {"text": f"Look: {LINK}", "id": reply.id})


@pytest.mark.parametrize("kind", SENDING)
def test_a_reply_there_is_counted_and_ends_failed_with_the_sentence(
    inn: Inn, kind: str
) -> None:
    only_the_sick_reply_has_a_link(inn)
    SENDING[kind](inn)
    inn.send()
    assert inn.all_but_the_sick_one_are_answered()
    assert (inn.reply(inn.sick).status, inn.reply(inn.sick).attempts) == ("pending", 1)
    tries = []
    while (reply := inn.reply(inn.sick)).status == "pending":
        tries.append(reply.attempts)
        inn.send(16)
    assert (reply.status, reply.presses) == ("failed", 0)
    assert [tries.count(n) for n in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert any(
        (reply.last_error or "?") in what for _, what in inn.waits_for_a_person()
    )
    assert inn.session() == SessionState.OK


@pytest.mark.parametrize("kind", SENDING)
def test_it_is_sent_when_the_conversation_is_well_again(inn: Inn, kind: str) -> None:
    take_in = inn.storage.readings.take_in
    only_the_sick_reply_has_a_link(inn)
    SENDING[kind](inn)
    inn.send()
    inn.site.clear_trouble()
    inn.site.hide(inn.sick, hidden=False)
    inn.storage.readings.take_in = take_in  # type: ignore[method-assign]
    inn.send(20)
    assert inn.reply(inn.sick).status == "sent"


def test_a_fault_of_ours_while_proving_forgets_no_proof(inn: Inn) -> None:
    inn.queued()
    inn.airbnb.before("press_send", lambda: fails_in_storage(inn))
    inn.send()
    assert inn.reply(inn.sick).status == "sent"
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])


def leave(inn: Inn, *threads: Thread) -> None:
    for thread in threads:
        inn.site.thread_trouble(thread, composer="none")


@pytest.mark.parametrize("others_wait", [True, False])
def test_two_guests_who_have_left_do_not_shut_the_site(
    inn: Inn, others_wait: bool
) -> None:
    inn.queued()
    if not others_wait:
        for thread in inn.healthy[1:]:
            inn.storage.verbs.cancel_reply(inn.reply(thread).id, inn.clock())
    leave(inn, inn.sick, inn.healthy[0])
    for _ in range(60):
        inn.send(15)
        assert inn.session() == SessionState.OK
    left = [inn.reply(thread).status for thread in (inn.sick, inn.healthy[0])]
    assert left == ["failed", "failed"]
    assert all(inn.answered(thread) for thread in inn.healthy[1:]) is others_wait


def test_two_who_have_left_stop_nobody_where_no_conversation_rests(inn: Inn) -> None:
    inn.site.hide(inn.resting)
    inn.queued()
    leave(inn, inn.sick, inn.healthy[0])
    inn.send()
    assert all(inn.answered(thread) for thread in inn.healthy[1:])
    assert inn.session() == SessionState.OK


def test_where_nobody_else_is_there_the_site_is_blamed_once(inn: Inn) -> None:
    for thread in (inn.resting, *inn.healthy[1:]):
        inn.site.hide(thread)
    inn.queued()
    leave(inn, inn.sick, inn.healthy[0])
    inn.send()
    assert inn.session() == SessionState.UNKNOWN
    for _ in range(20):
        inn.send(901)
    left = [inn.reply(thread).status for thread in (inn.sick, inn.healthy[0])]
    assert left == ["failed", "failed"]
    assert inn.session() == SessionState.OK


@pytest.mark.parametrize("gone", ["composer", "all"])
def test_what_works_nowhere_is_the_sites_and_no_reply_is_lost(
    inn: Inn, gone: str
) -> None:
    inn.queued()
    inn.site.trouble.markup_gone = gone
    inn.site.trouble.composer = "none"
    inn.send()
    assert inn.session() == SessionState.UNKNOWN
    for _ in range(5):
        inn.send(3700)
    replies = [inn.reply(thread) for thread in [inn.sick, *inn.healthy]]
    assert {reply.status for reply in replies} == {"pending"}
    assert sorted(reply.attempts for reply in replies) == [0, 0, 0, 0, 0, 1]
    inn.site.clear_trouble()
    inn.send(3700)
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])


# In Chromium


@pytest.fixture
def real(
    site: AirbnbSite,
    airbnb: Airbnb,
    storage: Storage,
    make_config: Callable[..., Config],
) -> Inn:
    return Inn(site, airbnb, storage, make_config(), healthy=2)


IN_CHROMIUM = ["HTTP 401", "HTML", "no account"]


@pytest.mark.browser
@pytest.mark.parametrize("kind", IN_CHROMIUM)
def test_in_chromium_a_first_run_that_opens_the_sick_one_reads_the_others(
    real: Inn, kind: str
) -> None:
    READING[kind](real)  # it is the newest: the bare inbox opens it
    real.cycle()
    assert real.all_but_the_sick_one_are_answered()
    assert real.session() == SessionState.OK
    assert real.row(real.sick)["trouble"]
    real.site.clear_trouble()
    real.cycle()
    assert real.answered(real.sick)


@pytest.mark.browser
def test_in_chromium_one_that_never_answers_keeps_nobody_waiting(
    real: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PAGE_TIMEOUT_S", 2.0)
    monkeypatch.setattr(reader, "ANSWER_TIMEOUT_S", 1.0)
    real.site.thread_trouble(real.sick, hang=True)
    real.cycle()
    assert real.all_but_the_sick_one_are_answered()
    assert real.session() == SessionState.OK


@pytest.mark.browser
@pytest.mark.parametrize("kind", OF_TYPING)
def test_in_chromium_one_that_takes_no_reply_keeps_nobody_waiting(
    real: Inn, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(composer, "COMPOSER_TIMEOUT_S", 1.0)
    only_the_sick_reply_has_a_link(real)
    SENDING[kind](real)
    real.send()
    assert real.all_but_the_sick_one_are_answered()
    reply = real.reply(real.sick)
    assert (reply.status, reply.attempts, reply.presses) == ("pending", 1, 0)
    assert real.session() == SessionState.OK


@pytest.mark.browser
def test_in_chromium_the_page_rests_in_a_sick_conversation_without_harm(
    real: Inn,
) -> None:
    real.read()
    real.site.thread_trouble(real.resting, api_status=500)
    real.syncer._full_at = 0.0  # the page is loaded anew, where it rests
    real.cycle()
    assert all(real.answered(thread) for thread in [real.sick, *real.healthy])
    assert real.session() == SessionState.OK


# Whose trouble is it?


def blamed(*steps: str, elsewhere: str = "rest") -> list[bool]:
    """`a` fails, `+a` works; whether the site is blamed, each time."""
    blame, told = Blame(), []
    for step in steps:
        if step.startswith("+"):
            blame.worked("type", step[1:])
            continue
        others = elsewhere.split()
        works = lambda _, id_: id_ == "well"  # noqa: E731
        told.append(blame.is_the_sites("type", step, others, works))
    return told


@pytest.mark.parametrize(
    ("steps", "elsewhere", "told"),
    [
        ("a", "rest", [False]),
        ("a a a a", "rest", [False] * 4),
        ("a b", "rest", [False, True]),
        ("a b", "well", [False, False]),
        ("a b", "rest well", [False, False]),
        ("a b", "a b", [False, True]),
        ("a b", "x y z well", [False, True]),
        ("a +c b", "rest", [False, False]),
        ("a +c b c", "rest", [False, False, True]),
        ("a +c a b", "rest", [False, False, False]),
        ("a +a a b", "rest", [False, False, True]),
        ("a b a b", "rest", [False, True, True, True]),
        ("a b a b c", "", [False, True, False, False, False]),
        ("a b a b c d", "", [False, True, False, False, False, True]),
    ],
)
def test_the_site_is_blamed_when_a_step_works_nowhere(
    steps: str, elsewhere: str, told: list[bool]
) -> None:
    assert blamed(*steps.split(), elsewhere=elsewhere) == told


def test_steps_are_judged_apart_and_few_conversations_are_tried() -> None:
    blame, tried = Blame(), []

    def works(step: str, thread_id: str) -> bool:
        tried.append(thread_id)
        return False

    assert not blame.is_the_sites("read", "a", "", works)
    assert not blame.is_the_sites("type", "b", "", works)
    assert blame.is_the_sites("read", "b", "cdcefgh", works)
    assert tried == ["c", "d", "e"] and len(tried) == TRIED_ELSEWHERE


# The queue is fair


def test_five_hundred_rows_of_one_conversation_keep_nobody_waiting(inn: Inn) -> None:
    inn.queued()
    with inn.storage.db.transaction() as tx:
        for number in range(500):
            tx.execute(
                """
                INSERT INTO queue_outbox (id, thread_id, message, sender, status,
                                          created_at)
                VALUES (:id, :thread_id, 'x', 'x', 'pending', '2020-01-01T00:00:00Z')
                """,
                {"id": f"row-{number}", "thread_id": inn.resting.id},
            )
    inn.sender.run(lambda: inn.airbnb.calls.count("press_send") >= 6)
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])


def test_replies_over_their_limit_keep_nobody_waiting(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> None:
    inn = Inn(
        site, FakeAirbnb(site), storage, make_config(send__max_per_thread_hour="1")
    )
    inn.site.guest_writes(inn.sick, "Hello?")
    inn.cycle()
    assert inn.answered(inn.sick)
    inn.site.guest_writes(inn.sick, "And breakfast?")
    inn.site.guest_writes(inn.resting, "Hello again")
    inn.cycle()
    assert inn.answered(inn.resting)
    reply = inn.reply(inn.sick)
    assert (reply.status, reply.attempts) == ("pending", 0)
    assert "replies an hour in one conversation" in (reply.last_error or "")


def test_six_hundred_bogus_rows_keep_nobody_waiting(inn: Inn) -> None:
    inn.read()
    taken = 0
    for number in range(600):
        thread_id = shapes.global_id("MessageThread", f"9990{number:05}")
        try:
            inn.storage.outbox.enqueue_without_turn(thread_id, "x", "x", inn.clock())
            taken += 1
        except QueueFull as e:
            assert str(e) == "too many messages wait already, send this one later"
    assert taken == MOST_WITHOUT_TURN
    inn.answer()
    inn.sender.run(lambda: inn.airbnb.calls.count("press_send") >= 6)
    assert all(inn.answered(thread) for thread in [inn.sick, *inn.healthy])
    assert inn.storage.shown.reply_counts()["pending"] == MOST_WITHOUT_TURN
    inn.send()
    counts = inn.storage.shown.reply_counts()
    assert counts == {"sent": 6, "failed": MOST_WITHOUT_TURN}
    with pytest.raises(QueueFull, match="that airbot has not read"):
        inn.storage.outbox.enqueue_without_turn(thread_id, "y", "x", inn.clock())
    assert inn.storage.outbox.enqueue_without_turn(inn.sick.id, "y", "x", inn.clock())
    session = inn.storage.session.get()
    [waits] = inn.storage.shown.waiting(session, inn.clock())
    assert waits.what.startswith("20 replies to conversations that Airbnb does not")
    later = inn.clock() + timedelta(days=8)
    assert inn.storage.shown.waiting(session, later) == []


def test_what_cannot_be_settled_keeps_nobody_waiting(inn: Inn) -> None:
    """Each look at an uncertain reply takes longer than the next one is away."""
    inn.queued()
    inn.site.trouble.send = "swallow"
    unsettled = [inn.sick, *inn.healthy[:3]]
    for thread in inn.healthy[3:]:
        inn.storage.verbs.cancel_reply(inn.reply(thread).id, inn.clock())
    inn.send()
    inn.site.clear_trouble()
    for thread in unsettled:
        inn.site.thread_trouble(thread, held_back=HeldBack())
    inn.site.guest_writes(inn.resting, "Hello again")
    inn.site.on("thread_read", lambda thread: inn.clock.advance(20))
    inn.read()
    inn.answer()
    looks = itertools.count()
    inn.sender.run(lambda: next(looks) > 12)
    assert inn.answered(inn.resting)


def test_age_is_judged_at_the_claim_before_anything_is_read(inn: Inn) -> None:
    inn.queued()
    inn.airbnb.calls.clear()
    inn.clock.advance(13 * 3600)
    inn.site.guest_writes(inn.resting, "Hello again")
    inn.send()
    assert inn.airbnb.calls == []
    assert inn.reply(inn.sick).status == "cancelled"
    assert inn.reply(inn.sick).last_error == "older than 12 h"
    turn = inn.storage.turns.newest(inn.sick.id)
    assert turn and turn.status == TurnStatus.EXPIRED
    inn.cycle()
    assert inn.answered(inn.resting)


def test_also_of_what_answers_no_question(inn: Inn) -> None:
    inn.read()
    outbox = inn.storage.outbox
    reply = outbox.enqueue_without_turn(inn.sick.id, "Hi", "x", inn.clock())
    inn.airbnb.calls.clear()
    inn.send(13 * 3600)
    kept = outbox.get(reply.id)
    assert kept and (kept.status, kept.last_error) == ("cancelled", "older than 12 h")
    assert inn.airbnb.calls == []
