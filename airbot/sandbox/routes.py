"""The pages of the simulated Airbnb: inbox, login, challenges, and its own few extras.

The HTML and the scripts are files in pages/. Facts: airbnb-web.md of 2026-11,
sections 1, 4, 5 and 6. Its own: `/`, `/guest/<number>`, `/_sandbox/...`.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import quote

import bottle

from airbot.sandbox.api import answer
from airbot.sandbox.shapes import title
from airbot.sandbox.trouble import Trouble
from airbot.sandbox.world import SERVICE
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread
from airbot.sandbox.world import global_id

if TYPE_CHECKING:
    from airbot.sandbox.site import AirbnbSite

_FOLDER = Path(__file__).with_name("pages")
_INBOX = "/hosting/messages"
_SESSION_COOKIES = ("_airbed_session_id", "_aat")
_KINDS = {".js": "text/javascript", ".css": "text/css"}


def _html(name: str, **values: Any) -> str:
    source = (_FOLDER / name).read_text(encoding="utf-8")
    return str(bottle.SimpleTemplate(source).render(**values))


def _redirect(to: str, status: int = 302) -> bottle.HTTPResponse:
    response = answer("", status)
    response.set_header("Location", to)
    return response


def _local(path: str | None) -> str:
    """Where to go afterwards: a path of this site, never another one."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")):
        return _INBOX
    return path


class Pages:
    """Everything of one site that is not its API."""

    def __init__(self, site: AirbnbSite) -> None:
        self.site = site
        self._after_airlock: dict[str, str] = {}

    def add_routes(self, app: bottle.Bottle) -> None:
        app.get("/", callback=self.home)
        app.get(_INBOX, callback=self.inbox)
        app.get(_INBOX + "/<number:re:[0-9]+>", callback=self.inbox)
        app.get("/hosting/inbox", callback=self.old_inbox)
        app.get("/login", callback=self.login)
        app.post("/login", callback=self.logged_in)
        app.get("/airlock", callback=self.airlock)
        app.get("/guest/<number>", callback=self.guest)
        app.post("/guest/<number>", callback=self.guest_writes)
        app.get("/guest/<number>/messages", callback=self.guest_messages)
        app.get("/static/<name>", callback=self.static)
        app.post("/_sandbox/solve", callback=self.solve)
        app.get("/_sandbox/challenge/<kind>", callback=self.challenge)
        app.get("/_sandbox/person", callback=lambda: answer(self.person()))
        app.get("/_sandbox/switches", callback=lambda: answer(self.switches(True)))
        app.get("/_sandbox/state", callback=lambda: answer(self.state()))

    @property
    def trouble(self) -> Trouble:
        return self.site.trouble

    # -- the inbox --------------------------------------------------------------

    def inbox(self, number: str | None = None) -> bottle.HTTPResponse:
        bottle.request.environ["sandbox.request"].thread_number = number
        refused = self._refused()
        if refused is not None:
            return refused
        self.site.api.page_loaded()
        shown = self.trouble.challenged("page")
        page = _html(
            "inbox.html",
            config=json.dumps(self._config()).replace("<", "\\u003c"),
            language=self.trouble.language,
            extra_words=self.trouble.extra_words,
            challenge=_html("challenge.html", kind=shown, back=self._here()),
        )
        return answer(page)

    def _refused(self) -> bottle.HTTPResponse | None:
        """What a protected page answers instead of itself, or None."""
        trouble = self.trouble
        if trouble.page_status is not None:
            body = f"<h1>{trouble.page_status}</h1><p>Something went wrong.</p>"
            response = answer(body, trouble.page_status)
            if trouble.retry_after is not None:
                response.set_header("Retry-After", trouble.retry_after)
            return response
        if self.logged_out():
            return _redirect("/login?redirect_url=" + quote(self._here(), safe=""))
        kind = trouble.challenged("page")
        if kind in ("airlock_page", "airlock_420", "airlock_401"):
            airlock_id = secrets.token_hex(8)
            self._after_airlock[airlock_id] = self._here()
            return _redirect("/airlock?al_id=" + airlock_id)
        if kind == "recaptcha":
            return answer(self._airlock_html("recaptcha", self._here()))
        return None

    def _here(self) -> str:
        query = bottle.request.query_string
        return str(bottle.request.path) + (f"?{query}" if query else "")

    def _config(self) -> dict[str, Any]:
        site = self.site
        return {
            "apiKey": site.api_key,
            "hashes": site.hashes,
            "viewer": global_id("Viewer", site.host.id),
            "accountId": site.host.id,
            "language": self.trouble.language,
            "pageSize": self.trouble.page_size,
            "extraWords": self.trouble.extra_words,
            "pollMs": site.poll_s * 1000,
            "hangs": self.trouble.hang_page,
            "greedy": self.trouble.greedy_page,
            "switches": self.switches(),
        }

    def switches(self, press: bool = False) -> dict[str, Any]:
        """What the page's script must know now; `press`: Send has just been pressed."""
        known: dict[str, Any] = {
            "composer": self.trouble.composer,
            "markupGone": self.trouble.markup_gone,
            "sendChallenge": self.trouble.challenged("send"),
        }
        if press:
            swallowed = self.trouble.send == "no_request"
            known["swallowsPress"] = swallowed and self.trouble.take_send() is not None
        return known

    def old_inbox(self) -> bottle.HTTPResponse:
        threads = self.site.world.inbox()
        return _redirect(_INBOX + (f"/{threads[0].number}" if threads else ""))

    # -- login and challenges -----------------------------------------------------

    def logged_out(self) -> bool:
        """Of this request: by the switch, or for want of both session cookies."""
        if self.trouble.logged_out:
            return True
        if not self.site.require_cookie:
            return False
        cookies = {bottle.request.get_cookie(name) for name in _SESSION_COOKIES}
        return len(cookies) != 1 or not cookies <= self.site.sessions

    def login_html(self) -> str:
        return _html("login.html", redirect_url=_INBOX)

    def login(self) -> bottle.HTTPResponse:
        wanted = _local(bottle.request.query.redirect_url)
        return answer(_html("login.html", redirect_url=wanted))

    def logged_in(self) -> bottle.HTTPResponse:
        """Name and password, and the code that they lead to where there is one."""
        given, wanted = bottle.request.forms, self.trouble
        to = _local(given.redirect_url)
        if "code" not in given and wanted.password not in (None, given.password):
            return answer(_html("login.html", redirect_url=to))
        if wanted.login_code not in (None, given.code):
            return answer(_html("code.html", redirect_url=to))
        self.trouble.logged_out = False
        session = secrets.token_hex(16)
        self.site.sessions.add(session)
        response = _redirect(_local(bottle.request.forms.redirect_url), 303)
        for name in _SESSION_COOKIES:  # session cookies: gone with the browser
            response.set_cookie(name, session, path="/", httponly=True)
        return response

    def airlock(self) -> bottle.HTTPResponse:
        back = self._after_airlock.get(bottle.request.query.al_id, _INBOX)
        return answer(self._airlock_html("airlock_page", back))

    @staticmethod
    def _airlock_html(kind: str, back: str) -> str:
        challenge = _html("challenge.html", kind=kind, back=back)
        return _html("airlock.html", challenge=challenge)

    @staticmethod
    def challenge(kind: str) -> bottle.HTTPResponse:
        """For a page that is open when its send is answered by a challenge."""
        return answer(_html("challenge.html", kind=kind, back=_INBOX))

    def person(self) -> dict[str, bool]:
        """Is somebody at the page who would log in or pass the check?"""
        return {"there": self.site.person_is_there}

    def solve(self) -> bottle.HTTPResponse:
        """The button of every challenge: a person was here."""
        self.trouble.challenge = None
        return _redirect(_local(bottle.request.forms.back), 303)

    # -- the guest's side, and what the sandbox shows of itself --------------------

    def home(self) -> bottle.HTTPResponse:
        world = self.site.world
        threads = [(t.number, title(world, t)) for t in world.inbox()]
        return answer(_html("home.html", inbox=_INBOX, threads=threads))

    def _thread(self, number: str) -> Thread:
        thread = self.site.world.threads.get(number)
        if thread is None:
            raise answer("<h1>404</h1>", 404)
        return thread

    def guest(self, number: str) -> bottle.HTTPResponse:
        thread = self._thread(number)
        guest = next(a for a, _ in thread.participants if a != self.site.host)
        page = _html(
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
        message = self.site.guest_writes(self._thread(number), text)
        return answer({"id": message.id})

    def guest_messages(self, number: str) -> bottle.HTTPResponse:
        thread = self._thread(number)
        rows = [_guest_row(thread, m) for m in self.site.messages(thread)]
        return answer({"messages": rows})

    def static(self, name: str) -> bottle.HTTPResponse:
        path = _FOLDER / name
        if path.suffix not in _KINDS or not path.is_file():
            return answer("<h1>404</h1>", 404)
        response = answer(path.read_text(encoding="utf-8"))
        response.content_type = _KINDS[path.suffix] + "; charset=utf-8"
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
    elif message.kind == "photo":
        text = "[photo]"
    return {
        "id": message.id,
        "side": "note" if message.account == SERVICE else side,
        "name": message.account.name,
        "text": text,
        "at_ms": message.created_at_ms,
    }
