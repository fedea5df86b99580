"""The database stays small, and forgets nothing that is still under way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from support.fakes import FakeAirbnb
from support.fakes import Scene

from airbot.config import Config
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage
from airbot.storage import inbox

DAYS_400 = 400 * 86400.0


@pytest.fixture
def scene(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> Scene:
    config = make_config(
        send__max_per_hour="1000", send__settle_sec="1", sync__max_age_hours="20000"
    )
    return Scene(site, FakeAirbnb(site), storage, config)


def meet(scene: Scene, name: str) -> str:
    """A guest who writes, and gets an answer."""
    scene.thread = scene.site.add_thread(name)
    scene.queue(f"Yes, {name}.")
    scene.later(0)
    return scene.thread.id


def known(storage: Storage) -> set[str]:
    return set(storage.inbox.seen_marks())


def rows(storage: Storage, thread_id: str | None = None) -> dict[str, int]:
    """How many rows there are, of all conversations or of one."""
    counts = {}
    for table in ("messages", "turns", "queue_outbox"):
        (row,) = storage.db.read(
            f"SELECT COUNT(*) AS n FROM {table} WHERE :id IN (thread_id, 'all')",
            {"id": thread_id or "all"},
        )
        counts[table] = int(row["n"])
    return counts


def test_old_conversations_go_with_all_their_rows_and_young_ones_stay(
    scene: Scene, storage: Storage
) -> None:
    for number in range(3):
        meet(scene, f"Guest {number}")
    scene.clock.advance(DAYS_400 + 60)
    young = meet(scene, "Maya")
    assert storage.prune(scene.clock() - timedelta(days=400)) == 3
    assert known(storage) == {young}
    assert rows(storage) == {"messages": 2, "turns": 1, "queue_outbox": 1}


@pytest.mark.parametrize("left", ["new", "asked", "pending", "uncertain", "parked"])
def test_what_is_under_way_stays_however_old(
    scene: Scene, storage: Storage, left: str
) -> None:
    meet(scene, "Noor")
    scene.thread = scene.site.add_thread("Maya")
    if left in ("new", "asked"):
        scene.guest()
        scene.syncer.run()
        if left == "asked":
            assert storage.turns.claim_next(scene.clock(), scene.clock())
    else:
        scene.queue("Yes.")
        scene.site.trouble.send = "swallow"
        for seconds in {"pending": [], "uncertain": [0], "parked": [0, 20, 60]}[left]:
            scene.later(seconds)
    before = rows(storage, scene.thread.id)
    scene.clock.advance(DAYS_400 + 60)
    assert storage.prune(scene.clock() - timedelta(days=400)) == 1
    assert known(storage) == {scene.thread.id}
    assert rows(storage, scene.thread.id) == before


def test_an_old_turn_that_is_closed_goes_with_its_texts(
    scene: Scene, storage: Storage
) -> None:
    scene.guest()
    scene.syncer.run()
    storage.turns.ignore(scene.turn().id, scene.clock())
    scene.clock.advance(DAYS_400 + 60)
    assert storage.prune(scene.clock() - timedelta(days=400)) == 1
    assert rows(storage) == {"messages": 0, "turns": 0, "queue_outbox": 0}


def test_it_goes_in_small_steps_and_the_log_is_emptied(
    scene: Scene, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PRUNED_AT_ONCE", 2)
    for number in range(5):
        meet(scene, f"Guest {number}")
    scene.clock.advance(DAYS_400 + 60)
    commits: list[str] = []
    storage.db._connection().set_trace_callback(
        lambda sql: commits.append(sql) if sql == "COMMIT" else None
    )
    assert storage.prune(scene.clock() - timedelta(days=400)) == 5
    assert len(commits) >= 3
    log = storage.db.path.with_name(storage.db.path.name + "-wal")
    assert log.stat().st_size == 0
