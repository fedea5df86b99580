"""Who may use the profile and the database: one airbot at a time.

`flock` on a file beside what it guards: the kernel frees it however the holder dies.
The file names its holder, for the sentence that a second airbot ends with. A symlink
to the same place is the same place.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from airbot.exceptions import AlreadyRunning
from airbot.private import open_ours
from airbot.private import real_path

TRY_EVERY_S = 0.05


class InstanceLock:
    """Held from `acquire` to `release`; not inherited by children."""

    def __init__(self, path: Path, what: str, holder: str = "airbot") -> None:
        self._path = path
        self._what = what
        self._holder = holder
        self._fd: int | None = None

    def acquire(self, patience_s: float = 0) -> None:
        """Raises AlreadyRunning, naming the process that holds it all that time."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = open_ours(self._path, os.O_RDWR | os.O_CREAT)
        end = time.monotonic() + patience_s
        while not _try_lock(fd, fcntl.LOCK_EX):
            if time.monotonic() >= end:
                holder = os.read(fd, 200).decode(errors="replace").strip()
                os.close(fd)
                who = holder or "another process"
                raise AlreadyRunning(f"{self._what} is in use by {who}")
            time.sleep(TRY_EVERY_S)
        os.ftruncate(fd, 0)
        os.write(fd, f"{self._holder} with process id {os.getpid()}\n".encode())
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @property
    def is_ours(self) -> bool:
        return self._fd is not None

    def is_held(self) -> bool:
        """Does another process hold it now?"""
        try:
            fd = open_ours(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(fd, fcntl.LOCK_SH)
        finally:
            os.close(fd)


def _try_lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def profile_lock(profile: Path, holder: str = "airbot") -> InstanceLock:
    path = _beside(profile, ".lock")
    return InstanceLock(path, f"the browser profile {profile}", holder)


def reconnect_lock(profile: Path) -> InstanceLock:
    """Held while a person wants the profile: the daemon steps aside for it."""
    path = _beside(profile, ".reconnect")
    return InstanceLock(path, f"the browser profile {profile}", "airbot reconnect")


def database_lock(database: Path) -> InstanceLock:
    path = _beside(database, ".running")
    return InstanceLock(path, f"the database {database}")


def _beside(guarded: Path, suffix: str) -> Path:
    real = real_path(guarded)
    return real.with_name(real.name + suffix)
