"""airbot with one part that stops for good some seconds after the start.

broken.py scheduler|browser --config PATH
"""

from __future__ import annotations

import sys
import threading

from apscheduler.schedulers.background import BackgroundScheduler

from airbot.cli import main
from airbot.sync import Syncer

AFTER_S = 15.0


def stop_scheduler() -> None:
    """Its thread waits for a lock that is never free again."""
    start = BackgroundScheduler.start

    def started(self: BackgroundScheduler) -> None:
        start(self)
        timer = threading.Timer(AFTER_S, self._jobstores_lock.acquire)
        timer.daemon = True
        timer.start()

    BackgroundScheduler.start = started


def stop_browser() -> None:
    """Its thread waits inside a job for something that never comes."""
    setattr(Syncer, "run", lambda *_: threading.Event().wait())


if __name__ == "__main__":
    {"scheduler": stop_scheduler, "browser": stop_browser}[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
