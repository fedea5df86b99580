"""Years of messages: no query of the daemon's or of a person's reads a whole table.

Every statement that the program sends to SQLite in a busy life is noted, and SQLite is
asked how it would find the rows.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest
from support.builders import RULES
from support.fakes import FakeAirbnb
from support.fakes import Scene

from airbot.config import Config
from airbot.exceptions import VerbRefused
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

# They grow with the years. A walk over an index alone (counts by state) is cheap, and
# so are the first rows in an order that is there.
LARGE = ("messages", "turns", "queue_outbox")
WALK = re.compile(r"SCAN (\w+)(?! USING COVERING INDEX)")


@pytest.fixture
def asked(storage: Storage) -> set[str]:
    """The statements that are sent to SQLite from now on."""
    asked: set[str] = set()
    storage.db._connection().set_trace_callback(asked.add)
    return asked


def live(scene: Scene) -> None:
    """A busy life: all that happens in the loop, and all that a person does."""
    storage, now = scene.storage, scene.clock()
    scene.queue("Yes, it is.")
    scene.later(0)
    scene.site.trouble.send = "swallow"
    scene.queue("And yes again.")
    scene.later(0)
    scene.later(200)
    scene.later(200)
    scene.guest("Hello?")
    scene.syncer.run()
    storage.outbox.recover(now)
    storage.outbox.is_due(now, RULES)
    scene.thread = scene.site.add_thread("Kenji")
    scene.guest("One more")
    scene.syncer.run()
    storage.turns.waits_for_answer(now)
    storage.turns.open_questions()
    turn = storage.turns.claim_next(now, now)
    assert turn is not None
    storage.turns.question(turn)
    storage.turns.ask_again(turn, "later", now, False, now)
    storage.turns.give_up(turn.id, "no", now)
    storage.turns.expire(now, now, RULES)
    storage.shown.overview(now)
    storage.shown.messages(20)
    storage.shown.replies(20)
    storage.verbs.retry_turn(turn.id[:8], now - timedelta(days=9), now)
    reply = storage.outbox.get(scene.reply_id)
    assert reply is not None
    tried: list[Callable[[], object]] = [
        lambda: storage.verbs.retry_reply(reply.id[:8], now, True, now),
        lambda: storage.verbs.cancel_reply(reply.id[:8], now),
        lambda: storage.verbs.resolve_reply(reply.id[:8], True, now),
    ]
    for verb in tried:
        try:
            verb()
        except VerbRefused:
            pass
    storage.outbox.enqueue_without_turn(scene.thread.id, "Hi", "a person", now)
    storage.prune(now)


def walks(connection: sqlite3.Connection, statement: str) -> list[str]:
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    aliases = dict(
        re.findall(r"(?:FROM|JOIN|UPDATE)\s+(\w+)\s+(?:AS\s+)?(\w+)", statement)
    )
    names = {alias: table for table, alias in aliases.items()}
    details = [row["detail"] for row in plan]
    sorts = any("TEMP B-TREE FOR" in detail for detail in details)
    first_rows = re.search(r"ORDER BY .* LIMIT", statement, re.DOTALL) and not sorts
    walked = [m[1] for d in details if (m := WALK.match(d)) and not first_rows]
    return [name for name in walked if names.get(name, name) in LARGE]


def test_no_statement_walks_over_a_table_that_grows(
    site: AirbnbSite,
    storage: Storage,
    asked: set[str],
    make_config: Callable[..., Config],
) -> None:
    live(Scene(site, FakeAirbnb(site), storage, make_config()))
    connection = storage.db._connection()
    connection.set_trace_callback(None)
    plain = {
        s for s in asked if s.split()[0] in ("SELECT", "UPDATE", "DELETE", "INSERT")
    }
    assert len(plain) > 50
    walked = {s: found for s in plain if (found := walks(connection, s))}
    assert not walked


def test_a_walk_would_be_seen(storage: Storage) -> None:
    connection = storage.db._connection()
    assert walks(connection, "SELECT body FROM messages m WHERE m.note = 'x'") == ["m"]
    assert walks(connection, "SELECT * FROM threads WHERE title = 'x'") == []
