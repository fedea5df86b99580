"""What a browser leaves on the disk, and should not: what was typed, and downloads.

Chromium keeps forms for the next start (`Sessions`), for the next form (`Web Data`), as
addresses (`History`, `Cache`) and as logins (`Login Data`). Its preferences turn off
what they can. It makes `Sessions` anew whatever they say: a file in the folder's place
keeps it from that (tried 2026-11, Chromium 156; session cookies come back all the
same). What an older airbot left is deleted at the start, and when a browser has ended.

What pages store themselves is theirs: cookies, local storage, IndexedDB.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from airbot.browser import processes
from airbot.private import open_ours
from airbot.private import write_anew

logger = logging.getLogger("airbot.browser")

PREFERENCES = {
    "autofill": {"enabled": False, "profile_enabled": False},
    "credentials_enable_service": False,
    "credentials_enable_autosignin": False,
    "history": {"saving_disabled": True},
    # Nothing is asked for that no page was opened for.
    "net": {"network_prediction_options": 2},
    "profile": {"password_manager_enabled": False},
    "search": {"suggest_enabled": False},
}
# The last one keeps the addresses of downloads, and one may hold 4 MB as `data:`.
NO_FOLDERS = ("Sessions", "Sessions_Encrypted", "shared_proto_db")
NO_CACHE = ("Cache",)
TYPED = (
    "Current Session",
    "Current Tabs",
    "Last Session",
    "Last Tabs",
    "Web Data",
    "Account Web Data",
    "AutofillAiModelCache",
    "AutofillStrikeDatabase",
    "Login Data",
    "Login Data For Account",
    "Affiliation Database",
    "History",
    "Archived History",
    "Favicons",
    "Visited Links",
    "Top Sites",
    "Shortcuts",
    "Network Action Predictor",
    "Segmentation Platform",
    "Cache",
)
TYPED_ABOVE = ("segmentation_platform", "Crash Reports", "Crashpad", "BrowserMetrics")
JOURNALS = ("", "-journal", "-wal", "-shm")

# Made by Chromium and by Playwright's driver, six letters of chance at the end.
TEMPORARY = re.compile(
    r"playwright-artifacts-\w{6}"
    r"|\.?(org\.chromium\.Chromium|com\.google\.Chrome)\.\w{6}"
)
SLACK_S = 5.0  # between the clock of files and that of processes


def be_silent(profile: Path, for_person: bool) -> None:
    """Before a start: Chromium is to keep nothing that a person types.

    A form may put it into an address, and a cache keeps addresses: a person's browser
    has none on the disk.
    """
    forget_typed(profile)
    folder = profile / "Default"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        for name in (*NO_FOLDERS, *(NO_CACHE if for_person else ())):
            os.close(open_ours(folder / name, os.O_WRONLY | os.O_CREAT))
        _set_preferences(folder / "Preferences")
    except OSError as e:
        logger.warning("the browser's preferences cannot be written: %s", e.strerror)


def forget_typed(profile: Path) -> None:
    """Delete what an ended browser has kept of it; the login stays."""
    folder = profile / "Default"
    for name in TYPED:
        for end in JOURNALS:
            _remove(folder / f"{name}{end}")
    for name in TYPED_ABOVE:
        _remove(profile / name)
    for name in NO_FOLDERS:
        if not _is_empty_file(folder / name):
            _remove(folder / name)


def _is_empty_file(path: Path) -> bool:
    with suppress(OSError):
        found = path.lstat()
        return stat.S_ISREG(found.st_mode) and found.st_size == 0
    return False


def _set_preferences(file: Path) -> None:
    """Chromium drops a damaged file as a whole, and so do we."""
    try:
        kept = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        kept = None
    wanted = _merged(kept if isinstance(kept, dict) else {}, PREFERENCES)
    if wanted != kept:
        write_anew(file, json.dumps(wanted))


def _merged(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(kept)
    for key, value in wanted.items():
        below = kept.get(key)
        if isinstance(value, Mapping):
            value = _merged(below if isinstance(below, dict) else {}, value)
        merged[key] = value
    return merged


def _remove(path: Path) -> None:
    """A file, a link itself, or a folder with all that is in it."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def clear_temporary(folder: Path | None = None) -> None:
    """Delete what killed browsers of ours have left among the temporary files.

    Whose an entry is its name does not tell. So what is younger than the oldest browser
    or driver of this user that lives may be that one's, and stays.
    """
    oldest = processes.oldest_browser(os.geteuid())
    folder = folder or Path(tempfile.gettempdir())
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if TEMPORARY.fullmatch(entry.name) and _is_left(entry, oldest):
                _remove(Path(entry.path))


def _is_left(entry: os.DirEntry[str], oldest: float | None) -> bool:
    with suppress(OSError):
        found = entry.stat(follow_symlinks=False)
        mine = found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode)
        return mine and (oldest is None or found.st_ctime < oldest - SLACK_S)
    return False
