"""What can go wrong, one class for each thing the operator would do differently.

No exception text holds a guest's words, a reply or a secret: these texts end up in
logs, in `last_error` and on the screen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from traceback import extract_tb


class ExitCode(IntEnum):
    """How a command ends, for cron, systemd and scripts."""

    DONE = 0
    FAILED = 1  # try again
    USAGE = 2  # wrong settings, or a wrong command
    BUSY = 75  # another airbot is at it
    PERSON = 77  # a person is needed at Airbnb


class AirbotError(Exception):
    """Base of all errors that airbot raises on purpose.

    `advice` is what a person reads behind the error's own words.
    """

    exit_code = ExitCode.FAILED
    advice = ""


class ConfigError(AirbotError):
    """The settings are wrong; nothing was started. `problems` lists all of them."""

    exit_code = ExitCode.USAGE
    advice = "\nNothing was started."

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class AlreadyRunning(AirbotError):
    """Another airbot holds the profile or the database."""

    exit_code = ExitCode.BUSY
    advice = "; two at once would answer guests twice"


class StorageError(AirbotError):
    """The database cannot be read or written now (disk full, locked, damaged)."""


class DatabaseGone(StorageError):
    """The file was deleted or replaced while it was open: nothing that is written to
    it is kept."""


class WrongDatabase(StorageError):
    """The file is a newer airbot's, another program's, or damaged: not to be used."""

    exit_code = ExitCode.USAGE
    advice = "; nothing in it was changed"


class AIError(AirbotError):
    """The AI did not take the question.

    `reached`: it said so itself. `permanent`: asking this question again is hopeless.
    `closed`: it takes no question at all now. `retry_after_s`: its own wish, for all.
    """

    def __init__(
        self,
        message: str,
        reached: bool = False,
        permanent: bool = False,
        closed: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reached = reached
        self.permanent = permanent
        self.closed = closed
        self.retry_after_s = retry_after_s


class AnsweredOtherwise(AirbotError):
    """The turn has another answer already; the second one is not taken."""


class SiteError(AirbotError):
    """Airbnb did not show what was wanted; `state` is the session's state for it."""

    state = "unknown"


class LoginRequired(SiteError):
    """The session has ended, or belongs to another account: a person must log in."""

    state = "login"


class ChallengeShown(SiteError):
    """Airbnb asks for a human: a person must pass the check. `seen` is what shows it.

    CAPTCHA is the word by which people look for it, in the log and on the web.
    """

    state = "captcha"

    def __init__(self, seen: str) -> None:
        super().__init__(f"Airbnb shows a check for humans (CAPTCHA): {seen}")


class SiteUnavailable(SiteError):
    """Airbnb, the network or the browser did not answer: try again later.

    `retry_after_s` is Airbnb's own wish, where it said one.
    """

    state = "unavailable"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PageFailed(SiteUnavailable):
    """The page hung, crashed, or did not do in time what was asked of it."""


class BrowserMissing(SiteUnavailable):
    """No Chromium on this machine that can be started."""


class SlowDown(SiteUnavailable):
    """Airbnb blocks or limits this account: nothing more is asked for a while."""


class SiteChanged(SiteError):
    """Something that airbot relies on was not found; `missing` names it."""

    def __init__(self, missing: str) -> None:
        super().__init__(f"did not find {missing}")
        self.missing = missing


class DialogShown(SiteError):
    """A dialog lies over Airbnb's page, and stays: a person must look at it.

    Its buttons are not airbot's to press; reading goes on meanwhile.
    """

    state = "ok"


class ThreadError(AirbotError):
    """Something about one conversation: the others go on."""


class ThreadNotShown(ThreadError):
    """Airbnb shows no such conversation to this account."""


class ReplyNotTyped(ThreadError):
    """The composer did not hold exactly the reply, so Send was not pressed."""


class ThreadTroubled(ThreadError):
    """A step failed in one conversation; `site_error` is what it means if it is not
    the conversation's own (see policy/blame.py)."""

    def __init__(self, step: str, site_error: SiteError) -> None:
        super().__init__(str(site_error))
        self.step = step
        self.site_error = site_error


class Unforeseen(ThreadError):
    """A fault of the program's, met in one conversation; its text says where."""


class QueueFull(AirbotError):
    """Too many messages that answer no question wait already: send them later."""


class CannotListen(AirbotError):
    """An address is taken or is not this machine's; `key` is the port's setting."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.advice = f"; end what uses it, or set {key}"


class VerbRefused(AirbotError):
    """What a person asked for cannot be done to that reply or turn, and why."""


@contextmanager
def one_conversation() -> Iterator[None]:
    """What nobody foresaw in one conversation is that conversation's trouble."""
    try:
        yield
    except AirbotError:
        raise
    except Exception as e:
        raise Unforeseen(f"airbot failed there, {where_it_failed(e)}") from e


def where_it_failed(e: BaseException) -> str:
    """Where the program has a fault, but not with what in hand.

    An exception's own text may hold what a guest wrote.
    """
    where = " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in reversed(extract_tb(e.__traceback__)[-5:])
    )
    return f"please report this: {type(e).__name__} in {where}"
