"""What a reading proves about a reply whose Send was pressed, and what follows.

Reading decides first; a notice on the page never does. From `uncertain` Send is pressed
once more only if two counting readings, well apart, show that nothing arrived.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from difflib import SequenceMatcher

from airbot.models import Kind
from airbot.models import Message
from airbot.models import PressOutcome
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import ReplyStatus

MAX_PRESSES = 2
RECOGNISED = 0.5  # similarity from which a changed text is still our own
# What stands in the place of contact details: "(Phone number hidden by Airbnb)".
HIDDEN = re.compile(r"\([^()]{0,40}[Hh]idden by Airbnb\)")
SHOWN_LATE = timedelta(seconds=8)
LATE_READING = timedelta(minutes=10)


@dataclass(frozen=True)
class Verdict:
    """What a reading proves about a reply. `absent`: it counts, and shows nothing."""

    status: ReplyStatus
    reason: str | None = None
    site_message_id: str | None = None
    absent: bool = False
    newer_guest_text: bool = False
    park: bool = False


def judge(
    reply: Reply,
    outcome: PressOutcome | None,
    reading: Reading,
    taken: frozenset[str] = frozenset(),
) -> Verdict:
    """Reading decides first; a notice on the page never does.

    `outcome` is None when the press was in another life of the program. `taken` are
    the site ids that other replies have already been proven with.
    """
    if not reading.complete:
        reason = "the conversation was not shown to its end"
        return Verdict(ReplyStatus.UNCERTAIN, reason)
    if not _shows(reading, reply.anchor_id):
        reason = "the message before our press is out of sight"
        return Verdict(ReplyStatus.UNCERTAIN, reason, park=True)
    # New is what was not known before the press, wherever it stands: messages can
    # share a time, and ids do not grow, so ours may be shown above older ones.
    new = [m for m in reading.messages if m.id not in reply.known_ids]
    ours = [
        message
        for message in new
        if message.account_id == reading.account_id and message.id not in taken
    ]
    if verdict := _recognise(reply, ours):
        return verdict
    if reading.sending:
        reason = "the page shows a message that is still on its way"
        return Verdict(ReplyStatus.UNCERTAIN, reason)
    return _judge_absent(reply, outcome, new)


def _shows(reading: Reading, anchor_id: str | None) -> bool:
    return anchor_id is None or any(m.id == anchor_id for m in reading.messages)


def _recognise(reply: Reply, ours: list[Message]) -> Verdict | None:
    wanted = normalise(reply.message)
    texts = [message for message in ours if message.is_host_text]
    same = [m for m in texts if normalise(m.body or "") == wanted]
    like = same or [m for m in texts if is_recognisable(m.body or "", reply.message)]
    if len(like) > 1:
        reason = "two messages in the conversation could be this reply"
        return Verdict(ReplyStatus.UNCERTAIN, reason, park=True)
    if like:
        note = None if same else "the site changed the text"
        return Verdict(ReplyStatus.SENT, note, like[0].id)
    if any(message.kind == Kind.DELETED for message in ours):
        reason = "a message of our account was unsent right after the press"
        return Verdict(ReplyStatus.UNCERTAIN, reason, park=True)
    return None


def _judge_absent(
    reply: Reply, outcome: PressOutcome | None, new: list[Message]
) -> Verdict:
    guest = any(message.is_guest_text for message in new)
    if outcome is not None and outcome.refused:
        sentence = outcome.sentence or "Airbnb refused the message"
        reason = without_words_of(reply.message, sentence)
        return Verdict(ReplyStatus.FAILED, reason)
    if outcome is not None and not outcome.requested:
        again = reply.presses < MAX_PRESSES
        status = ReplyStatus.PENDING if again else ReplyStatus.FAILED
        return Verdict(status, "Send was pressed, but no request left the page")
    return Verdict(
        ReplyStatus.UNCERTAIN,
        "the message does not stand in the conversation",
        absent=True,
        newer_guest_text=guest,
    )


def settle(
    reply: Reply, verdict: Verdict, now: datetime, settle_after: timedelta
) -> Verdict:
    """What to do with an uncertain reply after one more reading.

    A `pending` verdict here means: press once more, for the last time.
    """
    if verdict.status != ReplyStatus.UNCERTAIN:
        return verdict
    first = reply.first_absent_at or now
    if reply.send_started_at and first - reply.send_started_at > LATE_READING:
        reason = f"{verdict.reason}, ten minutes after the press: no proof either way"
        return replace(verdict, reason=reason, park=True)
    if not verdict.absent:
        return verdict
    if reply.absent_readings == 0 or now - first < proof_after(reply, settle_after):
        return verdict
    if verdict.newer_guest_text:
        reason = "it never arrived, and the guest has written again"
        return Verdict(ReplyStatus.CANCELLED, reason)
    if reply.presses >= MAX_PRESSES:
        reason = "pressed twice and not in the conversation"
        return replace(verdict, reason=reason, park=True)
    return Verdict(ReplyStatus.PENDING, "it never arrived: pressing once more")


def proof_after(reply: Reply, settle_after: timedelta) -> timedelta:
    """How far apart two readings must be to prove that nothing arrived.

    A message that the site said it had taken may be shown late: that is waited for.
    """
    return settle_after + (SHOWN_LATE if reply.request == "accepted" else timedelta())


def without_words_of(reply: str, sentence: str) -> str:
    """The site's sentence without what it quotes of the reply."""
    words = {w for w in re.findall(r"\w{2,}", reply) if len(w) > 3 or w.isdigit()}
    if not words:
        return sentence
    quoted = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{quoted})(?!\w)", "…", sentence)


def normalise(text: str) -> str:
    """A text as it can be compared: Unicode form, white space, invisible marks."""
    text = unicodedata.normalize("NFC", text)
    visible = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(visible.split())


def is_recognisable(shown: str, reply: str) -> bool:
    """Is `shown` recognisably the reply, although the site changed some of it?"""
    parts = [re.escape(part) for part in HIDDEN.split(normalise(shown))]
    if len(parts) > 1 and any(parts):
        return re.fullmatch(".+?".join(parts), normalise(reply)) is not None
    matcher = SequenceMatcher(None, normalise(shown), normalise(reply), autojunk=False)
    return matcher.real_quick_ratio() >= RECOGNISED and matcher.ratio() >= RECOGNISED
