"""A reading that is not whole decides nothing: no turn, no press, no proof.

First the judgement alone, then SYNC and SEND on a simulated inbox whose conversation
lags behind the list's row.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from fakes import Desk
from fakes import FakeAirbnb
from hypothesis import given
from hypothesis import strategies as st
from test_policy import NOW
from test_policy import messages

from airbot.config import Config
from airbot.models import Odd
from airbot.models import Reading
from airbot.models import Thread
from airbot.policy import whole
from airbot.policy.turns import OUT_OF_SIGHT
from airbot.policy.whole import Known
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.trouble import HeldBack
from airbot.storage import Storage

THREAD = Thread("t", "Maya", "HOST", True, None, None, None, None, None, None)
REPLY = "Yes, parking is free.\nSee you soon!"
CYCLE_S = 45
SETTLE_S = 130
ODD = Odd("data.threadData.messageData.messages[2].account.accountId")


def reading(
    words: str, complete: bool = True, *odd: Odd, start: bool = True
) -> Reading:
    shown = messages(words)
    return Reading(THREAD, "900", shown, complete, NOW, from_start=start, odd=odd)


def known(order: str = "", row: str | None = None) -> Known:
    return Known(tuple(order.split()), row)


# The judgement

HELD, EMPTY = "Airbnb holds its newest messages back", "Airbnb shows it without its"
ROW, ENDS = "it lacks the message that the list shows", "it ends before a message"
LACKS = [
    ("a first reading", "g1 h2", True, "", "2", None),
    ("a first reading without a row", "g1", True, "", None, None),
    ("nothing was ever written there", "", True, "", None, None),
    ("all that was known, and more", "g1 h2 g3", True, "1 2", "3", None),
    ("the row lags behind the conversation", "g1 h2 g3", True, "1 2", "2", None),
    ("newer is held back, and said so", "g1 h2", False, "1 2", "2", HELD),
    ("the row's message is not there yet", "g1 h2", True, "1 2", "3", ROW),
    ("several are not", "g1", True, "1", "4", ROW),
    ("a middle one and the newest are not", "g1 g3", True, "1", "4", ROW),
    ("no message, where some are known", "", True, "1 2", "2", EMPTY),
    ("no message, where the row names one", "", True, "", "1", EMPTY),
    ("no message, where a row is not known", "", True, "1", None, EMPTY),
    ("it ends before what was there", "g1", True, "1 2", None, ENDS),
    ("also where the row names an older one", "g1", True, "1 2", "1", ENDS),
    ("what was there is unsent now", "g1 unsent2", True, "1", "2", None),
    ("a newer one is shown in its place", "g1 g3", True, "1 2", "3", None),
    ("the beginning is cut off", "g3 h4", True, "1 2 3", "4", None),
    ("nothing of what was known, but newer", "g8 g9", True, "1 2 3", "9", None),
]


@pytest.mark.parametrize(
    ("words", "complete", "order", "row", "said"),
    [row[1:] for row in LACKS],
    ids=[row[0] for row in LACKS],
)
def test_what_a_reading_lacks(
    words: str, complete: bool, order: str, row: str | None, said: str | None
) -> None:
    lack = whole.lacking(reading(words, complete), known(order, row))
    assert lack is None if said is None else said in (lack or "")


def test_an_odd_message_below_all_texts_may_be_the_hosts_answer() -> None:
    above, newest = Odd("messages[0]"), Odd("messages[1].account", newest=True)
    assert whole.lacking(reading("g1", True, above), known("", "1")) is None
    lack = whole.lacking(reading("g1", True, above, newest), known("", "1"))
    assert lack == "its newest message is not understood (messages[1].account)"


VANISHED = [
    ("the newest", "g1", "1 2", None, "2"),
    ("the two newest", "g1", "1 2 3", "3", "2 3"),
    ("the row's, which was never read", "g1", "1", "2", "2"),
    ("a middle one has not", "g1 g3", "1 2 3", "3", ""),
    ("all of them", "", "1 2", "3", "1 2 3"),
    ("nothing", "g1 h2", "1 2", "2", ""),
]


@pytest.mark.parametrize(
    ("words", "order", "row", "gone"),
    [row[1:] for row in VANISHED],
    ids=[row[0] for row in VANISHED],
)
def test_what_has_vanished(words: str, order: str, row: str | None, gone: str) -> None:
    found = whole.vanished(reading(words), known(order, row))
    assert found == tuple(gone.split())


@pytest.mark.parametrize(
    ("words", "start", "order", "wanted"),
    [
        ("g8 g9", True, "", False),
        ("", False, "", False),
        ("g8 g9", False, "", True),
        ("g8 g9", False, "1 2", True),
        ("g8 g9", False, "7 8", False),
        ("h7 g8 g9", False, "", False),
        ("hphoto7 g8", False, "", False),
        ("clock7 g8", False, "", True),
        ("hcard7 g8", False, "", True),
    ],
)
def test_more_is_asked_for_until_an_answer_or_something_known_is_in_sight(
    words: str, start: bool, order: str, wanted: bool
) -> None:
    assert whole.wants_more(reading(words, start=start), known(order)) is wanted


@pytest.mark.parametrize(
    ("times", "minutes"),
    [(1, 0), (3, 0), (20, 0), (21, 1), (22, 2), (24, 8), (25, 15), (1000, 15)],
)
def test_it_is_read_at_every_cycle_and_after_twenty_ever_more_slowly(
    times: int, minutes: int
) -> None:
    assert whole.read_again_after(times) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("stored", "shown", "newest", "order"),
    [
        ("1 2 3 4", "2 4 5", None, "1 2 3 4 5"),
        ("1 2 3 4", "5", None, "1 2 3 4 5"),
        ("1 3", "1 2 3", None, "1 2 3"),
        ("1 2 4", "1 4", None, "1 2 4"),
        ("2 3", "1", None, "2 3 1"),
        ("", "1 2", None, "1 2"),
        ("1 2", "", None, "1 2"),
        ("1 9", "1 2 3", "9", "1 2 3 9"),  # 9 is the row's; 2 and 3 stand above it
        ("1 9", "1 9 2", "9", "1 9 2"),
        ("1 2", "1 3", "7", "1 2 3"),
    ],
)
def test_what_is_not_shown_keeps_its_place(
    stored: str, shown: str, newest: str | None, order: str
) -> None:
    merged = whole.merged(tuple(stored.split()), tuple(shown.split()), newest)
    assert " ".join(merged) == order


IDS = st.lists(st.sampled_from("abcdefgh"), unique=True).map(tuple)


@given(IDS, IDS, st.sampled_from("abcdefgh") | st.none())
def test_a_merged_order_holds_all_once_and_as_they_are_shown(
    stored: tuple[str, ...], shown: tuple[str, ...], newest: str | None
) -> None:
    order = whole.merged(stored, shown, newest)
    assert sorted(order) == sorted({*stored, *shown})
    assert tuple(id_ for id_ in order if id_ in shown) == shown


@given(st.integers(0, 8), st.sets(st.integers(0, 7)))
def test_a_gap_in_a_reading_changes_no_order(new: int, gap: set[int]) -> None:
    """Whatever of a stored conversation is not shown: it stands where it stood."""
    stored = tuple(str(n) for n in range(8))
    added = tuple(str(n) for n in range(8, 8 + new))
    shown = tuple(id_ for id_ in stored if int(id_) not in gap)
    assert whole.merged(stored, shown + added) == stored + added


@pytest.mark.parametrize(
    ("minutes", "second", "agreed"),
    [(60, "x", True), (59, "x", False), (60, "y", False), (-1, "x", False)],
)
def test_two_looks_an_hour_apart_must_show_the_same(
    minutes: int, second: str, agreed: bool
) -> None:
    later = NOW + timedelta(minutes=minutes)
    assert whole.agree(NOW, "x", later, second) is agreed
    assert not whole.agree(None, None, later, second)


# SYNC


@pytest.fixture
def desk(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> Desk:
    """A guest who was answered, and all of that was read."""
    desk = Desk(site, FakeAirbnb(site), storage, make_config())
    for hours, write in ((3, site.guest_writes), (2, site.host_writes)):
        write(desk.thread, "Hello!", at=desk.clock() - timedelta(hours=hours))
    desk.syncer.run()
    return desk


def read(desk: Desk, seconds: float = CYCLE_S, times: int = 1) -> list[str]:
    """So many cycles; what was asked of the site."""
    desk.airbnb.calls.clear()
    for _ in range(times):
        desk.clock.advance(seconds)
        desk.syncer.run()
    return list(desk.airbnb.calls)


def lags(desk: Desk, held: HeldBack | None) -> None:
    desk.site.thread_trouble(desk.thread, held_back=held)


def row(desk: Desk) -> dict[str, str | None]:
    sql = "SELECT * FROM threads WHERE id = :id"
    found = desk.storage.db.read_one(sql, {"id": desk.thread.id})
    assert found is not None
    return dict(found)


def stored(desk: Desk) -> list[str | None]:
    rows = desk.storage.db.read(
        "SELECT body FROM messages WHERE thread_id = :id ORDER BY position",
        {"id": desk.thread.id},
    )
    return [row["body"] for row in rows]


def turns(desk: Desk) -> list[str]:
    rows = desk.storage.db.read("SELECT status FROM turns ORDER BY rowid")
    return [row["status"] for row in rows]


LAGS = {
    "the newest is not there": (HeldBack, {"newest": 1}),
    "the three newest are not": (HeldBack, {"newest": 3}),
    "none is": (HeldBack, {}),
    "the guest's are not": (HeldBack, {"of": "guest"}),
    "newer are held back": (HeldBack, {"newest": 1, "has_newer": True}),
    "nothing is, but it says so": (HeldBack, {"newest": 0, "has_newer": True}),
}
each_lag = pytest.mark.parametrize("kind", LAGS)


def lag(kind: str) -> HeldBack:
    make, values = LAGS[kind]
    return make(**values)  # type: ignore[arg-type]


@each_lag
def test_the_guest_is_read_when_the_lag_ends(desk: Desk, kind: str) -> None:
    mark = row(desk)["seen_mark"]
    lags(desk, lag(kind))
    desk.guest()
    read(desk, times=5)
    assert (turns(desk), row(desk)["seen_mark"]) == ([], mark)
    assert stored(desk) == ["Hello!", "Hello!", "Is parking free?"]
    lags(desk, None)
    read(desk)
    assert (turns(desk), row(desk)["trouble"]) == (["new"], None)
    assert desk.texts_of_turn() == ["Is parking free?"]
    assert "ask_thread" not in read(desk)


def test_one_empty_answer_costs_one_cycle(desk: Desk) -> None:
    lags(desk, HeldBack(times=1))
    desk.guest()
    read(desk)
    assert turns(desk) == []
    read(desk)
    assert turns(desk) == ["new"]


def test_of_a_new_guest_too(desk: Desk) -> None:
    desk.thread = desk.site.add_thread("Kenji")
    lags(desk, HeldBack())
    desk.guest()
    read(desk)
    assert (turns(desk), stored(desk)) == ([], ["Is parking free?"])
    lags(desk, None)
    read(desk)
    assert turns(desk) == ["new"]


@each_lag
def test_a_turn_that_is_asked_stands_still_meanwhile(desk: Desk, kind: str) -> None:
    desk.guest()
    read(desk)
    turn = desk.turn()
    lags(desk, lag(kind))
    desk.guest("And breakfast?")
    read(desk, times=3)
    assert (desk.turn().id, desk.turn().status) == (turn.id, turn.status)
    lags(desk, None)
    read(desk)
    assert desk.texts_of_turn() == ["Is parking free?", "And breakfast?"]


def test_a_host_who_answered_is_seen_when_the_lag_ends(desk: Desk) -> None:
    desk.guest()
    read(desk)
    desk.host()
    lags(desk, HeldBack(of="host"))
    read(desk, times=3)
    assert turns(desk) == ["new"]
    lags(desk, None)
    read(desk)
    assert turns(desk) == ["taken_over"]


def test_a_host_text_that_was_read_stays_above_a_newer_guest_text(desk: Desk) -> None:
    lags(desk, HeldBack(of="host"))
    desk.guest()
    read(desk)
    texts = desk.site.messages(desk.thread)
    sent = [f"{text.account.name}: {text.text}" for text in texts]
    assert sent[1:] == ["Nora: Hello!", "Maya: Is parking free?"]
    assert stored(desk) == [text.text for text in texts]
    assert desk.texts_of_turn() == ["Is parking free?"]


def test_what_the_row_shows_stays_below_a_host_text_that_is_read_later(
    desk: Desk,
) -> None:
    desk.host("I look into it.")
    desk.guest("Thanks! And parking?")
    lags(desk, HeldBack(2))
    read(desk)
    lags(desk, HeldBack(1))
    read(desk)
    assert stored(desk)[2:] == ["I look into it.", "Thanks! And parking?"]
    lags(desk, None)
    read(desk)
    assert desk.texts_of_turn() == ["Thanks! And parking?"]


def test_a_missing_one_in_the_middle_keeps_its_place(desk: Desk) -> None:
    desk.guest()
    desk.host()
    read(desk)
    before = stored(desk)
    lags(desk, HeldBack(1, "middle"))
    desk.guest("And breakfast?")
    read(desk)
    assert stored(desk) == [*before, "And breakfast?"]
    assert desk.texts_of_turn() == ["And breakfast?"]


def test_an_unsent_text_is_no_lag(desk: Desk) -> None:
    desk.guest()
    read(desk)
    desk.site.unsend(desk.site.messages(desk.thread)[-1])
    read(desk)
    assert (turns(desk), row(desk)["trouble"]) == (["superseded"], None)


# Read again, and said


def test_it_is_said_after_the_third_time_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    lags(desk, HeldBack(1))
    desk.guest()
    read(desk, times=2)
    assert "times in a row" not in caplog.text
    read(desk, times=8)
    assert caplog.text.count("3 times in a row; it is read again") == 1
    assert desk.thread.id in caplog.text and "parking" not in caplog.text
    assert desk.syncer.run().troubled == 1


def test_it_is_read_at_every_cycle_and_then_ever_more_slowly(desk: Desk) -> None:
    lags(desk, HeldBack(1))
    desk.guest()
    assert read(desk, times=20).count("ask_thread") >= 20
    assert read(desk, times=20).count("ask_thread") <= 6
    hour = read(desk, times=round(3600 / CYCLE_S)).count("ask_thread")
    assert 4 <= hour <= 7  # a look of its own among them


def test_a_new_row_is_read_at_once(desk: Desk) -> None:
    lags(desk, HeldBack(1))
    desk.guest()
    read(desk, times=30)
    lags(desk, None)
    desk.guest("Hello?")
    read(desk, 1)
    assert desk.texts_of_turn() == ["Is parking free?", "Hello?"]


def test_deep_in_the_list_it_is_read_again_at_every_cycle(desk: Desk) -> None:
    lags(desk, HeldBack(1))
    desk.guest()
    read(desk)
    desk.site.trouble.page_size, desk.site.trouble.priority_rows = 3, 0
    for number in range(9):
        desk.site.guest_writes(desk.site.add_thread(f"Guest {number}"), "Hello")
    read(desk)
    assert desk.site.world.inbox()[-1] is desk.thread
    assert read(desk) == ["ask_inbox", "ask_thread"]
    lags(desk, None)
    read(desk)
    assert desk.turn().status == "new"


def test_what_only_send_has_seen_is_read_again_too(desk: Desk) -> None:
    desk.queue(REPLY)
    lags(desk, HeldBack(1))
    desk.later(0)
    assert row(desk)["trouble"] is not None
    assert read(desk) == ["ask_inbox", "ask_thread"]
    lags(desk, None)
    read(desk)
    assert row(desk)["trouble"] is None


# The way out


TWO_LOOKS = round((3600 + 2 * 900) / CYCLE_S)  # cycles: an hour, and what they rest


def given_up(desk: Desk) -> list[str]:
    """Read for more than an hour, while the newest message is not shown."""
    lags(desk, HeldBack(1))
    desk.guest()
    return read(desk, times=TWO_LOOKS)


def test_two_looks_an_hour_apart_that_agree_end_it(desk: Desk) -> None:
    lags(desk, HeldBack(1))
    desk.guest()
    assert read(desk, times=60).count("open_inbox") == 1
    assert row(desk)["trouble"] is not None
    assert read(desk, times=TWO_LOOKS - 60).count("open_inbox") == 1
    assert row(desk)["trouble"] is None
    assert turns(desk) == []
    assert desk.storage.db.read("SELECT 1 FROM messages WHERE note = 'vanished'")
    assert "ask_thread" not in read(desk)


def test_looks_that_differ_do_not_end_it(desk: Desk) -> None:
    lags(desk, HeldBack(1))
    desk.guest()
    for number in range(12):
        desk.guest(f"Hello? {number}")
        read(desk, 900)
    assert row(desk)["trouble"] is not None
    assert turns(desk) == []


def test_what_vanished_counts_again_when_it_is_back(desk: Desk) -> None:
    assert given_up(desk).count("open_inbox") == 2
    lags(desk, None)
    desk.guest("Hello?")
    read(desk)
    assert desk.texts_of_turn() == ["Is parking free?", "Hello?"]


def test_a_text_that_was_asked_and_vanished_is_asked_again_when_it_is_back(
    desk: Desk,
) -> None:
    desk.guest()
    read(desk)
    lags(desk, HeldBack(1))
    desk.site.edit(desk.site.messages(desk.thread)[-1], "Is parking free, please?")
    read(desk, times=TWO_LOOKS)
    assert turns(desk) == ["superseded"]
    lags(desk, None)
    desk.site.edit(desk.site.messages(desk.thread)[-1], "Is parking free?")
    read(desk)
    assert turns(desk) == ["superseded", "new"]


def test_what_vanished_after_our_answer_is_not_asked_again(desk: Desk) -> None:
    desk.queue(REPLY)
    assert desk.later(0).status == "sent"
    lags(desk, HeldBack(of="guest"))
    desk.host("One more thing: the gate is blue.")
    read(desk, times=100)
    lags(desk, None)
    desk.host("And the key is below the mat.")
    read(desk)
    assert turns(desk) == ["answered"]


def test_an_odd_message_that_may_be_an_answer_is_never_given_up_on(desk: Desk) -> None:
    desk.guest()

    def add(data: dict[str, dict[str, dict[str, dict[str, list[object]]]]]) -> None:
        data["data"]["threadData"]["messageData"]["messages"].append(None)

    desk.site.odd("thread", add)
    read(desk, times=200)
    assert turns(desk) == []
    assert "its newest message is not understood" in (row(desk)["trouble"] or "")
    desk.site.clear_trouble()
    read(desk, 900)
    assert turns(desk) == ["new"]


# More than Airbnb's page asks for


def many(desk: Desk, texts: int) -> None:
    desk.thread = desk.site.add_thread("Kenji")
    for number in range(texts):
        at = desk.clock() - timedelta(seconds=texts - number)
        desk.site.guest_writes(desk.thread, f"Question {number}", at=at)


def test_more_than_fifty_texts_are_asked_for_once_more(desk: Desk) -> None:
    many(desk, 60)
    assert read(desk, 1).count("ask_thread") == 2
    assert len(desk.texts_of_turn()) == 60
    assert OUT_OF_SIGHT not in (desk.turn().reason or "")


def test_what_is_out_of_sight_even_then_is_said(desk: Desk) -> None:
    many(desk, 260)
    assert read(desk, 1).count("ask_thread") == 2
    assert len(desk.texts_of_turn()) == 200
    assert desk.turn().reason == f"new guest text; {OUT_OF_SIGHT}"


def test_an_answer_in_sight_is_enough(desk: Desk) -> None:
    many(desk, 60)
    desk.host()
    desk.guest()
    assert read(desk, 1).count("ask_thread") == 1
    assert desk.texts_of_turn() == ["Is parking free?"]


# SEND


@each_lag
def test_nothing_is_pressed_and_the_reply_goes_on_when_the_lag_ends(
    desk: Desk, kind: str
) -> None:
    desk.queue(REPLY)
    lags(desk, lag(kind))
    for _ in range(10):
        reply = desk.later(16)
    assert (reply.status, reply.attempts, desk.posted()) == ("pending", 0, [])
    assert reply.last_error and reply.last_error == row(desk)["trouble"]
    lags(desk, None)
    assert desk.later(16).status == "sent"
    assert desk.posted() == [REPLY]


def test_airbot_never_talks_over_a_host_whose_answer_is_held_back(desk: Desk) -> None:
    desk.queue(REPLY)
    desk.host()
    lags(desk, HeldBack(of="host"))
    for _ in range(10):
        reply = desk.later(16)
    assert (reply.status, reply.attempts) == ("pending", 0)
    lags(desk, None)
    assert desk.later(16).status == "cancelled"
    assert desk.posted() == []


def test_also_when_it_is_held_back_from_the_second_look_on(desk: Desk) -> None:
    desk.queue(REPLY)

    def answer() -> None:
        desk.host()
        lags(desk, HeldBack(of="host"))

    desk.airbnb.before("type_reply", answer)
    assert desk.later(0).status == "pending"
    assert desk.airbnb.composer == ""
    lags(desk, None)
    assert desk.later(16).status == "cancelled"
    assert desk.posted() == []


def test_a_reply_behind_a_long_lag_is_tried_as_slowly_as_that_is_read(
    desk: Desk,
) -> None:
    desk.queue(REPLY)
    lags(desk, HeldBack(1))
    for _ in range(30):
        desk.later(16)
    desk.airbnb.calls.clear()
    for _ in range(round(3600 / 16)):
        desk.later(16)
    assert desk.airbnb.calls.count("ask_thread") <= 8
    lags(desk, None)
    assert desk.later(900).status == "sent"


@pytest.mark.parametrize("kind", [kind for kind in LAGS if "guest" not in kind])
def test_a_lagging_reading_proves_nothing_absent(desk: Desk, kind: str) -> None:
    desk.queue(REPLY)
    desk.site.trouble.send, desk.site.trouble.send_times = "swallow", 1
    desk.airbnb.before("press_send", lambda: lags(desk, lag(kind)))
    for _ in range(4):
        reply = desk.later(SETTLE_S)
    assert (reply.status, reply.absent_readings) == ("uncertain", 0)
    assert desk.airbnb.calls.count("press_send") == 1
    lags(desk, None)
    desk.later(SETTLE_S)
    assert desk.later(SETTLE_S).status == "sent"
    assert desk.posted() == [REPLY]


@pytest.mark.parametrize("names", [None, "uuid", "nothing"])
def test_a_reply_that_is_held_back_itself_is_not_pressed_twice(
    desk: Desk, names: str | None
) -> None:
    desk.queue(REPLY)
    desk.site.trouble.send_names = names
    desk.airbnb.before("press_send", lambda: lags(desk, HeldBack(of="host")))
    for _ in range(4):
        assert desk.later(SETTLE_S).status == "uncertain"
    lags(desk, None)
    assert desk.later(SETTLE_S).status == "sent"
    assert desk.posted() == [REPLY]
