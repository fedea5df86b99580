"""This machine's clock, put wrong for one process: by the seconds that a file holds."""

from __future__ import annotations

import os
import time
from datetime import datetime
from datetime import tzinfo
from pathlib import Path

from apscheduler.schedulers import base
from apscheduler.triggers import date

from airbot import models

_right = time.time


def arm(file: Path) -> None:
    """What asks for the time from now on is told it with the file's seconds added."""

    def wrong() -> float:
        return _right() + float(file.read_text())

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(wrong(), tz)

    time.time = wrong
    for module in (models, base, date):
        setattr(module, "datetime", Shifted)


def put(file: Path, seconds: float) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(str(seconds))
    os.replace(fresh, file)  # it is read at any moment
