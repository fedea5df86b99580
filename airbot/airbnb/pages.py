"""Airbnb's pages as of 2026-04 to 2026-09: addresses, markup, and where we are.

Test ids and structure, never words: labels change with the account's language, and
"robot" or "verify" stand in every footer.
"""

from __future__ import annotations

import json
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

from airbot.airbnb.hosts import is_airbnb
from airbot.airbnb.shapes import is_number
from airbot.exceptions import ChallengeShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import SlowDown
from airbot.models import utcnow

# 1. Addresses: paths. Whose host it is, hosts.py knows.

INBOX_PATH = "/hosting/messages"
THREAD_PATH = re.compile(r"/hosting/messages/(\d+)/?")
LOGIN_PATH = re.compile(r"/(login|signup|signup_login|authenticate)(/.*)?")
CHALLENGE_PATH = re.compile(r"/airlock(/.*)?")

API_PATH = re.compile(r"/api/v3/([A-Za-z]+)(/|$)")
LIST_QUERY = "ViaductInboxData"  # seen 2023 to 2026-09
THREAD_QUERY = "ViaductGetThreadAndDataQuery"  # seen 2023 to 2026-09
SEND_MUTATIONS = frozenset(
    {
        "CreateBulkMessagesMutation",  # 2025-12 to 2026-07
        "CreateMessageViaductMutation",  # 2023 to 2024
        "ThreadCreateMessageItem",  # until 2022
    }
)
# Posts that are not messages: read receipts, typing, sync, telemetry by name.
OTHER_MUTATIONS = re.compile(
    r"CreateLastMessageRead|CreateInstantEvent|SyncProtocol|CreateWebsocket|Fetch|Get"
)

# 2. Markup

COMPOSER_ID = '[data-testid="messaging-composebar"]'  # both eras, until 2026-09
# The test id is on the box itself or, in 2026, on an ancestor of it.
COMPOSER = ", ".join(
    (
        f"textarea{COMPOSER_ID}",
        f'[contenteditable]:not([contenteditable="false"]){COMPOSER_ID}',
        f"{COMPOSER_ID}:not(textarea):not([contenteditable]) textarea",
        f"{COMPOSER_ID}:not(textarea):not([contenteditable]) "
        '[contenteditable]:not([contenteditable="false"])',
    )
)
SEND_BUTTON = '[data-testid="messaging_compose_bar_send_button"]'  # 2023 to 2026-09
MESSAGE_ITEMS = '[data-testid="message-list"] [role="group"][data-item-id]'

# What only a challenge shows (Arkose, reCAPTCHA, Airlock) and only a login form has.
# The scripts and frames of both lie hidden in ordinary pages: only what is visible
# counts, and an invisible reCAPTCHA is a badge.
CHALLENGE = (
    '[data-e2e="enforcement-frame"]',
    'iframe[title="Verification challenge"]',
    'iframe[aria-label="Verification challenge"]',
    'iframe[src*="arkoselabs.com"]',
    'iframe[src*="/recaptcha/"][src*="/anchor"]:not([src*="size=invisible"])',
    'iframe[src*="/recaptcha/"][src*="/bframe"]',
    "#airlock-inline-container",
    '[aria-labelledby*="user-challenges"]',
    'label[for*="aov_select_friction"]',
    'input[id*="airlock-code-input"]',
    'iframe[src*="captcha-delivery.com"]',
    'iframe[src*="hcaptcha.com"]:not([src*="size=invisible"])',
    'iframe[src*="challenges.cloudflare.com"]',
    "#px-captcha",
)
# Who stands before a site and refuses requests with such checks: DataDome, Arkose,
# HUMAN, hCaptcha, Cloudflare, GeeTest, Imperva, AWS, reCAPTCHA, Akamai. Their scripts
# lie in good pages, too: only a refused request's answer is looked through for them.
VENDORS = re.compile(
    r"captcha-delivery\.com|datadome\.co\b|arkoselabs\.com|funcaptcha\.com"
    r"|px-captcha|px-cloud\.net|px-cdn\.net|perimeterx\.net|_pxAppId|\"blockScript\""
    r"|hcaptcha\.com|challenges\.cloudflare\.com|/cdn-cgi/challenge-platform/"
    r"|geetest\.com|_Incapsula_Resource|awswaf\.com|/recaptcha/|/_sec/cp_challenge/"
)
REFUSED = frozenset({403, 405, 429})
# A 503 is as a rule that of a site which rests, and its page has their scripts as well.
VENDORS_FRAME = re.compile(rf"<iframe[^>]*(?:{VENDORS.pattern})")
LOGIN = (
    "#phone-or-email",
    '[data-testid="social-auth-button-email"]',
    '[data-testid="email-login-email"]',
    '[data-testid="signup-login-submit-btn"]',
    '[data-testid="email-signup-password"]',
    '[data-testid="fallback-option-email-otp"]',
    'input[name="user[email]"]',
    'input[name="password"]',
    'input[name^="codeinput"]',
    "#otp-code-input",
    'input[autocomplete="one-time-code"]',
)
# Which of the selectors match: visibly on this page, or at all in a piece of HTML.
LOOK = """
({challenge, login, html}) => {
  let root = document;
  if (html !== null) {
    try { root = new DOMParser().parseFromString(html, 'text/html'); }
    catch (e) { return {challenge: null, login: null}; }  // Trusted Types forbid it
  }
  const hides = e => e.matches('[hidden], .grecaptcha-badge')
    || /display:\\s*none|visibility:\\s*hidden/.test(e.getAttribute('style'));
  const visible = e => {
    if (html !== null) {
      while (e && !hides(e)) e = e.parentElement;
      return !e;
    }
    const box = e.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && box.bottom > 0 && box.right > 0
      && !e.closest('.grecaptcha-badge')
      && e.checkVisibility({checkOpacity: true, checkVisibilityCSS: true});
  };
  const first = all => all.find(s => [...root.querySelectorAll(s)].some(visible));
  return {challenge: first(challenge) || null, login: first(login) || null};
}
"""
# All of a page, to be looked through for VENDORS.
WHOLE_PAGE = "() => document.documentElement.outerHTML"
# Ids of the items in the message list: digits, or -1 for the start. Anything else is a
# bubble that is still on its way.
ITEM_IDS = f"() => [...document.querySelectorAll('{MESSAGE_ITEMS}')]" + (
    ".map(e => e.getAttribute('data-item-id'))"
)


def look_for(html: str | None = None) -> dict[str, Any]:
    """The argument of LOOK."""
    return {"challenge": CHALLENGE, "login": LOGIN, "html": html}


# Statuses of a send's answer that are about the session, not about the message.
NOT_ABOUT_THE_MESSAGE = frozenset({408, 420, 425, 429})

# 3. Where are we?


def operation(url: str) -> str | None:
    """The name of the API call that an address is, whatever its hash."""
    parts = urlsplit(url)
    if "/api/v3" not in parts.path:
        return None
    named = parse_qs(parts.query).get("operationName")
    found = API_PATH.search(parts.path)
    return named[0] if named else found[1] if found else None


def is_send(method: str, url: str) -> bool:
    return method == "POST" and operation(url) in SEND_MUTATIONS


def may_be_send(method: str, url: str) -> bool:
    """Could this request be a message under a name that we do not know?"""
    if method != "POST":
        return False
    name = operation(url)
    return name is not None and not OTHER_MUTATIONS.match(name)


def shown_thread(url: str) -> str | None:
    """The number of the conversation that an address shows."""
    found = THREAD_PATH.fullmatch(urlsplit(url).path)
    return found[1] if found else None


def check_address(url: str, base_url: str) -> None:
    """Airbnb at all? challenge? login? In this order: a stranger's are not Airbnb's."""
    if not is_airbnb(url, base_url):
        raise SiteChanged("the inbox: the page is not Airbnb's")
    parts = urlsplit(url)
    if CHALLENGE_PATH.fullmatch(parts.path):
        raise ChallengeShown("airlock page")
    if LOGIN_PATH.fullmatch(parts.path) or "has_logged_out=" in parts.query:
        raise LoginRequired("Airbnb asks for a login")


def check_marks(marks: dict[str, str | None]) -> None:
    """The same by markup, from the answer of LOOK."""
    if marks["challenge"]:
        raise ChallengeShown(marks["challenge"])
    if marks["login"]:
        raise LoginRequired(f"Airbnb shows a login form ({marks['login']})")


def check_status(status: int | None, what: str, retry_after: str | None = None) -> None:
    """What a status says by itself, of a page or of an API answer."""
    if status == 401:
        raise LoginRequired(f"Airbnb asks for a login (HTTP 401, {what})")
    if status == 420:
        raise ChallengeShown(f"HTTP 420, {what}")
    if status in (403, 429):
        raise SlowDown(f"HTTP {status} for {what}", retry_after_s(retry_after))
    if status is not None and (status in (408, 425) or status >= 500):
        raise SiteUnavailable(f"HTTP {status} for {what}", retry_after_s(retry_after))


def check_refused(status: int | None, text: str, what: str) -> None:
    """Did Airbnb's bot check answer in its place, and ask for a human?"""
    mark = VENDORS if status in REFUSED else VENDORS_FRAME if status == 503 else None
    if mark and mark.search(text):
        raise ChallengeShown(f"HTTP {status}, {what}")


def check_unauthorized(text: str, what: str) -> None:
    """HTTP 401: an airlock answers with a redirect, an ended session without."""
    body = parse(text)
    target = body.get("redirect") if isinstance(body, dict) else None
    if isinstance(body, dict) and "redirect" in body:
        path = urlsplit(target).path if isinstance(target, str) else ""
        if not LOGIN_PATH.fullmatch(path):
            raise ChallengeShown(what)
    raise LoginRequired(f"Airbnb asks for a login (HTTP 401, {what})")


def check_send(status: int | None, text: str, retry_after: str | None) -> None:
    """What the answer to a message says about the session instead."""
    what = "the answer to the message"
    if status == 401:
        check_unauthorized(text, what)
    check_refused(status, text, what)
    data = parse(text)
    if is_airlock(data):
        raise ChallengeShown(what)
    # A 403 that is no JSON is a block of everything, by who stands before Airbnb.
    blocked = status == 403 and not isinstance(data, dict)
    if blocked or status in NOT_ABOUT_THE_MESSAGE:
        check_status(status, what, retry_after)


def is_airlock(body: Any) -> bool:
    """`{"error_code": 420, "client_error_info": {"airlock": {"id": ...}}}`"""
    if not isinstance(body, dict):
        return False
    info = body.get("client_error_info")
    return body.get("error_code") == 420 or isinstance(info, dict) and "airlock" in info


def is_stale(body: Any) -> bool:
    """A question whose hash a new deploy of the site has forgotten."""
    errors = body.get("errors") if isinstance(body, dict) else None
    said = json.dumps(errors or "").lower().replace("_", "")
    return "persistedquerynotfound" in said


# A half of a surrogate pair, as JSON writes it.
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse(text: str) -> Any:
    """JSON, or None where it is something else; every text of the site's comes in here.

    Half an emoji ("\\ud83d" alone) is no character: no database and no log takes it.
    """
    try:
        data = json.loads(text)
        return _mended(data) if SURROGATE.search(text) else data
    except (ValueError, RecursionError):
        return None


def _mended(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(data, list):
        return [_mended(item) for item in data]
    if isinstance(data, dict):
        return {_mended(key): _mended(value) for key, value in data.items()}
    return data


def retry_after_s(value: str | None) -> float | None:
    """`Retry-After: 120`, or a date; None where there is neither."""
    if not value:
        return None
    if is_number(value.strip()):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - utcnow()).total_seconds())


def refusal(status: int | None, body: str | None) -> str | None:
    """The site's refusal of a message, in its words; None when it did not refuse.

    HTTP 4xx, or `{"errors": [{"message": "..."}]}` with any status.
    """
    data = parse(body or "")
    errors = data.get("errors") if isinstance(data, dict) else None
    if status is None or status >= 500:
        return None  # it may have been stored all the same
    if is_stale(data):
        return None  # a new deploy knows the message's question no more
    if not errors and status < 400:
        return None
    first = errors[0] if isinstance(errors, list) and errors else None
    said = first.get("message") if isinstance(first, dict) else None
    words = f": {said[:200]}" if isinstance(said, str) else ""
    return f"Airbnb refused the message (HTTP {status}){words}"
