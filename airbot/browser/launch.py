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
)
# What Chromium may know of our environment: no secret is among it.
ENVIRONMENT = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|DISPLAY|WAYLAND_DISPLAY"
    r"|XAUTHORITY|XDG_\w+|DBUS_\w+|LD_LIBRARY_PATH|FONTCONFIG_\w+|PLAYWRIGHT_\w+"
)


class Launcher:
    """Starts one profile's Chromium, and remembers whether its sandbox works here."""

    def __init__(
        self, profile: Path, headless: bool = True, arguments: tuple[str, ...] = ()
    ) -> None:
        self._profile = profile
        self._headless = headless
        self._arguments = ARGUMENTS + arguments
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
                if tries == len(ways) or not is_death(e) or is_taken(e):
                    raise
                processes.end_leftovers(self._profile)
        self._tell(sandbox)
        return context

    def _forget_workers(self) -> None:
        """Remove the service workers that the profile holds from a former life.

        One answers for the network, with what it kept, and sends where no page can be
        heard. New ones are blocked below; neither costs anything while the page idles.
        """
        with suppress(FileNotFoundError):
            shutil.rmtree(self._profile / "Default" / "Service Worker")

    def _ways(self) -> tuple[bool, ...]:
        """With the sandbox or without it: what is tried, in this order.

        Twice with it, so that one death of another cause does not cost the sandbox.
        Where it has worked it is never left off again; root cannot have it.
        """
        if os.geteuid() == 0:
            return (False,)
        return (True,) if self._told else (True, True, False)

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
        elif os.geteuid() == 0:
            logger.warning("the browser is up without its own sandbox: root has none")
        else:
            logger.warning(
                "the browser is up without its own sandbox: this machine, or the "
                "service's unit, does not let it have one"
            )
