"""One Chromium: it hangs, dies and grows, and the next job works all the same."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright
from support.pages import Pages
from support.pages import html

from airbot.airbnb import Airbnb
from airbot.browser import Browser
from airbot.browser import find
from airbot.browser import launch
from airbot.browser import life
from airbot.browser import processes
from airbot.browser.errors import suppress_playwright
from airbot.browser.find import HEADLESS_SHELL
from airbot.browser.find import find_browser
from airbot.browser.find import install_browser
from airbot.config import Config
from airbot.daemon.parts import parts_for_a_person
from airbot.demo import LOOPBACK_ONLY
from airbot.exceptions import AlreadyRunning
from airbot.exceptions import BrowserMissing
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteUnavailable
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Thread

pytestmark = pytest.mark.browser

# Keeps what a login keeps; what was kept before.
KEEP = """async () => {
  const kept = [document.cookie.split("; ").sort().join("; "), localStorage.kept];
  document.cookie = "lasting=1; path=/; max-age=1000";
  document.cookie = "session=1; path=/";
  localStorage.kept = "1";
  await cookieStore.get("session");  // the network service has it
  return kept;
}"""
CANARY = "Kanarienvogel"
WORKERS = "() => navigator.serviceWorker.getRegistrations().then(all => all.length)"
PATIENCE_S = 5.0


@pytest.fixture(scope="module", autouse=True)
def closed_afterwards(browser: Browser) -> Iterator[None]:
    """One thread has room for one Playwright; other files may bring their own."""
    yield
    browser.close()


@pytest.fixture
def make_browser(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Browsers on a profile of their own, instead of the one that all tests share."""
    browser.close()
    made: list[Browser] = []

    def make(**settings: Any) -> Browser:
        own = Browser(tmp_path / "profile", arguments=LOOPBACK_ONLY, **settings)
        made.append(own)
        return own

    yield make
    for own in made:
        own.close()


def add(browser: Browser) -> int:
    """A job that works: 1 + 1."""
    with browser.job("adding", 20):
        return int(browser.tab.probe("() => 1 + 1"))


def until(done: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


# Jobs


def test_jobs_share_one_browser_and_a_job_inside_a_job_is_part_of_it(
    browser: Browser,
) -> None:
    assert add(browser) == 2
    generation = browser.generation
    with browser.job("outside", 20), browser.job("inside", 0.001):
        assert browser.tab.probe("() => 5") == 5
    assert browser.generation == generation


def test_a_hung_page_is_ended_by_the_deadline_and_the_next_job_works(
    browser: Browser,
) -> None:
    add(browser)
    with pytest.raises(SiteUnavailable, match="hanging: no end after 0.2 s"):
        with browser.job("hanging", 0.2):
            browser.tab.probe("() => { while (1) {} }")
    assert not browser.is_open
    assert add(browser) == 2


@pytest.mark.parametrize("victim", ["chromium", "driver"])
def test_after_a_death_the_next_job_works_and_nothing_is_left(
    browser: Browser, victim: str
) -> None:
    add(browser)
    own = browser._drivers()
    mains = processes.chromiums(browser.profile)
    pids = mains if victim == "chromium" else {driver.pid for driver in own}
    with pytest.raises(SiteUnavailable, match="dying: the browser ended"):
        with browser.job("dying", 20):
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            browser.tab.probe("() => new Promise(() => null)")
    assert until(lambda: not processes.chromiums(browser.profile))
    assert not own & processes.drivers()
    assert add(browser) == 2
    assert not mains & processes.chromiums(browser.profile)


def test_a_browser_that_died_between_two_jobs_is_noticed_by_the_next(
    browser: Browser,
) -> None:
    add(browser)
    browser.kill()
    with pytest.raises(SiteUnavailable):
        add(browser)
    assert add(browser) == 2


def test_another_thread_may_not_use_it(browser: Browser) -> None:
    add(browser)
    raised: list[BaseException] = []

    def meddle() -> None:
        try:
            add(browser)
        except RuntimeError as e:
            raised.append(e)

    thread = threading.Thread(target=meddle)
    thread.start()
    thread.join(10)
    assert "another thread" in str(raised[0])
    assert add(browser) == 2


def test_outside_a_job_of_its_thread_there_is_no_page(browser: Browser) -> None:
    browser.close()
    with pytest.raises(SiteUnavailable, match="not open"):
        browser.tab.address()


def test_our_own_errors_leave_the_browser_as_it_is(browser: Browser) -> None:
    add(browser)
    generation = browser.generation
    with pytest.raises(LoginRequired), browser.job("failing", 20):
        raise LoginRequired("x")
    add(browser)
    assert browser.generation == generation


def test_closed_it_leaves_no_process_and_starts_again(browser: Browser) -> None:
    add(browser)
    before = processes.drivers()
    browser.close()
    assert processes.chromiums(browser.profile) == set()
    assert len(processes.drivers()) == len(before) - 1
    assert add(browser) == 2


def test_a_site_that_does_not_answer_is_unavailable(browser: Browser) -> None:
    with pytest.raises(SiteUnavailable, match="loading: no answer"):
        with browser.job("loading", 20):
            browser.tab.load("http://127.0.0.1:1/", 5)


def test_a_missing_browser_says_which_setting_names_it(tmp_path: Path) -> None:
    browser = Browser(tmp_path / "profile", executable="/nowhere/chromium")
    with pytest.raises(BrowserMissing, match="airbnb.browser is /nowhere/chromium"):
        add(browser)


# Pages that a page opens


def test_the_browser_gathers_no_pages(browser: Browser) -> None:
    opens = "for (let i = 0; i < 5; i++) window.open('/popup')"
    with Pages() as pages:
        with browser.job("loading", 20):
            browser.tab.load(pages.url + "/", 5)
            browser.tab.probe(f"() => {{ {opens} }}")
            browser.tab.wait(0.3)
        with browser.job("looking", 20):
            assert browser._context is not None
            assert browser._context.pages == [browser.tab._page]


def test_chromium_itself_stops_a_window_that_nobody_has_clicked_for(
    browser: Browser,
) -> None:
    with Pages() as pages, browser.job("loading", 20):
        pages.pages["/"] = html("<script>w = window.open('/popup')</script>")
        browser.tab.load(pages.url + "/", 5)
        assert browser.tab.probe("() => w") is None
        assert pages.documents() == ["/"]


# Whose process is it?


def test_a_driver_that_has_ended_is_forgotten(browser: Browser) -> None:
    add(browser)
    (driver,) = browser._drivers()
    browser.close()
    assert browser._drivers() == set()
    assert driver not in processes.drivers()


def test_another_program_with_an_earlier_drivers_pid_is_left_alone(
    tmp_path: Path,
) -> None:
    other = stand_in(tmp_path / "another")
    earlier = processes.Driver(other.pid, started=1)
    gone = processes.Driver(2**22, started=1)
    try:
        processes.kill_browser({earlier, gone}, tmp_path / "profile")
        assert other.poll() is None
    finally:
        other.kill()
        other.communicate()


def test_a_late_kill_hits_no_other_browser_of_this_process(
    make_browser: Callable[..., Browser], tmp_path: Path
) -> None:
    ended = Browser(tmp_path / "another", arguments=LOOPBACK_ONLY)
    add(ended)
    ended.close()
    browser = make_browser()
    add(browser)
    ended.kill()
    assert add(browser) == 2 and browser.generation == 1


# Nothing stands between airbot and the network


def leave_a_worker(profile: Path, site: AirbnbSite, kind: str) -> Thread:
    """A former life of the profile: the page's service worker is at work in it.

    It knows a conversation, but not its newest text.
    """
    thread = site.add_thread("Maya")
    site.guest_writes(thread, "Is parking free?")
    site.trouble.service_worker = kind
    with sync_playwright() as playwright:
        former = playwright.chromium.launch_persistent_context(
            profile, executable_path=find_browser(), args=list(LOOPBACK_ONLY)
        )
        for _ in range(2):
            former.pages[0].goto(site.url + "/hosting/messages")
            former.pages[0].wait_for_selector(".composer")
            former.pages[0].evaluate("navigator.serviceWorker.ready.then(() => null)")
        assert former.pages[0].evaluate("!!navigator.serviceWorker.controller")
        former.close()
    site.guest_writes(thread, "And breakfast?")
    return thread


def workers(browser: Browser) -> int:
    with browser.job("looking", 5):
        return int(browser.tab.probe(WORKERS))


@pytest.mark.parametrize("kind", ["stale", "sends"])
def test_no_worker_of_a_former_life_answers_or_sends(
    make_browser: Callable[..., Browser], site: AirbnbSite, kind: str
) -> None:
    browser = make_browser()
    thread = leave_a_worker(browser.profile, site, kind)
    airbnb = Airbnb(browser, site.url)
    assert airbnb.open_thread(thread.id).messages[-1].body == "And breakfast?"
    airbnb.type_reply("Yes.")
    assert airbnb.press_send().named  # the page's own request, and heard
    site.guest_writes(thread, "Thanks!")
    assert airbnb.read_thread(thread.id).messages[-1].body == "Thanks!"
    latest = airbnb.open_inbox().threads[0].latest
    assert latest is not None and latest.body == "Thanks!"
    assert workers(browser) == 0


def test_nor_does_one_in_a_persons_browser(
    browser: Browser, site: AirbnbSite, make_config: Callable[..., Config]
) -> None:
    browser.close()
    config = make_config(site.url)
    thread = leave_a_worker(config.airbnb.session_dir, site, "frozen")
    with parts_for_a_person(config, headless=True, browser_arguments=LOOPBACK_ONLY) as (
        parts
    ):
        reading = parts.site.open_thread(thread.id)
        assert reading.messages[-1].body == "And breakfast?"
        assert workers(parts.browser) == 0


# Recycling


def test_it_is_recycled_by_age(
    make_browser: Callable[..., Browser], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    browser = make_browser(max_hours=0)
    assert add(browser) == add(browser) == 2
    assert browser.generation == 2
    assert "has run its hours" in caplog.text


def test_it_is_recycled_by_memory(
    make_browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "MEMORY_CHECK_EVERY_S", 0.0)
    browser = make_browser(max_mb=1)
    add(browser)
    assert 100 < browser.memory_mb() < 2000
    add(browser)
    assert browser.generation == 2


def test_within_its_limits_it_stays(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(browser)
    generation = browser.generation
    monkeypatch.setattr(life, "MEMORY_CHECK_EVERY_S", 0.0)
    add(browser)
    assert browser.generation == generation


# The profile


def test_a_login_survives_close_and_reopen_in_a_file_for_us_alone(
    make_browser: Callable[..., Browser], site: AirbnbSite
) -> None:
    site.require_cookie = True
    browser = make_browser()
    airbnb = Airbnb(browser, site.url)
    with pytest.raises(LoginRequired):
        airbnb.open_inbox()
    with browser.job("logging in", 20):
        browser.tab.fetch(site.url + "/login", {}, 5, method="POST", body="")
    airbnb.open_inbox()
    browser.save_cookies()
    file = browser.profile / life.COOKIES_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert {cookie["expires"] for cookie in json.loads(file.read_text())} == {-1}
    browser.close()
    airbnb.open_inbox()


def test_cookies_that_cannot_be_written_leave_the_ones_before_and_a_line(
    make_browser: Callable[..., Browser], caplog: pytest.LogCaptureFixture
) -> None:
    browser = make_browser()
    add(browser)
    file = browser.profile / life.COOKIES_FILE
    file.write_text("[before]")
    file.with_suffix(".new").mkdir()  # in the way, as a full disk would be
    browser.save_cookies()
    assert file.read_text() == "[before]"
    assert "the session's cookies cannot be kept" in caplog.text


def test_the_profile_is_for_us_alone(make_browser: Callable[..., Browser]) -> None:
    browser = make_browser()
    add(browser)
    assert browser.profile.stat().st_mode & 0o777 == 0o700


def test_a_lock_of_another_host_name_is_swept_away(
    make_browser: Callable[..., Browser],
) -> None:
    browser = make_browser()
    browser.profile.mkdir(mode=0o700)
    (browser.profile / "SingletonLock").symlink_to("another-container-4242")
    assert add(browser) == 2


def lock_of(owner: str, profile: Path) -> Path:
    profile.mkdir(mode=0o700, exist_ok=True)
    lock = profile / "SingletonLock"
    lock.symlink_to(owner)
    return lock


def test_a_stale_lock_goes_and_a_living_owners_stays(tmp_path: Path) -> None:
    host, living = socket.gethostname(), os.getpid()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    owners = {f"{host}-{ended.pid}": False, f"another-{living}": False}
    owners[f"{host}-{living}"] = True
    for number, (owner, stays) in enumerate(owners.items()):
        profile = tmp_path / f"profile{number}"
        lock = lock_of(owner, profile)
        (profile / "SingletonCookie").symlink_to("1")
        processes.end_leftovers(profile)
        assert lock.is_symlink() is stays
        assert (profile / "SingletonCookie").is_symlink() is stays


@pytest.mark.parametrize("small", [False, True])
def test_a_chromium_that_a_person_runs_on_the_profile_is_left_alone(
    make_browser: Callable[..., Browser], small: bool
) -> None:
    browser = make_browser(executable=small_or_full() if small else find_browser())
    browser.profile.mkdir(mode=0o700)
    # Named by a relative path it is none of the leftovers that we know for ours.
    command = [find_browser(""), "--headless", "--no-sandbox", "--no-first-run"]
    theirs = subprocess.Popen(
        [*command, *LOOPBACK_ONLY, f"--user-data-dir={browser.profile.name}"],
        cwd=browser.profile.parent,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert until((browser.profile / "SingletonLock").is_symlink)
        with pytest.raises(AlreadyRunning, match="another Chromium has the profile"):
            add(browser)
        assert theirs.poll() is None
    finally:
        os.killpg(theirs.pid, signal.SIGKILL)
        theirs.wait()
    assert add(browser) == 2


@pytest.mark.parametrize("damaged", ["[{", '["x"]', '[{"name": "a", "expires": -1}]'])
def test_a_damaged_cookie_file_is_no_reason_to_stop(
    make_browser: Callable[..., Browser], damaged: str
) -> None:
    browser = make_browser()
    browser.profile.mkdir(mode=0o700)
    (browser.profile / life.COOKIES_FILE).write_text(damaged)
    assert add(browser) == 2


def stand_in(profile: Path, *more: str) -> subprocess.Popen[bytes]:
    """A process that looks like a Chromium on a profile."""
    wait = "import time; print(flush=True); time.sleep(60)"
    command = [sys.executable, "-c", wait, f"--user-data-dir={profile}", *more]
    started = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
    assert started.stdout is not None and started.stdout.readline()
    return started


def test_what_a_killed_process_left_on_our_profile_is_ended_and_nothing_else(
    tmp_path: Path,
) -> None:
    ours = stand_in(tmp_path / "profile", "--headless")
    others = [
        stand_in(tmp_path / "profile2", "--headless"),
        stand_in(tmp_path / "profile" / "inner"),
        stand_in(tmp_path / "profile of a friend"),
        stand_in(tmp_path / "x", f"a note about --user-data-dir={tmp_path}/profile "),
        stand_in(tmp_path),
    ]
    try:
        processes.end_leftovers(tmp_path / "profile")
        assert ours.wait(PATIENCE_S) == -signal.SIGKILL
        assert [other.poll() for other in others] == [None] * len(others)
    finally:
        for process in (ours, *others):
            process.kill()
            process.communicate()


def test_a_new_browser_ends_what_is_left_on_its_profile(
    make_browser: Callable[..., Browser],
) -> None:
    browser = make_browser()
    left = stand_in(browser.profile)
    assert add(browser) == 2
    assert left.wait(PATIENCE_S) == -signal.SIGKILL
    left.communicate()


# What is typed stays here


def everything_said(raised: pytest.ExceptionInfo[BaseException]) -> str:
    return "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("verb", ["type_text", "text_of", "empty", "click"])
def test_an_error_of_the_page_contains_nothing_that_was_typed(
    browser: Browser, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SiteUnavailable) as raised:
        with browser.job("typing", 20):
            browser.tab._page.set_content(f"<p id=box>{CANARY}</p>")
            browser.tab._page.set_default_timeout(100)
            texts = (CANARY,) if verb == "type_text" else ()
            selector = "#box" if verb == "type_text" else "#none"
            getattr(browser.tab, verb)(selector, *texts)
    assert CANARY not in everything_said(raised) + caplog.text


def test_an_error_of_a_script_contains_nothing_that_was_read(browser: Browser) -> None:
    with pytest.raises(SiteUnavailable) as raised:
        with browser.job("looking", 20):
            browser.tab.probe(f"() => {{ throw new Error('{CANARY}') }}")
    assert CANARY not in everything_said(raised)


# Chromium's own sandbox: decided by trying

# A Chromium on a machine that lets it have no sandbox: it dies, and says nothing.
WITHOUT = 'case " $* " in *" --no-sandbox "*) ;; *) kill -TRAP $$;; esac'
# One that has it. (Here Chromium itself would not: root has none.)
WITH = 'set -- --no-sandbox "$@"'


class Chromium:
    """The real one, behind a script: what happens first, and how often it starts."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "chromium"
        self._log = folder / "starts"
        self._log.touch()

    def behave(self, first: str) -> None:
        log = f'echo "$@" >> {self._log}'
        self.path.write_text(
            f'#!/bin/bash\n{log}\n{first}\nexec {find_browser()} "$@"\n'
        )
        self.path.chmod(0o755)

    @property
    def sandboxed(self) -> list[bool]:
        """Of each start: was it to have its sandbox?"""
        starts = self._log.read_text().splitlines()
        return ["--no-sandbox" not in start for start in starts]


@pytest.fixture
def chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chromium:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return Chromium(tmp_path)


def about_the_sandbox(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    said = [(r.levelname, r.getMessage()) for r in caplog.records]
    return [(level, words) for level, words in said if "sandbox" in words]


def test_a_browser_that_may_have_a_sandbox_has_one(
    make_browser: Callable[..., Browser],
    chromium: Chromium,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chromium.behave(WITH)
    browser = make_browser(executable=str(chromium.path))
    assert add(browser) == 2
    browser.close()
    assert add(browser) == 2
    assert chromium.sandboxed == [True, True]
    said = about_the_sandbox(caplog)
    assert said == [("INFO", "the browser is up, in its own sandbox")]


def test_a_browser_that_may_have_no_sandbox_starts_without_and_says_so(
    make_browser: Callable[..., Browser],
    chromium: Chromium,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chromium.behave(WITHOUT)
    browser = make_browser(executable=str(chromium.path))
    assert add(browser) == 2
    assert chromium.sandboxed == [True, True, False]
    ((level, words),) = about_the_sandbox(caplog)
    assert level == "WARNING" and "without its own sandbox" in words


def test_one_death_does_not_cost_the_sandbox(
    make_browser: Callable[..., Browser], chromium: Chromium, tmp_path: Path
) -> None:
    chromium.behave(f"mkdir {tmp_path}/once 2>/dev/null && kill -TRAP $$; {WITH}")
    browser = make_browser(executable=str(chromium.path))
    assert add(browser) == 2
    assert chromium.sandboxed == [True, True]


# Not for want of a sandbox: killed for want of memory, say, or with its driver.
OTHER_DEATHS = ("kill -KILL $$", "kill -TERM $$", "kill -KILL $PPID; sleep 1; exit 1")


@pytest.mark.parametrize("death", OTHER_DEATHS)
def test_deaths_of_other_causes_do_not_cost_the_sandbox(
    make_browser: Callable[..., Browser], chromium: Chromium, death: str
) -> None:
    browser = make_browser(executable=str(chromium.path))
    for _ in range(3):
        chromium.behave(death)
        with pytest.raises(SiteUnavailable):
            add(browser)
    assert not (browser.profile / launch.MARK).exists()
    chromium.behave(WITH)
    assert add(browser) == 2
    assert set(chromium.sandboxed) == {True}


@pytest.mark.parametrize("death", ["kill -TRAP $$", "exit 1", *OTHER_DEATHS])
def test_where_the_sandbox_has_worked_it_is_never_left_off(
    make_browser: Callable[..., Browser], chromium: Chromium, death: str
) -> None:
    chromium.behave(WITH)
    first = make_browser(executable=str(chromium.path))
    assert add(first) == 2
    mark = first.profile / launch.MARK
    assert mark.stat().st_mode & 0o777 == 0o600
    first.close()
    again = make_browser(executable=str(chromium.path))  # as another process has it
    chromium.behave(death)
    for _ in range(3):
        with pytest.raises(SiteUnavailable, match="the browser ended") as raised:
            add(again)
    if "PPID" not in death:
        assert "set airbnb.sandbox = off" in str(raised.value)
    chromium.behave(WITH)
    assert add(again) == 2
    assert set(chromium.sandboxed) == {True}


def test_root_does_not_start_what_has_had_its_sandbox(
    make_browser: Callable[..., Browser],
    chromium: Chromium,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chromium.behave(WITH)
    browser = make_browser(executable=str(chromium.path))
    add(browser)
    browser.close()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for _ in range(2):
        with pytest.raises(SiteUnavailable, match="root can have none.*sandbox = off"):
            add(browser)
    assert chromium.sandboxed == [True]


@pytest.mark.parametrize("user", [0, 1000])
def test_off_is_off_and_said_once(
    make_browser: Callable[..., Browser],
    chromium: Chromium,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    user: int,
) -> None:
    chromium.behave(WITH)
    first = make_browser(executable=str(chromium.path))
    add(first)
    first.close()
    caplog.clear()
    monkeypatch.setattr(os, "geteuid", lambda: user)
    browser = make_browser(executable=str(chromium.path), sandbox=False)
    for _ in range(3):
        assert add(browser) == 2
        browser.close()
    assert chromium.sandboxed == [True, False, False, False]
    ((level, words),) = about_the_sandbox(caplog)
    assert level == "WARNING" and "airbnb.sandbox is off" in words


# The small one


def make_executable(path: Path) -> str:
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Stand-ins for the full Chromium and its headless shell."""
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    small = "chromium_headless_shell-1/chrome-linux/headless_shell"
    full = make_executable(tmp_path / "chromium-1/chrome-linux/chrome")
    return full, make_executable(tmp_path / small)


def test_the_headless_shell_is_started_only_where_it_is_set(
    both: tuple[str, str],
) -> None:
    assert (find_browser(), find_browser(HEADLESS_SHELL)) == both


def test_a_window_is_the_full_ones(both: tuple[str, str]) -> None:
    assert find_browser(HEADLESS_SHELL, headless=False) == both[0]


def test_where_the_headless_shell_is_missing_the_way_to_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.setattr(find, "HEADLESS_SHELLS", ())
    with pytest.raises(BrowserMissing, match="run airbot install-browser --small"):
        find_browser(HEADLESS_SHELL)


def test_install_browser_small_says_how_to_use_it(both: tuple[str, str]) -> None:
    said: list[str] = []
    assert install_browser(said.append, small=True) == both[1]
    assert said[-1] == "to use it, set airbnb.browser = headless-shell"


def small_or_full() -> str:
    """The headless shell where it is there."""
    try:
        return find_browser(HEADLESS_SHELL)
    except BrowserMissing:
        return find_browser()


@pytest.mark.parametrize("small_first", [True, False])
def test_a_profile_goes_from_one_to_the_other(
    make_browser: Callable[..., Browser], site: AirbnbSite, small_first: bool
) -> None:
    order = [small_or_full(), find_browser()]
    for executable in order if small_first else order[::-1]:
        browser = make_browser(executable=executable)
        with browser.job("looking", 30):
            browser.tab.load(site.url + "/", 10)
            kept = browser.tab.probe(KEEP)
        browser.save_cookies()
        assert '"session"' in (browser.profile / "airbot-cookies.json").read_text()
        browser.close()
    assert kept == ["lasting=1; session=1", "1"]


# What is passed over


class Refuses:
    """Fails as a page that has gone does, or as we would by mistake."""

    def __init__(self, kind: type[Exception]) -> None:
        self.kind = kind

    def __call__(self) -> None:
        raise self.kind("why")


@pytest.mark.browser
def test_only_playwrights_own_errors_are_passed_over(browser: Browser) -> None:
    with browser.job("looking", 30):
        page = browser.tab._page
        with suppress_playwright():
            page.evaluate("nothing.there")
        with suppress_playwright():
            page.wait_for_function("false", timeout=1)
        passed = []
        page.on("console", lambda message: passed.append(message.text))
        for mistake in (KeyError, AttributeError, TypeError):
            with pytest.raises(mistake), suppress_playwright():
                Refuses(mistake)()
        page.evaluate("console.log('still there')")
        assert passed == ["still there"]
