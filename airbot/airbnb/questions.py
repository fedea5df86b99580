"""The page's own API calls: how they were asked, and what their answers say.

    GET /api/v3/ViaductInboxData/<sha256>?operationName=..&variables={}&extensions={}

Hashes change with every deploy, so a question is never built: it is one that the page
asked, asked again with other variables.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import urlencode
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

from airbot.airbnb import pages
from airbot.airbnb import shapes
from airbot.browser import Answer
from airbot.browser import Exchange
from airbot.exceptions import ChallengeShown
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteUnavailable
from airbot.models import utcnow

# And x-*; the browser adds the rest.
KEPT_HEADERS = frozenset({"accept", "content-type"})


class StaleQuestion(Exception):
    """The site has forgotten this question's hash: load the page anew."""


class NotJson(Exception):
    """A page where JSON was expected: a login, a challenge, or a changed site."""


@dataclass(frozen=True)
class PageQuery:
    """A query as the page asked it."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None

    @classmethod
    def from_exchange(cls, exchange: Exchange) -> PageQuery:
        headers = {
            name: value
            for name, value in exchange.headers.items()
            if name.lower().startswith("x-") or name.lower() in KEPT_HEADERS
        }
        return cls(exchange.method, exchange.url, headers, exchange.body)

    def variables(self) -> dict[str, Any]:
        if self.body is None:
            query = dict(parse_qsl(urlsplit(self.url).query))
            found = pages.parse(query.get("variables", ""))
        else:
            found = shapes.find(pages.parse(self.body), "variables")
        return found if isinstance(found, dict) else {}

    def asking(self, **changed: Any) -> PageQuery:
        """The same question with other variables."""
        variables = {**self.variables(), **changed}
        if self.body is not None:
            asked = pages.parse(self.body)
            if not isinstance(asked, dict):
                raise SiteChanged("JSON in the page's own question")
            body = {**asked, "variables": variables}
            return replace(self, body=json.dumps(body))
        parts = urlsplit(self.url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        query["variables"] = json.dumps(variables, separators=(",", ":"))
        return replace(self, url=urlunsplit(parts._replace(query=urlencode(query))))

    def asked_as(self) -> str | None:
        """The account in the list's own question: `userId` = base64 of Viewer:n."""
        user_id = self.variables().get("userId")
        return shapes.number_of(user_id, "Viewer") if isinstance(user_id, str) else None

    def is_whole_inbox(self) -> bool:
        """Is it the list's first page, neither filtered nor of the archive?"""
        variables = self.variables()
        visibility = variables.get("threadVisibility") or "UNARCHIVED"
        narrowed = ("beforeCursor", "query", "threadTagFilters")
        return visibility == "UNARCHIVED" and not any(map(variables.get, narrowed))

    def asked_for(self) -> str | None:
        """The number of the thread in a thread's question."""
        id_ = self.variables().get("globalThreadId")
        if not isinstance(id_, str):
            return None
        return shapes.number_of(id_, shapes.THREAD_TYPE)


def checked(answer: Answer, operation: str, base_url: str) -> Any:
    """The JSON of an answer; everything else raises what it means."""
    what = f"the answer to {operation}"
    pages.check_address(answer.url, base_url)
    if answer.status == 401:
        pages.check_unauthorized(answer.text, what)
    pages.check_refused(answer.status, answer.text, what)
    data = pages.parse(answer.text)
    if answer.status == 403 and isinstance(data, dict):
        raise SiteUnavailable(f"HTTP 403 for {what}")  # of this question alone
    pages.check_status(answer.status, what, answer.headers.get("retry-after"))
    if pages.is_airlock(data):
        raise ChallengeShown(what)
    if pages.is_stale(data):
        raise StaleQuestion
    if answer.status >= 400:
        raise SiteChanged(f"{what}: HTTP {answer.status}")
    if not isinstance(data, dict):
        raise NotJson(what)
    if data.get("data") is None and data.get("errors"):
        raise SiteUnavailable(f"{what} holds errors and no data")
    if not isinstance(data.get("data"), dict):
        raise SiteChanged(f"data in {what}")
    return data


def site_time(answer: Answer) -> datetime:
    """Airbnb's clock; ours where the answer has no date."""
    try:
        return parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return utcnow()


def last_answered(
    exchanges: list[Exchange], operation: str, number: str | None = None
) -> Exchange | None:
    """The newest answered call of a kind, about that thread where one is named."""
    answered = [exchange for exchange in exchanges if exchange.status is not None]
    return last_asked(answered, operation, number)


def last_asked(
    exchanges: list[Exchange], operation: str, number: str | None = None
) -> Exchange | None:
    """The same, answered or not."""
    for exchange in reversed(exchanges):
        if pages.operation(exchange.url) != operation:
            continue
        if number is None or PageQuery.from_exchange(exchange).asked_for() == number:
            return exchange
    return None


def last_list(exchanges: list[Exchange]) -> Exchange | None:
    """The newest answered reading of the inbox; better one of the whole of it."""
    whole = [e for e in exchanges if PageQuery.from_exchange(e).is_whole_inbox()]
    return last_answered(whole, pages.LIST_QUERY) or last_answered(
        exchanges, pages.LIST_QUERY
    )


def unanswered(exchanges: list[Exchange], operation: str) -> Exception:
    """The error for an answer that a loaded page always gets, and did not get now."""
    for exchange in exchanges:
        if pages.operation(exchange.url) == operation:
            return SiteUnavailable(f"no answer to {operation}")
    return SiteChanged(f"the page's own question {operation}")
