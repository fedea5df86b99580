"""An inn of six guests, and every kind of sickness of one's conversation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from support.fakes import Clock
from support.fakes import KeptOpen

from airbot.airbnb import shapes
from airbot.config import Config
from airbot.daemon.gate import Gate
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import SessionState
from airbot.models import TurnStatus
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Thread
from airbot.send import Sender
from airbot.storage import Storage
from airbot.sync import Syncer

CYCLE_S = 45
LINK = "https://maps.example/loft"
Json = dict[str, Any]


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
