"""The parts of a running airbot, made and joined here and nowhere else.

The locks and the database come from opening.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from math import inf

from airbot import __version__
from airbot.ai.host import HostAI
from airbot.airbnb import Airbnb
from airbot.answers import Answers
from airbot.ask import Asker
from airbot.browser import Browser
from airbot.config import Config
from airbot.daemon import opening
from airbot.daemon.gate import Gate
from airbot.daemon.opening import Opened
from airbot.exceptions import StorageError
from airbot.locks import InstanceLock
from airbot.models import utcnow
from airbot.send import Sender
from airbot.storage import Storage
from airbot.sync import Syncer
from airbot.web.server import Server
from airbot.webhook import Webhook


@dataclass
class SiteParts:
    """What reads Airbnb, and writes down what it read."""

    storage: Storage
    browser: Browser
    site: Airbnb
    gate: Gate
    syncer: Syncer


@dataclass
class Parts(SiteParts):
    """What `--once` and the daemon both run.

    `send_wanted`: a reply has arrived. `profile` is our lock on the browser's profile,
    `reconnect` the lock of a person who wants it.
    """

    config: Config
    profile: InstanceLock
    reconnect: InstanceLock
    sender: Sender
    asker: Asker
    server: Server
    send_wanted: threading.Event


@contextmanager
def running_parts(
    config: Config, browser_arguments: tuple[str, ...] = (), patient: bool = False
) -> Iterator[Parts]:
    """Take the locks, open the database, bind and start the webhook.

    Raises ConfigError, AlreadyRunning, StorageError, CannotListen. The browser starts
    with its first job, and is to be closed by the thread that ran it. A `patient`
    daemon goes without the profile while a person reconnects.
    """
    with (
        opening.for_running(config, patient) as opened,
        _noted(config, opened, patient),
    ):
        send_wanted = threading.Event()
        answers = Answers(opened.storage, config, send_wanted.set)
        webhook = Webhook(opened.storage, config, answers)
        host, port = config.webhook.host, config.webhook.port
        server = Server(webhook.app, host, port, "webhook")
        server.start()
        try:
            yield _join(config, opened, answers, server, send_wanted, browser_arguments)
        finally:
            server.stop()


@contextmanager
def _noted(config: Config, opened: Opened, is_daemon: bool) -> Iterator[None]:
    """`airbot status` begins with who ran last, and how."""
    runs, settings = opened.storage.runs, config.read_from
    mode = "daemon" if is_daemon else "once"
    number = runs.begin(mode, __version__, settings, utcnow())
    try:
        yield
    finally:
        with suppress(StorageError):  # a full disk, a file that is gone: it is said
            runs.end(number, utcnow())


@contextmanager
def dry_parts(
    config: Config, browser_arguments: tuple[str, ...]
) -> Iterator[SiteParts]:
    """On a copy of the database, which is thrown away."""
    with (
        opening.for_dry_run(config) as storage,
        closing(_browser(config, browser_arguments)) as browser,
    ):
        yield _site_parts(config, storage, browser)


@contextmanager
def parts_for_a_person(
    config: Config, headless: bool, browser_arguments: tuple[str, ...]
) -> Iterator[SiteParts]:
    """The host's database, and his browser, nobody else's meanwhile."""
    with (
        opening.for_a_person(config) as storage,
        closing(_persons_browser(config, headless, browser_arguments)) as browser,
    ):
        yield _site_parts(config, storage, browser)


def _join(
    config: Config,
    opened: Opened,
    answers: Answers,
    server: Server,
    send_wanted: threading.Event,
    browser_arguments: tuple[str, ...],
) -> Parts:
    storage = opened.storage
    parts = _site_parts(config, storage, _browser(config, browser_arguments))
    ai = HostAI(
        config.ai.webhook_url,
        config.ai.timeout_sec,
        config.ai.secret,
        config.ai.ca_file,
    )
    callback_base = config.webhook.callback_base(server.host, server.port)
    return Parts(
        **vars(parts),
        config=config,
        profile=opened.profile,
        reconnect=opened.reconnect,
        sender=Sender(storage, parts.site, config),
        asker=Asker(storage, ai, config, callback_base, answers),
        server=server,
        send_wanted=send_wanted,
    )


def _site_parts(config: Config, storage: Storage, browser: Browser) -> SiteParts:
    site = Airbnb(browser, config.airbnb.base_url)
    return SiteParts(
        storage=storage,
        browser=browser,
        site=site,
        gate=Gate(storage, browser),
        syncer=Syncer(storage, site, config),
    )


def _browser(config: Config, arguments: tuple[str, ...]) -> Browser:
    settings = config.airbnb
    return Browser(
        settings.session_dir,
        settings.browser,
        settings.headless,
        arguments,
        settings.browser_max_hours,
        settings.browser_max_mb,
        sandbox=settings.sandbox != "off",
    )


def _persons_browser(
    config: Config, headless: bool, arguments: tuple[str, ...]
) -> Browser:
    """Never closed to start afresh: a person is in the middle of something."""
    settings = config.airbnb
    return Browser(
        settings.session_dir,
        settings.browser,
        headless,
        arguments,
        max_hours=inf,
        max_mb=inf,
        sandbox=settings.sandbox != "off",
        for_person=True,
    )
