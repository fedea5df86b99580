"""Starting Chromium on the profile, in its own sandbox wherever this machine lets it.

Whether it does is found out by trying, because it is decided in many places: the
kernel's switches, AppArmor, a container, the service's unit. Where it may have none
Chromium ends in a third of a second, often without a word of why (tried 2026-11,
Chromium 156).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airbot.browser import processes
from airbot.browser.errors import is_death
from airbot.browser.errors import is_taken
from airbot.exceptions import SiteUnavailable
from airbot.private import open_ours

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext
    from playwright.sync_api import Playwright

logger = logging.getLogger("airbot.browser")

LAUNCH_TIMEOUT_MS = 30_000

# Chromium asks Google's hosts for things of its own at every start; we need none.
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disk-cache-size=100000000",  # bytes; a page could fill a tenth of the disk
)
# What Chromium may know of our environment: no secret is among it.
ENVIRONMENT = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|DISPLAY|WAYLAND_DISPLAY"
    r"|XAUTHORITY|XDG_\w+|DBUS_\w+|LD_LIBRARY_PATH|FONTCONFIG_\w+|PLAYWRIGHT_\w+"
)


# How Chromium ends that may have no sandbox, and how it ended at all. Killed from
# outside, out of memory for one, it says nothing about the sandbox; with its driver
# killed there is no such line.
ENDED = re.compile(r"process did exit: exitCode=(\w+), signal=(\w+)")
REFUSALS = ("null", "SIGTRAP", "SIGABRT", "SIGSYS")
MARK = "airbot-sandbox"  # in the profile: its browser has had its sandbox

ROOT = "root can have none"
WAY_OUT = "set airbnb.sandbox = off"


class Launcher:
    """Starts one profile's Chromium, in its own sandbox where it can have it.

    Once it has had it, it is never started without: a page that breaks the browser
    would else only have to end it twice.
    """

    def __init__(
        self,
        profile: Path,
        headless: bool = True,
        arguments: tuple[str, ...] = (),
        sandbox: bool = True,
    ) -> None:
        self._profile = profile
        self._headless = headless
        self._arguments = ARGUMENTS + arguments
        self._wanted = sandbox
        self._told: bool | None = None  # which way the last browser was started

    def launch(self, playwright: Playwright, executable: str) -> BrowserContext:
        """A Chromium that has just started. Raises what Playwright says."""
        self._forget_workers()
        ways = self._ways()
        for tries, sandbox in enumerate(ways, 1):
            try:
                context = self._launch(playwright, executable, sandbox)
                break
            except Exception as e:
                if not is_death(e) or is_taken(e):
                    raise
                self._judge(e, sandbox, tries == len(ways))
                processes.end_leftovers(self._profile)
        if sandbox:
            self._mark()
        self._tell(sandbox)
        return context

    def _judge(self, e: Exception, sandbox: bool, was_last: bool) -> None:
        """Raises where there is nothing else to try."""
        ended = ENDED.search(str(e))
        if ended and sandbox and self.has_had_sandbox:
            raise SiteUnavailable(
                "the browser ended at its start. It has run on this profile in its own "
                "sandbox before, so it is not started without one; where this machine, "
                f"or the service's unit, does not let it have one any more: {WAY_OUT}"
            ) from None
        if was_last or not ended or ended[2] not in REFUSALS:
            raise e

    def _forget_workers(self) -> None:
        """Remove the service workers that the profile holds from a former life.

        One answers for the network, with what it kept, and sends where no page can be
        heard. New ones are blocked below; neither costs anything while the page idles.
        """
        with suppress(FileNotFoundError):
            shutil.rmtree(self._profile / "Default" / "Service Worker")

    @property
    def has_had_sandbox(self) -> bool:
        return (self._profile / MARK).exists()

    def check(self) -> None:
        """Raises SiteUnavailable where root's browser would lose its sandbox."""
        if self._wanted and os.geteuid() == 0 and self.has_had_sandbox:
            raise SiteUnavailable(
                "the browser is not started: it has run on this profile in its own "
                f"sandbox, and {ROOT}. Run airbot as the user of before, or {WAY_OUT}"
            )

    def _mark(self) -> None:
        with suppress(FileExistsError, OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            os.close(open_ours(self._profile / MARK, flags))

    def _ways(self) -> tuple[bool, ...]:
        """With the sandbox or without it: what is tried, in this order.

        Twice with it, so that one death of another cause does not cost the sandbox.
        """
        if not self._wanted or os.geteuid() == 0:
            return (False,)
        return (True,) if self.has_had_sandbox else (True, True, False)

    def _launch(
        self, playwright: Playwright, executable: str, sandbox: bool
    ) -> BrowserContext:
        return playwright.chromium.launch_persistent_context(
            self._profile,
            executable_path=executable,
            headless=self._headless,
            args=list(self._arguments),
            chromium_sandbox=sandbox,
            service_workers="block",
            accept_downloads=False,
            # A page opens another at a person's click, as in everybody's browser.
            ignore_default_args=["--disable-popup-blocking"],
            env={k: v for k, v in os.environ.items() if ENVIRONMENT.fullmatch(k)},
            # Python alone decides when the browser ends, not the terminal.
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
            timeout=LAUNCH_TIMEOUT_MS,
            no_viewport=True if not self._headless else None,
        )

    def _tell(self, sandbox: bool) -> None:
        if sandbox == self._told:
            return
        self._told = sandbox
        if sandbox:
            logger.info("the browser is up, in its own sandbox")
        else:
            why = self._why_without()
            logger.warning("the browser is up without its own sandbox: %s", why)

    def _why_without(self) -> str:
        if not self._wanted:
            return "airbnb.sandbox is off"
        if os.geteuid() == 0:
            return ROOT
        return (
            "started with it, it ended twice; as a rule this machine, or the service's "
            "unit, does not let it have one"
        )
