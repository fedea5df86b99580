"""The parts of a running airbot, made and joined here and nowhere else."""

from __future__ import annotations

import logging
import os
import pwd
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airbot import private
from airbot.ai.host import HostAI
from airbot.airbnb import Airbnb
from airbot.answers import Answers
from airbot.ask import Asker
from airbot.browser import Browser
from airbot.config import Config
from airbot.daemon.gate import Gate
from airbot.exceptions import ConfigError
from airbot.locks import InstanceLock
from airbot.locks import database_lock
from airbot.locks import profile_lock
from airbot.locks import reconnect_lock
from airbot.logs import LOG_FILES
from airbot.send import Sender
from airbot.storage import Storage
from airbot.sync import Syncer
from airbot.web.server import Server
from airbot.webhook import Webhook

logger = logging.getLogger("airbot.daemon")


@dataclass
class Parts:
    """What `--once` and the daemon both run.

    `send_wanted`: a reply has arrived. `profile` is our lock on the browser's profile,
    `reconnect` the lock of a person who wants it.
    """

    config: Config
    profile: InstanceLock
    reconnect: InstanceLock
    storage: Storage
    browser: Browser
    gate: Gate
    syncer: Syncer
    sender: Sender
    asker: Asker
    server: Server
    send_wanted: threading.Event


@contextmanager
def running_parts(
    config: Config, browser_arguments: tuple[str, ...] = (), patient: bool = False
) -> Iterator[Parts]:
    """Take the locks, open the database, bind and start the webhook.

    Raises AlreadyRunning, StorageError, CannotListen. The browser starts with its first
    job, and is to be closed by the thread that ran it. A `patient` daemon goes without
    the profile while a person reconnects.
    """
    close_to_others(config)
    with ExitStack() as stack:
        database = database_lock(config.storage.path)
        database.acquire()
        stack.callback(database.release)
        profile = profile_lock(config.airbnb.session_dir)
        stack.callback(profile.release)
        reconnect = reconnect_lock(config.airbnb.session_dir)
        if not (patient and reconnect.is_held()):
            profile.acquire()
        storage = Storage(config.storage.path)
        stack.callback(storage.close)
        storage.check()
        send_wanted = threading.Event()
        answers = Answers(storage, config, send_wanted.set)
        webhook = Webhook(storage, config, answers)
        host, port = config.webhook.host, config.webhook.port
        server = Server(webhook.app, host, port, "webhook")
        server.start()
        stack.callback(server.stop)
        yield _join(
            config,
            profile,
            reconnect,
            storage,
            answers,
            server,
            send_wanted,
            browser_arguments,
        )


def _check_owner(*paths: Path) -> None:
    """As another user (root, say) we would leave files that the service cannot use.

    Raises ConfigError with the right command.
    """
    for path in paths:
        if path.exists() and path.stat().st_uid != os.geteuid():
            owner = _user_name(path.stat().st_uid)
            raise ConfigError(
                [f"{path} is {owner}'s: run airbot as him, with sudo -u {owner} airbot"]
            )


def close_to_others(config: Config) -> None:
    """What airbot keeps is its user's alone; what stays open is said.

    Raises ConfigError where it is another user's.
    """
    _check_owner(config.airbnb.session_dir, config.storage.path)
    profile = config.airbnb.session_dir.resolve()
    locks = (profile.with_name(profile.name + end) for end in (".lock", ".reconnect"))
    said = private.close_profile(profile) + private.close_files(locks)
    said += private.close_database(config.storage.path.resolve())
    if config.logging.dir is not None:
        said += private.close_logs(config.logging.dir, LOG_FILES)
    for sentence in dict.fromkeys(said):
        logger.warning("%s", sentence)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _join(
    config: Config,
    profile: InstanceLock,
    reconnect: InstanceLock,
    storage: Storage,
    answers: Answers,
    server: Server,
    send_wanted: threading.Event,
    browser_arguments: tuple[str, ...],
) -> Parts:
    browser = make_browser(config, browser_arguments)
    site = Airbnb(browser, config.airbnb.base_url)
    ai = HostAI(config.ai.webhook_url, config.ai.timeout_sec, config.ai.secret)
    callback_base = config.webhook.callback_base(server.port)
    return Parts(
        config=config,
        profile=profile,
        reconnect=reconnect,
        storage=storage,
        browser=browser,
        gate=Gate(storage, browser),
        syncer=Syncer(storage, site, config),
        sender=Sender(storage, site, config),
        asker=Asker(storage, ai, config, callback_base, answers),
        server=server,
        send_wanted=send_wanted,
    )


def make_browser(config: Config, arguments: tuple[str, ...]) -> Browser:
    settings = config.airbnb
    return Browser(
        settings.session_dir,
        settings.browser,
        settings.headless,
        arguments,
        settings.browser_max_hours,
        settings.browser_max_mb,
    )
