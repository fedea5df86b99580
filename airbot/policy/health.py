"""Are guests being answered? What `airbot status` and its exit code judge by.

    0   airbot runs, reads and sends, and the AI answers
    1   airbot itself needs help: it does not run, does not read, gets no answer
    77  a person is needed at Airbnb

What waits for a person's taste (a failed reply, a guest not answered in time) is said,
and changes nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median

from airbot.exceptions import ExitCode
from airbot.models import AIHealth
from airbot.models import Job
from airbot.models import Run
from airbot.models import Session
from airbot.models import SessionState

LATE_AFTER = 3  # intervals of a job, or the usual gaps between two runs of a cron job
# Of a job of a second: its work itself, and a machine that is busy.
LEAST_LATE = timedelta(seconds=30)
# A thousand conversations take some minutes; each step has its own deadline besides.
LONGEST_WALK = timedelta(minutes=30)
ONE_RUN_COUNTS = timedelta(days=1)  # how often it comes is not known yet


class JobState(StrEnum):
    NEVER = "never"
    RUNNING = "running"  # at work right now: a long walk is not late
    FAILING = "failing"
    LATE = "late"
    HANGING = "hanging"  # at work for longer than any inbox takes
    WELL = "well"


ILL = frozenset({JobState.FAILING, JobState.LATE, JobState.HANGING})


@dataclass(frozen=True)
class Program:
    """Whether airbot runs, and since when it does or does not.

    `mode`: "daemon" or "once", "" before the first start. `usual_gap`: between two runs
    of `--once`. `counts`: it runs, or its last run by `--once` is not too long ago.
    """

    running: bool
    counts: bool
    mode: str = ""
    version: str = ""
    settings: str = ""
    since: datetime | None = None
    usual_gap: timedelta | None = None
    reconnecting: bool = False  # a person has the browser, and airbot waits


def program(
    runs: Sequence[Run],
    running: bool,
    reconnecting: bool,
    last_sign: datetime | None,
    now: datetime,
) -> Program:
    """`runs`: newest first. `last_sign`: of a run that was killed, when a job ended."""
    if not runs:
        return Program(running, running, reconnecting=reconnecting)
    last = runs[0]
    gap = _usual_gap(runs)
    since = last.started_at
    if not running:
        since = last.ended_at or max(last.started_at, last_sign or last.started_at)
    counts = running
    if not running and last.mode == "once":
        counts = now - last.started_at <= (LATE_AFTER * gap if gap else ONE_RUN_COUNTS)
    return Program(
        running,
        counts,
        last.mode,
        last.version,
        last.settings,
        since,
        gap if last.mode == "once" else None,
        reconnecting and running,
    )


def _usual_gap(runs: Sequence[Run]) -> timedelta | None:
    """Between runs by `--once`, as they came before the last one."""
    starts = [run.started_at for run in runs if run.mode == "once"]
    gaps = [(a - b).total_seconds() for a, b in pairwise(starts) if a > b]
    return timedelta(seconds=median(gaps)) if gaps else None


def job_state(
    job: Job | None, interval: timedelta, live: Program, session: Session, now: datetime
) -> JobState:
    """How SYNC or SEND goes. Nothing is late while Airbnb may not be asked."""
    if job is None:
        return JobState.NEVER
    if job.failing_since is not None:
        return JobState.FAILING
    if not live.running or live.reconnecting or session.state != SessionState.OK:
        return JobState.WELL
    if job.running_since is not None:
        hangs = now - job.running_since > LONGEST_WALK
        return JobState.HANGING if hangs else JobState.RUNNING
    latest = max(LATE_AFTER * interval, LEAST_LATE)
    ended_at = max(job.ended_at, live.since or job.ended_at)
    return JobState.LATE if now - ended_at > latest else JobState.WELL


def exit_code(
    live: Program, session: Session, jobs: Mapping[str, JobState], ai: AIHealth
) -> ExitCode:
    if session.person_needed:
        return ExitCode.PERSON
    well = (
        live.counts
        and session.state == SessionState.OK
        and jobs["sync"] != JobState.NEVER
        and not ILL & set(jobs.values())
        and ai.failing_since is None
    )
    return ExitCode.DONE if well else ExitCode.FAILED
