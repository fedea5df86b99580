"""SYNC reads what is new, once, and leaves no trace in the host's inbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from support.fakes import FakeAirbnb
from support.inboxes import Inbox

from airbot.config import Config
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import SlowDown
from airbot.exceptions import ThreadNotShown
from airbot.models import TurnStatus
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Thread
from airbot.storage import Storage

HOUR = 3600.0


@pytest.fixture
def inbox(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> Inbox:
    return Inbox(site, FakeAirbnb(site), storage, make_config)


# The first run


def test_a_new_guest_text_is_stored_and_becomes_a_turn(inbox: Inbox) -> None:
    thread = inbox.guest("Maya", "Is parking free?")
    result = inbox.syncer.run()
    assert (result.threads, result.changed) == (1, 1)
    assert result.new_texts == 1
    assert inbox.bodies(thread) == ["Is parking free?"]
    turn = inbox.storage.turns.newest(thread.id)
    assert turn is not None and turn.status == TurnStatus.NEW


def test_the_first_run_does_not_make_the_whole_history_new(inbox: Inbox) -> None:
    past = [inbox.guest(f"Guest {days}", hours_ago=24 * days) for days in range(1, 5)]
    answered = inbox.answered("Noor")
    fresh = inbox.guest("Maya")
    inbox.syncer.run()
    assert inbox.turns(fresh) == ["new"]
    assert inbox.turns(answered) == []
    assert all(inbox.turns(thread) in ([], ["expired"]) for thread in past)


def test_a_long_thread_is_one_turn_of_its_unanswered_texts(inbox: Inbox) -> None:
    thread = inbox.answered("Maya")
    for text in ("One more thing", "Is breakfast included?"):
        inbox.site.guest_writes(thread, text)
    inbox.syncer.run()
    turn = inbox.storage.turns.newest(thread.id)
    assert turn is not None
    texts = inbox.storage.turns.question(turn).texts
    assert [text.body for text in texts] == ["One more thing", "Is breakfast included?"]


def test_an_empty_inbox_is_fine(inbox: Inbox) -> None:
    assert str(inbox.syncer.run()) == "0 threads, 0 changed, 0 new messages"


def test_who_was_missed_in_an_outage_is_told_in_one_line(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    threads = [inbox.guest(name) for name in ("Maya", "Noor", "Kenji")]
    inbox.syncer.run()
    inbox.clock.advance(13 * 3600)
    inbox.restart()
    for thread in threads:
        inbox.site.guest_writes(thread, "Hello?")
    inbox.syncer.run()
    errors = [r.message for r in caplog.records if r.levelname == "ERROR"]
    assert errors == [
        "3 guests were not answered in time (older than 12 h): see airbot status"
    ]
    assert [inbox.turns(thread) for thread in threads] == [["expired", "new"]] * 3


# The following runs


def test_the_second_run_reads_nothing_that_is_unchanged(inbox: Inbox) -> None:
    inbox.answered("Noor")
    inbox.guest("Maya")
    inbox.syncer.run()
    assert inbox.read_after() == ["read_inbox"]
    assert str(inbox.syncer.run()) == "2 threads, 0 changed, 0 new messages"


def test_sync_every_45_seconds_stores_each_message_and_turn_once(inbox: Inbox) -> None:
    thread = inbox.guest("Maya", "Is parking free?")
    for _ in range(30):
        inbox.read_after()
    assert inbox.bodies(thread) == ["Is parking free?"]
    assert inbox.turns(thread) == ["new"]


def test_a_row_that_stands_in_both_lists_is_read_once(inbox: Inbox) -> None:
    inbox.guest("Maya")
    assert inbox.read_after().count("read_thread") == 1


def test_a_new_text_is_read(inbox: Inbox) -> None:
    thread = inbox.answered("Maya")
    inbox.syncer.run()
    inbox.site.guest_writes(thread, "And breakfast?")
    assert inbox.read_after() == ["read_inbox", "read_thread"]
    assert inbox.bodies(thread)[-1] == "And breakfast?"


def test_an_edited_text_is_read_and_rebuilds_the_turn(inbox: Inbox) -> None:
    thread = inbox.guest("Maya", "Is parkng free?")
    inbox.syncer.run()
    inbox.site.edit(inbox.site.messages(thread)[-1], "Is parking free?")
    inbox.read_after()
    assert inbox.bodies(thread) == ["Is parking free?"]
    assert inbox.turns(thread) == ["superseded", "new"]


def test_an_unsent_text_is_read_and_closes_the_turn(inbox: Inbox) -> None:
    thread = inbox.guest("Maya")
    inbox.syncer.run()
    inbox.site.unsend(inbox.site.messages(thread)[-1])
    inbox.read_after()
    assert inbox.bodies(thread) == [None]
    assert inbox.turns(thread) == ["superseded"]


def test_a_reaction_is_no_reason_to_read(inbox: Inbox) -> None:
    thread = inbox.guest("Maya")
    inbox.syncer.run()
    inbox.site.react(thread)
    assert "read_thread" not in inbox.read_after()


def test_a_scheduled_text_that_does_not_move_the_row_is_read(inbox: Inbox) -> None:
    thread = inbox.guest("Maya")
    inbox.syncer.run()
    inbox.site.scheduled_writes(thread, "Your code is 0417.")
    assert "read_thread" in inbox.read_after()
    assert inbox.turns(thread) == ["taken_over"]


def test_the_hosts_own_text_is_never_taken_for_a_guests(inbox: Inbox) -> None:
    thread = inbox.guest("Maya")
    inbox.site.host_writes(thread, "Hello Maya")
    inbox.site.cohost_writes(thread, "And from me")
    assert inbox.syncer.run().new_texts == 1
    assert inbox.turns(thread) == []


# Marks and walks


def five_pages(inbox: Inbox) -> list[Thread]:
    inbox.site.trouble.page_size, inbox.site.trouble.priority_rows = 2, 0
    return [inbox.answered(f"Guest {hours}", hours) for hours in range(1, 11)]


def test_a_list_of_several_pages_is_read_to_its_end(inbox: Inbox) -> None:
    threads = five_pages(inbox)
    calls = inbox.read_after(0)
    assert calls.count("read_inbox") == 4
    assert calls.count("read_thread") == len(threads)


def test_a_walk_stops_early_where_nothing_has_changed(inbox: Inbox) -> None:
    threads = five_pages(inbox)
    inbox.syncer.run()
    assert inbox.read_after() == ["read_inbox"]
    inbox.site.guest_writes(threads[5], "Hello again")
    calls = inbox.read_after()
    assert [calls.count(c) for c in ("read_inbox", "read_thread")] == [1, 1]


def test_a_walk_goes_on_while_whole_pages_are_new(inbox: Inbox) -> None:
    threads = five_pages(inbox)
    inbox.syncer.run()
    for thread in threads[:4]:
        inbox.site.guest_writes(thread, "Hello again")
    calls = inbox.read_after()
    assert [calls.count(c) for c in ("read_inbox", "read_thread")] == [3, 4]


def test_after_a_walk_that_broke_off_the_next_one_is_whole(inbox: Inbox) -> None:
    threads = five_pages(inbox)
    inbox.syncer.run()
    for thread in threads:
        inbox.site.guest_writes(thread, "Hello again")
    inbox.airbnb.fail("read_thread", SlowDown("HTTP 429"), call=3)
    with pytest.raises(SlowDown):
        inbox.read_after()
    inbox.restart()
    inbox.read_after()
    assert all(inbox.bodies(thread)[-1] == "Hello again" for thread in threads)


def test_a_mark_is_kept_only_with_its_messages(inbox: Inbox) -> None:
    thread = inbox.guest("Maya")
    inbox.airbnb.fail("read_thread", SiteUnavailable("timed out"))
    inbox.syncer.run()
    assert inbox.storage.inbox.seen_marks() == {thread.id: None}
    inbox.restart()
    inbox.syncer.run()
    assert inbox.turns(thread) == ["new"]


def test_a_text_that_lands_while_the_thread_is_read_is_read_the_next_time(
    inbox: Inbox,
) -> None:
    thread = inbox.guest("Maya")
    inbox.airbnb.before("read_thread", lambda: inbox.site.guest_writes(thread, "Wait"))
    inbox.syncer.run()
    assert inbox.bodies(thread) == ["Hello", "Wait"]
    inbox.read_after()
    assert inbox.turns(thread) == ["new"]


def test_a_text_that_lands_after_the_thread_was_read_is_not_lost(inbox: Inbox) -> None:
    thread = inbox.guest("Maya")
    left = ["Wait"]

    def write_once() -> None:
        if left:
            inbox.site.guest_writes(thread, left.pop())

    inbox.syncer.run(between_threads=write_once)
    inbox.read_after()
    assert inbox.bodies(thread) == ["Hello", "Wait"]


def test_between_threads_is_called_after_each_of_them(inbox: Inbox) -> None:
    for name in ("Maya", "Kenji", "Marta"):
        inbox.guest(name)
    calls: list[int] = []
    marks = inbox.storage.inbox.seen_marks
    inbox.syncer.run(between_threads=lambda: calls.append(len(marks())))
    assert calls == [1, 2, 3]


def test_one_thread_that_is_not_shown_does_not_stop_the_others(inbox: Inbox) -> None:
    hidden, shown = inbox.guest("Maya", hours_ago=0), inbox.guest("Kenji", hours_ago=1)
    inbox.airbnb.fail("read_thread", ThreadNotShown("not shown"))
    inbox.syncer.run()
    assert (inbox.turns(hidden), inbox.turns(shown)) == ([], ["new"])
    inbox.read_after()
    assert inbox.turns(hidden) == ["new"]


def test_priority_rows_that_every_page_repeats_are_read_once(inbox: Inbox) -> None:
    inbox.site.trouble.page_size = 2
    threads = [inbox.answered(f"Guest {hours}", hours) for hours in range(1, 11)]
    calls = inbox.read_after(0)
    assert calls.count("read_thread") == len(threads)


def test_each_thread_is_counted_once(inbox: Inbox) -> None:
    inbox.site.trouble.page_size = 2
    for hours in range(1, 11):
        inbox.answered(f"Guest {hours}", hours)
    result = inbox.syncer.run()
    assert (result.threads, result.changed) == (10, 10)


# Age


def test_a_full_load_walks_to_max_age_hours(inbox: Inbox) -> None:
    inbox.site.trouble.page_size, inbox.site.trouble.priority_rows = 2, 0
    for hours in range(2, 42, 2):
        inbox.answered(f"Guest {hours}", hours)
    calls = inbox.read_after(0)
    assert calls.count("read_inbox") == 2  # the third page ends with a row of 12 h
    assert calls.count("read_thread") == 5  # 2 h to 10 h


def test_a_full_load_comes_again_after_full_load_min(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.answered("Noor")
    inbox.syncer.run()
    assert "open_inbox" not in inbox.read_after()
    inbox.syncer._full_at = 0.0
    assert "open_inbox" in inbox.read_after()


def test_an_old_thread_is_stored_by_its_row_alone(inbox: Inbox) -> None:
    thread = inbox.answered("Noor", hours_ago=100)
    assert "read_thread" not in inbox.read_after(0)
    assert inbox.bodies(thread) == ["You are welcome!"]
    assert inbox.read_after() == ["read_inbox"]


def test_an_old_guest_text_is_stored_and_not_asked(inbox: Inbox) -> None:
    thread = inbox.guest("Noor", hours_ago=13)
    inbox.syncer.run()
    assert inbox.bodies(thread) == ["Hello"]
    assert inbox.turns(thread) in ([], ["expired"])


def test_age_is_judged_by_airbnbs_clock(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    now = inbox.clock()
    inbox.syncer._now = lambda: now + timedelta(hours=20)
    thread = inbox.guest("Maya", hours_ago=1)
    inbox.syncer.run()
    assert inbox.turns(thread) == ["new"]
    offset = inbox.storage.session.get().clock_offset_s
    assert abs(offset + 20 * HOUR) < 2
    assert "clock is off by 1200 minutes" in caplog.text


def test_a_clock_that_is_right_is_no_warning(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.syncer.run()
    assert "clock" not in caplog.text


# What is stored and never asked


def test_own_trips_and_cohost_threads_are_stored_and_never_asked(inbox: Inbox) -> None:
    trip = inbox.site.add_thread("Ada", hosted=False)
    inbox.site.guest_writes(trip, "Your room is ready.")
    direct = inbox.site.add_thread(type="STAY_COHOST_DIRECT", cohosts=["Noor"])
    inbox.site.cohost_writes(direct, "Could you check the heating?")
    inbox.syncer.run()
    assert inbox.bodies(trip) == ["Your room is ready."]
    assert inbox.bodies(direct) == ["Could you check the heating?"]
    assert inbox.turns(trip) == inbox.turns(direct) == []


def test_cards_photos_and_notices_alone_are_no_turn(inbox: Inbox) -> None:
    thread = inbox.site.add_thread("Maya")
    inbox.site.service_writes(thread)
    inbox.site.card(thread)
    inbox.site.photo(thread)
    inbox.syncer.run()
    assert inbox.turns(thread) == []
    assert len(inbox.bodies(thread)) == 3


def test_another_account_stops_everything(inbox: Inbox) -> None:
    inbox.guest("Maya")
    inbox.storage.session.set_account("77")
    with pytest.raises(LoginRequired, match="another Airbnb account"):
        inbox.syncer.run()
    assert inbox.storage.inbox.seen_marks() == {}


@pytest.mark.parametrize("step", ["read_thread", "read_inbox"])
def test_what_is_read_as_another_account_in_the_middle_of_a_walk_is_not_stored(
    inbox: Inbox, step: str
) -> None:
    world = inbox.site.world
    inbox.site.trouble.page_size = inbox.site.trouble.priority_rows = 1
    other = inbox.site.account("Another host")
    inbox.site.guest_writes(inbox.site.add_thread("Maya", cohosts=[other]), "Hello")
    second = inbox.site.add_thread("Noor", cohosts=[other])
    inbox.site.guest_writes(second, "Hello")
    call = 2 if step == "read_thread" else 1
    inbox.airbnb.before(step, lambda: setattr(world, "host", other), call)
    with pytest.raises(LoginRequired, match="another Airbnb account"):
        inbox.syncer.run()
    assert len(inbox.storage.inbox.seen_marks()) == 1
    assert inbox.storage.session.get().account_id != other.id


def test_the_first_account_is_remembered(inbox: Inbox) -> None:
    inbox.syncer.run()
    assert inbox.storage.session.get().account_id == inbox.site.host.id


# Where the page rests


def test_the_page_does_not_rest_on_a_thread_whose_guest_waits(inbox: Inbox) -> None:
    quiet = inbox.answered("Noor", hours_ago=5)
    inbox.guest("Maya")
    inbox.syncer.run()
    assert inbox.airbnb.standing == quiet.id
    inbox.site.guest_writes(quiet, "Hello again")
    other = inbox.answered("Kenji", hours_ago=6)
    inbox.read_after()
    assert inbox.airbnb.standing == other.id


def test_a_steady_state_leaves_the_guests_message_unread(inbox: Inbox) -> None:
    inbox.answered("Noor")
    inbox.syncer.run()
    thread = inbox.guest("Maya")
    for _ in range(3):
        inbox.read_after()
    assert inbox.turns(thread) == ["new"]
    assert inbox.site.unread(thread)
