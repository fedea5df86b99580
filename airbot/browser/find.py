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
AS_ROOT = ("sudo",) if os.geteuid() != 0 else ()


def find_browser(setting: str = "") -> str:
    """The Chromium to start: the setting, else Playwright's own, else the machine's."""
    if setting:
        found = shutil.which(setting)
        if found is None:
            raise BrowserMissing(
                f"airbnb.browser is {setting}, which cannot be started"
            )
        return found
    for candidate in (_playwrights_own(), *KNOWN_BROWSERS):
        if candidate and (found := shutil.which(candidate)):
            return found
    raise BrowserMissing(
        "no Chromium was found on this machine: run airbot install-browser"
    )


def _playwrights_own() -> str | None:
    """Where `playwright install chromium` puts it, without starting the driver."""
    root = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or str(
        Path.home() / ".cache" / "ms-playwright"
    )
    found = sorted(Path(root).glob("chromium-*/chrome-linux*/chrome"))
    return str(found[-1]) if found else None


def install_browser(say: Callable[[str], None]) -> str:
    """Get a Chromium whichever way works; where it is.

    Raises BrowserMissing when none does.
    """
    for install in (None, _install_playwrights, _install_distributions):
        if install is not None:
            install()
        with suppress(BrowserMissing):
            found = find_browser()
            say(f"the browser is {found}")
            return found
        say("no Chromium yet")
    raise BrowserMissing("no Chromium could be installed: install your system's own")


def _install_playwrights() -> None:
    _run(sys.executable, "-m", "playwright", "install", "--with-deps", "chromium")


def _install_distributions() -> None:
    # Playwright's driver wants libatomic1, which a minimal Debian lacks.
    if shutil.which("apt-get"):
        _run(*AS_ROOT, "apt-get", "update", "-q")
        _run(*AS_ROOT, "apt-get", "install", "-y", "-q", "chromium", "libatomic1")
    elif shutil.which("dnf"):
        _run(*AS_ROOT, "dnf", "install", "-y", "chromium")


def _run(*command: str) -> None:
    """Run an installer; its output goes where ours goes, so nothing can fill up."""
    with suppress(OSError):
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=900, check=False)
