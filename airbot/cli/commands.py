"""`airbot status`, `messages`, `outbox`: beside a running daemon, and without one."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import datetime

from airbot.cli import as_json
from airbot.cli import layout
from airbot.cli.here import command_here
from airbot.cli.status import Status
from airbot.cli.status import before_the_first_start
from airbot.cli.status import status_lines
from airbot.config import Config
from airbot.daemon.opening import for_a_copy
from airbot.daemon.opening import for_a_look
from airbot.daemon.opening import for_a_verb
from airbot.daemon.opening import is_reconnecting
from airbot.daemon.opening import is_running
from airbot.exceptions import ExitCode
from airbot.models import Reply
from airbot.models import utcnow
from airbot.storage import Storage


def status(config: Config, parsed: argparse.Namespace) -> int:
    now = utcnow()

    def here(command: str) -> str:
        return command_here(command, config, parsed.config)

    if not config.storage.path.exists():
        _print(parsed, as_json.no_status(config), before_the_first_start(config, here))
        return ExitCode.FAILED
    with for_a_look(config) as shown:
        overview = shown.overview(now)
    running, reconnecting = is_running(config), is_reconnecting(config)
    found = Status.of(overview, config, running, reconnecting, now)
    _print(parsed, as_json.status(found), status_lines(found, now, here))
    return found.exit_code


def messages(config: Config, parsed: argparse.Namespace) -> int:
    with for_a_look(config) as shown:
        lines = shown.messages(parsed.limit)
    _print(parsed, as_json.messages(lines), layout.message_lines(lines))
    return ExitCode.DONE


def outbox(config: Config, parsed: argparse.Namespace) -> int:
    with for_a_look(config) as shown:
        lines = shown.replies(parsed.limit)
    _print(parsed, as_json.outbox(lines), layout.outbox_lines(lines))
    return ExitCode.DONE


def backup(config: Config, parsed: argparse.Namespace) -> int:
    with for_a_copy(config) as view:
        view.back_up(parsed.file)
    print(f"the database is copied to {parsed.file}")
    return ExitCode.DONE


def messages_retry(config: Config, parsed: argparse.Namespace) -> int:
    with for_a_verb(config) as storage:
        oldest = _oldest(storage, config)
        turn = storage.verbs.retry_turn(parsed.id, oldest, utcnow(), parsed.old)
    print(f"turn {turn.short_id} will be asked again")
    return ExitCode.DONE


def messages_done(config: Config, parsed: argparse.Namespace) -> int:
    from airbot.airbnb import thread_id_from  # `status` must not wait for it

    with for_a_verb(config) as storage:
        name = parsed.conversation
        thread_id = storage.verbs.done(name, thread_id_from(name), utcnow())
    print(f"nothing waits any more in conversation {thread_id}")
    return ExitCode.DONE


def outbox_retry(config: Config, parsed: argparse.Namespace) -> int:
    with for_a_verb(config) as storage:
        return _said(
            storage.verbs.retry_reply(
                parsed.id, _oldest(storage, config), parsed.old, utcnow()
            )
        )


def outbox_cancel(config: Config, parsed: argparse.Namespace) -> int:
    with for_a_verb(config) as storage:
        return _said(storage.verbs.cancel_reply(parsed.id, utcnow()))


def outbox_resolve(config: Config, parsed: argparse.Namespace) -> int:
    with for_a_verb(config) as storage:
        return _said(storage.verbs.resolve_reply(parsed.id, parsed.sent, utcnow()))


def _print(parsed: argparse.Namespace, values: str, words: Iterable[str]) -> None:
    print(values if parsed.json else "\n".join(words))


def _said(reply: Reply) -> int:
    print(f"reply {reply.short_id} is {reply.status}")
    return ExitCode.DONE


def _oldest(storage: Storage, config: Config) -> datetime:
    """A guest text sent before this time, by Airbnb's clock, is too old to answer."""
    site_now = storage.session.get().site_time(utcnow())
    return site_now - config.sync.max_age
