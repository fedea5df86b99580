"""`reconnect --remote`: pictures a second, a hand's delay, bytes of a still page."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import requests
from bench.processes import cpu_s
from bench.table import Figure
from bench.table import figure

from airbot.browser import Browser
from airbot.demo import LOOPBACK_ONLY
from airbot.remote import Remote
from airbot.remote import Screen
from airbot.remote import Show
from airbot.web.server import Server

CHANGING = """
<body style="font: 20px serif"><p id=p></p>
<script>
let n = 0;
setInterval(() => { p.textContent = (n++ + " some words of a page ").repeat(60); }, 10);
</script>
"""
STILL = "<body><h1>Log in</h1><p>Nothing moves here but a caret.<p><input autofocus>"
ANSWERING = """
<body><script>
let n = 0;
onkeydown = () => { document.body.style.background = `hsl(${n++ * 40} 80% 50%)`; };
</script>
"""
RUNS = 5
WATCHED_S = 4.0
STILL_S = 15.0
KEYS = 30
IDLE_S = 10.0


class Viewer(threading.Thread):
    """Looks on as the page does: one question for a picture after the other."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(daemon=True)
        self.session = requests.Session()
        self.session.headers["Origin"] = url
        opened = self.session.post(f"{url}/open", json={"token": token})
        self.session.headers["Authorization"] = f"Bearer {opened.json()['key']}"
        self.url = url
        self.place = ""  # the page that the last picture showed
        self.pictures: list[tuple[float, str]] = []  # when, and which
        self.bytes = 0
        self.over = False
        self._batches = 0

    def run(self) -> None:
        after, kept = 0, ""
        while not self.over:
            asked = f"{self.url}/frame?after={after}&kept={kept}"
            answer = self.session.get(asked)
            if answer.status_code == 410:
                return
            self.bytes += len(asked) + 600 + len(answer.content) + 400  # with headers
            if about := answer.headers.get("X-Frame"):
                told = json.loads(about)
                after, name, self.place = told["number"], told["name"], told["place"]
                kept = ",".join(([name] + kept.split(","))[:4])
                self.pictures.append((time.monotonic(), name))

    def press(self, text: str) -> None:
        self._batches += 1
        acts = [{"kind": "text", "text": text, "place": self.place}]
        body = {"page": "bench", "number": self._batches, "acts": acts}
        requests.post(
            f"{self.url}/input",
            json=body,
            headers=dict(self.session.headers),
        )


def measure() -> Iterator[Figure]:
    with _shown() as (browser, show, viewer):
        _load(browser, show, STILL)
        idle = _cpu_of(show, browser)
        _load(browser, show, CHANGING)
        viewer.start()
        rates = [_rate(show, viewer) for _ in range(RUNS)]
        yield figure("pictures of a changing page", rates, "/s", target="at least 10")
        _load(browser, show, ANSWERING)
        delays = _delays(show, viewer)
        yield figure("input to visible change", delays, "ms", target="under 250")
        _load(browser, show, STILL)
        still = [_kilobytes_a_minute(show, viewer)]
        yield figure("a still page", still, "kB/min", target="under 100")
        yield figure("CPU while nobody looks", [idle], "% of a core")


@contextmanager
def _shown() -> Iterator[tuple[Browser, Show, Viewer]]:
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(Path(folder) / "profile", arguments=LOOPBACK_ONLY)
        screen = Screen()
        remote = Remote(screen, "127.0.0.1")
        server = Server(remote.app, "127.0.0.1", 0, "reconnect")
        server.start()
        viewer = Viewer(f"http://127.0.0.1:{server.port}", remote.token)
        try:
            yield browser, Show(browser, screen, lambda url: True), viewer
        finally:
            viewer.over = True
            screen.end("over")
            server.stop()
            browser.close()


def _load(browser: Browser, show: Show, html: str) -> None:
    with browser.job("loading", 30):
        browser.tab.load("data:text/html," + quote(html), 20)
    show.run(1.0)


def _cpu_of(show: Show, browser: Browser) -> float:
    before = cpu_s(browser)
    show.run(IDLE_S)
    return (cpu_s(browser) - before) / IDLE_S * 100


def _rate(show: Show, viewer: Viewer) -> float:
    show.run(0.5)
    seen = len(viewer.pictures)
    show.run(WATCHED_S)
    return (len(viewer.pictures) - seen) / WATCHED_S


def _delays(show: Show, viewer: Viewer) -> list[float]:
    delays = []
    for _ in range(KEYS):
        seen = len(viewer.pictures)
        pressed_at = time.monotonic()
        hand = threading.Thread(target=viewer.press, args=("x",))
        hand.start()
        while len(viewer.pictures) == seen and time.monotonic() < pressed_at + 5:
            show.run(0.01)
        hand.join()
        delays.append((viewer.pictures[seen][0] - pressed_at) * 1000)
        show.run(0.3)
    return delays


def _kilobytes_a_minute(show: Show, viewer: Viewer) -> float:
    show.run(6.0)  # what follows an act is over
    before = viewer.bytes
    show.run(STILL_S)
    return (viewer.bytes - before) / STILL_S * 60 / 1000
