"""`airbot demo`: the whole loop against the simulated Airbnb and a demo AI.

The real program and a real Chromium in a temporary folder, every port a free one.
It reads no environment, no `.env` and no config.ini, but for the AI that `--ai` asks in
the demo AI's place, and refuses every site that is not on loopback: it can never write
to a real guest. Its conversations have ids that no inbox can show, so that an answer to
one of them, given to the host's own airbot, is no guest's either.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from airbot.addresses import is_loopback
from airbot.browser import processes
from airbot.config import Config
from airbot.config.sections import AISection
from airbot.daemon.parts import Parts
from airbot.daemon.reconnect import way_here
from airbot.daemon.service import Daemon
from airbot.exceptions import AirbotError
from airbot.exceptions import ConfigError
from airbot.logs import start_logging
from airbot.models import ReplyStatus
from airbot.models import TurnStatus
from airbot.private import real_path
from airbot.sandbox.ai import DemoAI
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread
from airbot.storage import Storage
from airbot.storage.overview import MessageLine
from airbot.storage.overview import OutboxLine

# Chromium in the demo and in tests finds no host but this machine.
LOOPBACK_ONLY = ("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",)
QUESTION = "Hi! We arrive at 9 pm.\nIs there a place to park?"
THINKS_S = 3.0  # as long as a person types on: several texts become one question
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.02
LINES = 50
# Chromium keeps a socket in it, whose whole path may have 107 characters: with a longer
# one it ends at once, without a word (156, 2026-11).
LONGEST_FOLDER = 40
PROVEN = "airbot has read it there again: it is proven, and marked sent"
WITH_THE_AI = (TurnStatus.ASKED, TurnStatus.ANSWERED, TurnStatus.IGNORED)
UNDER_WAY = (TurnStatus.NEW, TurnStatus.ASKED, TurnStatus.ANSWERED)
CLOSED = (ReplyStatus.UNCERTAIN, ReplyStatus.FAILED, ReplyStatus.CANCELLED)

Say = Callable[[str], None]


def sandbox_config(site_url: str, ai_url: str, folder: Path, **values: str) -> Config:
    """Settings for the simulated Airbnb alone: defaults, free ports, one folder."""
    wanted = {
        "airbnb.base_url": site_url,
        "ai.webhook_url": ai_url,
        "webhook.port": "0",
        **{name.replace("__", "."): value for name, value in values.items()},
    }
    config = Config.from_values(wanted, base=folder)
    address = config.airbnb.base_url
    if not is_loopback(urlsplit(address).hostname or ""):
        raise ConfigError([f"the demo's site is on this machine only, not {address}"])
    return config


def run_demo(
    once: bool, port: int = 0, own_ai: AISection | None = None, say: Say = print
) -> int:
    """Run the demo; with `once` until the guest has an answer, else until Ctrl-C.

    `own_ai` is asked in the demo AI's place.
    """
    started_at = time.monotonic()

    def step(what: str) -> None:
        say(f"{time.monotonic() - started_at:6.2f} s  {what}")

    ended = _Ended()
    start_logging("WARNING", None)
    with _folder() as folder, _site(port) as site, _ai(own_ai, once) as (ai, about):
        about["sync__interval_sec"] = "2"
        config = sandbox_config(site.url, ai, folder, **about)
        thread = _furnish(site)
        step(f"a simulated Airbnb is up: {site.url}")
        story = Story(site, step)
        with _daemon(config) as running:
            if once:
                return _once(site, thread, running, story, ended)
            for line in _invitation(site, thread, own_ai):
                say(line)
            running.follow(story, lambda: bool(ended))
    return 0 if ended else 1


# What ends it, and what is left


class _Ended:
    """True when Ctrl-C, or a signal like it, has said so."""

    def __init__(self) -> None:
        self._said = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._say)

    def _say(self, *_: object) -> None:
        # No more than this, and no Event: set() in the middle of its wait() hangs.
        self._said = True

    def __bool__(self) -> bool:
        return self._said


@contextmanager
def _folder() -> Iterator[Path]:
    """A temporary folder, also for what Chromium and its driver put into one."""
    usual = tempfile.gettempdir()
    short = usual if len(usual) <= LONGEST_FOLDER else "/tmp"
    folder = Path(tempfile.mkdtemp(prefix="airbot-demo-", dir=short))
    os.environ["TMPDIR"] = str(folder)
    try:
        yield folder
    finally:
        end = time.monotonic() + PATIENCE_S
        while folder.exists() and time.monotonic() < end:
            shutil.rmtree(folder, ignore_errors=True)  # a driver may still write
            time.sleep(LOOK_EVERY_S)


class _Running:
    """The daemon in a thread of its own, so that this one can look on."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._daemon = Daemon(config, LOOPBACK_ONLY)
        self._thread = threading.Thread(target=self._run)
        self._parts: Parts | None = None
        self._error: AirbotError | None = None
        self._thread.start()

    def _run(self) -> None:
        try:
            self._daemon.run(self._serves)
        except AirbotError as e:
            self._error = e

    def _serves(self, parts: Parts) -> None:
        self._parts = parts

    def follow(self, story: Story, is_over: Callable[[], bool]) -> None:
        """Tell the story for as long as the daemon lives."""
        while self._thread.is_alive() and not is_over():
            story.look(self._parts.storage if self._parts else None)
            time.sleep(LOOK_EVERY_S)

    def end(self) -> None:
        """Raises what ended the daemon, if it did not end well."""
        self._daemon.stop()
        self._thread.join()
        # On a loaded machine a job may outlive it, and start what we have just ended.
        while self._parts and (self._parts.gate.busy or self._parts.browser.is_open):
            self._parts.browser.kill()
            time.sleep(LOOK_EVERY_S)
        processes.end_leftovers(real_path(self._config.airbnb.session_dir))
        if self._error:
            raise self._error


@contextmanager
def _daemon(config: Config) -> Iterator[_Running]:
    running = _Running(config)
    try:
        yield running
    finally:
        logging.disable()  # what this cuts off is no news
        running.end()


# The site and the AI


def _site(port: int) -> AirbnbSite:
    try:
        return AirbnbSite(port=port)
    except OSError as e:
        raise AirbotError(f"--port {port} cannot be had: {e.strerror}") from None


@contextmanager
def _ai(own: AISection | None, once: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of the AI that is asked, and what else is set about it."""
    if own is not None:
        timeout = str(own.timeout_sec)
        yield own.webhook_url, {"ai__secret": own.secret, "ai__timeout_sec": timeout}
        return
    with DemoAI(thinks_s=0 if once else THINKS_S) as ai:
        yield ai.url, {}


def _furnish(site: AirbnbSite) -> Thread:
    """An inbox with a past: one thread waits for nobody, one guest has just arrived."""
    past = _add_thread(site, "Noor", "PAST_RESERVATIONS")
    site.guest_writes(past, "Thank you, it was lovely.")
    site.host_writes(past, "Come back soon!")
    return _add_thread(site, "Maya", "UPCOMING_RESERVATIONS")


def _add_thread(site: AirbnbSite, guest: str, stage: str) -> Thread:
    """A thread and a listing that no inbox can show: 20 digits from 9 are no int64."""
    number, listing = (f"9{secrets.randbelow(10**19):019}" for _ in range(2))
    return site.add_thread(guest, number, listing_id=listing, stage=stage)


def _invitation(
    site: AirbnbSite, thread: Thread, own_ai: AISection | None
) -> Iterator[str]:
    yield f"\n  the guest's page    {site.url}/guest/{thread.number}"
    yield f"  the host's inbox    {site.url}/hosting/messages/{thread.number}"
    yield "\nOn another machine or a phone, first make a way here with SSH:"
    yield f"  {way_here('127.0.0.1', urlsplit(site.url).port or 0)}"
    if own_ai is None:
        yield f"The demo AI takes {THINKS_S:g} s: what comes meanwhile is asked too."
    elif not is_loopback(urlsplit(own_ai.webhook_url).hostname or ""):
        yield "Your AI is on another machine: it must answer at once, not call back."
    yield "Write as the guest, and watch the answer come. Ctrl-C ends it."


# The story


class Story:
    """Says each step of each text and reply, once, as it happens."""

    def __init__(self, site: AirbnbSite, step: Say) -> None:
        self._site = site
        self._step = step
        self._past = {m.id for m in self._texts()}
        self._said: dict[str, float] = {}  # what, and when
        self._replies: list[OutboxLine] = []
        self.outcome = ""  # of the last turn that came to an end

    def _texts(self) -> list[Message]:
        threads = list(self._site.world.threads.values())
        return [m for thread in threads for m in self._site.messages(thread)]

    def _say(self, key: str, what: str) -> None:
        if key not in self._said:
            self._said[key] = time.monotonic()
            self._step(what)

    def look(self, storage: Storage | None) -> None:
        """What has happened since the last look; the site's side is older than ours."""
        new = [m for m in self._texts() if m.id not in self._past]
        for message in new:
            if message.account != self._site.host:
                self._say(f"wrote {message.id}", f"{message.account.name} writes")
        if storage is None:
            return
        lines = storage.shown.messages(LINES)[::-1]
        replies = self._replies = storage.shown.replies(LINES)[::-1]
        self._asked([line for line in lines if line.id not in self._past])
        for reply in replies:
            self._say(f"answer {reply.id}", "the AI has answered")
        for message in new:
            if message.account == self._site.host:
                self._stands(message, replies)
        for reply in replies:
            self._settled(reply)

    def _asked(self, lines: list[MessageLine]) -> None:
        for line in lines:
            self._say(f"read {line.id}", f"airbot has read what {line.sender} wrote")
        for line in lines:
            texts = sum(other.turn_id == line.turn_id for other in lines)
            if line.turn_status in WITH_THE_AI:
                about = f" about {texts} texts at once" if texts > 1 else ""
                self._say(f"asked {line.turn_id}", f"the AI is asked{about}")
            if line.turn_status and line.turn_status not in UNDER_WAY:
                self._end(line.turn_id, f"no reply, {line.turn_reason}")

    def _stands(self, message: Message, replies: list[OutboxLine]) -> None:
        ours = [r for r in replies if (r.thread_id, r.message) == _what(message)]
        if not ours:
            self._say(f"stands {message.id}", "a person on the host's side writes")
            return
        took = time.monotonic() - self._said[f"answer {ours[-1].id}"]
        words = f"the reply stands in the conversation, {took:.2f} s after the answer"
        self._say(f"stands {message.id}", words)

    def _settled(self, reply: OutboxLine) -> None:
        if reply.status == ReplyStatus.SENT:
            self._end(reply.id, PROVEN)
        elif reply.status in CLOSED:
            self._end(reply.id, f"the reply is {reply.status}: {reply.last_error}")

    def _end(self, id_: str | None, words: str) -> None:
        self._say(f"end {id_} {words}", words)
        self.outcome = words

    def is_well(self, messages: list[Message]) -> bool:
        """Does the reply stand there once, word for word, and nothing else?"""
        theirs = [m.text for m in messages if m.account == self._site.host]
        if self.outcome != PROVEN or theirs != [
            reply.message for reply in self._replies
        ]:
            why = self.outcome or "nothing is proven in time"
            self._step(f"FAILED: {why}; {len(theirs)} replies stand there")
            return False
        self._step("it stands there exactly once")
        return True


def _what(message: Message) -> tuple[str, str]:
    return message.thread.id, message.text


def _once(
    site: AirbnbSite, thread: Thread, running: _Running, story: Story, ended: _Ended
) -> int:
    site.guest_writes(thread, QUESTION)
    end = time.monotonic() + PATIENCE_S

    def is_over() -> bool:
        return bool(story.outcome or ended) or time.monotonic() > end

    running.follow(story, is_over)
    return 0 if ended or story.is_well(site.messages(thread)) else 1
