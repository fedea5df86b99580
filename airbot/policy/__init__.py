"""What to answer and why not: plain values in, a decision with its reason out.

Nothing here reads a clock, a page or a database.

    turns.py   which guest texts are unanswered, may this reply be sent
    proof.py   what a reading proves about a reply, and what follows
    verbs.py   what a person may do to a reply or a turn
"""

from __future__ import annotations

from airbot.policy.proof import BACKOFF_CAP_S
from airbot.policy.proof import BACKOFF_FIRST_S
from airbot.policy.proof import LATE_READING
from airbot.policy.proof import MAX_PRESSES
from airbot.policy.proof import RECOGNISED
from airbot.policy.proof import Verdict
from airbot.policy.proof import backoff_s
from airbot.policy.proof import is_recognisable
from airbot.policy.proof import judge
from airbot.policy.proof import normalise
from airbot.policy.proof import proof_after
from airbot.policy.proof import settle
from airbot.policy.proof import without_words_of
from airbot.policy.turns import ANSWERED
from airbot.policy.turns import CLOSED
from airbot.policy.turns import FRESH
from airbot.policy.turns import GUEST_ROLES
from airbot.policy.turns import IGNORED
from airbot.policy.turns import MAX_SUPERSEDES
from airbot.policy.turns import MAX_WAIT_FOR_GUEST
from airbot.policy.turns import OPEN
from airbot.policy.turns import PARKED
from airbot.policy.turns import Case
from airbot.policy.turns import Decision
from airbot.policy.turns import decide_send
from airbot.policy.turns import decide_turn
from airbot.policy.turns import is_hosted
from airbot.policy.turns import is_too_old
from airbot.policy.turns import too_old
from airbot.policy.turns import unanswered
from airbot.policy.turns import whose

__all__ = [
    "ANSWERED",
    "BACKOFF_CAP_S",
    "BACKOFF_FIRST_S",
    "CLOSED",
    "Case",
    "Decision",
    "FRESH",
    "GUEST_ROLES",
    "IGNORED",
    "LATE_READING",
    "MAX_PRESSES",
    "MAX_SUPERSEDES",
    "MAX_WAIT_FOR_GUEST",
    "OPEN",
    "PARKED",
    "RECOGNISED",
    "Verdict",
    "backoff_s",
    "decide_send",
    "decide_turn",
    "is_hosted",
    "is_recognisable",
    "is_too_old",
    "judge",
    "normalise",
    "proof_after",
    "settle",
    "too_old",
    "unanswered",
    "whose",
    "without_words_of",
]
