"""airbot as it runs: `airbot` in the foreground, and one cycle with `--once`.

parts.py    what is made and joined
gate.py     whether Airbnb may be asked, and what its troubles mean
once.py     one cycle
dry_run.py  one reading, on a copy
service.py  the scheduler, signals, the order of stopping
watch.py    the main thread's rounds: watchdog, status, repeated lines
notify.py   what the service manager is told
reconnect.py  a person's turn, in a window or in a page
"""

from __future__ import annotations

from airbot.daemon.dry_run import run_dry
from airbot.daemon.once import run_once
from airbot.daemon.reconnect import run_reconnect
from airbot.daemon.reconnect import run_remote
from airbot.daemon.service import Daemon

__all__ = ["Daemon", "run_dry", "run_once", "run_reconnect", "run_remote"]
