"""The daemon: APScheduler runs SYNC, ASK and SEND; the main thread keeps watch.

    browser   one worker: SYNC and SEND, in the only thread that uses the browser
    ask       four workers: a slow AI never holds up the browser
    webhook   waitress' own threads: they store, and set `send_wanted`

A reply that arrives sets an Event. Only the main thread calls the scheduler (a job that
does can deadlock its shutdown): it brings SEND forward for as long as the Event is set,
because bringing a job forward while it runs is lost.
"""

from __future__ import annotations

import faulthandler
import logging
import random
import signal
import threading
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta

from apscheduler.events import EVENT_JOB_ERROR
from apscheduler.events import JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from airbot.config import Config
from airbot.daemon.gate import Stopped
from airbot.daemon.notify import Notifier
from airbot.daemon.parts import Parts
from airbot.daemon.parts import running_parts
from airbot.daemon.watch import Watch
from airbot.exceptions import AlreadyRunning
from airbot.exceptions import ExitCode
from airbot.exceptions import StorageError
from airbot.exceptions import where_it_failed
from airbot.locks import InstanceLock
from airbot.models import utcnow
from airbot.sync import SyncResult

logger = logging.getLogger("airbot.daemon")

ASK_THREADS = 4
ASK_EVERY_S = 5
BEAT_EVERY_S = 5
HURRY_S = 0.02
ASIDE_S = 0.5
BROWSER_JOBS = ("sync", "send")
JITTER = 0.1  # of an interval
FINISH_S = 5.0  # how long a job in hand may go on when we stop
CLOSE_S = 3.0


class Daemon:
    """Runs until SIGTERM, SIGINT or `stop()`."""

    def __init__(self, config: Config, browser_arguments: tuple[str, ...] = ()) -> None:
        self._config = config
        self._browser_arguments = browser_arguments
        self._stop = threading.Event()
        self._aside = threading.Event()  # the profile is a person's: hands off
        self._ask_wanted = threading.Event()

    def stop(self, *_: object) -> None:
        """End soon; also the signals' handler, so it does nothing more than this."""
        self._stop.set()

    def run(self, ready: Callable[[Parts], None] = lambda parts: None) -> int:
        """The daemon's whole life; its exit code. `ready` is told when it serves."""
        notifier = Notifier()
        with running_parts(
            self._config, self._browser_arguments, patient=True
        ) as parts:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, self.stop)
                signal.signal(signal.SIGINT, self.stop)
                # The watchdog ends us by SIGABRT: where did each thread stand?
                faulthandler.enable(2)  # stderr
            if not parts.profile.is_ours:
                self._aside.set()
            parts.send_wanted.set()  # what another life left is settled first
            watch = Watch(parts, notifier)
            scheduler = self._scheduler(parts, watch)
            scheduler.start()
            logger.info("the webhook is open on port %d", parts.server.port)
            notifier.tell("READY=1")
            ready(parts)
            try:
                self._watch(parts, scheduler, watch)
            finally:
                notifier.tell("STOPPING=1")
                self._end(parts, scheduler)
        return ExitCode.FAILED if watch.is_lost else ExitCode.DONE

    def _scheduler(self, parts: Parts, watch: Watch) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={
                "browser": ThreadPoolExecutor(1),
                "ask": ThreadPoolExecutor(ASK_THREADS),
                "default": ThreadPoolExecutor(1),
            },
            # The default drops a run that had to wait for a worker for over a second.
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": None,
            },
        )

        def every(seconds: float, id_: str, job: Callable[[], None], pool: str) -> None:
            scheduler.add_job(
                job,
                _Every(seconds),
                id=id_,
                executor=pool,
                next_run_time=utcnow(),
            )

        sync, send = self._config.sync, self._config.send
        every(sync.interval_sec, "sync", lambda: self._sync(parts), "browser")
        every(send.interval_sec, "send", lambda: self._send(parts), "browser")
        for number in range(ASK_THREADS):
            every(ASK_EVERY_S, f"ask-{number}", lambda: self._ask(parts), "ask")
        every(BEAT_EVERY_S, "beat", watch.beat, "default")
        scheduler.add_listener(_tell_bug, EVENT_JOB_ERROR)
        return scheduler

    # The jobs

    def _sync(self, parts: Parts) -> None:
        def between_threads() -> None:
            if self._hands_off():
                raise Stopped
            self._ask_wanted.set()
            if parts.send_wanted.is_set():
                self._send(parts)
                if not parts.gate.is_open():
                    raise Stopped

        def read() -> SyncResult:
            result = parts.syncer.run(between_threads)
            parts.browser.save_cookies()
            return result

        if not self._hands_off():
            parts.gate.run("sync", read)

    def _send(self, parts: Parts) -> None:
        parts.send_wanted.clear()
        if self._hands_off():
            return
        if parts.gate.run("send", lambda: parts.sender.run(self._hands_off)):
            self._ask_wanted.set()  # a guest may have written inside of the send

    def _ask(self, parts: Parts) -> None:
        self._ask_wanted.clear()
        try:
            while not self._stop.is_set() and parts.asker.ask_one():
                pass
        except StorageError as e:
            logger.error("%s; nobody is asked until it can be recorded", e)

    def _hands_off(self) -> bool:
        return self._stop.is_set() or self._aside.is_set()

    # The main thread

    def _watch(
        self, parts: Parts, scheduler: BackgroundScheduler, watch: Watch
    ) -> None:
        while not self._stop.wait(HURRY_S):
            if self._aside.is_set() or parts.reconnect.is_held():
                self._step_aside(parts, scheduler, watch)
            if parts.send_wanted.is_set():
                scheduler.modify_job("send", next_run_time=utcnow())
            if self._ask_wanted.is_set():
                for number in range(ASK_THREADS):
                    scheduler.modify_job(f"ask-{number}", next_run_time=utcnow())
            self._round(scheduler, watch)

    def _round(self, scheduler: BackgroundScheduler, watch: Watch) -> None:
        """The jobs' next runs are times of the wall clock, which can be moved."""
        if not watch.round():
            return
        if watch.is_lost:
            self._stop.set()
        scheduler.wakeup()  # it oversleeps when the clock is put forward
        if watch.clock_was_moved():
            logger.warning("this machine's clock was moved: every job starts anew")
            for job in scheduler.get_jobs():
                job.modify(next_run_time=utcnow())

    def _step_aside(
        self, parts: Parts, scheduler: BackgroundScheduler, watch: Watch
    ) -> None:
        """Leave the profile to the person who reconnects; the webhook stays open."""
        logger.info("a person reconnects: the browser is left to him")
        self._aside.set()
        self._close_browser(parts, scheduler)
        parts.profile.release()
        while parts.reconnect.is_held() or not _is_taken_back(parts.profile):
            if self._stop.wait(ASIDE_S):
                return
            self._round(scheduler, watch)
        self._aside.clear()
        for id_ in BROWSER_JOBS:
            scheduler.modify_job(id_, next_run_time=utcnow())
        logger.info("carrying on")

    def _end(self, parts: Parts, scheduler: BackgroundScheduler) -> None:
        """Stop in order: no new jobs, the browser in its own thread, then the rest."""
        logger.info("stopping")
        scheduler.remove_all_jobs()
        self._close_browser(parts, scheduler)
        scheduler.shutdown(wait=False)

    def _close_browser(self, parts: Parts, scheduler: BackgroundScheduler) -> None:
        """In its own thread, behind the job in hand, which is given some seconds."""
        closed = threading.Event()

        def close() -> None:
            parts.browser.close()
            closed.set()

        scheduler.add_job(close, executor="browser")
        if not closed.wait(FINISH_S):
            parts.browser.kill()  # a call that hangs in it fails now
            closed.wait(CLOSE_S)


class _Every(BaseTrigger):  # type: ignore[misc]
    """Runs a job after each interval, which begins when it was last started.

    APScheduler's own lists every run that was missed: 13 million of them for a job of
    5 s, when the clock is put forward by two years.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        late = random.uniform(0.0, self._seconds * JITTER)
        return now + timedelta(seconds=self._seconds + late)


def _is_taken_back(profile: InstanceLock) -> bool:
    """A person may be quicker, with a second `airbot reconnect`: then we wait again."""
    try:
        profile.acquire()
    except AlreadyRunning:
        return False
    return True


def _tell_bug(event: JobExecutionEvent) -> None:
    """A job failed in a way that nobody foresaw."""
    logger.error("%s failed, %s", event.job_id, where_it_failed(event.exception))
