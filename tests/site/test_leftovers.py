"""What a browser leaves on the disk: the login, nothing that was typed or loaded."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import Pages
from support.pages import html

from airbot.browser import Act
from airbot.browser import Browser
from airbot.browser import leftovers
from airbot.browser import processes
from airbot.demo import LOOPBACK_ONLY
from airbot.exceptions import SiteUnavailable

pytestmark = pytest.mark.browser

EMAIL, PASSWORD = "kestrel7391@example.org", "Pa55-Zwiebelkuchen"
CODE, NOTE = "493817265", "uncommonly free text"
TYPED = (EMAIL, PASSWORD, CODE, NOTE)
FIELDS = """
  <input id=a name=email type=email autocomplete=username>
  <input id=b name=password type=password autocomplete=current-password>
  <input id=c name=code autocomplete=one-time-code>
  <textarea id=d name=note></textarea>
"""
FORMS = {
    "/post": f"<form method=post action=/done>{FIELDS}<button>go</button></form>",
    "/get": f"<form method=get action=/done>{FIELDS}<button>go</button></form>",
    "/script": f"<form onsubmit='return false'>{FIELDS}<button>go</button></form>",
    "/without": FIELDS,
}
BIG = b"x" * 30_000_000
MB = 1_000_000


@pytest.fixture
def site() -> Iterator[Pages]:
    with Pages() as site:
        site.pages = {path: html(form) for path, form in FORMS.items()}
        site.pages["/"] = html("<h1>home", Set_Cookie="login=1; Path=/")
        site.pages["/done"] = html("<h1>done", Cache_Control="max-age=1000")
        yield site


@pytest.fixture
def make_browser(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    browser.close()
    made: list[Browser] = []

    def make(for_person: bool = True) -> Browser:
        arguments = LOOPBACK_ONLY
        own = Browser(tmp_path / "p", arguments=arguments, for_person=for_person)
        made.append(own)
        return own

    yield make
    for own in made:
        own.close()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """For Chromium's socket, whose whole path may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="airbot-", dir="/tmp") as folder:
        yield Path(folder)


# What a person types


def type_all(browser: Browser, site: Pages) -> None:
    """Into every form, through what the remote page does."""
    with browser.job("typing", 120):
        tab = browser.tab
        cast = browser.cast(lambda picture: None, lambda url: True)
        for path in FORMS:
            tab.load(site.url + path, 10)
            cast.follow()
            assert cast.place is not None
            here = cast.place.id
            for box, text in zip("abcd", TYPED, strict=True):
                tab.probe(f"() => document.getElementById('{box}').focus()")
                assert cast.apply(Act("text", text=text, place=here))
            assert tab.probe("() => document.getElementById('d').value") == NOTE
            if path in ("/post", "/get"):
                tab.probe("() => document.querySelector('button').click()")
                assert tab.pump(lambda: "/done" in tab.address(), 10)
            tab.wait(0.5)
        tab.wait(4)  # Chromium writes some of it with a delay


def traces(profile: Path) -> set[str]:
    """The files that hold any of it, in any of the ways in which Chromium writes."""
    found = set()
    for file in profile.rglob("*"):
        if file.is_file() and not file.is_symlink():
            held = file.read_bytes()
            for text in TYPED:
                for written in (text.encode(), text.encode("utf-16-le")):
                    if written in held or written.replace(b" ", b"+") in held:
                        found.add(str(file.relative_to(profile)))
    return found


@pytest.mark.parametrize("end", ["closed", "killed"])
@pytest.mark.parametrize("for_person", [True, False], ids=["person", "daemon"])
def test_nothing_that_was_typed_stays_in_the_profile(
    make_browser: Callable[..., Browser], site: Pages, end: str, for_person: bool
) -> None:
    browser = make_browser(for_person)
    type_all(browser, site)
    if end == "closed":
        browser.close()
        assert traces(browser.profile) == set()
        return
    for pid in processes.chromiums(browser.profile):
        processes._kill_group(pid)
    processes._wait(lambda: not processes.chromiums(browser.profile), 5)
    if for_person:
        assert traces(browser.profile) == set()
    with pytest.raises(SiteUnavailable), browser.job("looking", 20):
        browser.tab.probe("() => 1")
    assert traces(browser.profile) == set()


def test_what_an_older_airbot_has_left_goes_at_the_start_and_the_login_stays(
    make_browser: Callable[..., Browser], site: Pages
) -> None:
    first = make_browser()
    store = "() => { localStorage.kept = '1'; document.cookie = 'a=1; max-age=999' }"
    with first.job("logging in", 30):
        first.tab.load(site.url + "/", 10)
        first.tab.probe(store)
    first.save_cookies()
    first.close()
    folder = first.profile / "Default"
    for name in leftovers.NO_FOLDERS:
        (folder / name).unlink()
        (folder / name).mkdir()
        (folder / name / "Session_1").write_text(CODE)
    for name in ("Web Data", "Login Data-journal", "Last Session", "History"):
        (folder / name).write_text(EMAIL)
    again = make_browser()
    with again.job("looking", 30):
        assert traces(first.profile) == set()
        again.tab.load(site.url + "/", 10)
        kept = again.tab.probe("() => document.cookie + localStorage.kept")
        assert sorted(kept.split("; ")) in (["a=1", "login=11"], ["a=11", "login=1"])


@pytest.mark.parametrize(
    "held",
    [None, b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"autofill": 7}'],
    ids=["missing", "empty", "cut", "list", "bytes", "deep", "odd"],
)
def test_damaged_preferences_are_made_anew(tmp_path: Path, held: bytes | None) -> None:
    folder = tmp_path / "Default"
    folder.mkdir()
    if held is not None:
        (folder / "Preferences").write_bytes(held)
    leftovers.be_silent(tmp_path, for_person=True)
    written = json.loads((folder / "Preferences").read_text())
    assert written["autofill"]["profile_enabled"] is False
    assert (folder / "Preferences").stat().st_mode & 0o777 == 0o600


def test_preferences_of_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "Default"
    folder.mkdir()
    kept = {"profile": {"name": "Airbnb"}, "intl": {"x": [1]}, "autofill": {"y": 2}}
    (folder / "Preferences").write_text(json.dumps(kept))
    leftovers.be_silent(tmp_path, for_person=True)
    written = json.loads((folder / "Preferences").read_text())
    assert written["profile"]["name"] == "Airbnb" and written["intl"] == {"x": [1]}
    assert written["autofill"]["y"] == 2


def test_a_link_in_the_profile_leads_to_nothing_that_is_deleted(tmp_path: Path) -> None:
    profile, other = tmp_path / "p", tmp_path / "other"
    (profile / "Default").mkdir(parents=True)
    (other / "Sessions").mkdir(parents=True)
    (other / "Sessions" / "mine").write_text("x")
    (profile / "Default" / "Sessions").symlink_to(other / "Sessions")
    (profile / "Default" / "History").symlink_to(other / "Sessions" / "mine")
    leftovers.be_silent(profile, for_person=True)
    assert (other / "Sessions" / "mine").read_text() == "x"
    assert not (profile / "Default" / "Sessions").is_symlink()


def test_a_profile_that_cannot_be_written_is_a_line_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "Default").write_text("no folder")
    leftovers.be_silent(tmp_path, for_person=True)
    assert "preferences cannot be written" in caplog.text


# Downloads

DOWNLOADS = {
    "by itself": "location = '/attachment'",
    "of a kind unknown": "location = '/unknown'",
    "an anchor": "const a = document.createElement('a');"
    " a.href = '/unknown'; a.download = 'x'; a.click()",
    "a frame": "const f = document.createElement('iframe');"
    " f.src = '/attachment'; document.body.append(f)",
    "a window": "window.open('/attachment')",
    "a form": "const f = document.createElement('form');"
    " f.action = '/attachment'; f.method = 'post'; document.body.append(f); f.submit()",
    "a blob": "const a = document.createElement('a');"
    " a.href = URL.createObjectURL(new Blob([new Uint8Array(30e6)]));"
    " a.download = 'x'; a.click()",
    "data": "const a = document.createElement('a'); a.download = 'x';"
    " a.href = 'data:application/octet-stream;base64,' + 'AAAA'.repeat(1e6); a.click()",
}


def large_files(*folders: Path) -> set[str]:
    found = set()
    for folder in folders:
        for top, _, names in os.walk(folder):
            for name in names:
                file = Path(top, name)
                try:
                    if file.lstat().st_size > MB:
                        found.add(str(file))
                except OSError:
                    continue
    return found


class Watch:
    """All large files that are there at any moment.

    Left out: shared memory, and the cache of what pages load, which is bounded.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders, self._stop = folders, threading.Event()
        self.seen: set[str] = set()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(0.005):
            self.seen |= {
                file
                for file in large_files(*self._folders)
                if "/Cache_Data/" not in file
                and not Path(file).name.startswith((".org.chromium", ".com.google"))
            }

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.parametrize("for_person", [True, False], ids=["person", "daemon"])
def test_no_byte_of_a_download_reaches_the_disk(
    make_browser: Callable[..., Browser],
    site: Pages,
    tmp_path: Path,
    short_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    for_person: bool,
) -> None:
    kind = "application/octet-stream"
    attachment = {"Content-Type": kind, "Content-Disposition": "attachment; filename=x"}
    site.pages["/attachment"] = (200, attachment, BIG)
    site.pages["/unknown"] = (200, {"Content-Type": "application/x-unknown"}, BIG)
    for name in ("TMPDIR", "HOME"):
        monkeypatch.setenv(name, str(short_path))
    browser = make_browser(for_person)
    with browser.job("loading", 120):
        before = large_files(tmp_path, short_path)
        with Watch(tmp_path, short_path) as watch:
            for way, script in DOWNLOADS.items():
                browser.tab.load(site.url + "/", 10)
                browser.tab.probe("() => { " + script + " }")
                browser.tab.wait(0.8)
                assert watch.seen - before == set(), way
    browser.close()
    assert large_files(tmp_path, short_path) - before == set()


# Temporary files


def make_left(folder: Path) -> list[Path]:
    made = [
        folder / "playwright-artifacts-aB3_x9",
        folder / "org.chromium.Chromium.26rSoY",
        folder / ".com.google.Chrome.26rSoY",
    ]
    for path in made:
        path.mkdir()
        (path / "1.crdownload").write_bytes(b"x")
    file = folder / ".org.chromium.Chromium.abcdef"
    file.write_bytes(b"x")
    return [*made, file]


def test_what_killed_browsers_left_is_cleared_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = make_left(tmp_path)
    others = [
        tmp_path / "playwright-artifacts-aB3_x9.zip",
        tmp_path / "playwright-report",
        tmp_path / "org.chromium.Chromium",
        tmp_path / "com.google.Chrome.settings",
        tmp_path / "notes.crdownload",
    ]
    for path in others:
        path.write_text("mine")
    link = tmp_path / "playwright-artifacts-aaaaaa"
    link.symlink_to(others[0])
    monkeypatch.setattr(processes, "oldest_browser", lambda user: None)
    leftovers.clear_temporary(tmp_path)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in (*others, link))


def test_what_may_be_a_living_browsers_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = make_left(tmp_path)
    made_at = left[0].lstat().st_ctime
    monkeypatch.setattr(processes, "oldest_browser", lambda user: made_at - 1)
    leftovers.clear_temporary(tmp_path)
    assert all(path.exists() for path in left)
    monkeypatch.setattr(processes, "oldest_browser", lambda user: made_at + 60)
    leftovers.clear_temporary(tmp_path)
    assert not any(path.exists() for path in left)


def test_what_is_another_users_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = make_left(tmp_path)
    monkeypatch.setattr(processes, "oldest_browser", lambda user: None)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    leftovers.clear_temporary(tmp_path)
    assert all(path.exists() for path in left)


def test_a_living_browser_is_known_by_its_start(
    make_browser: Callable[..., Browser],
) -> None:
    browser = make_browser()
    with browser.job("looking", 30):
        oldest = processes.oldest_browser(os.geteuid())
        (pid,) = processes.chromiums(browser.profile)
        started_at = os.stat(f"/proc/{pid}").st_mtime
    assert oldest is not None and oldest < started_at + leftovers.SLACK_S
