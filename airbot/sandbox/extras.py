"""What the simulated site has and Airbnb has not: the guest's page, and its own state.

`/`, `/guest/<number>`, `/static/...` and `/_sandbox/...`, which only this site's own
pages and people who look on ask for.
"""

from __future__ import annotations

import json
from typing import Any

import bottle

from airbot.sandbox.responses import FOLDER
from airbot.sandbox.responses import answer
from airbot.sandbox.responses import html
from airbot.sandbox.responses import not_found
from airbot.sandbox.shapes import title
from airbot.sandbox.state import INBOX_PATH
from airbot.sandbox.state import SiteState
from airbot.sandbox.world import SERVICE
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread

_KINDS = {".js": "text/javascript", ".css": "text/css"}


class Extras:
    """Everything of one site that is not Airbnb's."""

    def __init__(self, site: SiteState) -> None:
        self.site = site

    def add_routes(self, app: bottle.Bottle) -> None:
        app.get("/", callback=self.home)
        app.get("/guest/<number>", callback=self.guest)
        app.post("/guest/<number>", callback=self.guest_writes)
        app.get("/guest/<number>/messages", callback=self.guest_messages)
        app.get("/static/<name>", callback=self.static)
        app.get("/_sandbox/person", callback=lambda: answer(self.person()))
        app.get("/_sandbox/switches", callback=lambda: answer(self.press()))
        app.post("/_sandbox/interrupt", callback=self.interrupt)
        app.post("/_sandbox/pressed", callback=self.pressed)
        app.get("/_sandbox/state", callback=lambda: answer(self.state()))

    def person(self) -> dict[str, bool]:
        """Is somebody at the page who would log in or pass the check?"""
        return {"there": self.site.person_is_there}

    def press(self) -> dict[str, Any]:
        """What the page's script must know: Send has just been pressed."""
        thread = self._thread(bottle.request.query.thread)
        swallowed = self.site.take_press(thread)
        return {**self.site.page_switches(), "swallowsPress": swallowed}

    def interrupt(self) -> bottle.HTTPResponse:
        """The page is about to draw an interruption: does it come?"""
        return answer({"comes": self.site.interrupt(bottle.request.query.thread)})

    def pressed(self) -> bottle.HTTPResponse:
        """A button of an interruption was pressed; "Escape" when it was that key."""
        self.site.pressed_buttons.append(json.loads(bottle.request.body.read()))
        return answer({})

    # -- the guest's side, and what the sandbox shows of itself --------------------

    def home(self) -> bottle.HTTPResponse:
        world = self.site.world
        threads = [(t.number, title(world, t)) for t in world.inbox()]
        return answer(html("home.html", inbox=INBOX_PATH, threads=threads))

    def _thread(self, number: str) -> Thread:
        thread = self.site.world.threads.get(number)
        if thread is None:
            raise not_found()
        return thread

    def guest(self, number: str) -> bottle.HTTPResponse:
        thread = self._thread(number)
        guest = self.site.world.other(thread)
        page = html(
            "guest.html",
            number=number,
            guest=guest.name,
            host=self.site.host.name,
            listing=thread.listing,
        )
        return answer(page)

    def guest_writes(self, number: str) -> bottle.HTTPResponse:
        text = bottle.request.forms.text.replace("\r\n", "\n").strip()
        if not text:
            return answer({"error": "nothing to send"}, 400)
        thread, world = self._thread(number), self.site.world
        thread.unread = True
        message = world.post(thread, world.other(thread), text)
        return answer({"id": message.id})

    def guest_messages(self, number: str) -> bottle.HTTPResponse:
        thread = self._thread(number)
        rows = [_guest_row(thread, m) for m in self.site.messages(thread)]
        return answer({"messages": rows})

    def static(self, name: str) -> bottle.HTTPResponse:
        path = FOLDER / name
        if path.suffix not in _KINDS or not path.is_file():
            return not_found()
        response = answer(path.read_text(encoding="utf-8"))
        response.content_type = _KINDS[path.suffix] + "; charset=utf-8"
        response.set_header("Service-Worker-Allowed", "/")
        return response

    def state(self) -> dict[str, Any]:
        site = self.site
        return {
            "host": vars(site.host),
            "threads": [
                {
                    "id": thread.id,
                    "number": thread.number,
                    "type": thread.type,
                    "title": title(site.world, thread),
                    "unread": thread.unread,
                    "messages": [_state_row(m) for m in site.messages(thread)],
                }
                for thread in site.world.inbox()
            ],
            "posted": [_state_row(message) for message in site.posted()],
            "requests": len(site.requests),
        }


def _state_row(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "account": message.account.id,
        "name": message.account.name,
        "kind": message.kind,
        "text": message.text,
        "created_at_ms": message.created_at_ms,
        "deleted": message.deleted,
        "posted": message.unique_identifier is not None,
    }


def _guest_row(thread: Thread, message: Message) -> dict[str, Any]:
    role = thread.role_of(message.account)
    side = "me" if role in ("GUEST", "COTRAVELER") else "them"
    if not thread.hosted:
        side = "me" if side == "them" else "them"
    text = message.text
    if message.deleted:
        text = "(unsent)"
    elif message.kind in ("photo", "voice"):
        text = f"[{message.kind}]"
    return {
        "id": message.id,
        "side": "note" if message.account == SERVICE else side,
        "name": message.account.name,
        "text": text,
        "at_ms": message.created_at_ms,
    }
