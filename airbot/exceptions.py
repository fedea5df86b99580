"""What can go wrong, one class for each thing the operator would do differently.

No exception text holds a guest's words, a reply or a secret: these texts end up in
logs, in `last_error` and on the screen.
"""

from __future__ import annotations


class AirbotError(Exception):
    """Base of all errors that airbot raises on purpose."""


class ConfigError(AirbotError):
    """The settings are wrong; nothing was started. `problems` lists all of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class AlreadyRunning(AirbotError):
    """Another airbot holds the profile or the database."""


class StorageError(AirbotError):
    """The database cannot be read or written now (disk full, locked, damaged)."""


class WrongDatabase(StorageError):
    """The file is a newer airbot's, another program's, or damaged: not to be used."""


class AIError(AirbotError):
    """The AI did not take the question; `permanent` when asking again is hopeless."""

    def __init__(self, message: str, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class SiteError(AirbotError):
    """Airbnb did not show what was wanted; `state` is the session's state for it."""

    state = "unknown"


class LoginRequired(SiteError):
    """The session has ended, or belongs to another account: a person must log in."""

    state = "login"


class ChallengeShown(SiteError):
    """Airbnb asks for a human (CAPTCHA, airlock): a person must pass the check."""

    state = "captcha"


class SiteUnavailable(SiteError):
    """Airbnb, the network or the browser did not answer: try again later.

    `retry_after_s` is Airbnb's own wish, where it said one.
    """

    state = "unavailable"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BrowserMissing(SiteUnavailable):
    """No Chromium on this machine that can be started."""


class SiteChanged(SiteError):
    """Something that airbot relies on was not found; `missing` names it."""

    def __init__(self, missing: str) -> None:
        super().__init__(f"did not find {missing}")
        self.missing = missing


class ThreadNotShown(AirbotError):
    """Airbnb shows no such conversation to this account."""


class ReplyNotTyped(AirbotError):
    """The composer did not hold exactly the reply, so Send was not pressed."""


class CannotListen(AirbotError):
    """The webhook's address is taken or is not this machine's."""


class VerbRefused(AirbotError):
    """What a person asked for cannot be done to that reply or turn, and why."""
