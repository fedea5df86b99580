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
from contextlib import contextmanager

from airbot.addresses import http_address
from airbot.addresses import is_loopback
from airbot.airbnb import Airbnb
from airbot.config import Config
from airbot.daemon.parts import SiteParts
from airbot.daemon.parts import parts_for_a_person
from airbot.exceptions import AirbotError
from airbot.exceptions import ChallengeShown
from airbot.exceptions import ConfigError
from airbot.exceptions import ExitCode
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.models import InboxPage
from airbot.models import SessionState
from airbot.models import utcnow
from airbot.remote import Remote
from airbot.remote import Screen
from airbot.remote import Show
from airbot.web.server import Server

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
    if not headless:
        _check_display()
    with parts_for_a_person(config, headless, browser_arguments) as parts:
        site = parts.site
        site.show_inbox()
        say("A window shows Airbnb: log in there, or pass its check.")
        page = _wait_for_person(site, lambda: site.rest(LOOK_EVERY_S))
        _welcome_back(parts, page, say)
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
    host = config.reconnect.host
    if not is_loopback(host) and not tls:
        raise ConfigError([_no_tls(host)])
    screen = Screen()
    with (
        parts_for_a_person(config, True, browser_arguments) as parts,
        _served(config, screen) as invitation,
    ):
        parts.site.show_inbox()
        for line in invitation:
            say(line)
        try:
            show = Show(parts.browser, screen, parts.site.is_known)
            page = _wait_for_viewer(parts.site, show, screen)
        except _NobodyCame:
            say("Nobody came in 15 minutes: closed. airbot stays paused.")
            return ExitCode.PERSON
        _welcome_back(parts, page, say)
        screen.end(f"{GOODBYE} You can close this page.")
    return 0


@contextmanager
def _served(config: Config, screen: Screen) -> Iterator[list[str]]:
    """The page's server, and the lines that invite to it."""
    host, public_url = config.reconnect.host, config.reconnect.public_url
    remote = Remote(screen, host, public_url)
    server = Server(remote.app, host, config.reconnect.port, "reconnect")
    server.start()
    page = public_url or http_address(host, server.port)
    address = f"{page}/#{remote.token}"
    try:
        yield list(_invitation(address, public_url, host, server.port))
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


def _welcome_back(parts: SiteParts, page: InboxPage, say: Say) -> None:
    parts.browser.save_cookies()
    session = parts.storage.session
    before = session.get().account_id
    if before is not None and before != page.account_id:
        say("This is another Airbnb account than before.")
    session.set_account(page.account_id)
    session.set_state(SessionState.OK, "a person has reconnected", utcnow())
    session.end_waits()
    say(GOODBYE)


# Words


def _invitation(address: str, public_url: str, host: str, port: int) -> Iterator[str]:
    yield "Open this address in a browser; it lets in the first who comes:"
    yield f"  {address}"
    if public_url:
        yield f"It leads here through your proxy, to port {port}."
    elif is_loopback(host):
        yield "On another machine or a phone, first make a way here with SSH:"
        yield f"  {way_here(f'[{host}]' if ':' in host else host, port)}"
    else:
        yield "From outside it goes through what has TLS, with the same /#... behind."
    yield "I wait for the inbox; after 15 minutes without anybody at the page I end."


def way_here(host: str, port: int) -> str:
    """The command that makes a port of this machine's loopback another machine's."""
    person = os.environ.get("SUDO_USER") or getpass.getuser()
    return f"ssh -N -L {port}:{host}:{port} {person}@{socket.gethostname()}"


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
