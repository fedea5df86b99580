"""The simulated /api/v3: two reads, the send, the read mark, and their troubles.

Facts: airbnb-web.md of 2026-11, sections 3.1 to 3.3, 6 and 7. Not attested, so made up
here: the answers of the two mutations.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import bottle

from airbot.sandbox import shapes
from airbot.sandbox.content import changed
from airbot.sandbox.messages import message_node
from airbot.sandbox.operations import FILTERS
from airbot.sandbox.operations import INBOX
from airbot.sandbox.operations import MARK_READ
from airbot.sandbox.operations import MUTATIONS
from airbot.sandbox.operations import READS
from airbot.sandbox.operations import SEND
from airbot.sandbox.operations import THREAD
from airbot.sandbox.responses import airlock_401
from airbot.sandbox.responses import airlock_420
from airbot.sandbox.responses import answer
from airbot.sandbox.responses import challenge_page
from airbot.sandbox.responses import errors
from airbot.sandbox.responses import html
from airbot.sandbox.responses import later
from airbot.sandbox.responses import refusal
from airbot.sandbox.server import CutConnection
from airbot.sandbox.state import INBOX_PATH
from airbot.sandbox.state import SiteState
from airbot.sandbox.trouble import ThreadTrouble
from airbot.sandbox.trouble import vendor_frame
from airbot.sandbox.world import Message
from airbot.sandbox.world import Thread

Json = dict[str, Any]

_HTML = "<!doctype html><html><head><title>Airbnb</title></head><body>…</body></html>"


def _arguments() -> Json:
    """operationName, variables, extensions: from the query, or from a POST's JSON."""
    try:
        if bottle.request.method == "POST":
            asked = json.loads(bottle.request.body.read())
        else:
            query = bottle.request.query.decode()
            asked = {k: json.loads(query[k]) for k in ("variables", "extensions")}
    except (ValueError, KeyError):
        raise errors(400, "Bad request") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("variables"), dict):
        raise errors(400, "Bad request")
    return asked


def thread_number(global_or_numeric: Any) -> str | None:
    """2470000001 from "2470000001" or from base64 of "MessageThread:2470000001"."""
    text = str(global_or_numeric)
    if text.isdecimal():
        return text
    try:
        kind, _, number = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return number if kind == "MessageThread" and number.isdecimal() else None


def _identifier(variables: Json) -> str | None:
    try:
        return str(variables["messages"][0]["uniqueIdentifier"])
    except (KeyError, IndexError, TypeError):
        return None


def _failure(trouble: ThreadTrouble) -> bottle.HTTPResponse | None:
    status = trouble.api_status
    if status is None and not trouble.html_on_api:
        return None
    failed = errors(status or 200, "Request failed")
    if trouble.html_on_api:
        failed = answer(_HTML, status or 200)
    return later(failed, trouble.retry_after)


def _named(message: Message, names: str | None) -> list[Json]:
    """The message of a send as the answer to that has it."""
    if names == "uuid":
        return [{"__typename": "Message", "uuid": message.uuid}]
    return [] if names == "nothing" else [message_node(message)]


class Api:
    """Answers /api/v3/<operation>/<hash> for one site."""

    def __init__(self, site: SiteState) -> None:
        self.site = site
        self._troubled: dict[str, str | int | None] = {}  # by uniqueIdentifier
        self._verbs = {
            INBOX: self._inbox,
            THREAD: self._thread,
            FILTERS: self._filters,
            SEND: self._send,
            MARK_READ: self._mark_read,
        }

    def add_routes(self, app: bottle.Bottle) -> None:
        app.route("/api/v3/<operation>/<sha>", ["GET", "POST"], self.call)

    def call(self, operation: str, sha: str) -> bottle.HTTPResponse:
        note = bottle.request.environ["sandbox.request"]
        note.operation = operation
        try:
            response = self._call(operation, sha, note)
        except bottle.HTTPResponse as raised:
            response = raised
        # what an open page must know of the switches, since it is not loaded anew
        switches = json.dumps(self.site.page_switches())
        response.set_header("X-Sandbox-Switches", switches)
        if operation in (INBOX, THREAD) and self.site.trouble.cache_s:
            kept = f"private, max-age={self.site.trouble.cache_s}"
            response.set_header("Cache-Control", kept)
        return response

    def _call(self, operation: str, sha: str, note: Any) -> bottle.HTTPResponse:
        asked = _arguments()
        variables = asked["variables"]
        note.thread_number = self._named_thread(variables)
        note.unique_identifier = _identifier(variables)
        trouble = self._general_trouble(operation, note.thread_number)
        if trouble is not None:
            return trouble
        if not bottle.request.get_header("x-airbnb-api-key"):
            return errors(400, "invalid_key")
        stale = self.site.trouble.stale_hash
        if stale or self.site.hashes.get(operation) != sha:
            return errors(
                400, "PersistedQueryNotFound", code="persisted_query_not_found"
            )
        if operation in MUTATIONS and bottle.request.method != "POST":
            return errors(405, "Method not allowed")
        failing = None if operation in READS else self.site.failing(operation)
        return answer(failing) if failing else self._verbs[operation](variables)

    @staticmethod
    def _named_thread(variables: Json) -> str | None:
        request = variables.get("request")
        inner = request.get("threadId") if isinstance(request, dict) else None
        named = variables.get("globalThreadId") or variables.get("messageThreadId")
        return thread_number(named or inner)

    def _general_trouble(
        self, operation: str, number: str | None
    ) -> bottle.HTTPResponse | None:
        thread = self.site.world.threads.get(number or "")
        concerned = self.site.concerned(operation, thread)
        for trouble in concerned:
            if trouble.hang or trouble.slow_s:
                self.site.wait(None if trouble.hang else trouble.slow_s)
        answers = [self._shut(operation), *map(_failure, concerned)]
        return next((found for found in answers if found is not None), None)

    def _shut(self, operation: str) -> bottle.HTTPResponse | None:
        """What a session gets that is over, or is to pass a check."""
        trouble, site = self.site.trouble, self.site
        kind = trouble.challenged("send" if operation == SEND else "api")
        if kind and vendor_frame(kind):
            return answer(challenge_page(kind, INBOX_PATH), 403)
        away = site.logged_out(bottle.request.cookies)
        if away and trouble.logged_out_api != "ok":
            if trouble.logged_out_api == "html":
                return answer(html("login.html", redirect_url=INBOX_PATH))
            return errors(401, "Unauthorized")
        if kind == "airlock_420":
            return airlock_420(site.host.id)
        return airlock_401() if kind else None

    # -- reads ----------------------------------------------------------------

    def _inbox(self, variables: Json) -> bottle.HTTPResponse:
        tags = variables.get("threadTagFilters") or []
        cursor = variables.get("beforeCursor")
        try:
            shapes.rank_of(cursor)
        except (ValueError, KeyError, TypeError):
            return errors(400, "Bad cursor")
        body = self.site.list_json(
            cursor,
            int(variables.get("numRequestedThreads") or 15),
            int(variables.get("numPriorityThreads") or 0),
            any(tag.get("userThreadTagName") == "unread" for tag in tags),
        )
        return answer(body)

    def _found(self, variables: Json) -> Thread | None:
        thread = self.site.world.threads.get(self._named_thread(variables) or "")
        return thread if thread and thread.shown else None

    def _thread(self, variables: Json) -> bottle.HTTPResponse:
        thread = self._found(variables)
        named = str(variables.get("globalThreadId"))
        if thread is None or named != thread.id:
            return answer(shapes.thread_not_found())
        limit = int(variables.get("numRequestedMessages") or 50)
        return answer(self.site.thread_json(thread, limit, self.site.take_opening()))

    def _filters(self, variables: Json) -> bottle.HTTPResponse:
        unread = len(self.site.world.inbox(unread_only=True))
        names = ("all", "hosting", "traveling", "support")
        filters = [
            {"id": name, "title": name.title(), "unreadCount": unread} for name in names
        ]
        config = {"inboxFiltersConfig": {"filters": filters}}
        return answer(shapes.enveloped({"viewer": {"messagingInbox": config}}))

    # -- mutations ------------------------------------------------------------

    def _mark_read(self, variables: Json) -> bottle.HTTPResponse:
        thread = self._found(variables)
        if thread is None:
            return errors(404, "Thread not found")
        thread.unread = False
        self.site.fire("thread_opened", thread)
        return answer(shapes.enveloped({"createLastMessageRead": {"success": True}}))

    def _send(self, variables: Json) -> bottle.HTTPResponse:
        thread = self._found(variables)
        try:
            (message,) = variables["messages"]
            text = message["content"]["textContent"]["body"]
            identifier = message["uniqueIdentifier"]
        except (KeyError, TypeError, ValueError):
            return errors(400, "Bad message")
        if thread is None or not isinstance(text, str) or not text.strip():
            return errors(400, "Bad message")
        with self.site.world.lock:  # a resend by the browser meets the same trouble
            if identifier not in self._troubled:
                self._troubled[identifier] = self.site.take_send(thread)
        return self._take(thread, text, identifier, self._troubled[identifier])

    def _take(
        self, thread: Thread, text: str, identifier: str, trouble: str | int | None
    ) -> bottle.HTTPResponse:
        if trouble in ("refuse", "refuse_200"):
            return refusal(text, 400 if trouble == "refuse" else 200)
        if isinstance(trouble, int):
            return self._send_status(trouble)
        if trouble == "swallow":
            return answer({"data": {}})
        how = self.site.trouble_of(thread)
        if trouble == "late":
            self.site.wait(how.slow_send_s)
        message = self._stored(thread, text, identifier, trouble)
        if how.slow_send_s and trouble != "late":
            self.site.wait(how.slow_send_s)
        if trouble == "lose_answer":
            raise CutConnection
        created = {
            "__typename": "CreateBulkMessagesResponse",
            "messages": _named(message, how.send_names),
        }
        return answer(shapes.enveloped({"createBulkMessages": created}))

    def _stored(
        self, thread: Thread, text: str, identifier: str, trouble: str | None
    ) -> Message:
        how = self.site.trouble_of(thread)
        self.site.fire("before_send_taken", thread)
        message = self.site.world.post(
            thread,
            how.send_as or self.site.host,
            changed(text, trouble, how.placeholder),
            unique_identifier=identifier,
            stored=trouble != "swallow_ok",
        )
        self.site.fire("after_send_taken", thread)
        return message

    def _send_status(self, status: int) -> bottle.HTTPResponse:
        if status == 420:
            return airlock_420(self.site.host.id)
        return later(errors(status, "Request failed"), self.site.trouble.retry_after)
