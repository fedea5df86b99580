"""The processes of our own browser, found through /proc; never anyone else's.

A driver is a child of ours that runs Playwright's `run-driver`; a Chromium is ours when
an argument names our profile. A driver is remembered with its start: its number alone
may be another program's by the time that it is to be ended.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

BY_ITSELF_S = 3.0  # a Chromium whose driver died writes its cookies and goes
# Their programs' names. A driver is node's, whoever started it.
BROWSERS = re.compile(r"node|chrom|headless", re.IGNORECASE)
SINGLETONS = ("SingletonLock", "SingletonCookie", "SingletonSocket")


class Driver(NamedTuple):
    """One process; `started` in the kernel's ticks since the machine's start."""

    pid: int
    started: int


def drivers() -> set[Driver]:
    """The Playwright drivers that this process has started."""
    own = os.getpid()
    return {
        Driver(pid, stat[_STARTED])
        for pid, arguments in _commands()
        if "run-driver" in arguments and (stat := _stat(pid)) and stat[_PARENT] == own
    }


def chromiums(profile: Path) -> set[int]:
    """The main processes of the browsers that run on a profile."""
    # One whole argument: "/a/profile" is not "/a/profile of a friend". Chromium's
    # children rewrite their command line to one string with blanks.
    wanted = f"--user-data-dir={profile}"
    return {pid for pid, arguments in _commands() if wanted in arguments}


def kill_browser(drivers: set[Driver], profile: Path) -> None:
    """End a driver and its Chromium.

    The driver first: Chromium then ends cleanly by itself, hung page or not, and keeps
    the cookies of the last half minute. Killed at once, it would lose them.
    """
    for driver in drivers:
        _kill(driver)
    if not _wait(lambda: not chromiums(profile), BY_ITSELF_S):
        for pid in chromiums(profile):
            _kill_group(pid)
        _wait(lambda: not chromiums(profile), BY_ITSELF_S)


def end_leftovers(profile: Path) -> None:
    """End what a killed airbot left on the profile, and its stale lock.

    To be called only while our own lock on the profile is held.
    """
    for pid in chromiums(profile):
        _kill_group(pid)
    _wait(lambda: not chromiums(profile), BY_ITSELF_S)
    if _is_stale(profile / SINGLETONS[0]):
        for name in SINGLETONS:
            with suppress(OSError):
                (profile / name).unlink(missing_ok=True)


def other_browser(profile: Path) -> int | None:
    """The number of a Chromium that has the profile and is not ours, if one does.

    The headless shell makes no lock and heeds none: two browsers would spoil the
    profile. To be asked after `end_leftovers`.
    """
    try:
        pid = int(os.readlink(profile / SINGLETONS[0]).rpartition("-")[2])
        program = Path("/proc", str(pid), "cmdline").read_bytes().partition(b"\0")[0]
    except (OSError, ValueError):
        return None
    is_browser = b"chrom" in os.path.basename(program).lower()
    return pid if is_browser else None  # else the number is another program's now


def oldest_browser(user: int) -> float | None:
    """When the oldest living browser or driver of a user was started, in seconds since
    1970; None: there is none."""
    started = [
        stat[_STARTED] / os.sysconf("SC_CLK_TCK")
        for pid, arguments in _commands()
        if BROWSERS.search(os.path.basename(arguments[0].split(" ")[0]))
        and _user(pid) == user
        and (stat := _stat(pid))
    ]
    return _booted_at() + min(started) if started else None


def _booted_at() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _user(pid: int) -> int | None:
    with suppress(OSError):
        return os.stat(f"/proc/{pid}").st_uid
    return None


def _is_stale(lock: Path) -> bool:
    """Is the owner of Chromium's lock, `host-pid`, of another host name, or dead?

    A new container has another name. Chromium itself judges the living of its own.
    """
    try:
        host, _, pid = os.readlink(lock).rpartition("-")
    except OSError:
        return False
    return host != socket.gethostname() or not Path("/proc", pid).exists()


def memory_mb(drivers: set[Driver], profile: Path) -> float:
    """Proportional set size of drivers and of all processes on the profile."""
    groups, driver_pids = chromiums(profile), {driver.pid for driver in drivers}
    pids = [
        pid for pid, _ in _commands() if pid in driver_pids or _group(pid) in groups
    ]
    return sum(_pss_kb(pid) for pid in pids) / 1024


def _commands() -> Iterator[tuple[int, list[str]]]:
    """Each process and its arguments."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError):
            command = Path("/proc", name, "cmdline").read_bytes()
            if command:  # a zombie has none
                yield int(name), os.fsdecode(command).split("\0")


# Where they stand in _stat(): fields 4 and 22 of proc(5).
_PARENT, _STARTED = 0, 18


def _stat(pid: int) -> list[int]:
    """The numbers behind a process's name and state; none when it is gone."""
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return [int(number) for number in stat.rpartition(")")[2].split()[1:]]
    return []


def _kill(driver: Driver) -> None:
    with suppress(OSError):
        handle = os.pidfd_open(driver.pid)  # from here on it stays this process
        try:
            if _stat(driver.pid)[_STARTED:][:1] == [driver.started]:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


def _group(pid: int) -> int | None:
    with suppress(OSError):
        return os.getpgid(pid)
    return None


def _kill_group(pid: int) -> None:
    with suppress(OSError):
        if os.getpgid(pid) == pid:  # Chromium leads a group of its own
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def _pss_kb(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
