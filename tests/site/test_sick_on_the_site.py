"""One sick conversation among healthy ones, in a real Chromium: nobody waits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.sick import OF_TYPING
from support.sick import READING
from support.sick import SENDING
from support.sick import Inn
from support.sick import only_the_sick_reply_has_a_link

from airbot.airbnb import Airbnb
from airbot.airbnb import composer
from airbot.airbnb import reader
from airbot.config import Config
from airbot.models import SessionState
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

pytestmark = pytest.mark.browser


@pytest.fixture
def real(
    site: AirbnbSite,
    airbnb: Airbnb,
    storage: Storage,
    make_config: Callable[..., Config],
) -> Inn:
    return Inn(site, airbnb, storage, make_config(), healthy=2)


IN_CHROMIUM = ["HTTP 401", "HTML", "no account"]


@pytest.mark.parametrize("kind", IN_CHROMIUM)
def test_in_chromium_a_first_run_that_opens_the_sick_one_reads_the_others(
    real: Inn, kind: str
) -> None:
    READING[kind](real)  # it is the newest: the bare inbox opens it
    real.cycle()
    assert real.all_but_the_sick_one_are_answered()
    assert real.session() == SessionState.OK
    assert real.row(real.sick)["trouble"]
    real.site.clear_trouble()
    real.cycle()
    assert real.answered(real.sick)


def test_in_chromium_one_that_never_answers_keeps_nobody_waiting(
    real: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PAGE_TIMEOUT_S", 2.0)
    monkeypatch.setattr(reader, "ANSWER_TIMEOUT_S", 1.0)
    real.site.thread_trouble(real.sick, hang=True)
    real.cycle()
    assert real.all_but_the_sick_one_are_answered()
    assert real.session() == SessionState.OK


@pytest.mark.parametrize("kind", OF_TYPING)
def test_in_chromium_one_that_takes_no_reply_keeps_nobody_waiting(
    real: Inn, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(composer, "COMPOSER_TIMEOUT_S", 1.0)
    only_the_sick_reply_has_a_link(real)
    SENDING[kind](real)
    real.send()
    assert real.all_but_the_sick_one_are_answered()
    reply = real.reply(real.sick)
    assert (reply.status, reply.attempts, reply.presses) == ("pending", 1, 0)
    assert real.session() == SessionState.OK


def test_in_chromium_the_page_rests_in_a_sick_conversation_without_harm(
    real: Inn,
) -> None:
    real.read()
    real.site.thread_trouble(real.resting, api_status=500)
    real.syncer._full_at = 0.0  # the page is loaded anew, where it rests
    real.cycle()
    assert all(real.answered(thread) for thread in [real.sick, *real.healthy])
    assert real.session() == SessionState.OK
