"""What is ours alone on the disk: 0600 in 0700, whatever the umask was.

Files are made so. What an older version, another tool or a copy has left open is closed
at the start, where that is ours to do; else a sentence says what a person should do.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

OTHERS = 0o077
UMASK = 0o077
NO_FILE = "no plain file, move it away"
DATABASE_ENDS = ("-wal", "-shm", "-journal", ".lock", ".running")
PROFILE_MARKS = ("Local State", "Default", "airbot-cookies.json")


def open_ours(path: Path, how: int) -> int:
    """A file of ours, made 0600; its descriptor, which no child inherits.

    Never through a link: whoever may write in the folder could have put it there. Nor
    does it wait at a pipe for who would open the other end, or take one for a file.
    """
    kept = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    fd = os.open(path, how | kept, 0o600)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, NO_FILE, str(path))
    return fd


def real_path(path: Path) -> Path:
    """Where its links lead; of links that lead in a circle what opening them says."""
    return Path(os.path.realpath(path))  # Path.resolve raises there, before Python 3.13


def write_anew(path: Path, text: str) -> None:
    """Replace a file of ours whole, and on the disk; what is there already stays."""
    with suppress(OSError):
        if path.read_bytes() == text.encode():
            return
    fresh = path.with_suffix(".new")
    fd = open_ours(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with open(fd, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def close_files(paths: Iterable[Path]) -> list[str]:
    """Close these files to other users; a sentence for each that stays open."""
    return [said for path in paths if _is_open(path) and (said := _close(path))]


def close_profile(folder: Path) -> list[str]:
    """The browser's profile, whole: logged in, it is the host's account."""
    if not folder.is_dir() or not _is_profile(folder):
        return _say_open(folder)
    inside = [
        Path(top, name)
        for top, folders, files in os.walk(folder)
        for name in (*folders, *files)
    ]
    return close_files([folder, *inside])


def close_logs(folder: Path, names: Iterable[str]) -> list[str]:
    """Our log files; and their folder, where nothing else is in it."""
    ours = [path for name in names for path in folder.glob(f"{name}*")]
    with suppress(OSError):
        if set(folder.iterdir()) <= set(ours):
            ours.append(folder)
    return close_files(ours) or _say_open(folder)


def close_database(path: Path) -> list[str]:
    """The database and what stands beside it; its folder may be anybody's."""
    names = (path.name, *(path.name + end for end in DATABASE_ENDS))
    return close_files(path.with_name(name) for name in names) + _say_open(path.parent)


def _is_profile(folder: Path) -> bool:
    """Is it a Chromium profile? Another folder is not ours to close."""
    names = os.listdir(folder)
    return not names or any(mark in names for mark in PROFILE_MARKS)


def _is_open(path: Path) -> bool:
    mode = _mode(path)
    return mode is not None and bool(mode & OTHERS)


def _say_open(folder: Path) -> list[str]:
    if not _is_open(folder):
        return []
    mode = stat.S_IMODE(folder.stat().st_mode)
    return [f"{folder} is open to other users (mode {mode:04o}): chmod 700 it"]


def _close(path: Path) -> str | None:
    try:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
    except FileNotFoundError:
        return None
    except OSError as e:
        return f"{path} is open to other users and cannot be closed: {e.strerror}"
    return None


def _mode(path: Path) -> int | None:
    """None for what is not there, and for links: they have no mode."""
    with suppress(OSError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
            return stat.S_IMODE(found.st_mode)
    return None
