"""A reading that is not whole decides nothing: no turn, no press, no proof.

First the judgement alone, then SYNC and SEND on a simulated inbox whose conversation
lags behind the list's row.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.conversations import NOW
from support.conversations import messages
from support.fakes import FakeAirbnb
from support.fakes import Scene

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
def scene(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> Scene:
    """A guest who was answered, and all of that was read."""
    scene = Scene(site, FakeAirbnb(site), storage, make_config())
    for hours, write in ((3, site.guest_writes), (2, site.host_writes)):
        write(scene.thread, "Hello!", at=scene.clock() - timedelta(hours=hours))
    scene.syncer.run()
    return scene


def read(scene: Scene, seconds: float = CYCLE_S, times: int = 1) -> list[str]:
    """So many cycles; what was asked of the site."""
    scene.airbnb.calls.clear()
    for _ in range(times):
        scene.clock.advance(seconds)
        scene.syncer.run()
    return list(scene.airbnb.calls)


def lags(scene: Scene, held: HeldBack | None) -> None:
    scene.site.thread_trouble(scene.thread, held_back=held)


def row(scene: Scene) -> dict[str, str | None]:
    sql = "SELECT * FROM threads WHERE id = :id"
    found = scene.storage.db.read_one(sql, {"id": scene.thread.id})
    assert found is not None
    return dict(found)


def stored(scene: Scene) -> list[str | None]:
    rows = scene.storage.db.read(
        "SELECT body FROM messages WHERE thread_id = :id ORDER BY position",
        {"id": scene.thread.id},
    )
    return [row["body"] for row in rows]


def turns(scene: Scene) -> list[str]:
    rows = scene.storage.db.read("SELECT status FROM turns ORDER BY rowid")
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
def test_the_guest_is_read_when_the_lag_ends(scene: Scene, kind: str) -> None:
    mark = row(scene)["seen_mark"]
    lags(scene, lag(kind))
    scene.guest()
    read(scene, times=5)
    assert (turns(scene), row(scene)["seen_mark"]) == ([], mark)
    assert stored(scene) == ["Hello!", "Hello!", "Is parking free?"]
    lags(scene, None)
    read(scene)
    assert (turns(scene), row(scene)["trouble"]) == (["new"], None)
    assert scene.texts_of_turn() == ["Is parking free?"]
    assert "read_thread" not in read(scene)


def test_one_empty_answer_costs_one_cycle(scene: Scene) -> None:
    lags(scene, HeldBack(times=1))
    scene.guest()
    read(scene)
    assert turns(scene) == []
    read(scene)
    assert turns(scene) == ["new"]


def test_of_a_new_guest_too(scene: Scene) -> None:
    scene.thread = scene.site.add_thread("Kenji")
    lags(scene, HeldBack())
    scene.guest()
    read(scene)
    assert (turns(scene), stored(scene)) == ([], ["Is parking free?"])
    lags(scene, None)
    read(scene)
    assert turns(scene) == ["new"]


@each_lag
def test_a_turn_that_is_asked_stands_still_meanwhile(scene: Scene, kind: str) -> None:
    scene.guest()
    read(scene)
    turn = scene.turn()
    lags(scene, lag(kind))
    scene.guest("And breakfast?")
    read(scene, times=3)
    assert (scene.turn().id, scene.turn().status) == (turn.id, turn.status)
    lags(scene, None)
    read(scene)
    assert scene.texts_of_turn() == ["Is parking free?", "And breakfast?"]


def test_a_host_who_answered_is_seen_when_the_lag_ends(scene: Scene) -> None:
    scene.guest()
    read(scene)
    scene.host()
    lags(scene, HeldBack(of="host"))
    read(scene, times=3)
    assert turns(scene) == ["new"]
    lags(scene, None)
    read(scene)
    assert turns(scene) == ["taken_over"]


def test_a_host_text_that_was_read_stays_above_a_newer_guest_text(scene: Scene) -> None:
    lags(scene, HeldBack(of="host"))
    scene.guest()
    read(scene)
    texts = scene.site.messages(scene.thread)
    sent = [f"{text.account.name}: {text.text}" for text in texts]
    assert sent[1:] == ["Nora: Hello!", "Maya: Is parking free?"]
    assert stored(scene) == [text.text for text in texts]
    assert scene.texts_of_turn() == ["Is parking free?"]


def test_what_the_row_shows_stays_below_a_host_text_that_is_read_later(
    scene: Scene,
) -> None:
    scene.host("I look into it.")
    scene.guest("Thanks! And parking?")
    lags(scene, HeldBack(2))
    read(scene)
    lags(scene, HeldBack(1))
    read(scene)
    assert stored(scene)[2:] == ["I look into it.", "Thanks! And parking?"]
    lags(scene, None)
    read(scene)
    assert scene.texts_of_turn() == ["Thanks! And parking?"]


def test_a_missing_one_in_the_middle_keeps_its_place(scene: Scene) -> None:
    scene.guest()
    scene.host()
    read(scene)
    before = stored(scene)
    lags(scene, HeldBack(1, "middle"))
    scene.guest("And breakfast?")
    read(scene)
    assert stored(scene) == [*before, "And breakfast?"]
    assert scene.texts_of_turn() == ["And breakfast?"]


def test_an_unsent_text_is_no_lag(scene: Scene) -> None:
    scene.guest()
    read(scene)
    scene.site.unsend(scene.site.messages(scene.thread)[-1])
    read(scene)
    assert (turns(scene), row(scene)["trouble"]) == (["superseded"], None)


# Read again, and said


def test_it_is_said_after_the_third_time_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    lags(scene, HeldBack(1))
    scene.guest()
    read(scene, times=2)
    assert "times in a row" not in caplog.text
    read(scene, times=8)
    assert caplog.text.count("3 times in a row; it is read again") == 1
    assert scene.thread.id in caplog.text and "parking" not in caplog.text
    assert scene.syncer.run().troubled == 1


def test_it_is_read_at_every_cycle_and_then_ever_more_slowly(scene: Scene) -> None:
    lags(scene, HeldBack(1))
    scene.guest()
    assert read(scene, times=20).count("read_thread") >= 20
    assert read(scene, times=20).count("read_thread") <= 6
    hour = read(scene, times=round(3600 / CYCLE_S)).count("read_thread")
    assert 4 <= hour <= 7  # a look of its own among them


def test_a_new_row_is_read_at_once(scene: Scene) -> None:
    lags(scene, HeldBack(1))
    scene.guest()
    read(scene, times=30)
    lags(scene, None)
    scene.guest("Hello?")
    read(scene, 1)
    assert scene.texts_of_turn() == ["Is parking free?", "Hello?"]


def test_deep_in_the_list_it_is_read_again_at_every_cycle(scene: Scene) -> None:
    lags(scene, HeldBack(1))
    scene.guest()
    read(scene)
    scene.site.trouble.page_size, scene.site.trouble.priority_rows = 3, 0
    for number in range(9):
        scene.site.guest_writes(scene.site.add_thread(f"Guest {number}"), "Hello")
    read(scene)
    assert scene.site.world.inbox()[-1] is scene.thread
    assert read(scene) == ["read_inbox", "read_thread"]
    lags(scene, None)
    read(scene)
    assert scene.turn().status == "new"


def test_what_only_send_has_seen_is_read_again_too(scene: Scene) -> None:
    scene.queue(REPLY)
    lags(scene, HeldBack(1))
    scene.later(0)
    assert row(scene)["trouble"] is not None
    assert read(scene) == ["read_inbox", "read_thread"]
    lags(scene, None)
    read(scene)
    assert row(scene)["trouble"] is None


# The way out


TWO_LOOKS = round((3600 + 2 * 900) / CYCLE_S)  # cycles: an hour, and what they rest


def given_up(scene: Scene) -> list[str]:
    """Read for more than an hour, while the newest message is not shown."""
    lags(scene, HeldBack(1))
    scene.guest()
    return read(scene, times=TWO_LOOKS)


def test_two_looks_an_hour_apart_that_agree_end_it(scene: Scene) -> None:
    lags(scene, HeldBack(1))
    scene.guest()
    assert read(scene, times=60).count("open_inbox") == 1
    assert row(scene)["trouble"] is not None
    assert read(scene, times=TWO_LOOKS - 60).count("open_inbox") == 1
    assert row(scene)["trouble"] is None
    assert turns(scene) == []
    assert scene.storage.db.read("SELECT 1 FROM messages WHERE note = 'vanished'")
    assert "read_thread" not in read(scene)


def test_looks_that_differ_do_not_end_it(scene: Scene) -> None:
    lags(scene, HeldBack(1))
    scene.guest()
    for number in range(12):
        scene.guest(f"Hello? {number}")
        read(scene, 900)
    assert row(scene)["trouble"] is not None
    assert turns(scene) == []


def test_what_vanished_counts_again_when_it_is_back(scene: Scene) -> None:
    assert given_up(scene).count("open_inbox") == 2
    lags(scene, None)
    scene.guest("Hello?")
    read(scene)
    assert scene.texts_of_turn() == ["Is parking free?", "Hello?"]


def test_a_text_that_was_asked_and_vanished_is_asked_again_when_it_is_back(
    scene: Scene,
) -> None:
    scene.guest()
    read(scene)
    lags(scene, HeldBack(1))
    scene.site.edit(scene.site.messages(scene.thread)[-1], "Is parking free, please?")
    read(scene, times=TWO_LOOKS)
    assert turns(scene) == ["superseded"]
    lags(scene, None)
    scene.site.edit(scene.site.messages(scene.thread)[-1], "Is parking free?")
    read(scene)
    assert turns(scene) == ["superseded", "new"]


def test_what_vanished_after_our_answer_is_not_asked_again(scene: Scene) -> None:
    scene.queue(REPLY)
    assert scene.later(0).status == "sent"
    lags(scene, HeldBack(of="guest"))
    scene.host("One more thing: the gate is blue.")
    read(scene, times=100)
    lags(scene, None)
    scene.host("And the key is below the mat.")
    read(scene)
    assert turns(scene) == ["answered"]


def test_an_odd_message_that_may_be_an_answer_is_never_given_up_on(
    scene: Scene,
) -> None:
    scene.guest()

    def add(data: dict[str, dict[str, dict[str, dict[str, list[object]]]]]) -> None:
        data["data"]["threadData"]["messageData"]["messages"].append(None)

    scene.site.odd("thread", add)
    read(scene, times=200)
    assert turns(scene) == []
    assert "its newest message is not understood" in (row(scene)["trouble"] or "")
    scene.site.clear_trouble()
    read(scene, 900)
    assert turns(scene) == ["new"]


# More than Airbnb's page asks for


def many(scene: Scene, texts: int) -> None:
    scene.thread = scene.site.add_thread("Kenji")
    for number in range(texts):
        at = scene.clock() - timedelta(seconds=texts - number)
        scene.site.guest_writes(scene.thread, f"Question {number}", at=at)


def test_more_than_fifty_texts_are_asked_for_once_more(scene: Scene) -> None:
    many(scene, 60)
    assert read(scene, 1).count("read_thread") == 2
    assert len(scene.texts_of_turn()) == 60
    assert OUT_OF_SIGHT not in (scene.turn().reason or "")


def test_what_is_out_of_sight_even_then_is_said(scene: Scene) -> None:
    many(scene, 260)
    assert read(scene, 1).count("read_thread") == 2
    assert len(scene.texts_of_turn()) == 200
    assert scene.turn().reason == f"new guest text; {OUT_OF_SIGHT}"


def test_an_answer_in_sight_is_enough(scene: Scene) -> None:
    many(scene, 60)
    scene.host()
    scene.guest()
    assert read(scene, 1).count("read_thread") == 1
    assert scene.texts_of_turn() == ["Is parking free?"]


# SEND


@each_lag
def test_nothing_is_pressed_and_the_reply_goes_on_when_the_lag_ends(
    scene: Scene, kind: str
) -> None:
    scene.queue(REPLY)
    lags(scene, lag(kind))
    for _ in range(10):
        reply = scene.later(16)
    assert (reply.status, reply.attempts, scene.posted()) == ("pending", 0, [])
    assert reply.last_error and reply.last_error == row(scene)["trouble"]
    lags(scene, None)
    assert scene.later(16).status == "sent"
    assert scene.posted() == [REPLY]


def test_airbot_never_talks_over_a_host_whose_answer_is_held_back(scene: Scene) -> None:
    scene.queue(REPLY)
    scene.host()
    lags(scene, HeldBack(of="host"))
    for _ in range(10):
        reply = scene.later(16)
    assert (reply.status, reply.attempts) == ("pending", 0)
    lags(scene, None)
    assert scene.later(16).status == "cancelled"
    assert scene.posted() == []


def test_also_when_it_is_held_back_from_the_second_look_on(scene: Scene) -> None:
    scene.queue(REPLY)

    def answer() -> None:
        scene.host()
        lags(scene, HeldBack(of="host"))

    scene.airbnb.before("type_reply", answer)
    assert scene.later(0).status == "pending"
    assert scene.airbnb.composer == ""
    lags(scene, None)
    assert scene.later(16).status == "cancelled"
    assert scene.posted() == []


def test_a_reply_behind_a_long_lag_is_tried_as_slowly_as_that_is_read(
    scene: Scene,
) -> None:
    scene.queue(REPLY)
    lags(scene, HeldBack(1))
    for _ in range(30):
        scene.later(16)
    scene.airbnb.calls.clear()
    for _ in range(round(3600 / 16)):
        scene.later(16)
    assert scene.airbnb.calls.count("read_thread") <= 8
    lags(scene, None)
    assert scene.later(900).status == "sent"


@pytest.mark.parametrize("kind", [kind for kind in LAGS if "guest" not in kind])
def test_a_lagging_reading_proves_nothing_absent(scene: Scene, kind: str) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send, scene.site.trouble.send_times = "swallow", 1
    scene.airbnb.before("press_send", lambda: lags(scene, lag(kind)))
    for _ in range(4):
        reply = scene.later(SETTLE_S)
    assert (reply.status, reply.absent_readings) == ("uncertain", 0)
    assert scene.airbnb.calls.count("press_send") == 1
    lags(scene, None)
    scene.later(SETTLE_S)
    assert scene.later(SETTLE_S).status == "sent"
    assert scene.posted() == [REPLY]


@pytest.mark.parametrize("names", [None, "uuid", "nothing"])
def test_a_reply_that_is_held_back_itself_is_not_pressed_twice(
    scene: Scene, names: str | None
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.send_names = names
    scene.airbnb.before("press_send", lambda: lags(scene, HeldBack(of="host")))
    for _ in range(4):
        assert scene.later(SETTLE_S).status == "uncertain"
    lags(scene, None)
    assert scene.later(SETTLE_S).status == "sent"
    assert scene.posted() == [REPLY]
