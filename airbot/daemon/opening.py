"""The database and the locks are opened here and nowhere else, each for its purpose.

    for_running       the daemon and --once: all locks, the database brought up to date
    for_dry_run       the profile's lock, and a copy of the database
    for_a_person      reconnect: the daemon steps aside, the database brought up to date
    for_a_verb        `airbot outbox cancel` and the like: beside a running daemon
    for_a_look        `airbot status` and the like: nothing is changed or left behind
    for_a_copy        `airbot backup`: as for a look, of whatever version it is

Who runs or reconnects is the owner of what airbot keeps, or is refused. It imports
little: `airbot status` must not wait for what only a daemon needs.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import closing
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airbot import private
from airbot.config import Config
from airbot.config.owner import check_owner
from airbot.exceptions import StorageError
from airbot.locks import InstanceLock
from airbot.locks import database_lock
from airbot.locks import profile_lock
from airbot.locks import reconnect_lock
from airbot.logs import LOG_FILES
from airbot.storage import Shown
from airbot.storage import Storage
from airbot.storage import View

STEP_ASIDE_S = 30.0  # the daemon closes its browser first
PROBING_S = 2.0  # the daemon looks at the lock now and then
GLANCE_S = 0.2  # `airbot status` looks whether it is held

logger = logging.getLogger("airbot.daemon")


@dataclass(frozen=True)
class Opened:
    """What a run holds.

    `profile` is our lock on the browser's profile, `reconnect` the lock of a person who
    wants it.
    """

    profile: InstanceLock
    reconnect: InstanceLock
    storage: Storage


def is_running(config: Config) -> bool:
    """Does an airbot hold the database now?"""
    return database_lock(config.storage.path).is_held()


def is_reconnecting(config: Config) -> bool:
    """Has a person the browser's profile, or wants it?"""
    return reconnect_lock(config.airbnb.session_dir).is_held()


@contextmanager
def for_running(config: Config, patient: bool) -> Iterator[Opened]:
    """Raises ConfigError, AlreadyRunning, StorageError.

    A `patient` daemon goes without the profile while a person reconnects.
    """
    close_to_others(config)
    profile = profile_lock(config.airbnb.session_dir)
    reconnect = reconnect_lock(config.airbnb.session_dir)
    with ExitStack() as stack:
        stack.enter_context(_held(database_lock(config.storage.path), GLANCE_S))
        stack.callback(profile.release)
        if not (patient and reconnect.is_held()):
            profile.acquire()
        storage = stack.enter_context(closing(Storage(config.storage.path)))
        storage.check()
        yield Opened(profile, reconnect, storage)


@contextmanager
def for_dry_run(config: Config) -> Iterator[Storage]:
    close_to_others(config)
    with _held(profile_lock(config.airbnb.session_dir)), _copied(config) as storage:
        yield storage


@contextmanager
def for_a_person(config: Config) -> Iterator[Storage]:
    close_to_others(config)
    profile = config.airbnb.session_dir
    with (
        _held(reconnect_lock(profile), PROBING_S),
        _held(profile_lock(profile, "airbot reconnect"), STEP_ASIDE_S),
        closing(Storage(config.storage.path)) as storage,
    ):
        yield storage


@contextmanager
def for_a_verb(config: Config) -> Iterator[Storage]:
    with closing(Storage(_there(config))) as storage:
        yield storage


@contextmanager
def for_a_look(config: Config) -> Iterator[Shown]:
    """What the airbot before the update has left is looked at in a copy, made new."""
    with for_a_copy(config) as view:
        if view.is_current():
            yield Shown(view)
            return
    with _copied(config) as storage:
        yield storage.shown


@contextmanager
def for_a_copy(config: Config) -> Iterator[View]:
    with closing(View(_there(config))) as view:
        yield view


def _there(config: Config) -> Path:
    """The database that is there; only a run makes one."""
    path = config.storage.path
    if not path.exists():
        raise StorageError(
            f"there is no database {path} yet: airbot has not run here"
            f" (settings: {config.read_from})"
        )
    return path


@contextmanager
def _copied(config: Config) -> Iterator[Storage]:
    """A copy that is brought up to date in the original's stead, and thrown away."""
    with tempfile.TemporaryDirectory(prefix="airbot-copy-") as folder:
        copy = Path(folder) / "copy.db"
        if config.storage.path.exists():
            with for_a_copy(config) as original:
                original.copy_to(copy)
        with closing(Storage(copy)) as storage:
            yield storage


@contextmanager
def _held(lock: InstanceLock, patience_s: float = 0) -> Iterator[None]:
    lock.acquire(patience_s)
    try:
        yield
    finally:
        lock.release()


# Whose it is


def close_to_others(config: Config) -> None:
    """What airbot keeps is its user's alone; what stays open is said.

    Raises ConfigError where it is another user's.
    """
    check_owner(config.kept)
    profile = private.real_path(config.airbnb.session_dir)
    locks = (profile.with_name(profile.name + end) for end in (".lock", ".reconnect"))
    said = private.close_profile(profile) + private.close_files(locks)
    said += private.close_database(private.real_path(config.storage.path))
    if config.logging.dir is not None:
        said += private.close_logs(config.logging.dir, LOG_FILES)
    for sentence in dict.fromkeys(said):
        logger.warning("%s", sentence)
