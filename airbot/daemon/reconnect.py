"""`airbot reconnect`: the host's own hands on the same profile.

In a window, or with `--remote` in a page. A person logs in or passes Airbnb's check;
airbot only looks on. When the inbox is reached the session is saved, the pause is
cleared, and the browser closes. A running daemon steps aside meanwhile and carries on
afterwards.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from math import inf

from airbot.airbnb import Airbnb
from airbot.browser import Browser
from airbot.config import Config
from airbot.config import is_loopback
from airbot.daemon.once import PERSON
from airbot.daemon.parts import close_to_others
from airbot.exceptions import AirbotError
from airbot.exceptions import ChallengeShown
from airbot.exceptions import ConfigError
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.locks import profile_lock
from airbot.locks import reconnect_lock
from airbot.models import InboxPage
from airbot.models import SessionState
from airbot.models import utcnow
from airbot.remote import Remote
from airbot.remote import Screen
from airbot.remote import Show
from airbot.storage import Storage
from airbot.web.server import Server

STEP_ASIDE_S = 30.0  # the daemon closes its browser first
PROBING_S = 2.0  # the daemon looks at the lock now and then
LOOK_EVERY_S = 1.0
SETTLED_LOOKS = 3  # a page without login or check, so often in a row, is the end of it
NOBODY_S = 15 * 60.0
GOODBYE = "The inbox is reached and the session saved. airbot carries on."

Say = Callable[[str], None]


class _NobodyCame(Exception):
    """The page was open for a quarter of an hour, and nobody looked."""


def run_reconnect(
    config: Config,
    browser_arguments: tuple[str, ...] = (),
    headless: bool = False,
    say: Say = print,
) -> int:
    """Open the window, wait for the person, save the session; the exit code.

    Raises ConfigError where there is no display or the profile is another user's,
    AlreadyRunning, SiteUnavailable when the window was closed.
    """
    close_to_others(config)
    if not headless:
        _check_display()
    with _profile(config, headless, browser_arguments) as (storage, browser):
        site = Airbnb(browser, config.airbnb.base_url)
        site.show_inbox()
        say("A window shows Airbnb: log in there, or pass its check.")
        page = _wait_for_person(site, lambda: site.rest(LOOK_EVERY_S))
        _welcome_back(storage, browser, page, say)
    return 0


def run_remote(
    config: Config,
    browser_arguments: tuple[str, ...] = (),
    tls: bool = False,
    say: Say = print,
) -> int:
    """The same in a page, for a person on another machine; the exit code.

    Raises ConfigError where the page would be open to a network without `tls`,
    AlreadyRunning, CannotListen, SiteUnavailable when the browser died.
    """
    close_to_others(config)
    host = config.reconnect.host
    if not is_loopback(host) and not tls:
        raise ConfigError([_no_tls(host)])
    screen = Screen()
    with (
        _profile(config, True, browser_arguments) as (storage, browser),
        _served(config, screen, tls) as invitation,
    ):
        site = Airbnb(browser, config.airbnb.base_url)
        site.show_inbox()
        for line in invitation:
            say(line)
        try:
            page = _wait_for_viewer(site, Show(browser, screen), screen)
        except _NobodyCame:
            say("Nobody came in 15 minutes: closed. airbot stays paused.")
            return PERSON
        _welcome_back(storage, browser, page, say)
        screen.end(f"{GOODBYE} You can close this page.")
    return 0


@contextmanager
def _served(config: Config, screen: Screen, tls: bool) -> Iterator[list[str]]:
    """The page's server, and the lines that invite to it."""
    host = config.reconnect.host
    remote = Remote(screen, host, tls)
    server = Server(remote.app, host, config.reconnect.port, "remote")
    server.start()
    try:
        yield list(_invitation(host, server.port, remote.token))
    except AirbotError as e:
        screen.end(f"{e}. Start airbot reconnect again.")
        raise
    finally:
        server.stop()


def _wait_for_viewer(site: Airbnb, show: Show, screen: Screen) -> InboxPage:
    def meanwhile() -> None:
        if screen.away_s() > NOBODY_S:
            raise _NobodyCame
        show.run(LOOK_EVERY_S)

    return _wait_for_person(site, meanwhile, show.desk_size)


@contextmanager
def _profile(
    config: Config, headless: bool, arguments: tuple[str, ...]
) -> Iterator[tuple[Storage, Browser]]:
    """The host's database, and his browser, nobody else's meanwhile."""
    settings = config.airbnb
    with ExitStack() as stack:
        for lock, patience_s in (
            (reconnect_lock(settings.session_dir), PROBING_S),
            (profile_lock(settings.session_dir, "airbot reconnect"), STEP_ASIDE_S),
        ):
            lock.acquire(patience_s)
            stack.callback(lock.release)
        storage = Storage(config.storage.path)
        stack.callback(storage.close)
        browser = Browser(
            settings.session_dir,
            settings.browser,
            headless,
            arguments,
            # Never recycled: a person is in the middle of something.
            max_hours=inf,
            max_mb=inf,
        )
        stack.callback(browser.close)
        yield storage, browser


def _wait_for_person(
    site: Airbnb,
    meanwhile: Callable[[], None],
    before_reading: Callable[[], None] = lambda: None,
) -> InboxPage:
    """Look again and again, until the inbox can be read."""
    looks, address = 0, ""
    while True:
        meanwhile()
        try:
            seen = site.look()
            looks = looks + 1 if seen == address else 1
            address = seen
            if looks >= SETTLED_LOOKS:
                before_reading()
                return site.open_inbox()
        except (ChallengeShown, LoginRequired):
            looks = 0
        except SiteChanged:
            if looks >= SETTLED_LOOKS:
                raise  # the inbox itself
            looks = 0  # a login leads over the pages of others, of Google say


def _welcome_back(
    storage: Storage, browser: Browser, page: InboxPage, say: Say
) -> None:
    browser.save_cookies()
    before = storage.session.get().account_id
    if before is not None and before != page.account_id:
        say("This is another Airbnb account than before.")
    storage.session.set_account(page.account_id)
    storage.session.set_state(SessionState.OK, "a person has reconnected", utcnow())
    say(GOODBYE)


# Words


def _invitation(host: str, port: int, token: str) -> Iterator[str]:
    shown = f"[{host}]" if ":" in host else host
    yield "Open this address in a browser; it lets in the first who comes:"
    yield f"  http://{shown}:{port}/?token={token}"
    if is_loopback(host):
        person = os.environ.get("SUDO_USER") or getpass.getuser()
        yield "On another machine or a phone, first make a way here with SSH:"
        yield f"  ssh -N -L {port}:{shown}:{port} {person}@{socket.gethostname()}"
    else:
        yield "From outside it goes through what has TLS, with the same /?token=..."
    yield "I wait for the inbox; after 15 minutes without anybody at the page I end."


def _no_tls(host: str) -> str:
    return (
        f"reconnect.host is {host}: whoever reads the network would see the page, and "
        "has the account. Let it be 127.0.0.1 and use SSH, or put a proxy with TLS "
        "before it and say so with --i-have-tls"
    )


def _check_display() -> None:
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    raise ConfigError(
        [
            "there is no display for the browser's window: use airbot reconnect "
            "--remote, or log in with ssh -X"
        ]
    )
