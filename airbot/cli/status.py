"""What `airbot status` says: are guests being answered, and what waits for a person."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta

from airbot.cli.layout import ago
from airbot.cli.layout import clock
from airbot.cli.layout import field_lines
from airbot.cli.layout import wrapped
from airbot.config import Config
from airbot.models import AIHealth
from airbot.models import AITrouble
from airbot.models import Job
from airbot.models import Session
from airbot.models import SessionState
from airbot.models import TurnStatus
from airbot.models import Waiting
from airbot.policy import health
from airbot.policy.health import JobState
from airbot.policy.health import Program
from airbot.storage.overview import Overview
from airbot.storage.overview import in_words
from airbot.terminal import plain

MOST_WAITING = 10
CROWDED_FOR = timedelta(hours=1)
SESSION_WORDS = {
    SessionState.OK: "logged in",
    SessionState.LOGIN: "logged out",
    SessionState.CAPTCHA: "stopped at a CAPTCHA",
    SessionState.UNAVAILABLE: "unavailable",
    SessionState.UNKNOWN: "page not understood",
}
WAITS_AT_AIRBNB = {
    SessionState.LOGIN: "a person must log in at Airbnb",
    SessionState.CAPTCHA: "a person must pass Airbnb's check",
}
TURN_WORDS = {TurnStatus.TAKEN_OVER: "answered by you"}


@dataclass(frozen=True)
class Status:
    """All of it, judged."""

    shown: Overview
    program: Program
    jobs: Mapping[str, JobState]
    exit_code: int
    plain_calls: bool  # are taken from whoever runs a program on this machine
    crowded_at: datetime | None

    @classmethod
    def of(
        cls,
        shown: Overview,
        config: Config,
        running: bool,
        reconnecting: bool,
        now: datetime,
    ) -> Status:
        last_sign = max((job.ended_at for job in shown.cycles.values()), default=None)
        live = health.program(shown.runs, running, reconnecting, last_sign, now)
        intervals = {
            "sync": timedelta(seconds=config.sync.interval_sec),
            "send": timedelta(seconds=config.send.interval_sec),
        }
        jobs = {
            name: health.job_state(
                shown.cycles.get(name), interval, live, shown.session, now
            )
            for name, interval in intervals.items()
        }
        code = health.exit_code(live, shown.session, jobs, shown.ai)
        plain = config.webhook.takes_plain_calls
        last = shown.runs[0].crowded_at if shown.runs else None
        crowded_at = last if last and now - last < CROWDED_FOR else None
        return cls(shown, live, jobs, code, plain, crowded_at)

    def webhook_in_words(self, now: datetime) -> Iterator[str]:
        if self.crowded_at:
            yield (
                f"all connections were taken, {ago(self.crowded_at, now)} ago last: see"
                " api.log for who holds them; answers still come in"
            )
        if self.plain_calls:
            yield (
                "takes plain calls: every user of this machine may write to any guest,"
                " or close a turn (webhook.trust_this_machine)"
            )


def status_lines(
    status: Status, now: datetime, here: Callable[[str], str]
) -> Iterator[str]:
    """`here` makes a command one that works on this machine, for this user."""
    shown = status.shown
    session = shown.session
    yield from field_lines("airbot", _program(status.program, now))
    yield from field_lines("session", _session(session, now))
    for name in ("sync", "send"):
        words = _job(shown.cycles.get(name), status.jobs[name], session.sentence, now)
        yield from field_lines(name.upper(), words)
    yield from field_lines("AI", ai_in_words(shown.ai, now))
    for words in status.webhook_in_words(now):
        yield from field_lines("webhook", words)
    turns = {TURN_WORDS.get(TurnStatus(s), s): n for s, n in shown.turns.items()}
    yield from field_lines("turns", in_words(turns, none="none"))
    yield from field_lines("replies", in_words(shown.replies, none="none"))
    if shown.longest:
        waits = ago(shown.longest.since, session.site_time(now))
        yield from field_lines("waits", f"{plain(shown.longest.who)} since {waits}")
    yield from _waiting(shown, here)


def before_the_first_start(config: Config, here: Callable[[str], str]) -> list[str]:
    """What is known, and the next step."""
    lines = [
        *field_lines("airbot", "not running: it has not run here yet"),
        *field_lines("settings", config.read_from),
        *field_lines("database", f"none yet at {config.storage.path}"),
        *field_lines("AI", "not asked yet"),
        "next:",
    ]
    if not config.airbnb.session_dir.exists():
        lines += ["  log in at Airbnb, once", f"    {here('airbot reconnect')}"]
    return [*lines, "  start it", f"    {here('airbot').strip()}"]


def _program(program: Program, now: datetime) -> str:
    if program.since is None:
        return "running" if program.running else "not running"
    since = f"{clock(program.since)} ({ago(program.since, now)})"
    about = f"version {program.version}, {program.settings}"
    if program.running:
        aside = "; a person reconnects, it waits" if program.reconnecting else ""
        once = " by --once" if program.mode == "once" else ""
        return f"running{once} since {since}, {about}{aside}"
    if program.mode == "once" and program.counts:
        gap = f", every {_span(program.usual_gap)}" if program.usual_gap else ""
        return f"not running now; by --once{gap}, last at {since}, {about}"
    return f"not running since {since}, {about}"


def _session(session: Session, now: datetime) -> str:
    if session.state == SessionState.OK:
        known = session.account_id is not None
        since = ago(session.since, now)
        return f"logged in, Airbnb answers since {since}" if known else "not read yet"
    words = f"{SESSION_WORDS[session.state]} since {ago(session.since, now)}"
    again = ""
    if session.next_try_at:
        again = f"; tried again at {clock(session.next_try_at)}"
    return f"{words}: {session.sentence}{again}"


def _job(job: Job | None, state: JobState, said: str, now: datetime) -> str:
    if job is None:
        return "has not run yet"
    if state == JobState.HANGING and job.running_since:
        return f"HANGS since {ago(job.running_since, now)}: restart airbot"
    if state == JobState.RUNNING and job.running_since:
        return f"running since {ago(job.running_since, now)}"
    outcome = "as above" if said and said in job.outcome else job.outcome
    if state == JobState.FAILING and job.failing_since:
        again = f"; next try {clock(job.next_try_at)}" if job.next_try_at else ""
        since = ago(job.failing_since, now)
        return f"fails since {since}: {outcome}{again}"
    late = "LATE: " if state == JobState.LATE else ""
    return f"{late}{ago(job.started_at, now)} ago, took {job.took_ms} ms: {outcome}"


def ai_in_words(ai: AIHealth, now: datetime) -> str:
    answered = "no answer yet"
    if ai.answered_at:
        answered = f"last answer {ago(ai.answered_at, now)} ago"
    if ai.failing_since is None:
        return answered
    what = "not reached" if ai.kind == AITrouble.UNREACHED else "gives no answer"
    again = f"; next try {clock(ai.next_try_at)}" if ai.next_try_at else ""
    since = f"{clock(ai.failing_since)} ({ago(ai.failing_since, now)})"
    return f"{what} since {since}: {ai.trouble}{again}; {answered}"


def _waiting(shown: Overview, here: Callable[[str], str]) -> Iterator[str]:
    if not shown.waiting:
        return
    yield f"waiting for a person: {len(shown.waiting)}"
    for item in shown.waiting[:MOST_WAITING]:
        who = f"{plain(item.who)}: " if item.who else ""
        yield from wrapped(f"{who}{_what(item, shown)}", "  ")
        yield f"    {here(item.command)}"
    more = len(shown.waiting) - MOST_WAITING
    if more > 0:
        yield f"  and {more} more: {here('airbot status --json')}"


def _what(item: Waiting, shown: Overview) -> str:
    """What the lines above have said is not said again."""
    session = shown.session
    if item.what == session.sentence:
        return WAITS_AT_AIRBNB.get(session.state, item.what)
    said: Iterable[str] = (job.outcome for job in shown.cycles.values())
    for outcome in said:
        if outcome and item.what.endswith(f": {outcome}"):
            return item.what.removesuffix(f": {outcome}")
    return item.what


def _span(span: timedelta) -> str:
    return ago(datetime.min, datetime.min + span)
