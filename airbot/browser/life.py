"""The browser's life: jobs with a deadline, starting, recycling, ending, cookies."""

from __future__ import annotations

import gc
import json
import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from airbot.browser import leftovers
from airbot.browser import processes
from airbot.browser.cast import Cast
from airbot.browser.cast import Picture
from airbot.browser.errors import in_words
from airbot.browser.errors import is_death
from airbot.browser.errors import is_of_the_page
from airbot.browser.errors import is_playwright
from airbot.browser.errors import suppress_playwright
from airbot.browser.find import find_browser
from airbot.browser.launch import Launcher
from airbot.browser.processes import Driver
from airbot.browser.tab import Tab
from airbot.exceptions import AlreadyRunning
from airbot.exceptions import PageFailed
from airbot.exceptions import SiteUnavailable
from airbot.private import real_path
from airbot.private import write_anew

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext
    from playwright.sync_api import Playwright

logger = logging.getLogger(__name__)

LAUNCH_DEADLINE_S = 60.0
CLOSE_DEADLINE_S = 8.0
ACTION_TIMEOUT_MS = 5_000
MEMORY_CHECK_EVERY_S = 60.0
COOKIES_FILE = "airbot-cookies.json"


class Browser:
    """Chromium on one profile; started by its first job, in that job's thread."""

    def __init__(
        self,
        profile: Path,
        executable: str = "",
        headless: bool = True,
        arguments: tuple[str, ...] = (),
        max_hours: float = 12,
        max_mb: float = 1200,
        sandbox: bool = True,
        for_person: bool = False,
    ) -> None:
        """`sandbox`: False leaves Chromium's own off. `for_person`: whoever sits before
        it may open pages, and nothing of them is kept for a faster next time."""
        self.profile = real_path(profile)
        self._wanted = executable, headless
        self._for_person = for_person
        self._launcher = Launcher(self.profile, headless, arguments, sandbox)
        self.generation = 0  # counts the browsers started: a new one has no page yet
        self._max_age_s = max_hours * 3600
        self._max_mb = max_mb
        self._owner: int | None = None
        self._playwright: Playwright | None = None
        self._context: BrowserContext | None = None
        self._tab: Tab | None = None
        self._driver: set[Driver] = set()
        # While ours starts: the drivers of other browsers of this process.
        self._others: set[Driver] | None = None
        self._in_job = False
        self._kept = False
        self.stepped_at = time.monotonic()  # a sign of life for the watchdog
        self._started_at = 0.0
        self._memory_checked_at = 0.0

    # Jobs

    @contextmanager
    def job(self, what: str, deadline_s: float) -> Iterator[None]:
        """Everything that is asked of the browser happens inside of one.

        Raises SiteUnavailable when the browser died or the network is gone, PageFailed
        when the page hung, crashed or timed out; our own errors pass through and leave
        the browser as it is. A job inside a job is part of it.
        """
        if self._in_job:
            yield
            return
        self._in_job = True
        self.stepped_at = time.monotonic()
        try:
            self._recycle_if_due()
            if self._tab is None:
                self._start()
            with self._deadline(what, deadline_s):
                self._close_others()
                yield
        finally:
            self._in_job = False
            self.stepped_at = time.monotonic()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """No recycling inside of the block: what is typed would be lost with it."""
        self._recycle_if_due()
        self._kept = True
        try:
            yield
        finally:
            self._kept = False

    @contextmanager
    def _deadline(self, what: str, seconds: float) -> Iterator[None]:
        """Kill the browser when the time is up; what Playwright says stays here."""
        self._check_owner()
        expired = threading.Event()
        timer = threading.Timer(seconds, self._expire, [expired])
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as e:
            if not is_playwright(e):
                raise
            self._drop()
            if expired.is_set():
                message = f"{what}: no end after {seconds:g} s, the browser was ended"
                raise PageFailed(message) from None
            kind = PageFailed if is_of_the_page(e) else SiteUnavailable
            raise kind(f"{what}: {in_words(e)}") from None
        finally:
            timer.cancel()
            timer.join()  # else it could still end the next browser

    def _expire(self, expired: threading.Event) -> None:
        expired.set()
        self.kill()

    def _check_owner(self) -> None:
        if self._owner is None:
            self._owner = threading.get_ident()
        if self._owner != threading.get_ident():
            raise RuntimeError("the browser belongs to another thread")

    # Life

    def _start(self) -> None:
        from playwright.sync_api import sync_playwright

        self._check_owner()
        executable = find_browser(*self._wanted)
        self.profile.mkdir(parents=True, exist_ok=True, mode=0o700)
        processes.end_leftovers(self.profile)
        if other := processes.other_browser(self.profile):
            raise AlreadyRunning(
                f"another Chromium has the profile open (process id {other})"
            )
        self._launcher.check()
        leftovers.clear_temporary()
        leftovers.be_silent(self.profile, self._for_person)
        # Playwright's objects hold each other: those of the browser before go now, or
        # their like is built beside them (5 MB, 2026-11).
        gc.collect()
        try:
            with self._deadline("starting the browser", LAUNCH_DEADLINE_S):
                self._others = processes.drivers()
                self._playwright = sync_playwright().start()
                self._driver, self._others = self._drivers(), None
                self._context = self._launcher.launch(self._playwright, executable)
                self._context.set_default_timeout(ACTION_TIMEOUT_MS)
                self._restore_cookies()
                pages = self._context.pages
                self._tab = Tab(pages[0] if pages else self._context.new_page())
        except SiteUnavailable:
            self._drop()  # also where the launcher itself has refused
            raise
        self.generation += 1
        self._started_at = self._memory_checked_at = time.monotonic()

    def _close_others(self) -> None:
        """Pages that a page has opened: nobody sees them, and they cost memory."""
        if self._for_person or self._context is None or self._tab is None:
            return
        for page in self._context.pages:
            if not self._tab.is_on(page):
                with suppress_playwright():  # it may just have gone
                    page.close()

    def _recycle_if_due(self) -> None:
        if self._tab is None or self._kept:
            return
        now = time.monotonic()
        if now - self._started_at > self._max_age_s:
            logger.info("a fresh browser: this one has run its hours")
            self.close()
        elif now - self._memory_checked_at > MEMORY_CHECK_EVERY_S:
            self._memory_checked_at = now
            if (mb := self.memory_mb()) > self._max_mb:
                logger.info("a fresh browser: this one holds %d MB", mb)
                self.close()

    def memory_mb(self) -> float:
        """Proportional set size of the driver and its Chromium."""
        return processes.memory_mb(self._drivers(), self.profile)

    def close(self) -> None:
        """End the browser cleanly; the profile is free afterwards."""
        if self._playwright is None:
            return
        with suppress(SiteUnavailable):
            with self._deadline("closing the browser", CLOSE_DEADLINE_S):
                if self._context is not None:
                    self._context.close()
        self._drop()

    def kill(self) -> None:
        """End the browser at once, from any thread; a call in it fails."""
        processes.kill_browser(self._drivers(), self.profile)

    def _drivers(self) -> set[Driver]:
        """Ours alone: remembered, or, while it starts, the one that is new."""
        others = self._others
        return self._driver if others is None else processes.drivers() - others

    def _drop(self) -> None:
        """Forget the browser. stop() always: without it the next start() fails."""
        playwright, self._playwright = self._playwright, None
        self._context = self._tab = None
        if playwright is not None:
            timer = threading.Timer(CLOSE_DEADLINE_S, self.kill)
            timer.daemon = True
            timer.start()
            with suppress_playwright():
                playwright.stop()
            timer.cancel()
            timer.join()
        self.kill()
        if not processes.chromiums(self.profile):
            leftovers.forget_typed(self.profile)
        self._driver, self._others = set(), None
        # The thread may change between two lives: --once, then a daemon's worker.
        self._owner = None

    @property
    def tab(self) -> Tab:
        """The page; only inside a job of the thread that owns the browser."""
        self._check_owner()
        if self._tab is None:
            raise SiteUnavailable("the browser is not open")
        return self._tab

    def cast(
        self, show: Callable[[Picture], None], knows: Callable[[str], bool]
    ) -> Cast:
        """The browser as a person sees it; only inside a job.

        `knows`: is an address one that the person expects to come by?
        """
        self._check_owner()
        if self._context is None or self._tab is None:
            raise SiteUnavailable("the browser is not open")
        return self._tab.cast(self._context, show, knows)

    @property
    def is_open(self) -> bool:
        return self._tab is not None

    # Cookies: a profile does not keep those without an expiry (playwright #36139).

    def save_cookies(self) -> None:
        """Keep the session's cookies beside the profile, for our user alone."""
        if self._context is None:
            return
        with self._deadline("reading the cookies", CLOSE_DEADLINE_S):
            cookies = self._context.cookies()
        try:
            write_anew(self.profile / COOKIES_FILE, json.dumps(cookies))
        except OSError as e:
            logger.warning("the session's cookies cannot be kept: %s", e.strerror)

    def _restore_cookies(self) -> None:
        """Put the session's cookies back that the profile has not kept."""
        context = self._context
        assert context is not None
        held = {_cookie_key(c) for c in context.cookies()}
        try:
            saved = json.loads((self.profile / COOKIES_FILE).read_text())
            lost = [c for c in saved if c["expires"] == -1]
            lost = [c for c in lost if _cookie_key(c) not in held]
            if lost:
                context.add_cookies(lost)
        except FileNotFoundError:
            pass
        except Exception as e:
            if is_death(e):
                raise
            # A damaged file would else end every start, and for ever.
            logger.warning("%s cannot be used: %s", COOKIES_FILE, type(e).__name__)


def _cookie_key(cookie: Any) -> tuple[str, str, str]:
    return cookie["name"], cookie["domain"], cookie["path"]
