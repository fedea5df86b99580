"""Which Chromium to start, and how to get one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from airbot.exceptions import BrowserMissing

# The real binary before Debian's wrapper: that shell script reads /proc/cpuinfo, which
# a hardened unit hides.
KNOWN_BROWSERS = (
    "/usr/lib/chromium/chromium",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
)
# Chromium without a window's code, with less memory; it reads and keeps the profile as
# the full one does (tried 2026-11, 156).
HEADLESS_SHELL = "headless-shell"
HEADLESS_SHELLS = (
    "/usr/lib/chromium/chromium-headless-shell",
    "chromium-headless-shell",
)
AS_ROOT = ("sudo",) if os.geteuid() != 0 else ()


def find_browser(setting: str = "", headless: bool = True) -> str:
    """The Chromium to start: the setting, else Playwright's own, else the machine's.

    For a window the full one is started where the setting is `headless-shell`.
    """
    if setting == HEADLESS_SHELL:
        if headless:
            own = _playwrights_own("chromium_headless_shell-*/chrome-*/*headless*shell")
            return _first(own, *HEADLESS_SHELLS, install="--small")
        setting = ""
    if setting:
        found = shutil.which(setting)
        if found is None:
            raise BrowserMissing(
                f"airbnb.browser is {setting}, which cannot be started"
            )
        return found
    return _first(_playwrights_own("chromium-*/chrome-linux*/chrome"), *KNOWN_BROWSERS)


def _first(*candidates: str | None, install: str = "") -> str:
    for candidate in candidates:
        if candidate and (found := shutil.which(candidate)):
            return found
    which = "headless shell of Chromium" if install else "Chromium"
    command = f"airbot install-browser {install}".rstrip()
    raise BrowserMissing(f"no {which} was found on this machine: run {command}")


def _playwrights_own(pattern: str) -> str | None:
    """Where `playwright install` puts it, without starting the driver."""
    root = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or str(
        Path.home() / ".cache" / "ms-playwright"
    )
    found = sorted(Path(root).glob(pattern))
    return str(found[-1]) if found else None


def install_browser(say: Callable[[str], None], small: bool = False) -> str:
    """Get a Chromium whichever way works, or its headless shell; where it is.

    Raises BrowserMissing when none does.
    """
    which = HEADLESS_SHELL if small else ""
    for install in (None, _install_playwrights, _install_distributions):
        if install is not None:
            install(small)
        with suppress(BrowserMissing):
            found = find_browser(which)
            say(f"the browser is {found}")
            if small:
                say(f"to use it, set airbnb.browser = {HEADLESS_SHELL}")
            return found
        say("no Chromium yet")
    raise BrowserMissing("no Chromium could be installed: install your system's own")


def _install_playwrights(small: bool) -> None:
    wanted = ("chromium", "--only-shell") if small else ("chromium",)
    _run(sys.executable, "-m", "playwright", "install", "--with-deps", *wanted)


def _install_distributions(small: bool) -> None:
    # Playwright's driver wants libatomic1, which a minimal Debian lacks.
    if shutil.which("apt-get"):
        package = "chromium-headless-shell" if small else "chromium"
        _run(*AS_ROOT, "apt-get", "update", "-q")
        _run(*AS_ROOT, "apt-get", "install", "-y", "-q", package, "libatomic1")
    elif shutil.which("dnf"):
        package = "chromium-headless" if small else "chromium"
        _run(*AS_ROOT, "dnf", "install", "-y", package)


def _run(*command: str) -> None:
    """Run an installer; its output goes where ours goes, so nothing can fill up."""
    with suppress(OSError):
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=900, check=False)
