"""Who may use the profile and the database: one airbot at a time.

`flock` on a file beside what it guards: the kernel frees it however the holder dies.
The file names its holder, for the sentence that a second airbot ends with.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from airbot.exceptions import AlreadyRunning


class InstanceLock:
    """Held from `acquire` to `release`; not inherited by children."""

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._what = what
        self._fd: int | None = None

    def acquire(self) -> None:
        """Raises AlreadyRunning, naming the process that holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 200).decode(errors="replace").strip()
            os.close(fd)
            who = holder or "another process"
            raise AlreadyRunning(f"{self._what} is in use by {who}") from None
        os.ftruncate(fd, 0)
        os.write(fd, f"airbot with process id {os.getpid()}\n".encode())
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def profile_lock(profile: Path) -> InstanceLock:
    path = profile.with_name(profile.name + ".lock")
    return InstanceLock(path, f"the browser profile {profile}")


def database_lock(database: Path) -> InstanceLock:
    path = database.with_name(database.name + ".running")
    return InstanceLock(path, f"the database {database}")
