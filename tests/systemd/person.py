"""A person at `airbot reconnect --remote`, in a browser of his own on this machine."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright
from support import viewer
from support.viewer import Person

from airbot.browser import find_browser
from airbot.demo import LOOPBACK_ONLY

if TYPE_CHECKING:
    from lab import Lab


def log_in_as_a_person(lab: Lab, logs_in: bool = True) -> None:
    """Start the command, open what it prints, log in, and see it end with 0.

    With `logs_in=False` there is nothing to do but to look.
    """
    viewer.PATIENCE_S = 30.0 * lab.machine.slow
    command = "cd / && sudo -u airbot airbot reconnect --remote"
    process = subprocess.Popen(
        [*lab.machine.ssh(), command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        address = _address(process)
        port = int(re.findall(r":(\d+)/", address)[0])
        if logs_in:
            with lab.machine.reached(port), _person(lab) as person:
                person.come(address)
                _log_in(person, str(lab.site.trouble.password))
        said, _ = process.communicate(timeout=60 * lab.machine.slow)
        assert process.returncode == 0, said
    finally:
        process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.strip().startswith("http://"):
            return line.strip()
    raise AssertionError(said)


@contextmanager
def _person(lab: Lab) -> Iterator[Person]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_browser(""), args=["--no-sandbox", *LOOPBACK_ONLY]
        )
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        yield Person(context, lab.site, touch=False)
        chromium.close()


def _log_in(person: Person, password: str) -> None:
    person.press("/login", "#phone-or-email")
    person.type("host@example.org")
    person.press("/login", "#password")
    person.type(password)
    person.press("/login", "[data-testid=signup-login-submit-btn]")
    person.wait("said.textContent.includes('inbox is reached')")
