"""`airbot demo`: what it says, what it asks, what it leaves behind."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page

from airbot.demo import sandbox_config
from airbot.exceptions import ConfigError
from airbot.sandbox.ai import NO_TOPIC
from airbot.sandbox.ai import DemoAI
from airbot.sandbox.ai import polite_answer
from airbot.sandbox.site import AirbnbSite

SIZES = {"phone": (360, 640), "desk": (1280, 800)}
PATIENCE_S = 40.0
TEXTS = ("Where can we park?", "Is there Wi-Fi?", "May our dog come along?")


class Demo:
    """The program, in a process group of its own as in a terminal."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder = Path(tempfile.mkdtemp(dir="/tmp"))  # a short path, see demo.py
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "airbot", "demo", *arguments],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(self.folder), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.watchdog = threading.Timer(PATIENCE_S, self.kill)
        self.watchdog.start()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def read_until(self, words: str) -> str:
        """The line that holds them."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if words in line:
                return line
        pytest.fail(f"{words!r} was not said: {self.lines}")

    def press_ctrl_c(self) -> int:
        """Twice, as a person does who does not like to wait."""
        for _ in range(2):
            os.killpg(self.process.pid, signal.SIGINT)
            time.sleep(0.05)
        return self.process.wait(60)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    made: list[Demo] = []

    def start(*arguments: str, **environment: str) -> Demo:
        made.append(Demo(tmp_path, *arguments, **environment))
        return made[-1]

    yield start
    for one in made:
        one.watchdog.cancel()
        one.process.terminate()
        one.process.communicate(timeout=20)
        shutil.rmtree(one.folder)


def number_in(question: dict[str, str]) -> str:
    return base64.b64decode(question["conversation_id"]).decode().split(":")[1]


# What it says


@pytest.mark.browser
def test_each_step_of_three_texts_and_their_one_reply_is_said(
    demo: Callable[..., Demo],
) -> None:
    running = demo()
    address = running.read_until("the guest's page").split()[-1]
    for text in TEXTS:
        requests.post(address, data={"text": text}, timeout=5)
    running.read_until("proven")
    said = "\n".join(running.lines)
    assert said.count("Maya writes") == 3
    assert said.count("airbot has read what Maya wrote") == 3
    assert "the AI is asked about 3 texts at once" in said
    assert said.count("the reply stands in the conversation") == 1
    shown = requests.get(address + "/messages", timeout=5).json()["messages"]
    (reply,) = [m["text"] for m in shown if m["side"] == "them"]
    assert all(word in reply for word in ("park", "Wi-Fi", "pet"))
    assert running.press_ctrl_c() == 0
    assert os.listdir(running.folder) == []


def test_the_way_from_another_machine_is_said(demo: Callable[..., Demo]) -> None:
    running = demo()
    port = urlsplit(running.read_until("the guest's page").split()[-1]).port
    assert f" -L {port}:127.0.0.1:{port} " in running.read_until("ssh -N")


def test_the_port_is_the_one_that_was_asked_for(demo: Callable[..., Demo]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    assert demo("--port", str(port)).read_until(" is up:").strip().endswith(f":{port}")


def test_a_port_in_use_is_said_in_a_sentence(demo: Callable[..., Demo]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        running = demo("--port", str(other.getsockname()[1]))
        _, errors = running.process.communicate(timeout=PATIENCE_S)
    assert "cannot be had: Address already in use" in errors and "Trace" not in errors
    assert running.process.returncode == 1 and os.listdir(running.folder) == []


@pytest.mark.browser
@pytest.mark.parametrize("after_s", [0.0, 0.8])
def test_ctrl_c_at_any_moment_ends_it_well(
    demo: Callable[..., Demo], after_s: float
) -> None:
    running = demo()
    running.read_until("Ctrl-C ends it")
    time.sleep(after_s)
    assert running.press_ctrl_c() == 0
    assert os.listdir(running.folder) == []


# What it asks


@pytest.mark.browser
def test_the_ai_that_is_set_takes_the_demo_ais_place(
    demo: Callable[..., Demo], tmp_path: Path, ai: DemoAI
) -> None:
    ai.mode = "inline"
    (tmp_path / "config.ini").write_text(
        f"[ai]\nwebhook_url = {ai.url}\nsecret = s3cret\n"
        "[airbnb]\nbase_url = http://127.0.0.1:1\nsession_dir = mine\n"
        "[webhook]\nport = 8123\npublic_url = http://127.0.0.1:8123\n"
    )
    running = demo("--once", "--ai", API_PORT="8124", AIRBOT_DB="mine.db")
    running.read_until("exactly once")
    assert running.process.wait(20) == 0
    (question,) = ai.asked
    assert ai.headers[0]["Authorization"] == "Bearer s3cret"
    assert urlsplit(question["callback_url"]).port not in (8123, 8124)
    assert {path.name for path in tmp_path.iterdir()} == {"config.ini"}


@pytest.mark.browser
def test_its_conversations_are_such_as_no_inbox_can_show(
    demo: Callable[..., Demo], ai: DemoAI
) -> None:
    demo("--once", "--ai", AI_WEBHOOK_URL=ai.url).read_until("exactly once")
    assert int(number_in(ai.asked[0])) > 2**63
    assert int(ai.asked[0]["property_id"]) > 2**63


def test_without_ai_no_setting_is_read(demo: Callable[..., Demo]) -> None:
    demo(AI_WEBHOOK_URL="no address", AIRBOT_CONFIG="/nowhere").read_until(" is up:")


def test_a_site_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="on this machine only"):
        sandbox_config("https://airbnb.example", "http://127.0.0.1:1/", tmp_path)


def test_an_ai_elsewhere_is_not(tmp_path: Path) -> None:
    config = sandbox_config("http://127.0.0.1:1", "https://ai.example/", tmp_path)
    assert config.ai.webhook_url == "https://ai.example/"


# What the demo AI knows


def test_each_thing_that_was_asked_has_its_line() -> None:
    said = polite_answer({"sender": "Maya", "message": "\n\n".join(TEXTS)})
    lines = zip(("Maya", "park", "Wi-Fi", "pet"), said.splitlines(), strict=True)
    assert all(word in line for word, line in lines)


def test_what_it_does_not_know_it_says() -> None:
    said = polite_answer({"sender": "Maya", "message": "Good evening"})
    assert said.splitlines()[1:] == [NO_TOPIC]


# Its pages


@pytest.mark.browser
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", ["/guest/{}", "/hosting/messages/{}"])
def test_a_page_fits_and_says_that_it_is_simulated(
    site: AirbnbSite, page: Page, path: str, size: str
) -> None:
    width, height = SIZES[size]
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "A rather long text that has to be wrapped. " * 5)
    page.set_viewport_size({"width": width, "height": height})
    page.goto(site.url + path.format(thread.number))
    page.wait_for_selector(".item")
    assert "simulated" in page.inner_text("body")
    assert page.locator("meta[name=viewport]").count() == 1
    wide = (
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert page.evaluate(wide) == [width, height]
    box = page.locator(".composer button").bounding_box()
    assert box is not None and box["x"] + box["width"] <= width


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/guest/{}", "/hosting/messages/{}"])
def test_the_composer_grows(site: AirbnbSite, page: Page, path: str) -> None:
    page.goto(site.url + path.format(site.add_thread().number))
    field = page.locator(".editor")
    field.fill("one line")
    low = field.bounding_box()
    field.fill("four\nlines\nare\nhigher")
    high = field.bounding_box()
    assert low and high and high["height"] > 3 * low["height"]
