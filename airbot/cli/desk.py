"""`airbot status`, `messages`, `outbox`: beside a running daemon, and without one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from airbot.cli import as_json
from airbot.cli import show
from airbot.config import Config
from airbot.exceptions import StorageError
from airbot.models import Reply
from airbot.models import utcnow
from airbot.storage import Storage
from airbot.storage import View
from airbot.storage.overview import SHORT_ID

DONE, PERSON = 0, 77


@contextmanager
def _opened(config: Config) -> Iterator[Storage]:
    """The database that is there; to look must not make one."""
    _check_there(config.storage.path)
    with closing(Storage(config.storage.path)) as storage:
        yield storage


def _check_there(path: Path) -> None:
    if not path.exists():
        raise StorageError(f"there is no database {path} yet: airbot has not run here")


def status(config: Config, parsed: argparse.Namespace) -> int:
    now = utcnow()
    with _opened(config) as storage:
        shown = storage.shown.overview(now)
    _print(parsed, as_json.status(shown), show.status_lines(shown, now))
    return PERSON if shown.session.person_needed else DONE


def messages(config: Config, parsed: argparse.Namespace) -> int:
    with _opened(config) as storage:
        lines = storage.shown.messages(parsed.limit)
    _print(parsed, as_json.messages(lines), show.message_lines(lines))
    return DONE


def outbox(config: Config, parsed: argparse.Namespace) -> int:
    with _opened(config) as storage:
        lines = storage.shown.replies(parsed.limit)
    _print(parsed, as_json.outbox(lines), show.outbox_lines(lines))
    return DONE


def backup(config: Config, parsed: argparse.Namespace) -> int:
    _check_there(config.storage.path)
    with closing(View(config.storage.path)) as view:
        view.back_up(parsed.file)
    print(f"the database is copied to {parsed.file}")
    return DONE


def messages_retry(config: Config, parsed: argparse.Namespace) -> int:
    with _opened(config) as storage:
        turn = storage.desk.retry_turn(parsed.id, _oldest(storage, config), utcnow())
    print(f"turn {turn.id[: SHORT_ID]} will be asked again")
    return DONE


def outbox_retry(config: Config, parsed: argparse.Namespace) -> int:
    with _opened(config) as storage:
        return _said(
            storage.desk.retry_reply(
                parsed.id, _oldest(storage, config), parsed.old, utcnow()
            )
        )


def outbox_cancel(config: Config, parsed: argparse.Namespace) -> int:
    with _opened(config) as storage:
        return _said(storage.desk.cancel_reply(parsed.id, utcnow()))


def outbox_resolve(config: Config, parsed: argparse.Namespace) -> int:
    with _opened(config) as storage:
        return _said(storage.desk.resolve_reply(parsed.id, parsed.sent, utcnow()))


def _print(parsed: argparse.Namespace, values: str, words: Iterator[str]) -> None:
    print(values if parsed.json else "\n".join(words))


def _said(reply: Reply) -> int:
    print(f"reply {reply.id[: SHORT_ID]} is {reply.status}")
    return DONE


def _oldest(storage: Storage, config: Config) -> datetime:
    """Whose guests wrote before this, by Airbnb's clock, is too old to answer."""
    site_now = storage.session.get().site_time(utcnow())
    return site_now - config.sync.max_age
