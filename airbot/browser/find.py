"""Which Chromium to start, and whether its own sandbox works here."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from airbot.exceptions import BrowserMissing

# The real binary before Debian's wrapper: that shell script reads /proc/cpuinfo, which a
# hardened unit hides.
KNOWN_BROWSERS = (
    "/usr/lib/chromium/chromium",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
)


def find_browser(setting: str = "") -> str:
    """The Chromium to start: the setting, else Playwright's own, else the machine's."""
    if setting:
        found = shutil.which(setting)
        if found is None:
            raise BrowserMissing(f"airbnb.browser is {setting}, which cannot be started")
        return found
    for candidate in (_playwrights_own(), *KNOWN_BROWSERS):
        if candidate and (found := shutil.which(candidate)):
            return found
    raise BrowserMissing("no Chromium was found on this machine")


def _playwrights_own() -> str | None:
    """Where `playwright install chromium` puts it, without starting the driver."""
    root = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or str(
        Path.home() / ".cache" / "ms-playwright"
    )
    found = sorted(Path(root).glob("chromium-*/chrome-linux*/chrome"))
    return str(found[-1]) if found else None


def sandbox_works() -> bool:
    """Chromium's own sandbox: not for root, nor where user namespaces are off."""
    if os.geteuid() == 0:
        return False
    for switch in (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "/proc/sys/user/max_user_namespaces",
    ):
        with suppress(OSError):
            if Path(switch).read_text().strip() == "0":
                return False
    return True
