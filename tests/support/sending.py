"""A reply on its way: its text, its steps, what the site does to it, and a death."""

from __future__ import annotations

from collections.abc import Callable

from support.fakes import Scene

from airbot.config import Config
from airbot.exceptions import ChallengeShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import SlowDown
from airbot.send import Sender

REPLY = "Yes, parking is free.\nSee you soon!"
CANARY = "Kanarienvogel"
SETTLE_S = 120

# Of the site, whichever conversation meets them; and what is one conversation's own.
SITES_OWN = (
    LoginRequired("Airbnb asks for a login"),
    ChallengeShown("airlock page"),
    SlowDown("HTTP 429"),
)
SITE_ERRORS = (
    SiteUnavailable("timed out"),
    SiteChanged("the composer"),
    *SITES_OWN,
)
# (step, which call of it) in their order; the third reading is the proof.
BEFORE = (
    ("read_thread", 1),
    ("open_thread", 1),
    ("type_reply", 1),
    ("read_thread", 2),
    ("check_typed", 1),
)


class Killed(BaseException):
    """The process ends here."""


def kill() -> None:
    raise Killed


def restarted(scene: Scene, make_config: Callable[..., Config]) -> None:
    """Another process on the same database: SEND as it is after a start."""
    scene.sender = Sender(scene.storage, scene.airbnb, make_config(), scene.clock)
