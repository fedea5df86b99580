"""`airbot reconnect --remote`: the live browser in a page, for a person on a phone.

Who may look and the channels, over real sockets; then a person in a browser of his own,
in the size of a phone and of a desk, at the real program on the simulated Airbnb.
"""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import sync_playwright
from support.airbot_process import Airbot
from support.airbot_process import replies
from support.airbot_process import wait_for
from support.viewer import PATIENCE_S
from support.viewer import Person

from airbot.browser import Act
from airbot.browser import Browser
from airbot.browser import Opening
from airbot.browser import Picture
from airbot.browser import Place
from airbot.browser import find_browser
from airbot.browser import processes
from airbot.config import Config
from airbot.daemon import reconnect
from airbot.demo import LOOPBACK_ONLY
from airbot.exceptions import ConfigError
from airbot.models import SessionState
from airbot.models import utcnow
from airbot.remote import Remote
from airbot.remote import Screen
from airbot.remote import Show
from airbot.remote.screen import MOST_ACTS
from airbot.remote.screen import Scene
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage
from airbot.web.server import Server

PASSWORD = "Open, Sésame 7"
CODE = "493817"
# Eight white dots in a square.
JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/4gHYSUNDX1BST0ZJTEUAAQEAAAHIAAAAAAQwAABtbnRyUkdCIFhZ"
    "WiAH4AABAAEAAAAAAABhY3NwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAA9tYAAQAAAADTLQAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAlkZXNjAAAA8AAA"
    "ACRyWFlaAAABFAAAABRnWFlaAAABKAAAABRiWFlaAAABPAAAABR3dHB0AAABUAAAABRyVFJDAAABZAAA"
    "AChnVFJDAAABZAAAAChiVFJDAAABZAAAAChjcHJ0AAABjAAAADxtbHVjAAAAAAAAAAEAAAAMZW5VUwAA"
    "AAgAAAAcAHMAUgBHAEJYWVogAAAAAAAAb6IAADj1AAADkFhZWiAAAAAAAABimQAAt4UAABjaWFlaIAAA"
    "AAAAACSgAAAPhAAAts9YWVogAAAAAAAA9tYAAQAAAADTLXBhcmEAAAAAAAQAAAACZmYAAPKnAAANWQAA"
    "E9AAAApbAAAAAAAAAABtbHVjAAAAAAAAAAEAAAAMZW5VUwAAACAAAAAcAEcAbwBvAGcAbABlACAASQBu"
    "AGMALgAgADIAMAAxADb/2wBDAP//////////////////////////////////////////////////////"
    "////////////////////////////////2wBDAf//////////////////////////////////////////"
    "////////////////////////////////////////////wAARCAAIAAgDASIAAhEBAxEB/8QAFQABAQAA"
    "AAAAAAAAAAAAAAAAAAP/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFAEBAAAAAAAAAAAAAAAAAAAAAP/E"
    "ABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhEDEQA/AKAA/9k="
)
SIZES = {"phone": (360, 640), "desk": (1280, 800)}


class Served:
    """The page's application on a real socket."""

    def __init__(self, host: str = "127.0.0.1", public_url: str = "") -> None:
        self.screen = Screen()
        self.remote = Remote(self.screen, host, public_url)
        self.server = Server(self.remote.app, "127.0.0.1", 0, "reconnect")
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.address = f"{self.url}/#{self.remote.token}"

    def open(self, token: Any = None, **headers: Any) -> requests.Response:
        body = {"token": self.remote.token if token is None else token}
        headers = {"Origin": self.url, **headers}
        url = f"{self.url}/open"
        return requests.post(url, json=body, headers=headers, timeout=5)

    def viewer(self, **headers: Any) -> requests.Session:
        session = requests.Session()
        key = self.open(**headers).json()["key"]
        session.headers.update({"Origin": self.url, "Authorization": f"Bearer {key}"})
        return session

    def give(self, viewer: requests.Session, *acts: Any, number: int = 1) -> int:
        body = {"page": "p", "number": number, "acts": list(acts)}
        return viewer.post(f"{self.url}/input", json=body, timeout=5).status_code


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.screen.told.set()  # whoever looked is not waited for
    served.screen.end("over")
    served.server.stop()


# Who may look


def test_the_token_opens_once_and_a_key_takes_over(served: Served) -> None:
    first = served.open()
    assert first.status_code == 200 and "Set-Cookie" not in first.headers
    key = first.json()["key"]
    assert served.remote.token not in key and len(key) > 40
    headers = {"Authorization": f"Bearer {key}", "Origin": served.url}
    answer = requests.post(
        f"{served.url}/input",
        json={"page": "p", "number": 1, "acts": []},
        headers=headers,
        timeout=5,
    )
    assert answer.status_code == 204


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize("path", ["/", "/?token={0}", "/open?token={0}", "/{0}"])
def test_what_looks_at_the_address_uses_nothing_up(
    served: Served, method: str, path: str
) -> None:
    """A preview, a mail scanner, a proxy: none of them runs the page."""
    address = served.url + path.format(served.remote.token)
    answer = requests.request(method, address, timeout=5)
    assert "Set-Cookie" not in answer.headers
    assert served.remote.token not in answer.text
    assert served.open().status_code == 200


def test_a_second_viewer_is_told_that_somebody_is_there(served: Served) -> None:
    served.viewer()
    second = served.open()
    assert second.status_code == 409
    assert "Somebody is at this page already" in second.text


@pytest.mark.parametrize("token", ["", "wrong", "\u00e9\ud7ff", "a" * 5000, 7, [], {}])
def test_a_wrong_token_opens_nothing(served: Served, token: Any) -> None:
    assert served.open(token).status_code == 403
    assert served.open().status_code == 200  # and uses nothing up


@pytest.mark.parametrize("path", ["/frame?after=0", "/input"])
@pytest.mark.parametrize(
    "given", ["", "Bearer guessed", "Bearer ", "Basic x", "{token}"]
)
def test_without_the_key_there_is_nothing_to_see(
    served: Served, path: str, given: str
) -> None:
    method = "POST" if path == "/input" else "GET"
    given = given.format(token=f"Bearer {served.remote.token}")
    for _ in range(2):
        headers = {"Origin": served.url, "Authorization": given}
        url = served.url + path
        answer = requests.request(method, url, headers=headers, json={}, timeout=5)
        assert answer.status_code == 403
        served.open()  # the same once somebody is there


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", ""])
def test_under_another_name_nothing_opens(served: Served, host: str) -> None:
    assert served.open(Host=host).status_code in (400, 403)
    page = requests.get(served.url, headers={"Host": host}, timeout=5)
    assert page.status_code in (400, 403)


@pytest.mark.parametrize("name", ["Host", "Origin", "Sec-Fetch-Site", "Authorization"])
def test_a_header_that_is_no_utf8_opens_nothing_and_is_no_bug(
    served: Served, name: str
) -> None:
    headers: dict[str, str | bytes | None] = {"Host": "127.0.0.1", name: b"\xff\xfe"}
    answer = requests.get(f"{served.url}/frame?after=0", headers=headers, timeout=5)
    assert answer.status_code == 403


def test_on_all_addresses_every_address_is_ours_but_no_name() -> None:
    served = Served(host="0.0.0.0")
    try:
        said = served.open("x", Host="rebound.example").text
        assert said.startswith("This address opens nothing")
        here = {"Host": "192.0.2.7:80", "Origin": "http://192.0.2.7:80"}
        assert served.open(**here).status_code == 200
    finally:
        served.server.stop()


@pytest.mark.parametrize("host", ["airbot.example.org", "127.0.0.1:1234", "localhost"])
@pytest.mark.parametrize(
    "more", [{}, {"Sec-Fetch-Site": "same-origin"}], ids=["Origin", "Sec-Fetch-Site"]
)
def test_a_proxys_page_works_whatever_name_it_passes_on(
    host: str, more: dict[str, str]
) -> None:
    served = Served(public_url="https://airbot.example.org/here")
    try:
        headers = {"Host": host, "Origin": "https://airbot.example.org", **more}
        viewer = served.viewer(**headers)
        viewer.headers.update(headers)
        assert served.give(viewer, {"kind": "down"}) == 204
        viewer.headers.update({"Origin": "https://evil.example"})
        viewer.headers.pop("Sec-Fetch-Site", None)
        assert served.give(viewer, {"kind": "down"}) == 403
    finally:
        served.server.stop()


@pytest.mark.parametrize(
    ("public_url", "shown"),
    [
        ("", "http://127.0.0.1:{port}/#"),
        ("https://airbot.example.org", "https://airbot.example.org/#"),
        ("https://airbot.example.org/here/", "https://airbot.example.org/here/#"),
    ],
)
def test_the_printed_address_is_the_proxys_where_there_is_one(
    make_config: Callable[..., Config], public_url: str, shown: str
) -> None:
    config = make_config(reconnect__public_url=public_url)
    with reconnect._served(config, Screen()) as lines:
        port = "".join(c if c.isdigit() else " " for c in "".join(lines[2:4])).split()
        assert any(lines[1].strip().startswith(shown.format(port=p)) for p in port)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": None},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_another_pages_requests_do_nothing(
    served: Served, headers: dict[str, Any]
) -> None:
    viewer = served.viewer()
    viewer.headers.update(headers)
    if viewer.headers.get("Origin") is None:
        del viewer.headers["Origin"]
    assert served.give(viewer, {"kind": "down"}) == 403
    assert served.screen.take() == []


def test_nothing_is_cached_and_nothing_else_is_served(served: Served) -> None:
    viewer = served.viewer()
    served.screen.show(Picture(b"jpeg", 10, 20))
    answers = [
        viewer.get(served.url),
        viewer.get(f"{served.url}/frame?after=0"),
        viewer.get(f"{served.url}/frame"),
        viewer.get(f"{served.url}/page.html"),
        viewer.get(f"{served.url}/static/page.html"),
        viewer.get(f"{served.url}/input"),
        viewer.get(f"{served.url}/open"),
        served.open(),
    ]
    wanted = [200, 200, 400, 404, 404, 405, 405, 409]
    assert [a.status_code for a in answers] == wanted
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    policy = answers[0].headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_only_the_viewer_keeps_a_connection(served: Served) -> None:
    viewer = served.viewer()
    served.screen.show(Picture(b"jpeg", 10, 20))
    frame = f"{served.url}/frame?after=0"
    kept, others = viewer.get(frame), [served.open(), viewer.get(served.url)]
    others.append(requests.get(frame, timeout=5))
    assert "Connection" not in kept.headers
    assert [a.headers["Connection"].lower() for a in others] == ["close"] * 3


def test_a_newer_question_for_a_picture_ends_the_older(served: Served) -> None:
    viewer = served.viewer()
    ended: list[tuple[int, float]] = []

    def ask() -> None:
        started_at = time.monotonic()
        answer = viewer.get(f"{served.url}/frame?after=0", timeout=60)
        ended.append((answer.status_code, time.monotonic() - started_at))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(ended) == len(threads) - 1)
    served.screen.show(Picture(b"jpeg", 10, 20))
    for thread in threads:
        thread.join(30)
    assert sorted(status for status, _ in ended) == [200] + [204] * 19
    assert max(took_s for _, took_s in ended) < 15


def test_a_network_without_tls_is_refused_with_the_reason(
    make_config: Callable[..., Config],
) -> None:
    config = make_config(reconnect__host="192.0.2.1")
    with pytest.raises(ConfigError, match="--i-have-tls"):
        reconnect.run_remote(config, LOOPBACK_ONLY)


# Channels


def test_the_newest_picture_comes_and_a_known_one_comes_without_its_bytes(
    served: Served,
) -> None:
    viewer = served.viewer()
    for jpeg in (b"one", b"two"):
        served.screen.show(Picture(jpeg, 360, 580))
    answer = viewer.get(f"{served.url}/frame?after=0")
    about = json.loads(answer.headers["X-Frame"])
    assert (answer.content, about["number"]) == (b"two", 2)
    assert (about["width"], about["height"]) == (360, 580)
    name = about["name"]
    assert answer.headers["Content-Type"] == "image/jpeg"
    served.screen.show(Picture(b"three", 360, 580))
    served.screen.show(Picture(b"two", 360, 580))
    again = viewer.get(f"{served.url}/frame?after=2&kept=abc,{name}")
    assert (again.status_code, again.content) == (204, b"")
    about = json.loads(again.headers["X-Frame"])
    assert (about["number"], about["name"]) == (4, name)


def test_a_blinking_caret_is_told_of_now_and_then_and_after_an_act_at_once(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("airbot.remote.screen.time.monotonic", lambda: clock[0])
    screen = served.screen
    names: list[str] = []
    for jpeg in (b"on", b"off"):
        screen.show(Picture(jpeg, 10, 10))
        frame = screen.wait_for(len(names), frozenset(names), 0)
        assert frame is not None
        names.append(frame.name)
    kept = frozenset(names)
    screen.show(Picture(b"on", 10, 10))
    assert screen.wait_for(2, kept, 0) is None
    clock[0] += 2
    assert screen.wait_for(2, kept, 0) is not None
    screen.show(Picture(b"off", 10, 10))
    screen.give("p", 1, [Act("down")])
    assert screen.wait_for(3, kept, 0) is not None


def test_the_same_picture_again_is_no_news(served: Served) -> None:
    served.screen.show(Picture(b"one", 10, 10))
    served.screen.show(Picture(b"one", 10, 10))
    assert served.screen.wait_for(1, frozenset(), 0) is None


def test_acts_arrive_in_their_order_and_a_repeated_batch_only_once(
    served: Served,
) -> None:
    viewer = served.viewer()
    key = {"kind": "key", "text": "Enter"}
    assert served.give(viewer, {"kind": "text", "text": "ab\ncd"}, key) == 204
    assert served.give(viewer, {"kind": "text", "text": "ab\ncd"}, key) == 204
    assert served.give(viewer, {"kind": "move", "x": 3, "y": 4.5}, number=2) == 204
    wanted = [Act("text", text="abcd"), Act("key", text="Enter"), Act("move", 3, 4.5)]
    assert served.screen.take() == wanted
    assert served.screen.take() == []


@pytest.mark.parametrize(
    "act",
    [
        None,
        {},
        {"kind": "evaluate", "text": "1"},
        {"kind": "key", "text": "F12"},
        {"kind": "key", "text": "Control+t"},
        {"kind": "key"},
        {"kind": "text", "text": 7},
        {"kind": "text", "text": "x" * 2001},
        {"kind": "move", "x": "1"},
        {"kind": "move", "x": True},
        {"kind": "down", "place": 7},
        {"kind": "open", "place": "x" * 81},
    ],
    ids=str,
)
def test_anything_that_a_person_cannot_do_is_refused(served: Served, act: Any) -> None:
    viewer = served.viewer()
    assert served.give(viewer, act) == 400
    assert served.screen.take() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"page": 1}', 400),
        (b'{"page": "p", "number": 1, "acts": [{"kind": "move", "x": NaN}]}', 400),
        (b'{"page": "p", "number": 1, "acts": [{"kind": "move", "x": 1e999}]}', 400),
        (b"x" * 70_000, 413),
    ],
)
def test_a_malformed_batch_is_refused(served: Served, body: bytes, status: int) -> None:
    viewer = served.viewer()
    kind = {"Content-Type": "application/json"}
    answer = viewer.post(f"{served.url}/input", data=body, headers=kind)
    assert answer.status_code == status
    assert viewer.post(f"{served.url}/input", data=b"a=b").status_code == 415


def test_a_size_is_brought_within_reason_and_a_flood_is_refused(served: Served) -> None:
    viewer = served.viewer()
    assert served.give(viewer, {"kind": "size", "x": 1, "y": 99999}) == 204
    assert served.screen.take() == [Act("size", 200, 1200)]
    down = {"kind": "down"}
    numbers = range(2, 2 + MOST_ACTS // 100)
    for number in numbers:
        assert served.give(viewer, *[down] * 100, number=number) == 204
    assert served.give(viewer, down, number=1000) == 429


def test_the_last_sentence_reaches_the_page(served: Served) -> None:
    viewer = served.viewer()
    served.screen.end("The inbox is reached.")
    answer = viewer.get(f"{served.url}/frame?after=0")
    assert (answer.status_code, answer.text) == (410, "The inbox is reached.")


def test_who_looks_and_who_has_gone_is_known(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not served.screen.is_watched
    viewer = served.viewer()
    served.screen.show(Picture(b"one", 10, 10))
    viewer.get(f"{served.url}/frame?after=0")
    assert served.screen.is_watched
    later = time.monotonic() + 60
    monkeypatch.setattr("airbot.remote.screen.time.monotonic", lambda: later)
    assert not served.screen.is_watched
    assert served.screen.away_s() > 59


# A person in a browser of his own


@pytest.fixture
def airbnb(site: AirbnbSite) -> AirbnbSite:
    """An account with a guest who waits."""
    site.host_writes(site.add_thread("Noor"), "Welcome!")
    return site


@pytest.fixture(params=list(SIZES))
def person(
    request: pytest.FixtureRequest, browser: Browser, airbnb: AirbnbSite
) -> Iterator[Person]:
    browser.close()  # one Playwright a thread
    width, height = SIZES[request.param]
    touch = request.param == "phone"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_browser(""), args=["--no-sandbox", *LOOPBACK_ONLY]
        )
        context = chromium.new_context(
            viewport={"width": width, "height": height}, has_touch=touch
        )
        person = Person(context, airbnb, touch)
        yield person
        assert person.errors == []
        chromium.close()


@pytest.fixture
def remote(
    run: Callable[..., subprocess.Popen[str]],
) -> Callable[..., tuple[subprocess.Popen[str], str]]:
    def start(*values: str) -> tuple[subprocess.Popen[str], str]:
        process = run("remote", *values)
        assert process.stdout is not None and process.stderr is not None
        lines = [process.stdout.readline() for _ in range(5)]
        address = lines[1].strip()
        assert "/#" in address, "".join(lines) + process.stderr.read()
        assert "ssh -N -L" in lines[3]
        return process, address

    return start


def log_in(person: Person, password: str = PASSWORD) -> None:
    person.press("/login", "#phone-or-email")
    person.type("host@example.org")
    person.press("/login", "#password")
    person.compose("Ope", "Open,", "Oben,", "Open, Sésame")
    person.type("x")
    person.page.keyboard.press("Backspace")
    person.type(password.removeprefix("Open, Sésame"))
    person.press("/login", "[data-testid=signup-login-submit-btn]")


def code_page(site: AirbnbSite) -> str:
    """The page that asks for the code, as another browser gets it after that post."""
    form = {"redirect_url": "/hosting/messages", "password": PASSWORD}
    return requests.post(f"{site.url}/login", data=form, timeout=5).text


@pytest.mark.browser
@pytest.mark.parametrize("person", ["phone"], indirect=True)
def test_a_person_logs_in_passes_the_check_and_the_daemon_sends_what_waits(
    airbnb: AirbnbSite,
    ai: Any,
    daemon: Callable[..., Airbot],
    remote: Callable[..., Any],
    person: Person,
    tmp_path: Path,
) -> None:
    airbnb.trouble.logged_out = True
    airbnb.trouble.password, airbnb.trouble.login_code = PASSWORD, CODE
    thread = airbnb.add_thread("Maya")
    airbnb.guest_writes(thread, "Is parking free?")
    airbot = daemon()
    wait_for(lambda: "airbot reconnect" in airbot.log())
    call = {"conversation_id": thread.id, "message": "It is.", "sender": "AI"}
    hook = f"http://127.0.0.1:{airbot.port}/api/ai/webhook-simple"
    assert requests.post(hook, json=call, timeout=5).ok

    process, address = remote()
    person.come(address)
    assert "#" not in person.page.url
    assert person.page.context.cookies() == []
    log_in(person)
    airbnb.trouble.challenge = "recaptcha"
    person.see_html(code_page(airbnb))
    person.press_seen("#otp-code-input")
    person.paste(CODE)
    person.page.keyboard.press("Enter")
    wait_for(lambda: not airbnb.trouble.logged_out)
    person.press("/hosting/messages", "#recaptcha-anchor")
    person.press("/hosting/messages", "form button")
    wait_for(lambda: airbnb.trouble.challenge is None)

    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert "airbot carries on" in output
    person.wait("said.textContent.includes('inbox is reached')")
    wait_for(lambda: "It is." in replies(airbnb, thread))
    assert replies(airbnb, thread) == ["It is."]
    assert airbot.stop() == 0
    written = "".join(p.read_text() for p in (tmp_path / "logs").iterdir())
    for secret in (PASSWORD, CODE, "host@example.org", address.rpartition("#")[2]):
        assert secret not in written + errors


@pytest.mark.browser
@pytest.mark.parametrize("person", ["phone"], indirect=True)
def test_a_viewer_who_is_gone_comes_back_in_his_tab_and_nobody_else(
    airbnb: AirbnbSite, remote: Callable[..., Any], person: Person
) -> None:
    airbnb.trouble.logged_out, airbnb.trouble.password = True, PASSWORD
    process, address = remote()
    person.come(address)
    person.press("/login", "#phone-or-email")
    person.page.goto("about:blank")
    stranger = person.page.context.new_page()
    stranger.goto(address)
    stranger.wait_for_function("said.textContent.startsWith('Somebody is')")
    stranger.close()
    person.come(address.partition("#")[0])
    person.page.goto("about:blank")
    person.come(address)  # the printed address again
    log_in(person)
    assert process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.browser
@pytest.mark.parametrize("person", ["desk"], indirect=True)
def test_going_back_and_scrolling_reach_the_page(
    airbnb: AirbnbSite, remote: Callable[..., Any], person: Person
) -> None:
    airbnb.trouble.logged_out, airbnb.trouble.password = True, PASSWORD
    airbnb.trouble.login_code = CODE
    person.page.set_viewport_size({"width": 800, "height": 400})
    _, address = remote()
    person.come(address)
    person.press("/login", "#phone-or-email")
    person.page.locator("#view").hover()
    person.page.mouse.wheel(0, 1000)
    person.see("/login", scrolled=1000)
    person.page.mouse.wheel(0, -1000)
    person.see("/login")
    log_in(person)
    person.see_html(code_page(airbnb))
    person.page.locator("#back").click()
    person.see("/login")


def place(origin: str, known: bool, popup: bool = False) -> Place:
    return Place(f"at {origin}", origin, known, popup, True, True)


@pytest.mark.browser
def test_the_page_says_whose_page_it_is_and_asks_before_a_strangers(
    served: Served, person: Person
) -> None:
    page, screen = person.page, served.screen
    home, strange = "https://www.airbnb.com", "https://evil.example"
    page.goto(served.address)
    screen.tell(Scene(place(home, known=True)))
    person.wait(f"place.textContent === '{home}' && place.role !== 'alert'")
    assert not page.locator("#close").is_visible()

    screen.tell(Scene(place(strange, known=False, popup=True), said="Said."))
    person.wait("place.role === 'alert' && said.textContent === 'Said.'")
    assert strange in page.locator("#place").inner_text()
    page.locator("#close").click()
    question = Opening("q1", strange)
    screen.tell(Scene(place(home, known=True), question))
    page.get_by_role("button", name="Open anyway").click()
    assert page.get_by_role("alertdialog").is_visible()
    assert strange in page.locator("#wanted").inner_text()
    assert not page.locator("#keys").is_visible()
    page.get_by_role("button", name="Stay").click()
    acts: list[Act] = []
    wait_for(lambda: len(done(taken(screen, acts))) == 3)
    wanted = [("close", f"at {strange}"), ("open", "q1"), ("stay", "q1")]
    assert done(acts) == wanted
    screen.tell(Scene(place(home, known=True)))
    person.wait("ask.hidden && !area.hidden && !bar.hidden")


def taken(screen: Screen, acts: list[Act]) -> list[Act]:
    """What has come so far, with what has come since."""
    acts += screen.take()
    return acts


def done(acts: list[Act]) -> list[tuple[str, str]]:
    return [(act.kind, act.place) for act in acts if act.kind != "size"]


@pytest.mark.browser
@pytest.mark.parametrize("person", ["desk"], indirect=True)
def test_what_is_typed_names_the_page_whose_picture_was_seen(
    served: Served, person: Person
) -> None:
    jpeg = base64.b64decode(JPEG)
    first, second = place("https://a", known=True), place("https://b", known=True)
    person.page.goto(served.address)
    served.screen.tell(Scene(first))
    served.screen.show(Picture(jpeg, 8, 8, first.id))
    person.wait("seen === 'at https://a'")
    person.type("x")
    served.screen.tell(Scene(second))  # there is no picture of it yet
    person.wait("now.place === 'at https://b'")
    person.type("y")
    served.screen.show(Picture(jpeg, 8, 8, second.id))
    person.wait("seen === 'at https://b'")
    person.type("z")
    acts: list[Act] = []
    wait_for(lambda: len(done(taken(served.screen, acts))) == 3)
    typed = [(act.text, act.place) for act in acts if act.kind == "text"]
    assert typed == [("x", first.id), ("y", ""), ("z", second.id)]


@pytest.mark.browser
def test_a_keyboard_is_understood_however_it_writes(
    served: Served, person: Person
) -> None:
    person.page.goto(served.address)
    person.page.bring_to_front()
    person.wait("key !== null")
    box = person.page.locator("#keys")
    for _ in range(2):
        person.compose("Ope", "Open,", "Oben,", "Open, S\u00e9same")
        person.type("x")
        person.page.keyboard.press("Backspace")
        box.dblclick(position={"x": 20, "y": 20})  # marks what fills the box
        person.page.keyboard.type(" 7")
        box.click(position={"x": 14, "y": 20})  # puts the caret into it
        person.page.keyboard.insert_text("-\U0001f511")
        person.page.keyboard.press("Enter")
    wanted = "Open, S\u00e9same 7-\U0001f511\n" * 2
    acts: list[Act] = []

    def all_is_written() -> bool:
        acts.extend(served.screen.take())
        return written(acts) == wanted

    wait_for(all_is_written)


def written(acts: list[Act]) -> str:
    """What stands there after these acts."""
    text = ""
    for act in acts:
        if act.kind == "text":
            text += act.text
        elif act.text == "Backspace":
            text = text[:-1]
        elif act.text == "Enter":
            text += "\n"
    return text


@pytest.mark.browser
def test_a_pop_up_is_shown_and_when_it_closes_the_page_again(browser: Browser) -> None:
    pictures: list[Picture] = []
    with browser.job("showing", 20):
        cast = browser.cast(pictures.append, lambda url: True)
        assert cast.follow() and not cast.follow()
        assert browser.tab.pump(lambda: bool(pictures), 10)
        assert cast.place is not None
        cast.apply(Act("down", place=cast.place.id))
        cast.apply(Act("up", place=cast.place.id))
        browser.tab.probe("() => { window.popup = window.open('about:blank'); }")
        assert browser.tab.pump(cast.follow, 10)
        pictures.clear()
        assert browser.tab.pump(lambda: bool(pictures), 10)
        cast.apply(Act("down"))  # on its way there the pop-up may close
        browser.tab.probe("() => { window.popup.close(); }")
        cast.apply(Act("up"))
        assert browser.tab.pump(cast.follow, 10)
        cast.stop()


@pytest.mark.browser
def test_a_picture_that_chromium_left_out_is_made_up_for(browser: Browser) -> None:
    screen = Screen()
    show = Show(browser, screen, lambda url: True)
    screen.wait_for(0, frozenset(), 0)  # somebody looks
    show.run(0.2)
    assert show._cast is not None and show._cast._session is not None
    with browser.job("stopping", 10):
        show._cast._session.send("Page.stopScreencast")
    screen.give("p", 1, [Act("size", 400, 300)])
    end = time.monotonic() + PATIENCE_S
    size = (0, 0)
    while size != (400, 300):
        assert time.monotonic() < end, "it was never seen in its new size"
        frame = screen.wait_for(0, frozenset(), 0)
        if frame and frame.picture:
            size = (frame.picture.width, frame.picture.height)
        show.run(0.1)
    show.desk_size()


@pytest.mark.browser
def test_after_a_quarter_of_an_hour_without_a_viewer_it_ends_with_77(
    airbnb: AirbnbSite,
    make_config: Callable[..., Config],
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser.close()
    monkeypatch.setattr(reconnect, "NOBODY_S", 0.5)
    config = make_config(airbnb.url)
    storage = Storage(config.storage.path)
    storage.session.set_state(SessionState.LOGIN, "logged out", utcnow())
    airbnb.trouble.logged_out = True
    said: list[str] = []
    assert reconnect.run_remote(config, LOOPBACK_ONLY, say=said.append) == 77
    assert "Nobody came" in said[-1]
    assert storage.session.get().state == SessionState.LOGIN
    storage.close()
    assert not processes.chromiums(config.airbnb.session_dir.resolve())
    port = int(said[1].partition("127.0.0.1:")[2].partition("/")[0])
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/", timeout=2)
