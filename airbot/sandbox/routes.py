"""The pages of the simulated Airbnb: inbox, login, challenges.

The HTML and the scripts are files in pages/. Facts: airbnb-web.md of 2026-11,
sections 1, 4, 5 and 6.
"""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import quote

import bottle

from airbot.sandbox.responses import answer
from airbot.sandbox.responses import challenge_html
from airbot.sandbox.responses import challenge_page
from airbot.sandbox.responses import html
from airbot.sandbox.responses import later
from airbot.sandbox.responses import redirect
from airbot.sandbox.state import INBOX_PATH
from airbot.sandbox.state import SESSION_COOKIES
from airbot.sandbox.state import SiteState
from airbot.sandbox.trouble import Trouble
from airbot.sandbox.trouble import vendor_frame
from airbot.sandbox.world import global_id


def _local(path: str | None) -> str:
    """Where to go afterwards: a path of this site, never another one."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")):
        return INBOX_PATH
    return path


def _other_page(trouble: Trouble) -> str:
    """The HTML in place of a page: a file of pages/, what is given, or the status."""
    if trouble.page_html in ("maintenance", "unknown"):
        return html(f"{trouble.page_html}.html")
    bare = f"<h1>{trouble.page_status}</h1><p>Something went wrong.</p>"
    return bare if trouble.page_html is None else trouble.page_html


class Pages:
    """The pages of one site that Airbnb has too."""

    def __init__(self, site: SiteState) -> None:
        self.site = site
        self._after_airlock: dict[str, str] = {}

    def add_routes(self, app: bottle.Bottle) -> None:
        app.get(INBOX_PATH, callback=self.inbox)
        app.get(INBOX_PATH + "/<number:re:[0-9]+>", callback=self.inbox)
        app.get("/hosting/inbox", callback=self.old_inbox)
        app.get("/login", callback=self.login)
        app.post("/login", callback=self.logged_in)
        app.get("/airlock", callback=self.airlock)
        app.post("/_sandbox/solve", callback=self.solve)
        app.get("/_sandbox/challenge/<kind>", callback=self.challenge)

    @property
    def trouble(self) -> Trouble:
        return self.site.trouble

    # -- the inbox --------------------------------------------------------------

    def inbox(self, number: str | None = None) -> bottle.HTTPResponse:
        bottle.request.environ["sandbox.request"].thread_number = number
        refused = self._refused()
        if refused is not None:
            return refused
        self.site.page_loaded()
        shown = self.trouble.challenged("page")
        page = html(
            "inbox.html",
            config=json.dumps(self._config()).replace("<", "\\u003c"),
            language=self.trouble.language,
            extra_words=self.trouble.extra_words,
            challenge=challenge_html(shown, self._here()),
        )
        return answer(page)

    def _refused(self) -> bottle.HTTPResponse | None:
        """What a protected page answers instead of itself, or None."""
        trouble = self.trouble
        if trouble.page_status is not None or trouble.page_html is not None:
            status = trouble.page_status or 200
            return later(answer(_other_page(trouble), status), trouble.retry_after)
        kind = trouble.challenged("page")
        if kind and vendor_frame(kind):
            return answer(challenge_page(kind, self._here()), 403)
        if self.site.logged_out(bottle.request.cookies):
            return redirect("/login?redirect_url=" + quote(self._here(), safe=""))
        if kind in ("airlock_page", "airlock_420", "airlock_401"):
            airlock_id = secrets.token_hex(8)
            self._after_airlock[airlock_id] = self._here()
            return redirect("/airlock?al_id=" + airlock_id)
        if kind == "recaptcha":
            return answer(challenge_page("recaptcha", self._here()))
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
            "worker": self.trouble.service_worker,
            "greedy": self.trouble.greedy_page,
            "switches": site.page_switches(),
        }

    def old_inbox(self) -> bottle.HTTPResponse:
        threads = self.site.world.inbox()
        return redirect(INBOX_PATH + (f"/{threads[0].number}" if threads else ""))

    # -- login and challenges -----------------------------------------------------

    def login(self) -> bottle.HTTPResponse:
        wanted = _local(bottle.request.query.redirect_url)
        return answer(html("login.html", redirect_url=wanted))

    def logged_in(self) -> bottle.HTTPResponse:
        """Name and password, and the code that they lead to where there is one."""
        given, wanted = bottle.request.forms, self.trouble
        to = _local(given.redirect_url)
        if "code" not in given and wanted.password not in (None, given.password):
            return answer(html("login.html", redirect_url=to))
        if wanted.login_code not in (None, given.code):
            return answer(html("code.html", redirect_url=to))
        self.trouble.logged_out = False
        session = secrets.token_hex(16)
        self.site.sessions.add(session)
        response = redirect(_local(bottle.request.forms.redirect_url), 303)
        for name in SESSION_COOKIES:  # session cookies: gone with the browser
            response.set_cookie(name, session, path="/", httponly=True)
        return response

    def airlock(self) -> bottle.HTTPResponse:
        back = self._after_airlock.get(bottle.request.query.al_id, INBOX_PATH)
        return answer(challenge_page("airlock_page", back))

    @staticmethod
    def challenge(kind: str) -> bottle.HTTPResponse:
        """For a page that is open when its send is answered by a challenge."""
        return answer(challenge_html(kind, INBOX_PATH))

    def solve(self) -> bottle.HTTPResponse:
        """The button of every challenge: a person was here."""
        self.trouble.challenge = None
        return redirect(_local(bottle.request.forms.back), 303)
