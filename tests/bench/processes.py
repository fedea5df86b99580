"""What processes have used, from the kernel's own accounting."""

from __future__ import annotations

import os
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN
from resource import RUSAGE_SELF
from resource import getrusage

from airbot.browser import Browser
from airbot.browser import processes
from airbot.browser.processes import _PARENT
from airbot.browser.processes import _pss_kb
from airbot.browser.processes import _stat

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(browser: Browser) -> float:
    """CPU seconds of this process, of the driver and of the browser's processes.

    Of the last two those that live; Chromium's children stay the same while it works.
    """
    groups = processes.chromiums(browser.profile)
    pids = map(int, _numbers())
    theirs = [pid for pid in pids if _group(pid) in groups]
    drivers = [driver.pid for driver in processes.drivers()]
    used = sum(_cpu_of(pid) for pid in [*drivers, *theirs])
    return time.process_time() + used


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _cpu_of(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * TICK_S


def resident_mb(pid: int) -> float:
    """What a process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def all_cpu_s() -> float:
    """CPU seconds of this process and of all its descendants that have ended."""
    ours, ended = (getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in (ours, ended))


def tree_mb(pid: int) -> float:
    """The proportional memory of a process and of all below it.

    What they share with other programs is shared out: run nothing like them beside.
    """
    parents = {pid: _stat(pid)[_PARENT:][:1] for pid in map(int, _numbers())}
    tree = {pid}
    while more := {child for child, of in parents.items() if tree & set(of)} - tree:
        tree |= more
    return sum(_pss_kb(one) for one in tree) / 1024


def _numbers() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]
