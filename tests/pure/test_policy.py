"""policy.py: each sentence of the design about turns and sends is a row of a table.

A thread is written as in support/conversations.py: `g1 h2 card3 g4@13h`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.conversations import ALTERED
from support.conversations import ELSE
from support.conversations import IN
from support.conversations import NOW
from support.conversations import OURS
from support.conversations import OUT
from support.conversations import REPLY
from support.conversations import SYSTEM
from support.conversations import WORDS
from support.conversations import message
from support.conversations import messages
from support.conversations import period

from airbot.models import Direction
from airbot.models import PressOutcome
from airbot.models import Reading
from airbot.models import Reply
from airbot.models import ReplyStatus
from airbot.models import Thread
from airbot.models import Turn
from airbot.models import TurnStatus
from airbot.models import fingerprint
from airbot.policy import pace
from airbot.policy import proof
from airbot.policy import turns
from airbot.policy.proof import Before
from airbot.policy.proof import Verdict
from airbot.policy.rules import Rules
from airbot.policy.turns import Case
from airbot.policy.turns import Decision

MAX_AGE = timedelta(hours=12)
RULES = Rules(MAX_AGE, timedelta(seconds=120), 5, 6, 60)
SETTLE = timedelta(seconds=120)


def turn_of(words: str) -> Turn | None:
    """`g1 g2 | answered supersedes=2`: the turn as it was formed."""
    said, _, options = words.partition("|")
    texts = messages(said)
    if not texts:
        return None
    status, *counts = options.split() or ["asked"]
    numbers = {key: int(n) for key, n in (count.split("=") for count in counts)}
    return Turn(
        id="t",
        thread_id="thread",
        status=TurnStatus(status),
        fingerprint=fingerprint(texts),
        first_at=texts[0].sent_at,
        newest_at=texts[-1].sent_at,
        attempts=numbers.get("attempts", 1),
        supersedes=numbers.get("supersedes", 0),
    )


def case(words: str, turn: str = "", standing: str = "", **changes: object) -> Case:
    """`standing` is `1=answered 2=stands_still`; the texts of the turn are open."""
    shown = messages(words)
    stands = dict(pair.split("=") for pair in standing.split())
    listed = {text.id: turns.OPEN for text in messages(turn.partition("|")[0])}
    sent = (word for word in words.split() if re.match(r"own\d", word))
    return Case(
        hosted=bool(changes.pop("hosted", True)),
        messages=shown,
        now=NOW,
        rules=RULES,
        standing=stands | listed,
        own_replies=frozenset(message(word).id for word in sent),
        turn=turn_of(turn),
        unsettled=bool(changes.pop("unsettled", False)),
    )


def told(decision: Decision) -> str:
    """`close superseded, open new 1 2 x1`: what a decision does."""
    parts = [f"close {decision.close}"] if decision.close else []
    if decision.texts:
        ids = " ".join(text.id for text in decision.texts)
        count = f" x{decision.supersedes}" if decision.supersedes else ""
        parts.append(f"open {decision.status} {ids}{count}")
    return ", ".join(parts) or "nothing"


def rows(table: Sequence[tuple[str, ...]]) -> pytest.MarkDecorator:
    names = [row[0] for row in table]
    width = len(table[0]) - 1
    arguments = ["words", "turn", "standing", "expected", "reason"][:width]
    return pytest.mark.parametrize(arguments, [row[1:] for row in table], ids=names)


# Whose text is it?


WHOSE = [
    ("a guest", "1", "USER", "GUEST", "guest", IN),
    ("a co-traveller", "1", "USER", "COTRAVELER", "cotraveler", IN),
    ("our own account as host", OURS, "USER", "OWNER", "owner", OUT),
    ("a co-host", "2", "USER", "COHOST", "cohost", OUT),
    ("a role nobody has heard of", "2", "USER", "BUTLER", "butler", OUT),
    ("our own account as a guest", OURS, "USER", "GUEST", "guest", OUT),
    ("our own account, not listed", OURS, "USER", None, "host", OUT),
    ("an account that nobody lists", "4", "USER", None, "unlisted", SYSTEM),
    ("a service account", "5", "SERVICE", None, "service", SYSTEM),
    ("a service account with a role", "5", "SERVICE", "GUEST", "service", SYSTEM),
    ("an external service", "6", "EXTERNAL_SERVICE", None, "external_service", SYSTEM),
]


@pytest.mark.parametrize(
    ("account", "kind", "role", "shown", "direction"),
    [row[1:] for row in WHOSE],
    ids=[row[0] for row in WHOSE],
)
def test_a_text_is_sorted_by_account_and_role(
    account: str, kind: str, role: str | None, shown: str, direction: Direction
) -> None:
    assert turns.whose(account, kind, role, OURS)[:2] == (shown, direction)


def test_an_unlisted_account_keeps_the_reason() -> None:
    assert "no participant lists" in (turns.whose("4", "USER", None, OURS)[2] or "")
    assert turns.whose("1", "USER", "GUEST", OURS)[2] is None


@pytest.mark.parametrize(
    ("own_role", "hosted"),
    [("OWNER", True), ("COHOST", True), ("GUEST", False), ("COTRAVELER", False)]
    + [(None, False)],
)
def test_only_a_host_side_role_of_our_own_makes_a_thread_ours(
    own_role: str | None, hosted: bool
) -> None:
    assert turns.is_hosted(own_role) is hosted


# Which turn is unanswered, or why not?


WITHOUT_A_TURN = [
    ("a new guest text", "g1", "", "", "open new 1", "new guest text"),
    ("all texts in one turn", "g1 g2 c3", "", "", "open new 1 2 3", "new guest text"),
    ("nothing at all", "", "", "", "nothing", "no unanswered"),
    ("only a card", "gcard1", "", "", "nothing", "no unanswered"),
    ("only a photo", "photo1", "", "", "nothing", "no unanswered"),
    ("only a notice", "notice1", "", "", "nothing", "no unanswered"),
    ("only a service text", "service1", "", "", "nothing", "no unanswered"),
    ("only an unsent text", "unsent1", "", "", "nothing", "no unanswered"),
    ("a photo beside a text", "photo1 g2 gcard3", "", "", "open new 2", "new guest"),
    ("a person answered all", "g1 g2 h3", "", "", "nothing", "you answered first"),
    ("our account typed by hand", "g1 typed2", "", "", "nothing", "you answered"),
    (
        "a person below our reply answered nothing first",
        *("g1 own2 h3", "", "1=answered", "nothing", "no unanswered"),
    ),
    ("a stranger answers nothing", "g1 nobody2", "", "", "open new 1", "new guest"),
    ("texts above a person's", "g1 h2 g3", "", "", "open new 3", "new guest text"),
    ("a host's card answers nothing", "g1 hcard2", "", "", "open new 1", "new guest"),
    ("a host's photo answers", "g1 hphoto2", "", "", "nothing", "you answered"),
    ("a scheduled text does not", "g1 clock2", "", "", "open new 1", "new guest"),
    ("a host's unsent text neither", "g1 hunsent2", "", "", "open new 1", "new guest"),
    ("a service text neither", "g1 service2", "", "", "open new 1", "new guest"),
    ("a notice neither", "g1 notice2", "", "", "open new 1", "new guest"),
    ("our reply answers its text", "g1 own2", "", "1=answered", "nothing", "no unan"),
    (
        "our reply answers only its texts: one landed inside the press",
        *("g1 g2 own3", "", "1=answered", "open new 2", "new guest text"),
    ),
    (
        "the later texts are the next turn",
        *("g1 own2 g3 g4", "", "1=answered", "open new 3 4", "new guest text"),
    ),
    ("the AI said no reply", "g1", "", "1=ignored", "nothing", "no unanswered"),
    ("ignored texts stay out", "g1 g2", "", "1=ignored", "open new 2", "new guest"),
    ("parked texts stay out", "g1 g2", "", "1=stands_still", "open new 2", "new guest"),
    ("a parked text alone", "g1", "", "1=stands_still", "nothing", "no unanswered"),
    (
        "a failed text is not asked again",
        "g1",
        "",
        "1=closed",
        "nothing",
        "nothing new",
    ),
    (
        "a failed text is asked again with a newer one",
        *("g1 g2", "", "1=closed", "open new 1 2", "new guest text"),
    ),
    ("too old", "g1@13h", "", "", "open expired 1", "older than 12 h"),
    ("exactly the age still counts", "g1@12h", "", "", "open new 1", "new guest text"),
    ("one second over", "g1@43201s", "", "", "open expired 1", "older than 12 h"),
    ("older ones are history", "g1@99h g2@11h", "", "", "open new 2", "new guest"),
    (
        "an old one with a photo of today is old",
        *("g1@13h photo2", "", "", "open expired 1", "older than 12 h"),
    ),
    ("an expired text stays", "g1@13h", "", "1=closed", "nothing", "nothing new"),
]


@rows(WITHOUT_A_TURN)
def test_a_thread_without_an_open_turn(
    words: str, turn: str, standing: str, expected: str, reason: str
) -> None:
    decision = turns.decide_turn(case(words, turn, standing))
    assert told(decision) == expected
    assert reason in decision.reason


WITH_A_TURN = [
    ("as it was", "g1 g2", "g1 g2", "", "nothing", "as it was"),
    ("as it was, answered", "g1", "g1 | answered", "", "nothing", "as it was"),
    ("a photo does not lengthen", "g1 photo2", "g1", "", "nothing", "as it was"),
    ("a card does not lengthen", "g1 gcard2", "g1", "", "nothing", "as it was"),
    ("a notice does not lengthen", "g1 notice2", "g1", "", "nothing", "as it was"),
    (
        "a card of the host does not close",
        "g1 hcard2",
        "g1",
        "",
        "nothing",
        "as it was",
    ),
    ("a service text does not close", "g1 service2", "g1", "", "nothing", "as it was"),
    (
        "a guest who writes again supersedes",
        *("g1 g2", "g1", "", "close superseded, open new 1 2 x1", "wrote again"),
    ),
    (
        "a co-traveller too",
        *("g1 c2", "g1", "", "close superseded, open new 1 2 x1", "wrote again"),
    ),
    (
        "also with the answer queued",
        *("g1 g2", "g1 | answered", "", "close superseded, open new 1 2 x1", "again"),
    ),
    (
        "a second time",
        *("g1 g2 g3", "g1 g2 | asked supersedes=1", ""),
        *("close superseded, open new 1 2 3 x2", "wrote again"),
    ),
    (
        "not a third time",
        *("g1 g2", "g1 | asked supersedes=2", "", "nothing", "longer twice already"),
    ),
    (
        "ten minutes after the first text still",
        *("g1@10m g2", "g1@10m", "", "close superseded, open new 1 2 x1", "again"),
    ),
    (
        "not later",
        *("g1@11m g2", "g1@11m", "", "nothing", "over ten minutes"),
    ),
    (
        "the first text counts, not the newest",
        *("g1@11m g2@9m g3", "g1@11m g2@9m", "", "nothing", "over ten minutes"),
    ),
    (
        "a turn that nobody was asked about lengthens freely",
        *("g1@60m g2", "g1@60m | new attempts=0 supersedes=2", ""),
        *("close superseded, open new 1 2 x2", "wrote again"),
    ),
    (
        "a turn that waits to be asked again does not",
        *("g1@60m g2", "g1@60m | asked attempts=3", "", "nothing", "ten minutes"),
    ),
    (
        "someone answered",
        *("g1 h2", "g1", "", "close taken_over", "you answered first"),
    ),
    (
        "someone answered after the AI did",
        *("g1 h2", "g1 | answered", "", "close taken_over", "you answered first"),
    ),
    ("a stranger closes nothing", "g1 nobody2", "g1", "", "nothing", "as it was"),
    (
        "a photo of the host's",
        "g1 hphoto2",
        "g1",
        "",
        "close taken_over",
        "you answered",
    ),
    ("a scheduled text", "g1 clock2", "g1", "", "nothing", "as it was"),
    (
        "our account typed by hand",
        "g1 typed2",
        "g1",
        "",
        "close taken_over",
        "you answered",
    ),
    (
        "someone answered, and the guest asked on",
        *("g1 h2 g3", "g1", "", "close taken_over, open new 3", "you answered first"),
    ),
    (
        "a person's text between two of the turn leaves the later one",
        *(
            "g1 h2 g3",
            "g1 g3",
            "",
            "close taken_over, open new 3",
            "you answered first",
        ),
    ),
    (
        "a person's text above the turn changes nothing",
        *("h1 g2", "g2", "", "nothing", "as it was"),
    ),
    (
        "what is left below a person's text may be too old",
        *("g1@14h h2 g3@13h", "g1@14h", ""),
        *("close taken_over, open expired 3", "older than 12 h"),
    ),
    (
        "our earlier reply is no person's",
        *("g1 own2 g3", "g3", "1=answered", "nothing", "as it was"),
    ),
    (
        "our earlier reply below the turn's text neither",
        *("g1 g2 own3", "g2", "1=answered", "nothing", "as it was"),
    ),
    ("edited", "edit1", "g1", "", "close superseded, open new 1", "edited or unsent"),
    (
        "edited, with the answer queued",
        *("edit1", "g1 | answered", "", "close superseded, open new 1", "edited"),
    ),
    (
        "an edit is not counted as writing again",
        *("edit1", "g1 | asked supersedes=2", ""),
        *("close superseded, open new 1 x2", "edited or unsent"),
    ),
    ("unsent", "unsent1", "g1", "", "close superseded", "edited or unsent"),
    (
        "one of two unsent",
        *("unsent1 g2", "g1 g2", "", "close superseded, open new 2", "edited"),
    ),
    (
        "unsent, and another written",
        *("unsent1 g2", "g1", "", "close superseded, open new 2", "edited"),
    ),
    (
        "unsent, and answered",
        "unsent1 h2",
        "g1",
        "",
        "close taken_over",
        "you answered first",
    ),
    (
        "a failed text of before is in the turn",
        *("g1 g2", "g1 g2", "", "nothing", "as it was"),
    ),
    (
        "a turn that became too old",
        *("g1@13h", "g1@13h", "", "close expired", "older than 12 h"),
    ),
    (
        "a queued answer that became too old",
        *("g1@13h", "g1@13h | answered", "", "close expired", "older than 12 h"),
    ),
    (
        "its newest text counts",
        *("g1@13h g2@1h", "g1@13h g2@1h", "", "nothing", "as it was"),
    ),
]


@rows(WITH_A_TURN)
def test_a_thread_with_an_open_turn(
    words: str, turn: str, standing: str, expected: str, reason: str
) -> None:
    decision = turns.decide_turn(case(words, turn, standing))
    assert told(decision) == expected
    assert reason in decision.reason


@pytest.mark.parametrize("turn", ["", "g1", "g1 | answered"])
@pytest.mark.parametrize("words", ["g1", "g1 g2", "g1 typed2", "edit1", "g1 own2 g3"])
def test_a_thread_with_an_unsettled_reply_stands_still(words: str, turn: str) -> None:
    decision = turns.decide_turn(case(words, turn, unsettled=True))
    assert told(decision) == "nothing"
    assert "not settled yet" in decision.reason


@pytest.mark.parametrize(
    ("turn", "expected"), [("", "nothing"), ("g1", "close failed")]
)
def test_a_thread_that_we_do_not_host_is_never_asked_about(
    turn: str, expected: str
) -> None:
    decision = turns.decide_turn(case("g1 g2", turn, hosted=False))
    assert told(decision) == expected
    assert "not on the host's side" in decision.reason


@given(
    words=st.lists(st.sampled_from(sorted(WORDS)), max_size=8),
    ages=st.lists(st.sampled_from(["1m", "11m", "13h"]), min_size=8, max_size=8),
    stands=st.lists(
        st.sampled_from(["fresh", "answered", "ignored", "stands_still", "closed"]),
        min_size=8,
        max_size=8,
    ),
)
def test_a_turn_never_holds_what_is_answered_or_no_guest_text(
    words: list[str], ages: list[str], stands: list[str]
) -> None:
    shown = " ".join(f"{w}{n}@{ages[n]}" for n, w in enumerate(words))
    standing = " ".join(f"{n}={stands[n]}" for n in range(len(words)))
    decided = turns.decide_turn(case(shown, standing=standing))
    last = max((n for n, w in enumerate(words) if is_person(w)), default=-1)
    for text in decided.texts:
        assert text.is_guest_text
        assert int(text.id) > last
        assert stands[int(text.id)] in ("fresh", "closed")
    if decided.status == TurnStatus.NEW and decided.texts:
        assert NOW - decided.texts[-1].sent_at <= MAX_AGE


def is_person(word: str) -> bool:
    return word in ("h", "hsame", "typed", "altered")


# May this reply be sent?


def reply(**changes: object) -> Reply:
    values = {
        "id": "r",
        "thread_id": "thread",
        "turn_id": "t",
        "message": REPLY,
        "sender": "AI",
        "status": ReplyStatus.PROCESSING,
        "attempts": 0,
        "created_at": NOW,
        "presses": 1,
        "send_started_at": NOW,
    }
    return Reply(**{**values, **changes})  # type: ignore[arg-type]


SENDS = [
    ("nothing changed", "g1", "g1 | answered", "", "nothing", "as it was"),
    (
        "a person answered",
        "g1 h2",
        "g1 | answered",
        "",
        "close taken_over",
        "you answered",
    ),
    ("unsent after the claim", "unsent1", "g1 | answered", "", "nothing", "as it was"),
    (
        "unsent after the claim, and a person answered",
        *("unsent1 h2", "g1 | answered", "", "close taken_over", "you answered first"),
    ),
    (
        "the guest wrote again between claim and press",
        *("g1 g2", "g1 | answered", ""),
        *("close superseded, open new 1 2 x1", "wrote again"),
    ),
    (
        "for the third time: the reply goes out",
        *("g1 g2", "g1 | answered supersedes=2", "", "nothing", "twice already"),
    ),
    (
        "late: the reply goes out",
        *("g1@11m g2", "g1@11m | answered", "", "nothing", "over ten minutes"),
    ),
    (
        "too old",
        *("g1@13h", "g1@13h | answered", "", "close expired", "older than 12 h"),
    ),
]


@rows(SENDS)
def test_a_reply_in_hand(
    words: str, turn: str, standing: str, expected: str, reason: str
) -> None:
    held = case(words, turn, standing, unsettled=True)
    decision = turns.decide_send(reply(), held)
    assert told(decision) == expected
    assert reason in decision.reason


def test_a_turn_that_is_too_old_closes_although_the_guest_wrote_again() -> None:
    held = case("g1@13h g2", "g1@13h | answered")
    wanted = "close expired, open new 2"
    assert told(turns.decide_turn(held)) == wanted
    assert told(turns.decide_send(reply(), held)) == wanted


def test_an_edit_after_the_claim_changes_nothing() -> None:
    held = case("edit1", "g1 | answered")
    assert told(turns.decide_send(reply(), held)) == "nothing"


def test_a_closed_turns_reply_yields_to_a_person_too() -> None:
    held = case("g1 h2", standing="1=open")
    assert turns.decide_send(reply(), held).close is not None


def test_a_reply_in_a_thread_that_is_not_ours_fails() -> None:
    held = case("g1", "g1 | answered", hosted=False)
    assert told(turns.decide_send(reply(), held)) == "close failed"
    alone = case("g1", hosted=False)
    assert told(turns.decide_send(reply(turn_id=None), alone)) == "close failed"


def test_a_person_may_send_what_is_too_old() -> None:
    held = case("g1@13h", "g1@13h | answered")
    assert told(turns.decide_send(reply(old_ok=True), held)) == "nothing"
    taken = case("g1@13h h2", "g1@13h | answered")
    assert told(turns.decide_send(reply(old_ok=True), taken)) == "close taken_over"


@pytest.mark.parametrize(
    ("age", "old_ok", "expected"),
    [
        ("11h", False, "nothing"),
        ("13h", False, "close expired"),
        ("13h", True, "nothing"),
    ],
)
def test_a_reply_without_a_turn_is_judged_by_its_own_age(
    age: str, old_ok: bool, expected: str
) -> None:
    old = reply(turn_id=None, created_at=NOW - period(age), old_ok=old_ok)
    assert told(turns.decide_send(old, case("g1 h2"))) == expected


# What a reading proves: issue 4, point 2


def reading(words: str, complete: bool = True, sending: bool = False) -> Reading:
    thread = Thread(
        id="thread",
        title="",
        own_role="OWNER",
        hosted=True,
        listing_id=None,
        stage=None,
        description=None,
        activity_at=None,
        mark=None,
        latest=None,
    )
    return Reading(thread, OURS, messages(words), complete, NOW, sending)


LEFT = PressOutcome(requested=True)
NONE = PressOutcome(requested=False)
REFUSED = PressOutcome(requested=True, refused=True, sentence="Please no phone numbers")

NAMED = PressOutcome(requested=True, named=frozenset({"2"}))
BY_UUID = PressOutcome(requested=True, named=frozenset({"uuid-2"}))
BEFORE = Before(frozenset({"1"}))

SENT, FAILED, PENDING, UNCERTAIN = "sent", "failed", "pending", "uncertain"
JUDGED = [
    ("one new message of ours, the same text", "g1 own2", LEFT, SENT, "2"),
    ("found, whatever the press looked like", "g1 own2", None, SENT, "2"),
    ("found, although no request was seen", "g1 own2", NONE, SENT, "2"),
    ("found, although the page said no", "g1 own2", REFUSED, SENT, "2"),
    ("found among other texts", "g1 typed2 g3 own4 h5", LEFT, SENT, "4"),
    ("a contact is hidden in it", "g1 hidden2", LEFT, SENT, "2"),
    ("it is only like it", "g1 altered2", LEFT, UNCERTAIN, "parked"),
    ("it is only like it, refused", "g1 altered2", REFUSED, FAILED, ""),
    ("the same one beats one that is like it", "g1 altered2 own3", LEFT, SENT, "3"),
    ("named by the answer, whatever it says", "g1 typed2", NAMED, SENT, "2"),
    ("named, under a co-host's account", "g1 h2", NAMED, SENT, "2"),
    ("named, under an account nobody lists", "g1 nobody2", NAMED, SENT, "2"),
    ("named by its uuid", "g1 typed2", BY_UUID, SENT, "2"),
    ("named, and not there yet", "g1", NAMED, UNCERTAIN, "absent"),
    ("named, and unsent since", "g1 ownunsent2", NAMED, UNCERTAIN, "parked"),
    ("a guest's text is never ours", "g1 g2", NAMED, UNCERTAIN, "absent newer"),
    ("two of the same", "g1 own2 own3", LEFT, UNCERTAIN, "parked"),
    ("two that are like it", "g1 altered2 altered3", LEFT, UNCERTAIN, "parked"),
    ("shown above older ones, as times repeat", "own2 g1", LEFT, SENT, "2"),
    ("the same text by somebody else", "g1 hsame2", LEFT, UNCERTAIN, "parked"),
    ("the host types something else", "g1 typed2", LEFT, UNCERTAIN, "absent other"),
    ("the host types, the page said no", "g1 typed2", REFUSED, FAILED, ""),
    ("a card of our account", "g1 owncard2", LEFT, UNCERTAIN, "absent"),
    ("unsent right after the press", "g1 ownunsent2", LEFT, UNCERTAIN, "parked"),
    ("nothing new, refused", "g1", REFUSED, FAILED, ""),
    ("nothing new, no request left the page", "g1", NONE, UNCERTAIN, "absent"),
    ("nothing new, a request left", "g1", LEFT, UNCERTAIN, "absent"),
    ("nothing new, pressed in another life", "g1", None, UNCERTAIN, "absent"),
    ("a guest wrote on", "g1 g2", LEFT, UNCERTAIN, "absent newer"),
    ("a guest's photo is no text", "g1 photo2", LEFT, UNCERTAIN, "absent"),
    ("what was known is out of sight", "g7 own8", LEFT, UNCERTAIN, "parked"),
]


def shown(verdict: Verdict) -> str:
    flags = [
        verdict.site_message_id or "",
        "parked" if verdict.park else "",
        "absent" if verdict.absent else "",
        "newer" if verdict.newer_guest_text else "",
        "other" if verdict.other_text else "",
    ]
    return " ".join(flag for flag in flags if flag)


@pytest.mark.parametrize(
    ("words", "outcome", "status", "flags"),
    [row[1:] for row in JUDGED],
    ids=[row[0] for row in JUDGED],
)
def test_only_a_reading_proves(
    words: str, outcome: PressOutcome | None, status: str, flags: str
) -> None:
    verdict = proof.judge(reply(), outcome, reading(words), BEFORE)
    assert (verdict.status, shown(verdict)) == (status, flags)
    assert verdict.reason or status == SENT


def test_a_message_that_was_named_is_a_proof_in_a_reading_that_is_not_whole() -> None:
    seen = proof.judge(reply(), NAMED, reading("g1 typed2"), BEFORE, "held back")
    assert (seen.status, seen.site_message_id) == (SENT, "2")


@pytest.mark.parametrize("outcome", [LEFT, NONE, REFUSED, None])
@pytest.mark.parametrize("words", ["g1", "g1 own2", "g1 own2 own3"])
def test_a_reading_that_holds_something_back_counts_for_nothing(
    words: str, outcome: PressOutcome | None
) -> None:
    verdict = proof.judge(reply(), outcome, reading(words), BEFORE, "held back")
    assert (verdict.status, shown(verdict)) == (UNCERTAIN, "")


@pytest.mark.parametrize("outcome", [LEFT, NONE, REFUSED, None])
def test_while_a_message_is_on_its_way_nothing_is_absent(
    outcome: PressOutcome | None,
) -> None:
    verdict = proof.judge(reply(), outcome, reading("g1", sending=True), BEFORE)
    assert (verdict.status, shown(verdict)) == (UNCERTAIN, "")


def test_a_text_that_was_known_before_the_press_proves_nothing() -> None:
    known = Before(frozenset({"1", "2"}))
    for words in ("own2 g1", "g1 own2"):
        assert proof.judge(reply(), LEFT, reading(words), known).absent


def test_a_message_that_the_site_took_may_be_shown_late() -> None:
    held = reply(presses=1, absent_readings=1, first_absent_at=NOW, request="accepted")
    verdict = proof.judge(held, None, reading("g1"), BEFORE)
    after = timedelta(seconds=1)
    soon, late = NOW + timedelta(seconds=5), NOW + timedelta(seconds=9)
    assert proof.settle(held, verdict, soon, after).status == UNCERTAIN
    assert proof.settle(held, verdict, late, after).status == "pending"


def test_what_proved_another_reply_proves_no_second_one() -> None:
    other = replace(BEFORE, taken=frozenset({"2"}))
    verdict = proof.judge(reply(), LEFT, reading("g1 own2"), other)
    assert verdict.absent
    verdict = proof.judge(reply(), LEFT, reading("g1 own2 own3"), other)
    assert verdict.site_message_id == "3"


def test_in_a_thread_that_was_empty_nothing_is_out_of_sight() -> None:
    verdict = proof.judge(reply(), LEFT, reading("own2"), Before())
    assert verdict.site_message_id == "2"


def test_a_changed_text_is_noted_and_an_unchanged_one_is_not() -> None:
    assert proof.judge(reply(), LEFT, reading("g1 own2"), BEFORE).reason is None
    changed = proof.judge(reply(), NAMED, reading("g1 altered2"), BEFORE)
    assert changed.reason == "the site changed the text"


def test_a_refusal_keeps_the_sites_sentence_without_the_replys_words() -> None:
    sentence = "We hid “parking” since parking is not allowed"
    outcome = PressOutcome(requested=True, refused=True, sentence=sentence)
    verdict = proof.judge(reply(), outcome, reading("g1"), BEFORE)
    assert verdict.reason == "We hid “…” since … is not allowed"
    silent = PressOutcome(requested=True, refused=True)
    assert proof.judge(reply(), silent, reading("g1"), BEFORE).reason


# What to do with an uncertain one: issue 4, point 3


ABSENT = Verdict(ReplyStatus.UNCERTAIN, "not there", absent=True)
OTHER = Verdict(ReplyStatus.UNCERTAIN, "not there", absent=True, other_text=True)
NEWER = Verdict(ReplyStatus.UNCERTAIN, "not there", absent=True, newer_guest_text=True)
UNSEEN = Verdict(ReplyStatus.UNCERTAIN, "not shown to its end")
FOUND = Verdict(ReplyStatus.SENT, None, "2")

# first absent reading (None: this is it), readings so far, presses -> status, parked
SETTLED = [
    ("the first absent reading", ABSENT, None, 0, 1, UNCERTAIN, False),
    ("a second one too soon", ABSENT, "119s", 1, 1, UNCERTAIN, False),
    ("a second one well apart", ABSENT, "120s", 1, 1, PENDING, False),
    ("after the second press", ABSENT, "120s", 1, 2, UNCERTAIN, True),
    ("a newer guest text, first reading", NEWER, None, 0, 1, UNCERTAIN, False),
    ("a newer guest text, too soon", NEWER, "119s", 1, 1, UNCERTAIN, False),
    ("a newer guest text, well apart", NEWER, "120s", 1, 1, "cancelled", False),
    ("a reading that does not count", UNSEEN, "300s", 1, 1, UNCERTAIN, False),
    ("found at last", FOUND, "300s", 1, 1, SENT, False),
]


@pytest.mark.parametrize(
    ("verdict", "first", "readings", "presses", "status", "parked"),
    [row[1:] for row in SETTLED],
    ids=[row[0] for row in SETTLED],
)
def test_two_readings_well_apart_settle(
    verdict: Verdict,
    first: str | None,
    readings: int,
    presses: int,
    status: str,
    parked: bool,
) -> None:
    held = reply(
        presses=presses,
        absent_readings=readings,
        first_absent_at=NOW - period(first) if first else None,
        send_started_at=NOW - period(first or "1s"),
    )
    settled = proof.settle(held, verdict, NOW, SETTLE)
    assert (settled.status, settled.park) == (status, parked)


@pytest.mark.parametrize(("age", "parked"), [("10m", False), ("11m", True)])
def test_a_first_reading_later_than_ten_minutes_proves_nothing(
    age: str, parked: bool
) -> None:
    held = reply(send_started_at=NOW - period(age))
    settled = proof.settle(held, ABSENT, NOW, SETTLE)
    assert (settled.status, settled.park) == (UNCERTAIN, parked)


def test_a_late_second_reading_still_counts() -> None:
    held = reply(
        send_started_at=NOW - period("3h"),
        first_absent_at=NOW - period("3h") + period("5s"),
        absent_readings=1,
    )
    assert proof.settle(held, ABSENT, NOW, SETTLE).status == PENDING


def test_what_is_parked_stays_parked() -> None:
    parked = Verdict(ReplyStatus.UNCERTAIN, "two candidates", park=True)
    assert proof.settle(reply(), parked, NOW, SETTLE) == parked


# Comparing texts, waiting


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("one  two", "one two"),
        ("one\r\n\r\ntwo ", "one\ntwo"),
        ("caf\u00e9", "cafe\u0301"),
        ("zero\u200bwidth\u2060 \ufeffmarks", "zerowidth marks"),
        ("hard\u00a0space", "hard space"),
    ],
)
def test_texts_are_the_same_after_normalisation(a: str, b: str) -> None:
    assert proof.normalise(a) == proof.normalise(b)


@given(st.text(max_size=60))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = proof.normalise(text)
    assert proof.normalise(once) == once


@pytest.mark.parametrize(("a", "b"), [("abcd", "abxy"), (REPLY, ALTERED), ("a", "a")])
def test_a_text_is_like_another_from_half_of_it_on(a: str, b: str) -> None:
    assert proof.is_like(a, b)


@pytest.mark.parametrize(("a", "b"), [("abcd", "axyz"), (REPLY, ELSE), ("abc", "")])
def test_another_text_is_not_like_it(a: str, b: str) -> None:
    assert not proof.is_like(a, b)


CONTACTS = "Call +31 20 555 01 07, write to ana@example.com, or see www.example.com!"


@pytest.mark.parametrize(
    "placeholder",
    [
        "(Phone number hidden by Airbnb)",
        "(Numéro masqué par Airbnb)",
        "[Von Airbnb ausgeblendet]",
        "（Airbnbにより非表示）",
        "【已被Airbnb隐藏】",
        "(oculto por Airbnb)",
    ],
)
def test_a_hidden_contact_is_recognised_in_any_language(placeholder: str) -> None:
    for contact in ("+31 20 555 01 07", "ana@example.com", "www.example.com"):
        assert proof.is_hidden_part(CONTACTS.replace(contact, placeholder), CONTACTS)


@pytest.mark.parametrize(
    "shown",
    [
        "Call (Phone number hidden by Airbnb), write to ben@example.com, or do not.",
        CONTACTS.replace("Call", "(hidden by Airbnb)"),  # no contact stood there
        "(hidden by Airbnb)",
        CONTACTS,
    ],
)
def test_what_is_hidden_must_have_been_a_contact_and_the_rest_the_same(
    shown: str,
) -> None:
    assert not proof.is_hidden_part(shown, CONTACTS)


def test_without_a_turn_an_unknown_text_forbids_the_second_press() -> None:
    late = {"absent_readings": 1, "first_absent_at": NOW - period("120s")}
    alone = proof.settle(reply(turn_id=None, **late), OTHER, NOW, SETTLE)
    assert (alone.status, alone.park) == (UNCERTAIN, True)


@pytest.mark.parametrize(("age", "parked"), [("59m", False), ("61m", True)])
def test_an_hour_without_a_reading_that_decides_parks(age: str, parked: bool) -> None:
    held = reply(send_started_at=NOW - period(age))
    assert proof.settle(held, UNSEEN, NOW, SETTLE).park is parked


def test_the_backoff_doubles_up_to_fifteen_minutes() -> None:
    waits = [pace.backoff_s(attempts) for attempts in range(1, 9)]
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900]
    assert pace.backoff_s(0) == 15


def test_the_backoff_never_overflows() -> None:
    assert pace.backoff_s(5000) == 900
