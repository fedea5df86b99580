"""The simulated Airbnb as a browser and a script meet it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page
from playwright.sync_api import sync_playwright

from airbot.browser import Browser
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.world import Thread

INBOX = "ViaductInboxData"
THREAD = "ViaductGetThreadAndDataQuery"
SEND = "CreateBulkMessagesMutation"

# the distribution's; where there is none, Playwright's own
CHROMIUM = ("/usr/lib/chromium/chromium", "/usr/bin/chromium")

COMPOSER = "[data-testid=messaging-composebar]"
BUTTON = "[data-testid=messaging_compose_bar_send_button]"
MESSAGES = "[data-testid=message-list] [role=group][data-item-id]"
STANDING = f"{MESSAGES}[data-islastmessage]"  # a bubble has no such attribute
NOTICE = "#thread_panel [role=alert]"


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    browser.close()  # one Playwright a thread; the next job starts it again
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=next(filter(os.path.exists, CHROMIUM), None),
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--disable-quic",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield chromium.new_context()
        chromium.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    page.set_default_timeout(8000)
    yield page
    page.close()
    context.clear_cookies()  # a cookie is the host's, whatever the port


def ago(**past: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(**past)


def ask(site: AirbnbSite, operation: str, **variables: Any) -> requests.Response:
    sha = site.hashes[operation]
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha}}
    return requests.get(
        f"{site.url}/api/v3/{operation}/{sha}",
        params={
            "operationName": operation,
            "variables": json.dumps(variables),
            "extensions": json.dumps(extensions),
        },
        headers={"x-airbnb-api-key": "any"},
        timeout=5,
    )


def rows(site: AirbnbSite, **variables: Any) -> Any:
    """The connection `inboxItems` of one page of the list."""
    answer = ask(site, INBOX, numRequestedThreads=15, **variables).json()
    return answer["data"]["node"]["messagingInbox"]["inboxItems"]


def read(site: AirbnbSite, thread: Any) -> Any:
    answer = ask(site, THREAD, globalThreadId=thread.id, numRequestedMessages=50)
    return answer.json()["data"]["threadData"]


def post(site: AirbnbSite, thread: Any, text: str, identifier: str) -> Any:
    content = {"textContent": {"body": text}}
    message = {"content": content, "uniqueIdentifier": identifier}
    variables = {"messageThreadId": thread.number, "messages": [message]}
    return requests.post(
        f"{site.url}/api/v3/{SEND}/{site.hashes[SEND]}",
        json={"operationName": SEND, "variables": variables},
        headers={"x-airbnb-api-key": "any"},
        timeout=5,
    )


def open_thread(page: Page, site: AirbnbSite, thread: Any) -> None:
    page.goto(f"{site.url}/hosting/messages/{thread.number}")
    page.wait_for_selector(BUTTON)
    page.wait_for_function(
        "id => document.querySelector(`#inbox_list_${id}`)", arg=thread.number
    )


def write(page: Page, text: str) -> None:
    """Type as a person: Shift+Enter between lines."""
    page.click(COMPOSER)
    for index, line in enumerate(text.split("\n")):
        if index:
            page.keyboard.press("Shift+Enter")
        if line:
            page.keyboard.insert_text(line)


def send(page: Page, text: str) -> None:
    write(page, text)
    page.click(BUTTON)


def composer_text(page: Page) -> str:
    return page.inner_text(COMPOSER).strip()


def sends(site: AirbnbSite) -> list[Any]:
    return [r for r in site.requests if r.operation == SEND]


@pytest.fixture
def talk(site: AirbnbSite) -> Thread:
    """g1 h2 g3 g4: what the guest and the host have written."""
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "g1", at=ago(hours=4))
    site.host_writes(thread, "h2", at=ago(hours=3))
    site.guest_writes(thread, "g3", at=ago(hours=2))
    site.guest_writes(thread, "g4", at=ago(hours=1))
    return thread


def bodies(site: AirbnbSite, thread: Thread, limit: int = 50) -> list[str]:
    answer = ask(site, THREAD, globalThreadId=thread.id, numRequestedMessages=limit)
    messages = answer.json()["data"]["threadData"]["messageData"]["messages"]
    return [message["hydratedContent"]["content"]["body"] for message in messages]


@pytest.fixture
def other(site: AirbnbSite) -> Thread:
    """A conversation in good health beside `talk`."""
    thread = site.add_thread(guest="Kenji")
    site.guest_writes(thread, "g1")
    return thread


MESSAGE_KEYS = set(
    "__typename uuid threadId id opaqueId correlationIdentifier contentType "
    "contentSubType hydratedContent account captionType userFlagByViewer updatedAtMs "
    "createdAtMs deletedAtMs editedAtMs isSoftDelete localClientData syncCursor "
    "contextualConfig reactionSummary parentMessageId senderInfoOverride".split()
)
