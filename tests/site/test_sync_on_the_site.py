"""SYNC in a real Chromium on the simulated Airbnb: nothing is marked read."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from support.inboxes import Inbox

from airbot.airbnb import Airbnb
from airbot.config import Config
from airbot.exceptions import SiteUnavailable
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

pytestmark = pytest.mark.browser


@pytest.fixture
def real(
    site: AirbnbSite,
    airbnb: Airbnb,
    storage: Storage,
    make_config: Callable[..., Config],
) -> Inbox:
    airbnb.calls = []  # type: ignore[attr-defined]
    return Inbox(site, airbnb, storage, make_config)  # type: ignore[arg-type]


def test_in_chromium_a_steady_state_leaves_the_guests_message_unread(
    real: Inbox,
) -> None:
    real.answered("Noor")
    real.syncer.run()
    thread = real.guest("Maya")
    real.site.poll_s = 0.1
    for _ in range(3):
        real.read_after()
    assert real.turns(thread) == ["new"]
    assert real.site.unread(thread)


def test_in_chromium_a_fresh_page_also_leaves_it_unread(real: Inbox) -> None:
    real.answered("Noor")
    real.syncer.run()
    thread = real.guest("Maya")
    real.restart()  # the first run is full: the page is loaded anew
    real.read_after()
    assert real.turns(thread) == ["new"]
    assert real.site.unread(thread)


@pytest.mark.parametrize("shape", ["inboxItems", "threads"])
def test_in_chromium_a_long_list_in_either_shape_is_read(
    real: Inbox, shape: str
) -> None:
    real.site.trouble.shape = shape
    real.site.trouble.page_size = 3
    threads = [real.guest(f"Guest {i}", hours_ago=i) for i in range(8)]
    real.syncer.run()
    assert all(real.bodies(thread) == ["Hello"] for thread in threads)


def test_in_chromium_words_of_a_captcha_are_no_captcha(real: Inbox) -> None:
    real.site.trouble.extra_words = True
    thread = real.guest("Maya", "I am verified, not a robot, captcha, log in")
    real.syncer.run()
    assert real.turns(thread) == ["new"]


def test_in_chromium_an_empty_first_answer_is_waited_over(real: Inbox) -> None:
    real.site.trouble.empty_first_thread_answer = True
    thread = real.guest("Maya")
    real.syncer.run()
    assert real.bodies(thread) == ["Hello"]


def test_in_chromium_no_word_of_a_guest_is_logged(
    real: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    real.guest("Maya", "Kanarienvogel")
    real.syncer.run()
    real.site.trouble.api_status = 500
    with pytest.raises(SiteUnavailable) as raised:
        real.read_after()
    assert "Kanarienvogel" not in caplog.text + str(raised.value)
