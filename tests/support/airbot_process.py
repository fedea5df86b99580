"""The real program as a process, on the simulated Airbnb and the demo AI."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import own_environment
from support.paths import own_process

from airbot.sandbox.ai import DemoAI
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Thread

PATIENCE_S = 90.0
RunProgram = Callable[..., subprocess.Popen[str]]


class Airbot:
    """A running daemon, its port and its folder."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder
        assert process.stdout and process.stderr
        line = process.stdout.readline()
        assert line.startswith("serving "), line + process.stderr.read()
        self.port = int(line.split()[1])

    def profile(self) -> Path:
        return (self.folder / "session").resolve()

    def log(self) -> str:
        return (self.folder / "logs" / "app.log").read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_S)


StartDaemon = Callable[..., Airbot]


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def run(site: AirbnbSite, ai: DemoAI, tmp_path: Path) -> Iterator[RunProgram]:
    started: list[subprocess.Popen[str]] = []

    def start(mode: str, *values: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            own_process("run_airbot", mode, site.url, ai.url, tmp_path, *values),
            env=own_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def daemon(run: RunProgram, tmp_path: Path) -> StartDaemon:
    def start(*values: str) -> Airbot:
        fast = ("sync__interval_sec=1", "send__interval_sec=1")
        return Airbot(run("daemon", *fast, *values), tmp_path)

    return start


def replies(site: AirbnbSite, thread: Thread) -> list[str]:
    return [m.text for m in site.posted(thread)]
