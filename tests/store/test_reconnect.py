"""`airbot reconnect`: whom it waits for, and how the daemon takes its profile back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airbot.config import Config
from airbot.daemon import reconnect
from airbot.daemon import service
from airbot.exceptions import AlreadyRunning
from airbot.exceptions import ChallengeShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteUnavailable

INBOX = "https://www.airbnb.com/hosting/messages"


class Window:
    """What airbot sees in it, look by look: an address, or what that means."""

    def __init__(self, *looks: str | Exception) -> None:
        self.looks = list(looks)
        self.inbox: object = "the inbox"

    def show_inbox(self) -> None:
        pass

    def look(self) -> str:
        seen = self.looks.pop(0)
        if isinstance(seen, Exception):
            raise seen
        return seen

    def open_inbox(self) -> object:
        if isinstance(self.inbox, Exception):
            raise self.inbox
        return self.inbox


def wait_in(window: Any) -> object:
    return reconnect._wait_for_person(window, lambda: None)


LOGIN, CHECK = LoginRequired("login"), ChallengeShown("check")
ELSEWHERE = SiteChanged("the inbox: the page is not Airbnb's")


@pytest.mark.parametrize("meanwhile", [LOGIN, CHECK, ELSEWHERE, INBOX + "/1"])
def test_only_a_page_that_stays_is_the_end_of_it(meanwhile: str | Exception) -> None:
    window = Window(LOGIN, INBOX, INBOX, meanwhile, INBOX, INBOX, INBOX, "not looked")
    assert wait_in(window) == "the inbox"
    assert window.looks == ["not looked"]


def test_an_inbox_that_is_not_understood_ends_it_and_names_what_is_missing() -> None:
    window = Window(INBOX, INBOX, INBOX)
    window.inbox = SiteChanged("the page's own question ViaductInboxData")
    with pytest.raises(SiteChanged, match="ViaductInboxData"):
        wait_in(window)


def test_a_window_that_is_closed_ends_it() -> None:
    with pytest.raises(SiteUnavailable):
        wait_in(Window(LOGIN, SiteUnavailable("the browser ended")))


def test_the_daemon_waits_again_when_somebody_was_quicker(
    make_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "ASIDE_S", 0)
    monkeypatch.setattr(service.Daemon, "_close_browser", lambda *_: None)
    config: Config = make_config()
    daemon = service.Daemon(config)
    done: list[str] = []
    held = [True, False, True, False]  # a second window right after the first
    taken = [AlreadyRunning("in use by airbot reconnect"), None]

    def acquire() -> None:
        done.append("acquire")
        if trouble := taken.pop(0):
            raise trouble

    parts: Any = SimpleNamespace(
        reconnect=SimpleNamespace(is_held=lambda: held.pop(0)),
        profile=SimpleNamespace(acquire=acquire, release=lambda: done.append("free")),
    )
    scheduler: Any = SimpleNamespace(modify_job=lambda id_, **_: done.append(id_))
    watch: Any = SimpleNamespace(round=lambda: False)
    daemon._step_aside(parts, scheduler, watch)
    assert done == ["free", "acquire", "acquire", "sync", "send"]
    assert not daemon._hands_off()


@pytest.mark.parametrize("is_lost", [False, True])
def test_while_a_person_reconnects_the_clock_and_the_database_are_watched(
    make_config: Any, monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    monkeypatch.setattr(service, "ASIDE_S", 0)
    monkeypatch.setattr(service.Daemon, "_close_browser", lambda *_: None)
    daemon = service.Daemon(make_config())
    kept: list[object] = []
    parts: Any = SimpleNamespace(
        reconnect=SimpleNamespace(is_held=lambda: not kept),
        profile=SimpleNamespace(acquire=lambda: None, release=lambda: None),
    )
    job = SimpleNamespace(modify=lambda **_: kept.append("beat"))
    scheduler: Any = SimpleNamespace(
        modify_job=lambda *_, **__: None, wakeup=lambda: None, get_jobs=lambda: [job]
    )
    watch: Any = SimpleNamespace(
        round=lambda: True, clock_was_moved=lambda: True, is_lost=is_lost
    )
    daemon._step_aside(parts, scheduler, watch)
    assert kept == ["beat"] and daemon._stop.is_set() is is_lost
