"""From the AI's answer to the message that stands in the conversation, proven."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from bench.running import daemon
from bench.running import wait_for
from bench.table import Figure
from bench.table import figure
from playwright.sync_api import Page
from playwright.sync_api import sync_playwright
from support.far_site import Worlds

from airbot.airbnb import pages
from airbot.airbnb import shapes
from airbot.browser import find_browser
from airbot.demo import LOOPBACK_ONLY
from airbot.storage import Storage

RUNS = 9
LOOK_EVERY_S = 0.002
TEXT = "Yes, parking is free, right at the house. See you on Friday! (Run {})"
STANDS = "text => document.body.innerText.includes(text)"


def measure() -> Iterator[Figure]:
    with (
        Worlds() as far,
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as profile,
        sync_playwright() as playwright,
    ):
        world = far.World(15)  # type: ignore[attr-defined]
        ids = world.furnish(10)
        world.silent_ai()
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=find_browser(""),
            args=["--no-sandbox", *LOOPBACK_ONLY],
        )
        site_url, ai_url = world.urls()
        ours, bare = [], []
        with daemon(site_url, ai_url, folder, "sync__interval_sec=1"):
            storage = Storage(Path(folder) / "airbot.db")
            for run in range(RUNS):
                ours.append(_answer(world, storage, ids[run], run))
                bare.append(_by_hand(context.pages[0], site_url, ids[-1 - run], run))
            storage.close()
        context.close()
        name, other = "answer to proven message", "a bare script"
        yield figure(name, ours, "ms", bare, other, "at most 1.5")


def _answer(world: Any, storage: Storage, id_: str, run: int) -> float:
    """A guest asks, airbot asks the AI; from its callback on it is measured."""
    asked = len(world.asked())
    world.guest_writes(f"Is parking free? ({run})", run)
    wait_for(lambda: len(world.asked()) > asked, LOOK_EVERY_S)
    callback = world.asked()[-1]
    time.sleep(0.5)  # the SYNC that read it is over
    body = {"conversation_id": id_, "message": TEXT.format(run), "sender": "AI"}
    started_at = time.perf_counter()
    outbox_id = requests.post(callback, json=body, timeout=10).json()["outbox_id"]
    wait_for(lambda: _is_sent(storage, outbox_id), LOOK_EVERY_S)
    return (time.perf_counter() - started_at) * 1000


def _is_sent(storage: Storage, outbox_id: str) -> bool:
    reply = storage.outbox.get(outbox_id)
    return reply is not None and reply.status == "sent"


def _by_hand(page: Page, site_url: str, id_: str, run: int) -> float:
    """Open the conversation, type, press, load it anew and see the text there."""
    text = "By hand: " + TEXT.format(run)
    address = f"{site_url}{pages.INBOX_PATH}/{shapes.thread_number(id_)}"
    started_at = time.perf_counter()
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_selector(pages.COMPOSER)
    page.fill(pages.COMPOSER, text)
    with page.expect_response(lambda r: pages.is_send(r.request.method, r.url)):
        page.click(pages.SEND_BUTTON)
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_function(STANDS, arg=text)
    return (time.perf_counter() - started_at) * 1000
