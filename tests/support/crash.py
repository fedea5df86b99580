"""Named points at which the program can be killed; in the tests' own runner only.

A point is a step of the program (a commit, a browser step, a call of the AI) and the
side of it: `before:outbox.start_press` dies when the step is about to begin, `after:`
when it has happened and nobody knows of it yet. `during:site.press_send:80` dies that
many milliseconds into the step. Nothing of this is in the program itself.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from airbot.ai.host import HostAI
from airbot.airbnb import Airbnb
from airbot.browser import Browser
from airbot.browser.tab import Tab
from airbot.storage.inbox import Inbox
from airbot.storage.outbox import Outbox
from airbot.storage.readings import Readings
from airbot.storage.session import SessionStore
from airbot.storage.turns import Turns
from airbot.webhook.callers import Callers

ROOMS: dict[str, type] = {
    "ai": HostAI,
    "browser": Browser,
    "callers": Callers,
    "inbox": Inbox,
    "outbox": Outbox,
    "readings": Readings,
    "session": SessionStore,
    "site": Airbnb,
    "tab": Tab,
    "turns": Turns,
}
# After one step is before the next: only where another thread or the browser is at
# work in between do both sides differ.
BEFORE = ("site.open_inbox", "outbox.conclude")
AFTER = (
    "browser._start",
    "tab.load",
    "browser.save_cookies",
    # SYNC
    "session.set_walk_finished",
    "site.read_thread",
    "readings.left",
    "readings.take_in",
    "session.add_cycle",
    # ASK
    "turns.claim_next",
    "ai.ask",
    # the webhook
    "callers.admit",
    "outbox.enqueue",
    # SEND
    "outbox.recover",
    "outbox.claim_next",
    "site.open_thread",
    "site.type_reply",
    "site.check_typed",
    "outbox.start_press",
    "site.press_send",
    "outbox.press_seen",
    "outbox.conclude",
)
# Reached in an account's first life alone.
FIRST = ("session.set_account", "session.keep_clock_offset")
DURING = tuple(f"during:site.press_send:{ms}" for ms in (1, 30, 80))
POINTS = (
    tuple(f"before:{step}" for step in BEFORE)
    + tuple(f"after:{step}" for step in AFTER + FIRST)
    + DURING
)
# Deaths after which Send may have been pressed.
BOUNDARY = DURING + (
    "after:outbox.start_press",
    "after:site.press_send",
    "after:outbox.press_seen",
    "before:outbox.conclude",
    "after:outbox.conclude",
)
# And where a text, a question or an answer changes hands.
HANDOVERS = (
    "after:readings.take_in",
    "after:turns.claim_next",
    "after:outbox.enqueue",
    "after:outbox.claim_next",
)


def is_first(point: str) -> bool:
    return point.split(":")[1] in FIRST


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str) -> None:
    """Let this process be killed at a point, or `random:` after so many ms."""
    side, step, *milliseconds = point.split(":")
    if side == "random":
        threading.Timer(int(step) / 1000, die).start()
        return
    room, name = step.split(".")
    real = getattr(ROOMS[room], name)

    def stepped(*args: Any, **kwargs: Any) -> Any:
        if side == "before":
            die()
        if side == "during":
            threading.Timer(int(milliseconds[0]) / 1000, die).start()
        done = real(*args, **kwargs)
        # A step that found nothing to do is not the one that is meant.
        if side == "after" and done is not False and not _found_nothing(name, done):
            die()
        return done

    setattr(ROOMS[room], name, stepped)


def _found_nothing(name: str, done: Any) -> bool:
    return name == "claim_next" and done is None
