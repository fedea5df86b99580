"""`airbot reconnect`: the host's own hands on the same profile, in a window.

A person logs in or passes Airbnb's check; airbot only looks on. When the inbox is
reached the session is saved, the pause is cleared, and the window closes. A running
daemon steps aside meanwhile and carries on afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack

from airbot.airbnb import Airbnb
from airbot.browser import Browser
from airbot.config import Config
from airbot.daemon.parts import check_owner
from airbot.exceptions import ChallengeShown
from airbot.exceptions import ConfigError
from airbot.exceptions import LoginRequired
from airbot.locks import profile_lock
from airbot.locks import reconnect_lock
from airbot.models import InboxPage
from airbot.models import SessionState
from airbot.models import utcnow
from airbot.storage import Storage

STEP_ASIDE_S = 30.0  # the daemon closes its browser first
PROBING_S = 2.0  # the daemon looks at the lock now and then
SETTLED_LOOKS = 3  # a page without login or check, so often in a row, is the end of it


def run_reconnect(
    config: Config,
    browser_arguments: tuple[str, ...] = (),
    headless: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Open the window, wait for the person, save the session; the exit code.

    Raises ConfigError where there is no display or the profile is another user's,
    AlreadyRunning, SiteUnavailable when the window was closed.
    """
    profile = config.airbnb.session_dir
    check_owner(profile, config.storage.path)
    if not headless:
        _check_display()
    with ExitStack() as stack:
        for lock, patience_s in (
            (reconnect_lock(profile), PROBING_S),
            (profile_lock(profile, "airbot reconnect"), STEP_ASIDE_S),
        ):
            lock.acquire(patience_s)
            stack.callback(lock.release)
        storage = Storage(config.storage.path)
        stack.callback(storage.close)
        browser = Browser(profile, config.airbnb.browser, headless, browser_arguments)
        stack.callback(browser.close)
        page = _wait_for_person(Airbnb(browser, config.airbnb.base_url), say)
        browser.save_cookies()
        _welcome_back(storage, page, say)
    return 0


def _wait_for_person(site: Airbnb, say: Callable[[str], None]) -> InboxPage:
    site.show_inbox()
    say("A window shows Airbnb: log in there, or pass its check. I wait for the inbox.")
    looks, address = 0, ""
    while True:
        try:
            seen = site.look()
            looks = looks + 1 if seen == address else 1
            address = seen
            if looks >= SETTLED_LOOKS:
                return site.open_inbox()
        except (ChallengeShown, LoginRequired):
            looks = 0


def _welcome_back(
    storage: Storage, page: InboxPage, say: Callable[[str], None]
) -> None:
    before = storage.session.get().account_id
    if before is not None and before != page.account_id:
        say("This is another Airbnb account than before.")
    storage.session.set_account(page.account_id)
    sentence = "a person has reconnected"
    storage.session.set_state(SessionState.OK, sentence, utcnow())
    say("The inbox is reached and the session saved. airbot carries on.")


def _check_display() -> None:
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    raise ConfigError(
        [
            "there is no display for the browser's window: log in with ssh -X, or run "
            "airbot reconnect on this machine's desktop"
        ]
    )
