"""`airbot demo`: the whole loop against the simulated Airbnb and a demo AI.

The real program and a real Chromium in a temporary folder, every port a free one.
It reads no environment, no `.env` and no config.ini, and refuses every address that is
not loopback: it can never write to a real guest.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from airbot.config import Config
from airbot.config import is_loopback
from airbot.daemon.parts import Parts
from airbot.daemon.service import Daemon
from airbot.exceptions import ConfigError
from airbot.logs import start_logging
from airbot.sandbox.ai import DemoAI
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread

# Chromium in the demo and in tests finds no host but this machine.
LOOPBACK_ONLY = ("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",)
QUESTION = "Hi! We arrive at 9 pm.\nIs there a place to park?"
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.02


def sandbox_config(site_url: str, ai_url: str, folder: Path, **values: str) -> Config:
    """Settings for the simulated Airbnb alone: defaults, free ports, one folder."""
    wanted = {
        "airbnb.base_url": site_url,
        "ai.webhook_url": ai_url,
        "webhook.port": "0",
        **{name.replace("__", "."): value for name, value in values.items()},
    }
    config = Config.from_values(wanted, base=folder)
    for address in (config.airbnb.base_url, config.ai.webhook_url):
        if not is_loopback(urlsplit(address).hostname or ""):
            raise ConfigError(
                [f"the demo talks to this machine only, not to {address}"]
            )
    return config


def run_demo(once: bool, say: Callable[[str], None] = print) -> int:
    """Run the demo; with `once` until the guest has an answer, else until Ctrl-C."""
    started_at = time.monotonic()

    def step(what: str) -> None:
        say(f"{time.monotonic() - started_at:6.2f} s  {what}")

    with (
        tempfile.TemporaryDirectory(prefix="airbot-demo-") as folder,
        AirbnbSite() as site,
        DemoAI() as ai,
    ):
        start_logging("WARNING", None)
        config = sandbox_config(site.url, ai.url, Path(folder), sync__interval_sec="2")
        thread = _furnish(site)
        step(f"a simulated Airbnb is up: {site.url}")
        with _daemon(config) as daemon:
            if once:
                return _once(site, ai, thread, daemon, step)
            say(f"\n  the guest's page    {site.url}/guest/{thread.number}")
            say(f"  the host's inbox    {site.url}/hosting/messages/{thread.number}")
            say("\nWrite as the guest, and watch the answer come. Ctrl-C ends it.")
            daemon.wait()
            return 0


class _Running:
    """The daemon in a thread of its own, so that this one can look on."""

    def __init__(self, config: Config) -> None:
        self.daemon = Daemon(config, LOOPBACK_ONLY)
        self.thread = threading.Thread(target=self.daemon.run, args=(self._serves,))
        self._parts: Parts | None = None

    def _serves(self, parts: Parts) -> None:
        self._parts = parts

    def has_sent(self) -> bool:
        if self._parts is None:
            return False
        return bool(self._parts.storage.outbox.with_status("sent"))

    def wait(self) -> None:
        try:
            while self.thread.is_alive():
                self.thread.join(1)
        except KeyboardInterrupt:
            pass


@contextmanager
def _daemon(config: Config) -> Iterator[_Running]:
    running = _Running(config)
    running.thread.start()
    try:
        yield running
    finally:
        running.daemon.stop()
        running.thread.join()


def _furnish(site: AirbnbSite) -> Thread:
    """An inbox with a past: one thread waits for nobody, one guest has just arrived."""
    past = site.add_thread(guest="Noor", stage="PAST_RESERVATIONS")
    site.guest_writes(past, "Thank you, it was lovely.")
    site.host_writes(past, "Come back soon!")
    return site.add_thread(guest="Maya")


def _once(
    site: AirbnbSite,
    ai: DemoAI,
    thread: Thread,
    daemon: _Running,
    step: Callable[[str], None],
) -> int:
    site.guest_writes(thread, QUESTION)
    step("the guest writes")
    if not _wait(lambda: bool(ai.asked)):
        return _give_up(step, "the AI was not asked")
    step("airbot has read it and asked the AI")
    if not _wait(lambda: bool(ai.called_back)):
        return _give_up(step, "the AI did not call back")
    called_at, said = ai.called_back[0]
    step(f"the AI has called back; airbot says: {said.get('status')}")
    if not _wait(lambda: bool(site.posted(thread))):
        return _give_up(step, "no reply stands in the conversation")
    took = time.monotonic() - called_at
    step(f"the reply stands in the conversation, {took:.2f} s after the callback")
    if not _wait(daemon.has_sent):
        return _give_up(step, "airbot could not prove that it stands there")
    step("airbot has read the conversation again and marked it sent")
    return _check(site, ai, thread, step)


def _check(
    site: AirbnbSite, ai: DemoAI, thread: Thread, step: Callable[[str], None]
) -> int:
    """The reply must stand there once, word for word, and nothing else."""
    replies = _host_texts(site, thread)
    wanted = [ai.answer(ai.asked[0])]
    if [reply.text for reply in replies] != wanted:
        return _give_up(step, f"{len(replies)} replies stand there, not exactly one")
    step("it stands there exactly once")
    return 0


def _host_texts(site: AirbnbSite, thread: Thread) -> list[Message]:
    return [m for m in site.messages(thread) if m.account.id == site.host.id]


def _give_up(step: Callable[[str], None], why: str) -> int:
    step(f"FAILED: {why}")
    return 1


def _wait(done: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_EVERY_S)
    return True
