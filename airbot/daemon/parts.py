"""The parts of a running airbot, made and joined here and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from dataclasses import dataclass

from airbot.ai import AI
from airbot.airbnb import Airbnb
from airbot.ask import Asker
from airbot.browser import Browser
from airbot.config import Config
from airbot.daemon.gate import Gate
from airbot.locks import database_lock
from airbot.locks import profile_lock
from airbot.send import Sender
from airbot.storage import Storage
from airbot.sync import Syncer
from airbot.webhook import Webhook
from airbot.webhook import WebhookServer


@dataclass
class Parts:
    """What `--once` and the daemon both run. `send_wanted`: a reply has arrived."""

    config: Config
    storage: Storage
    browser: Browser
    gate: Gate
    syncer: Syncer
    sender: Sender
    asker: Asker
    server: WebhookServer
    send_wanted: threading.Event


@contextmanager
def running_parts(
    config: Config, browser_arguments: tuple[str, ...] = ()
) -> Iterator[Parts]:
    """Take the locks, open the database, bind and start the webhook.

    Raises AlreadyRunning, StorageError, CannotListen. The browser starts with its first
    job, and is to be closed by the thread that ran it.
    """
    with ExitStack() as stack:
        for lock in (
            profile_lock(config.airbnb.session_dir),
            database_lock(config.storage.path),
        ):
            lock.acquire()
            stack.callback(lock.release)
        storage = Storage(config.storage.path)
        stack.callback(storage.close)
        browser = Browser(
            config.airbnb.session_dir,
            config.airbnb.browser,
            config.airbnb.headless,
            browser_arguments,
            config.airbnb.browser_max_hours,
            config.airbnb.browser_max_mb,
        )
        site = Airbnb(browser, config.airbnb.base_url)
        send_wanted = threading.Event()
        webhook = Webhook(storage, config, send_wanted.set)
        server = WebhookServer(webhook, config.webhook.host, config.webhook.port)
        ai = AI(config.ai.webhook_url, config.ai.timeout_sec, config.ai.secret)
        callback_base = config.webhook.callback_base(server.port)
        asker = Asker(storage, ai, config, callback_base, send_wanted.set)
        server.start()
        stack.callback(server.stop)
        yield Parts(
            config=config,
            storage=storage,
            browser=browser,
            gate=Gate(storage, browser),
            syncer=Syncer(storage, site, config),
            sender=Sender(storage, site, config),
            asker=asker,
            server=server,
            send_wanted=send_wanted,
        )
