"""What a person may do to a reply or a turn: state × verb, with the reason for a no.

reply          retry        cancel     resolve
pending        sent next    yes        no: not pressed yet
processing     no           no         no          (it is being sent right now)
uncertain      no           no         yes
failed         yes          yes: put aside  no: settled
cancelled      yes, unless the texts are answered or in a later turn, or another turn
               is under way; too old: with --old     no          no
sent           no           no         no

turn           retry
new, asked     asked at once
failed, ignored  yes, unless another turn is under way
expired        the same, with --old
answered       no: it has a reply
superseded, taken_over  no
"""

from __future__ import annotations

from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Turn
from airbot.models import TurnStatus

BUSY = "it is being sent right now"
STANDS = "it stands in the conversation"
RESOLVE_FIRST = (
    "it may stand in the conversation: look there, then say "
    "outbox resolve ID --sent or --not-sent"
)
OVER = "it is {} already"
RETRIED = (
    TurnStatus.NEW,
    TurnStatus.ASKED,
    TurnStatus.FAILED,
    TurnStatus.IGNORED,
    TurnStatus.EXPIRED,
)
LATER = "a later turn of this conversation is under way"


def why_not_retry_reply(
    reply: Reply,
    turn: Turn | None,
    lists_texts: bool,
    other_under_way: bool,
    is_old: bool,
) -> str | None:
    """Why a reply cannot be sent (again); None when it can.

    `lists_texts`: its turn still lists guest texts. `other_under_way`: a later turn of
    the conversation is. `is_old`: older than max_age_hours, and --old was not said.
    """
    refusals = {
        ReplyStatus.PROCESSING: BUSY,
        ReplyStatus.UNCERTAIN: RESOLVE_FIRST,
        ReplyStatus.SENT: STANDS,
    }
    if reply.status in refusals:
        return refusals[reply.status]
    if turn is not None and turn.status == TurnStatus.TAKEN_OVER:
        return "someone on the host's side has answered the guest"
    if turn is not None and not lists_texts:
        return "a later turn took over its texts"
    if other_under_way:
        return LATER
    if is_old:
        return "it is older than sync.max_age_hours: add --old to send it all the same"
    return None


def why_not_cancel(reply: Reply) -> str | None:
    """Why a reply cannot be cancelled; None when it can."""
    return {
        ReplyStatus.PENDING: None,
        ReplyStatus.FAILED: None,
        ReplyStatus.PROCESSING: BUSY,
        ReplyStatus.UNCERTAIN: RESOLVE_FIRST,
        ReplyStatus.SENT: STANDS,
    }.get(reply.status, OVER.format(reply.status))


def why_not_resolve(reply: Reply) -> str | None:
    """Why nothing is to be said about a reply; None when a person's word counts."""
    return {
        ReplyStatus.UNCERTAIN: None,
        ReplyStatus.PENDING: "Send has not been pressed for it yet",
        ReplyStatus.PROCESSING: BUSY,
        ReplyStatus.SENT: STANDS,
    }.get(reply.status, OVER.format(reply.status))


def why_not_retry_turn(
    turn: Turn,
    lists_texts: bool,
    has_reply: bool,
    other_under_way: bool,
    is_old: bool,
) -> str | None:
    """Why the AI cannot be asked (again) about a turn; None when it can.

    `is_old`: older than max_age_hours, and --old was not said.
    """
    if not lists_texts:
        return "a later turn took over its texts"
    if has_reply:
        return "it has a reply: see airbot outbox"
    if turn.status not in RETRIED:
        return f"it is {turn.status}: {turn.reason}"
    if other_under_way:
        return LATER
    if is_old:
        return "it is older than sync.max_age_hours: add --old to ask it all the same"
    return None


def why_not_done(reply: Reply | None) -> str | None:
    """Why a conversation cannot be ended by a person's word; None when it can."""
    if reply is None or reply.status == ReplyStatus.PENDING:
        return None
    return {
        ReplyStatus.PROCESSING: BUSY,
        ReplyStatus.UNCERTAIN: RESOLVE_FIRST,
    }.get(reply.status)
