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
LIKE = 0.5  # similarity from which a text may be ours, changed: never a proof
# What stands in the place of contact details, in the account's language:
# "(Phone number hidden by Airbnb)", "[Numéro masqué par Airbnb]".
HIDDEN = re.compile(
    r"[(\[（［【][^()\[\]（）［］【】]{0,60}?Airbnb[^()\[\]（）［］【】]{0,60}[)\]）］】]"
)
CONTACT = r".*?(?:\d|@|\w\.\w|://).*?"  # what is hidden: a number, an address, a link
MOST_HIDDEN = 8  # parts of one text; beyond, it is only like the reply
SHOWN_LATE = timedelta(seconds=8)
LATE_READING = timedelta(minutes=10)
GIVEN_UP_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Verdict:
    """What a reading proves about a reply. `absent`: it counts, and shows nothing."""

    status: ReplyStatus
    reason: str | None = None
    site_message_id: str | None = None
    absent: bool = False
    newer_guest_text: bool = False
    other_text: bool = False  # new, of the host's side, and not the reply
    park: bool = False


@dataclass(frozen=True)
class Before:
    """What was known when Send was pressed: `ids`, the messages of the conversation.

    `taken`: the messages that other replies have been proven with.
    """

    ids: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()


def judge(
    reply: Reply,
    outcome: PressOutcome | None,
    reading: Reading,
    before: Before,
    lacking: str | None = None,
) -> Verdict:
    """Reading decides first; a notice on the page never does.

    `outcome` is None when the press was in another life of the program. `lacking` is
    what keeps the reading from being whole: then only the message that the send's own
    answer named can prove something, because it can be seen.
    """
    # New is what was not known before the press, wherever it stands: messages can
    # share a time, and ids do not grow, so ours may be shown above older ones.
    known = before.ids | before.taken
    new = [m for m in reading.messages if m.id not in known]
    if verdict := _identify(reply, outcome, new):
        return verdict
    if lacking is not None:
        return Verdict(ReplyStatus.UNCERTAIN, lacking)
    if before.ids and not before.ids.intersection(reading.ids):
        reason = "the messages before our press are out of sight"
        return Verdict(ReplyStatus.UNCERTAIN, reason, park=True)
    if verdict := _recognise(reply, outcome, reading, new):
        return verdict
    if reading.sending:
        reason = "the page shows a message that is still on its way"
        return Verdict(ReplyStatus.UNCERTAIN, reason)
    return _judge_absent(reply, outcome, new)


def _identify(
    reply: Reply, outcome: PressOutcome | None, new: list[Message]
) -> Verdict | None:
    """The message that the send's answer has named is ours, whatever it says now."""
    names = reply.named | (outcome.named if outcome else frozenset())
    named = [m for m in new if names & {m.id, m.uuid} and not m.is_guest_text]
    if len(named) != 1 or named[0].kind == Kind.DELETED:
        return None
    same = normalise(named[0].body or "") == normalise(reply.message)
    return Verdict(ReplyStatus.SENT, None if same else CHANGED, named[0].id)


CHANGED = "the site changed the text"


def _recognise(
    reply: Reply, outcome: PressOutcome | None, reading: Reading, new: list[Message]
) -> Verdict | None:
    """Is one of the new texts the reply? Likeness proves nothing: a person looks."""
    # Also of an account that nobody lists: the site may have given it to another.
    texts = [m for m in new if m.kind == Kind.TEXT and not m.is_guest_text]
    ours = [m for m in texts if m.account_id == reading.account_id]
    same = [m for m in ours if _is_same(m, reply)]
    exact = same or [m for m in ours if is_hidden_part(m.body or "", reply.message)]
    if len(exact) > 1:
        return _parked("two messages in the conversation could be this reply")
    if exact:
        return Verdict(ReplyStatus.SENT, None if same else CHANGED, exact[0].id)
    if outcome is not None and outcome.refused:
        return None  # Airbnb's own word, and nothing that is the reply
    if any(is_like(m.body or "", reply.message) for m in texts):
        return _parked("a text that is like this reply stands in the conversation")
    gone = (m for m in new if m.kind == Kind.DELETED)
    if any(m.account_id == reading.account_id for m in gone):
        return _parked("a message of our account was unsent right after the press")
    return None


def _is_same(message: Message, reply: Reply) -> bool:
    return normalise(message.body or "") == normalise(reply.message)


def _parked(reason: str) -> Verdict:
    return Verdict(ReplyStatus.UNCERTAIN, reason, park=True)


def _judge_absent(
    reply: Reply, outcome: PressOutcome | None, new: list[Message]
) -> Verdict:
    if outcome is not None and outcome.refused:
        sentence = outcome.sentence or "Airbnb refused the message"
        reason = without_words_of(reply.message, sentence)
        return Verdict(ReplyStatus.FAILED, reason)
    reason = "the message does not stand in the conversation"
    if outcome is not None and not outcome.requested:
        reason = "Send was pressed, but no request left the page"
    return Verdict(
        ReplyStatus.UNCERTAIN,
        reason,
        absent=True,
        newer_guest_text=any(message.is_guest_text for message in new),
        other_text=any(message.is_persons_answer for message in new),
    )


def settle(
    reply: Reply, verdict: Verdict, now: datetime | None, settle_after: timedelta
) -> Verdict:
    """What to do with an uncertain reply after one more reading.

    A `pending` verdict here means: press once more, for the last time. All times are
    Airbnb's: a clock of ours that is put forward must not bring two readings apart.
    `now` is None where that is not known.
    """
    if verdict.status != ReplyStatus.UNCERTAIN or verdict.park or now is None:
        return verdict
    pressed_at = reply.send_started_at or now
    if not verdict.absent:
        return _given_up(verdict) if now - pressed_at > GIVEN_UP_AFTER else verdict
    first = first_absent(reply, now)
    if first - pressed_at > LATE_READING:
        reason = f"{verdict.reason}, ten minutes after the press: no proof either way"
        return replace(verdict, reason=reason, park=True)
    if reply.absent_readings == 0 or now - first < proof_after(reply, settle_after):
        return verdict
    if verdict.newer_guest_text:
        reason = "it never arrived, and the guest has written again"
        return Verdict(ReplyStatus.CANCELLED, reason)
    if verdict.other_text and reply.turn_id is None:
        # A turn would be taken over; without one, it may be the reply, changed.
        reason = f"{verdict.reason}, but another text of the host's side does"
        return replace(verdict, reason=reason, park=True)
    if reply.presses >= MAX_PRESSES:
        reason = "pressed twice and not in the conversation"
        return replace(verdict, reason=reason, park=True)
    return Verdict(ReplyStatus.PENDING, "it never arrived: pressing once more")


def _given_up(verdict: Verdict) -> Verdict:
    reason = f"{verdict.reason}; an hour without a reading that decides"
    return replace(verdict, reason=reason, park=True)


def first_absent(reply: Reply, now: datetime) -> datetime:
    """When a reading showed nothing first; now, where that is to come yet."""
    first = reply.first_absent_at
    return first if first is not None and first <= now else now


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


def is_hidden_part(shown: str, reply: str) -> bool:
    """Is `shown` the reply, with its contact details hidden by Airbnb and no more?"""
    parts = [re.escape(part) for part in HIDDEN.split(normalise(shown))]
    if not 1 < len(parts) <= MOST_HIDDEN + 1 or not any(parts):
        return False
    return re.fullmatch(CONTACT.join(parts), normalise(reply)) is not None


def is_like(shown: str, reply: str) -> bool:
    """May `shown` be the reply, changed in some way that is not understood?"""
    if HIDDEN.search(shown):
        return True
    matcher = SequenceMatcher(None, normalise(shown), normalise(reply), autojunk=False)
    return matcher.real_quick_ratio() >= LIKE and matcher.ratio() >= LIKE
