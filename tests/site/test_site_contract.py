"""One list of tests for two Airbnbs: the fake of fakes.py, the real one in Chromium.

What the tests of SYNC and SEND take for granted about the site is written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from support.fakes import FakeAirbnb

from airbot.airbnb import Airbnb
from airbot.airbnb import composer
from airbot.airbnb import shapes
from airbot.browser import Browser
from airbot.exceptions import LoginRequired
from airbot.exceptions import ReplyNotTyped
from airbot.exceptions import ThreadNotShown
from airbot.models import Direction
from airbot.models import Kind
from airbot.models import utcnow
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Thread

UNKNOWN = shapes.global_id("MessageThread", "999999999")
REPLY = "Yes, it is.\n\nSee you  soon! <b>"


class SiteContract:
    """Subclasses give the fixture `airbnb`, over the world of `site`."""

    airbnb: Any

    @pytest.fixture
    def asked(self, site: AirbnbSite) -> Thread:
        """The newer of two threads; its guest waits for an answer."""
        past = site.add_thread("Noor")
        site.guest_writes(past, "Thanks!", at=utcnow() - timedelta(hours=2))
        site.host_writes(past, "Come back!", at=utcnow() - timedelta(hours=1))
        thread = site.add_thread("Maya")
        site.guest_writes(thread, "Is parking free?")
        return thread

    def sent(self, airbnb: Any, thread: Thread, text: str = REPLY) -> Any:
        airbnb.open_thread(thread.id)
        airbnb.type_reply(text)
        airbnb.check_typed(thread.id, text)
        return airbnb.press_send()

    # Reading

    def test_the_list_shows_all_threads_newest_first(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        page = airbnb.open_inbox()
        assert [t.title for t in page.threads] == ["Maya", "Noor"]
        assert page.account_id == site.host.id
        assert page.next_cursor is None
        assert page.threads == airbnb.read_inbox().threads

    def test_the_bare_inbox_opens_its_newest_thread_and_that_marks_it_read(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        airbnb.open_inbox()
        assert airbnb.standing == asked.id
        airbnb.read_inbox()
        assert not site.unread(asked)

    def test_opened_at_another_thread_the_guests_message_stays_unread(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        past = next(t for t in site.world.inbox() if t is not asked)
        airbnb.open_inbox(past.id)
        assert airbnb.standing == past.id
        airbnb.read_thread(asked.id)
        assert airbnb.standing == past.id
        assert site.unread(asked)

    def test_an_unknown_thread_gives_way_to_the_newest(
        self, airbnb: Any, asked: Thread
    ) -> None:
        assert len(airbnb.open_inbox(UNKNOWN).threads) == 2
        assert airbnb.standing == asked.id

    def test_an_empty_inbox_is_an_empty_page(self, airbnb: Any) -> None:
        assert airbnb.open_inbox().threads == ()
        assert airbnb.standing is None

    def test_the_list_is_read_page_by_page(self, airbnb: Any, site: AirbnbSite) -> None:
        site.trouble.page_size = 2
        for hour in range(5):
            thread = site.add_thread(f"Guest {hour}")
            site.guest_writes(thread, "Hi", at=utcnow() - timedelta(hours=hour))
        page, titles = airbnb.open_inbox(), []
        for _ in range(5):
            titles += [t.title for t in page.threads if t.title not in titles]
            if page.next_cursor is None:
                break
            page = airbnb.read_inbox(page.next_cursor)
        assert sorted(titles) == [f"Guest {hour}" for hour in range(5)]

    def test_a_thread_is_read_whole_and_in_its_order(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        airbnb.open_inbox()
        site.card(asked)
        site.photo(asked)
        site.unsend(site.guest_writes(asked, "Oops"))
        site.service_writes(asked)
        site.cohost_writes(asked, "Yes!")
        reading = airbnb.read_thread(asked.id)
        kinds = [Kind.TEXT, Kind.CARD, Kind.MEDIA, Kind.DELETED, Kind.NOTICE, Kind.TEXT]
        assert [m.kind for m in reading.messages] == kinds
        assert [m.id for m in reading.messages] == [m.id for m in site.messages(asked)]
        assert reading.messages[-1].direction == Direction.OUTBOUND
        assert reading.complete and not reading.sending

    def test_opened_and_asked_for_a_thread_reads_the_same(
        self, airbnb: Any, asked: Thread
    ) -> None:
        opened = airbnb.open_thread(asked.id)
        assert airbnb.standing == asked.id
        assert airbnb.read_thread(asked.id).messages == opened.messages

    def test_an_unknown_thread_is_not_shown(self, airbnb: Any, asked: Thread) -> None:
        airbnb.open_inbox()
        with pytest.raises(ThreadNotShown):
            airbnb.read_thread(UNKNOWN)
        with pytest.raises(ThreadNotShown):
            airbnb.open_thread(UNKNOWN)
        assert airbnb.standing is None

    def test_the_time_is_the_sites(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        site.clock_offset_s = -3600.0
        off = airbnb.open_thread(asked.id).site_time - utcnow()
        assert abs(off.total_seconds() + 3600) < 3

    # Sending

    def test_what_is_typed_and_sent_stands_there_once(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        outcome = self.sent(airbnb, asked)
        assert (outcome.requested, outcome.refused) == (True, False)
        assert [m.text for m in site.posted()] == [REPLY]
        assert airbnb.open_thread(asked.id).messages[-1].body == REPLY

    def test_an_older_draft_is_not_sent_with_it(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        airbnb.open_thread(asked.id)
        airbnb.type_reply("An old\ndraft")
        airbnb.type_reply(REPLY)
        airbnb.press_send()
        assert [m.text for m in site.posted(asked)] == [REPLY]

    def test_another_text_in_the_composer_is_refused_and_emptied(
        self, airbnb: Any, asked: Thread
    ) -> None:
        airbnb.open_thread(asked.id)
        airbnb.type_reply("Something else")
        with pytest.raises(ReplyNotTyped):
            airbnb.check_typed(asked.id, REPLY)
        with pytest.raises(ReplyNotTyped):
            airbnb.check_typed(asked.id, "Something else")

    def test_another_conversation_on_the_page_is_refused(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        other = next(t for t in site.world.inbox() if t is not asked)
        airbnb.open_thread(asked.id)
        airbnb.type_reply(REPLY)
        with pytest.raises(ReplyNotTyped):
            airbnb.check_typed(other.id, REPLY)

    def test_an_emptied_composer_holds_nothing(
        self, airbnb: Any, asked: Thread
    ) -> None:
        airbnb.open_thread(asked.id)
        airbnb.type_reply(REPLY)
        airbnb.empty_composer()
        with pytest.raises(ReplyNotTyped):
            airbnb.check_typed(asked.id, REPLY)

    @pytest.mark.parametrize(
        ("trouble", "requested", "refused", "standing"),
        [
            ("lose_answer", True, False, [REPLY]),
            ("swallow", True, False, []),
            ("refuse", True, True, []),
            ("refuse_200", True, True, []),
            ("no_request", False, False, []),
        ],
    )
    def test_what_a_press_that_goes_wrong_looks_like(
        self,
        airbnb: Any,
        site: AirbnbSite,
        asked: Thread,
        trouble: str,
        requested: bool,
        refused: bool,
        standing: list[str],
    ) -> None:
        site.trouble.send = trouble
        outcome = self.sent(airbnb, asked)
        assert (outcome.requested, outcome.refused) == (requested, refused)
        assert ("contact info" in (outcome.sentence or "")) is refused
        assert [m.text for m in site.posted(asked)] == standing

    def test_a_text_that_the_site_rewrites_stands_there_changed(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        site.trouble.send = "rewrite"
        assert not self.sent(airbnb, asked).refused
        (message,) = site.posted(asked)
        assert message.text != REPLY and message.text.startswith("Yes, it is.")

    def test_a_guest_text_inside_the_send_stands_above_the_reply(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        site.on("before_send_taken", lambda t: site.guest_writes(t, "And breakfast?"))
        self.sent(airbnb, asked)
        bodies = [m.body for m in airbnb.open_thread(asked.id).messages]
        assert bodies == ["Is parking free?", "And breakfast?", REPLY]

    def test_only_a_page_loaded_since_the_press_is_as_new_as_that(
        self, airbnb: Any, asked: Thread
    ) -> None:
        assert not airbnb.loaded_since_press
        airbnb.open_inbox()
        assert airbnb.loaded_since_press
        self.sent(airbnb, asked)
        assert not airbnb.loaded_since_press
        bodies = [m.body for m in airbnb.read_thread(asked.id, fresh=True).messages]
        assert not airbnb.loaded_since_press
        opened = airbnb.open_thread(asked.id)
        assert airbnb.loaded_since_press
        assert (
            [m.body for m in opened.messages] == bodies == ["Is parking free?", REPLY]
        )

    def test_without_a_session_every_reading_asks_for_a_login(
        self, airbnb: Any, site: AirbnbSite, asked: Thread
    ) -> None:
        airbnb.open_inbox()
        site.trouble.logged_out = True
        for read in (
            airbnb.open_inbox,
            airbnb.read_inbox,
            lambda: airbnb.open_thread(asked.id),
            lambda: airbnb.read_thread(asked.id),
        ):
            with pytest.raises(LoginRequired):
                read()


class TestFake(SiteContract):
    @pytest.fixture
    def site(self) -> Iterator[AirbnbSite]:
        site = AirbnbSite()
        yield site
        site.stop()

    @pytest.fixture
    def airbnb(self, site: AirbnbSite) -> FakeAirbnb:
        return FakeAirbnb(site)


@pytest.mark.browser
class TestAirbnb(SiteContract):
    @pytest.fixture
    def airbnb(
        self, browser: Browser, site: AirbnbSite, monkeypatch: pytest.MonkeyPatch
    ) -> Airbnb:
        monkeypatch.setattr(
            composer, "PRESS_TIMEOUT_S", 0.7
        )  # how long none is waited for
        return Airbnb(browser, site.url)
