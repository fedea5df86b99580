"""What the tests share: a simulated Airbnb, a demo AI, a real browser, a real database.

Nothing leaves the machine: Python's sockets refuse every address that is not loopback,
and the browser finds no other host.
"""

from __future__ import annotations

import logging
import os
import pwd
import signal
import socket
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fakes import FakeAirbnb
from support.fakes import Scene
from support.log_lines import WRITTEN
from support.log_lines import lines_below
from support.log_lines import wrong_lines

from airbot.addresses import is_loopback
from airbot.airbnb import Airbnb
from airbot.airbnb import reader
from airbot.airbnb import site as verbs
from airbot.browser import Browser
from airbot.config import Config
from airbot.demo import LOOPBACK_ONLY
from airbot.demo import sandbox_config
from airbot.logs import LineFormatter
from airbot.sandbox.ai import DemoAI
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage

pytest_plugins = [
    "support.airbot_process",
    "support.api",
    "support.sandbox",
    "support.settings",
]
# So that a failed assert of theirs is told in full; plugins are without it.
pytest.register_assert_rewrite(
    *("support.builders", "support.captured", "support.conversations"),
    *("support.databases", "support.inboxes", "support.sending", "support.sick"),
    "support.viewer",
)

ENVIRONMENT = (
    "AI_WEBHOOK_URL AI_WEBHOOK_SECRET API_HOST API_PORT API_PUBLIC_URL API_SECRET "
    "AIRBNB_BASE_URL PLAYWRIGHT_SESSION_DIR AIRBNB_HEADLESS AIRBNB_BROWSER AIRBOT_DB "
    "AIRBOT_CONFIG SCRAPE_INTERVAL_SEC SEND_WORKER_INTERVAL_SEC"
).split()


@pytest.fixture(autouse=True, scope="session")
def every_log_line_is_kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """And looked at, when the last test of this process is done."""
    rooms = logging.getLogger("airbot")
    folder = tmp_path_factory.mktemp("process") / "logs"
    folder.mkdir()
    keep = logging.FileHandler(folder / "tests.log", errors="backslashreplace")
    keep.setFormatter(LineFormatter())
    rooms.addHandler(keep)
    logging.getLogger().setLevel(logging.INFO)
    yield
    rooms.info("the tests are done")
    rooms.removeHandler(keep)
    lines = lines_below(tmp_path_factory.getbasetemp())
    assert any(line.endswith(" the tests are done") for line in lines)
    wrong = wrong_lines(lines, WRITTEN)
    assert not wrong, "\n".join(["wrong lines in the log:", *wrong])


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heard() -> None:
    """In the background of a shell it is ignored, by all that we start as well."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="session")
def nothing_leaves_the_machine() -> Iterator[None]:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            assert is_loopback(str(address[0])), f"a test wanted to reach {address}"
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(autouse=True, scope="session")
def a_machine_may_stand_still() -> Iterator[None]:
    """No answer is late by itself: a test that is about time sets its own limits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "PAGE_TIMEOUT_S", 90.0)
        patch.setattr(reader, "ANSWER_TIMEOUT_S", 90.0)
        patch.setattr(verbs, "JOB_DEADLINE_S", 200.0)
        yield


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def give_away() -> Callable[[Path], str]:
    """Let what stands at a path be another user's; that user's name."""

    def give(path: Path) -> str:
        if os.geteuid() == 0:
            os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
            return "nobody"
        path.rmdir() if path.is_dir() else path.unlink()
        path.symlink_to("/usr")
        return "root"

    return give


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[AirbnbSite]:
    """It serves in site/, and where a browser is to come; else its world alone."""
    site = AirbnbSite()
    here = request.path.parent.name
    if here == "site" or request.node.get_closest_marker("browser"):
        site.start()
    else:
        site._server.server_close()  # who comes nevertheless is refused, and not kept
    yield site
    for thread in site.world.threads.values():
        WRITTEN.update(m.text for m in site.messages(thread) if m.text)
    site.stop()


@pytest.fixture
def scene(
    site: AirbnbSite, storage: Storage, make_config: Callable[..., Config]
) -> Scene:
    return Scene(site, FakeAirbnb(site), storage, make_config())


@pytest.fixture
def ai() -> Iterator[DemoAI]:
    with DemoAI() as ai:
        yield ai


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    storage = Storage(tmp_path / "airbot.db")
    yield storage
    storage.close()


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Config]:
    """Settings for loopback: `make_config(send__settle_sec="1")`."""

    def make(
        site_url: str = "http://127.0.0.1:1",
        ai_url: str = "http://127.0.0.1:1/ai",
        **values: str,
    ) -> Config:
        return sandbox_config(site_url, ai_url, tmp_path, **values)

    return make


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One real Chromium for all tests of the thread; each site is another origin."""
    browser = Browser(tmp_path_factory.mktemp("profile"), arguments=LOOPBACK_ONLY)
    yield browser
    browser.close()


@pytest.fixture
def airbnb(browser: Browser, site: AirbnbSite) -> Airbnb:
    return Airbnb(browser, site.url)
