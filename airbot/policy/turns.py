"""Which guest texts are unanswered, and what becomes of their turn.

- A turn is the guest texts of a thread that nobody has answered, those that are too old
  left out. A text or a photo from a person on the host's side answers every guest text
  above it. Our own reply answers only the texts that its turn lists: a guest text that
  lands while Send is pressed stands above our reply and is still unanswered.
- Cards, a guest's media, notices and scheduled texts never open, close, lengthen or
  supersede a turn.
- A guest who writes again before the reply is claimed supersedes the turn, at most
  twice in a row and within ten minutes of its first text; then the reply goes out, and
  the later texts are the next turn.
- While a reply of a thread is unsettled, its turns stand still: our own text, just
  posted and not yet proven, looks like a person's.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
from datetime import timedelta

from airbot.models import Direction
from airbot.models import Message
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.models import fingerprint
from airbot.policy.rules import Rules
from airbot.policy.states import OPEN_TURNS
from airbot.policy.states import UNSETTLED

UNLISTED = "unlisted"
GUEST_ROLES = frozenset({"GUEST", "COTRAVELER"})
MAX_SUPERSEDES = 2
MAX_WAIT_FOR_GUEST = timedelta(minutes=10)

# How a guest text stands, by the turn that lists it.
FRESH = "fresh"  # in no turn yet
OPEN = "open"  # in the turn that is under way
ANSWERED = "answered"  # our reply to it is sent
IGNORED = "ignored"  # the AI said: no reply
STANDS_STILL = "stands_still"  # our reply to it is being sent, or not proven yet
CLOSED = "closed"  # failed, expired or cancelled: asked again only with a newer text

ANSWERED_BY_A_PERSON = "you answered first"
OUT_OF_SIGHT = "earlier messages are out of sight"
# A text of the host's side that stands in other conversations too.
IN_DOUBT = "answered by a text of your account; scheduled?"


# Whose text is it?


def whose(
    account_id: str, account_type: str, role: str | None, own_id: str
) -> tuple[str, Direction, str | None]:
    """Sort a sender by account and role, never by name: (role, direction, note)."""
    if account_type != "USER":
        return account_type.lower(), Direction.SYSTEM, None
    if role in GUEST_ROLES and account_id != own_id:
        return role.lower(), Direction.INBOUND, None
    if role is not None:
        return role.lower(), Direction.OUTBOUND, None
    if account_id == own_id:
        return "host", Direction.OUTBOUND, None
    # It neither asks nor answers, unless it was listed once: see storage.
    return UNLISTED, Direction.SYSTEM, "an account that no participant lists"


def is_hosted(own_role: str | None) -> bool:
    """Is our own account on the host's side of this thread?"""
    return own_role is not None and own_role not in GUEST_ROLES


def standing(turn: TurnStatus | None, reply: ReplyStatus | None, in_hand: bool) -> str:
    """How a message stands, by its turn and by the reply to that turn."""
    # A text that its turn was superseded without had vanished, or had no words.
    if turn is None or turn == TurnStatus.SUPERSEDED:
        return FRESH
    if turn in OPEN_TURNS or in_hand or reply == ReplyStatus.PENDING:
        return OPEN
    if turn == TurnStatus.IGNORED:
        return IGNORED
    if reply in UNSETTLED:
        return STANDS_STILL
    return ANSWERED if reply == ReplyStatus.SENT else CLOSED


# Which turn is unanswered, or why not?


@dataclass(frozen=True)
class Case:
    """A thread as the decision sees it; `messages` in the order of the page."""

    hosted: bool
    messages: tuple[Message, ...]
    now: datetime
    rules: Rules
    standing: dict[str, str] = field(default_factory=dict)
    own_replies: frozenset[str] = frozenset()
    turn: Turn | None = None  # the one under way; of a reply in hand: its own
    unsettled: bool = False  # another reply here is being sent, or not proven yet
    old_ok: bool = False  # a person wants it answered, however old
    claimed: bool = False  # its reply is in hand: edits change nothing any more
    cut: bool = False  # what stands above the shown messages is not known


@dataclass(frozen=True)
class Decision:
    """Close the open turn as `close` (if set) and open one of `texts` (if any)."""

    reason: str
    close: TurnStatus | None = None
    texts: tuple[Message, ...] = ()
    status: TurnStatus = TurnStatus.NEW
    supersedes: int = 0


def decide_turn(case: Case) -> Decision:
    """The one decision about a thread after every reading of it."""
    if case.unsettled:
        return Decision("a reply of this conversation is not settled yet")
    if not case.hosted:
        close = TurnStatus.FAILED if case.turn else None
        return Decision("our account is not on the host's side here", close)
    texts = unanswered(case)
    if case.turn is None:
        return _decide_without_turn(case, texts)
    return _decide_with_turn(case, case.turn, texts)


def unanswered(case: Case) -> tuple[Message, ...]:
    """The guest texts below the last answer of a person on the host's side."""
    closed = {ANSWERED, IGNORED, STANDS_STILL}
    return tuple(
        message
        for message in case.messages[_after_last_answer(case) :]
        if message.is_guest_text and case.standing.get(message.id) not in closed
    )


def _after_last_answer(case: Case) -> int:
    for index in range(len(case.messages) - 1, -1, -1):
        message = case.messages[index]
        if message.is_persons_answer and message.id not in case.own_replies:
            return index + 1
    return 0


def _decide_without_turn(case: Case, texts: tuple[Message, ...]) -> Decision:
    if not texts:
        return Decision(_why_nothing(case))
    fresh = [text for text in texts if case.standing.get(text.id, FRESH) == FRESH]
    if not fresh:
        return Decision("nothing new since the last turn was closed")
    if not any(_is_young(case, text) for text in fresh):
        return Decision(case.rules.too_old, None, tuple(fresh), TurnStatus.EXPIRED)
    return _open(case, texts)


def _why_nothing(case: Case) -> str:
    above = case.messages[: _after_last_answer(case)]
    if any(m.is_guest_text and case.standing.get(m.id, FRESH) == FRESH for m in above):
        return _answered_by(above[-1])
    return "no unanswered guest text"


def _answered_by(answer: Message) -> str:
    return IN_DOUBT if answer.note == IN_DOUBT else ANSWERED_BY_A_PERSON


def _open(
    case: Case,
    texts: tuple[Message, ...],
    close: TurnStatus | None = None,
    reason: str = "new guest text",
    supersedes: int = 0,
) -> Decision:
    # Older texts are history: last month's question is no part of today's.
    young = tuple(text for text in texts if _is_young(case, text))
    if not young:
        return Decision(case.rules.too_old, close, texts, TurnStatus.EXPIRED)
    reason = f"{reason}; {OUT_OF_SIGHT}" if case.cut else reason
    return Decision(reason, close, young, TurnStatus.NEW, supersedes)


def _is_young(case: Case, text: Message) -> bool:
    wanted = case.old_ok and case.standing.get(text.id) == OPEN
    return wanted or not case.rules.is_too_old(text.sent_at, case.now)


def _decide_with_turn(case: Case, turn: Turn, texts: tuple[Message, ...]) -> Decision:
    listed = tuple(text for text in texts if case.standing.get(text.id) == OPEN)
    if answer := _answer_below(case):
        reason = _answered_by(answer)
        if not texts:
            return Decision(reason, TurnStatus.TAKEN_OVER)
        return _open(case, texts, TurnStatus.TAKEN_OVER, reason)
    texts = tuple(t for t in texts if t in listed or _is_young(case, t))
    if case.rules.is_too_old(turn.newest_at, case.now) and not case.old_ok:
        return _expire(case, tuple(text for text in texts if text not in listed))
    if fingerprint(listed) != turn.fingerprint and not case.claimed:
        return _rebuild(case, turn, texts)
    if texts != listed:
        return _lengthen(case, turn, texts)
    return Decision("the turn is as it was")


def _expire(case: Case, newer: tuple[Message, ...]) -> Decision:
    reason = case.rules.too_old
    if not newer:
        return Decision(reason, TurnStatus.EXPIRED)
    return _open(case, newer, TurnStatus.EXPIRED, reason)


def _answer_below(case: Case) -> Message | None:
    """A person's answer that stands below a text of the open turn, unsent or not."""
    above = case.messages[: _after_last_answer(case)]
    answered = any(case.standing.get(message.id) == OPEN for message in above)
    return above[-1] if answered else None


def _rebuild(case: Case, turn: Turn, texts: tuple[Message, ...]) -> Decision:
    reason = "the guest edited or unsent a text"
    if not texts:
        return Decision(reason, TurnStatus.SUPERSEDED)
    return _open(case, texts, TurnStatus.SUPERSEDED, reason, turn.supersedes)


def _lengthen(case: Case, turn: Turn, texts: tuple[Message, ...]) -> Decision:
    reason = "the guest wrote again"
    if turn.status == TurnStatus.NEW and turn.attempts == 0:
        # Nobody has been asked yet: nothing is wasted, so nothing is counted.
        return _open(case, texts, TurnStatus.SUPERSEDED, reason, turn.supersedes)
    if turn.supersedes >= MAX_SUPERSEDES:
        return Decision("the guest wrote again, but the turn was longer twice already")
    if case.now - turn.first_at > MAX_WAIT_FOR_GUEST:
        return Decision("the guest wrote again, but waits since over ten minutes")
    return _open(case, texts, TurnStatus.SUPERSEDED, reason, turn.supersedes + 1)


# May this reply be sent?


def decide_send(reply: Reply, case: Case, claimed: bool = True) -> Decision:
    """The same decision once more, with the reply in hand: `close` set = not sent.

    `claimed`: its conversation has been read since it was; until then a guest's edit
    or unsend counts as one before the claim.
    """
    mine = replace(case, unsettled=False, old_ok=reply.old_ok, claimed=claimed)
    if reply.turn_id is None:
        return _decide_without_question(reply, mine)
    if mine.turn is None or OPEN not in mine.standing.values():
        return Decision("a later turn took over its texts", TurnStatus.SUPERSEDED)
    return decide_turn(mine)


def _decide_without_question(reply: Reply, case: Case) -> Decision:
    if not case.hosted:
        reason = "our account is not on the host's side of this conversation"
        return Decision(reason, TurnStatus.FAILED)
    if case.rules.is_too_old(reply.created_at, case.now) and not case.old_ok:
        return Decision(case.rules.too_old, TurnStatus.EXPIRED)
    return Decision("a reply without a turn")
