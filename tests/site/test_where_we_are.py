"""What the inbox shows in place of the inbox, in a real Chromium: which of the five.

The pages here are bare ones, apart from those of the simulated Airbnb: written from the
facts alone, with a status, an address or an element, and words that mean nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.airbot_process import wait_for

from airbot.airbnb import Airbnb
from airbot.airbnb import loading
from airbot.airbnb import reader
from airbot.browser import Browser
from airbot.exceptions import ChallengeShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteError
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import SlowDown
from airbot.sandbox import api
from airbot.sandbox.responses import answer
from airbot.sandbox.server import SiteServer
from airbot.sandbox.site import AirbnbSite

pytestmark = pytest.mark.browser

INBOX = "/hosting/messages"
WORDS = (
    "<header>Robot Captcha Villa · identity verified</header>"
    "<footer>Log in · Please verify that you're human · suspicious activity · "
    "Security check · Confirm it's you</footer>"
)
CHALLENGES = {
    "arkose frame": '<iframe title="Verification challenge"></iframe>',
    "arkose frame, labelled": '<iframe aria-label="Verification challenge"></iframe>',
    "arkose by its address": (
        '<iframe src="https://airbnb-api.arkoselabs.com/v2/e.html"></iframe>'
    ),
    "arkose enforcement": (
        '<div data-e2e="enforcement-frame" class="show active">Contrôle</div>'
    ),
    "recaptcha": '<iframe src="https://www.google.com/recaptcha/api2/anchor"></iframe>',
    "recaptcha pictures": (
        '<iframe src="https://www.google.com/recaptcha/api2/bframe?k=x"></iframe>'
    ),
    "recaptcha of enterprises": (
        '<iframe src="https://www.google.com/recaptcha/enterprise/anchor"></iframe>'
    ),
    "airlock inline": '<div id="airlock-inline-container">Code</div>',
    "airlock heading": '<h1 aria-labelledby="user-challenges-title">Bonjour</h1>',
    "airlock choice": '<label for="aov_select_friction_sms">SMS</label>',
    "airlock code": '<input id="airlock-code-input_1">',
}
# Of who stands before Airbnb, on a refused page; invented after the vendors' own.
REFUSALS = {
    "datadome's frame": (
        '<iframe src="https://geo.captcha-delivery.com/captcha/?cid=x"></iframe>'
    ),
    "datadome's script": '<script src="https://ct.captcha-delivery.com/c.js"></script>',
    "datadome's tag": '<script src="https://js.datadome.co/tags.js"></script>',
    "human": '<div id="px-captcha"></div>',
    "human's script": '<script>window._pxAppId = "PX0";</script>',
    "human's other host": '<script src="https://captcha.px-cdn.net/PX0/c.js"></script>',
    "arkose": '<script src="https://client-api.arkoselabs.com/v2/k/api.js"></script>',
    "hcaptcha": '<script src="https://js.hcaptcha.com/1/api.js"></script>',
    "cloudflare": '<script src="/cdn-cgi/challenge-platform/h/g/orchestrate"></script>',
    "imperva": '<iframe src="/_Incapsula_Resource?CWUDNSAI=9"></iframe>',
    "aws": '<script src="https://x.captcha-sdk.awswaf.com/j.js"></script>',
    "recaptcha": '<script src="https://www.google.com/recaptcha/api.js"></script>',
    "akamai": '<iframe src="/_sec/cp_challenge/ak-challenge-4-3.htm"></iframe>',
}
AS_JSON = {
    "datadome": {"url": "https://geo.captcha-delivery.com/captcha/?initialCid=x"},
    "human": {"appId": "PX0", "blockScript": "/x/captcha/captcha.js?a=c"},
}
LOGINS = {
    "phone or email": '<input id="phone-or-email">',
    "continue with email": '<b data-testid="social-auth-button-email">E</b>',
    "email": '<input data-testid="email-login-email">',
    "password": '<input data-testid="email-signup-password">',
    "older email": '<input name="user[email]">',
    "older password": '<input name="password" type="password">',
    "submit": '<button data-testid="signup-login-submit-btn">Go</button>',
    "code": '<input id="otp-code-input">',
    "one-time code": '<input autocomplete="one-time-code">',
    "older code": '<input name="codeinput-0">',
    "another way": '<button data-testid="fallback-option-email-otp">x</button>',
}
HIDDEN = {
    "an invisible badge": (
        '<div class="grecaptcha-badge"><iframe '
        'src="https://www.google.com/recaptcha/api2/anchor?size=invisible"></iframe>'
    ),
    "a frame that waits": (
        '<div style="visibility: hidden; position: absolute; top: -10000px">'
        '<iframe src="https://www.google.com/recaptcha/api2/bframe"></iframe></div>'
    ),
    "an enforcement frame that is not shown": (
        '<iframe data-e2e="enforcement-frame" style="display:none"></iframe>'
    ),
    "a login form that is not shown": '<p hidden><input name="password"></p>',
}


class Bare:
    """A site of one page at every address, and of other answers where they are set."""

    def __init__(self) -> None:
        self.status, self.page, self.headers = "200 OK", WORDS, dict[str, str]()
        self.at: dict[str, tuple[str, str, dict[str, str]]] = {}
        self.asked: list[str] = []
        self.server = SiteServer(self._answer, "127.0.0.1", 0, lambda: 0.0)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _answer(
        self, environ: dict[str, Any], start: Callable[..., Any]
    ) -> list[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        here = (self.status, self.page, self.headers)
        status, page, headers = self.at.get(path, here)
        start(status, [("Content-Type", "text/html; charset=utf-8"), *headers.items()])
        return [f"<!doctype html><body>{page}".encode() if page else b""]


@pytest.fixture
def bare() -> Iterator[Bare]:
    bare = Bare()
    bare.server.start()
    yield bare
    bare.server.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PAGE_TIMEOUT_S", 3.0)
    monkeypatch.setattr(loading, "LOOK_EVERY_S", 0.05)


def meets(browser: Browser, url: str) -> SiteError:
    with pytest.raises(SiteError) as raised:
        Airbnb(browser, url).open_inbox()
    return raised.value


# A page


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden"])
@pytest.mark.parametrize("kind", CHALLENGES)
def test_a_check_for_humans_is_one_whatever_its_status(
    bare: Bare, browser: Browser, kind: str, status: str
) -> None:
    bare.status, bare.page = status, WORDS + CHALLENGES[kind]
    assert isinstance(meets(browser, bare.url), ChallengeShown)


@pytest.mark.parametrize("kind", LOGINS)
def test_a_login_form_at_the_inboxs_own_address_is_a_login(
    bare: Bare, browser: Browser, kind: str
) -> None:
    bare.page = WORDS + LOGINS[kind]
    assert isinstance(meets(browser, bare.url), LoginRequired)


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_is_not_shown_is_neither_and_the_missing_part_is_named(
    bare: Bare, browser: Browser, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(reader, "PAGE_TIMEOUT_S", 0.5)
    bare.page = WORDS + HIDDEN[kind]
    trouble = meets(browser, bare.url)
    assert isinstance(trouble, SiteChanged)
    assert "ViaductInboxData" in str(trouble)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/login?redirect_url=%2Fhosting%2Fmessages", LoginRequired),
        ("/signup", LoginRequired),
        ("/authenticate", LoginRequired),
        ("/?has_logged_out=1", LoginRequired),
        ("/airlock?al_id=5e1", ChallengeShown),
    ],
)
def test_where_the_inbox_leads_to_says_what_it_is(
    bare: Bare, browser: Browser, path: str, error: type[SiteError]
) -> None:
    bare.at[INBOX] = ("302 Found", "", {"Location": path})
    assert isinstance(meets(browser, bare.url), error)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("401 Unauthorized", LoginRequired),
        ("420 Enhance Your Calm", ChallengeShown),
        ("403 Forbidden", SlowDown),
        ("429 Too Many Requests", SlowDown),
        ("500 Internal Server Error", SiteUnavailable),
        ("503 Service Unavailable", SiteUnavailable),
        ("404 Not Found", SiteChanged),
        ("410 Gone", SiteChanged),
    ],
)
@pytest.mark.parametrize("page", [WORDS, ""], ids=["words", "empty"])
def test_a_status_says_what_it_is_whatever_the_words(
    bare: Bare, browser: Browser, status: str, error: type[SiteError], page: str
) -> None:
    bare.status, bare.page, bare.headers = status, page, {"Retry-After": "77"}
    trouble = meets(browser, bare.url)
    assert type(trouble) is error
    if isinstance(trouble, SiteUnavailable):
        assert trouble.retry_after_s == 77


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_403_of_a_vendors_is_a_check_for_humans(
    bare: Bare, browser: Browser, kind: str
) -> None:
    bare.status, bare.page = "403 Forbidden", WORDS + REFUSALS[kind]
    assert isinstance(meets(browser, bare.url), ChallengeShown)


@pytest.mark.parametrize("status", ["429 Too Many", "405 Not Allowed"])
def test_so_is_another_status_of_theirs(
    bare: Bare, browser: Browser, status: str
) -> None:
    bare.status, bare.page = status, WORDS + REFUSALS["human"]
    assert isinstance(meets(browser, bare.url), ChallengeShown)


def test_a_site_that_rests_is_unavailable_whoever_stands_before_it(
    bare: Bare, browser: Browser
) -> None:
    bare.status = "503 Service Unavailable"
    bare.page = WORDS + REFUSALS["datadome's tag"] + REFUSALS["recaptcha"]
    assert type(meets(browser, bare.url)) is SiteUnavailable
    bare.page += REFUSALS["datadome's frame"].replace("<iframe", "<iframe hidden")
    assert isinstance(meets(browser, bare.url), ChallengeShown)


@pytest.mark.parametrize("kind", ["maintenance", "unknown"])
@pytest.mark.parametrize(
    ("status", "error"), [(None, SiteChanged), (503, SiteUnavailable)]
)
def test_maintenance_and_unknown_pages_ask_for_no_person(
    site: AirbnbSite,
    airbnb: Airbnb,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    status: int | None,
    error: type[SiteError],
) -> None:
    monkeypatch.setattr(reader, "PAGE_TIMEOUT_S", 0.5)
    site.trouble.page_html, site.trouble.page_status = kind, status
    with pytest.raises(SiteError) as raised:
        airbnb.open_inbox()
    assert type(raised.value) is error


def test_a_page_that_goes_to_the_login_when_its_question_is_refused_is_a_login(
    bare: Bare, browser: Browser
) -> None:
    question = "/api/v3/ViaductInboxData/0a?operationName=ViaductInboxData"
    bare.page = f"""{WORDS}<script>
        fetch("{question}").then(() => location.replace("/login?redirect_url=x"));
    </script>"""
    bare.at["/api/v3/ViaductInboxData/0a"] = ("401 Unauthorized", WORDS, {})
    bare.at["/login"] = ("200 OK", WORDS, {})
    assert isinstance(meets(browser, bare.url), LoginRequired)


@pytest.mark.parametrize("path", ["/airlock?al_id=1", "/login"])
def test_a_page_that_leaves_before_it_has_asked_says_where_it_went(
    bare: Bare, browser: Browser, path: str
) -> None:
    bare.at[INBOX] = ("200 OK", f"<script>location = '{path}'</script>", {})
    error = LoginRequired if path == "/login" else ChallengeShown
    assert isinstance(meets(browser, bare.url), error)


def test_a_site_that_takes_the_question_and_never_answers_is_unavailable(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PAGE_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        trouble = meets(browser, f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert isinstance(trouble, SiteUnavailable)
    assert "timed out" in str(trouble)


# An answer of the API


@pytest.fixture
def opened(site: AirbnbSite, airbnb: Airbnb) -> Airbnb:
    site.poll_s = 60
    site.guest_writes(site.add_thread("Maya"), "Is parking free?")
    airbnb.open_inbox()
    return airbnb


@pytest.mark.parametrize("kind", [*CHALLENGES, *LOGINS])
def test_a_page_in_place_of_json_is_looked_at(
    site: AirbnbSite, opened: Airbnb, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    page = CHALLENGES.get(kind) or LOGINS[kind]
    monkeypatch.setattr(api, "_HTML", f"<!doctype html><body>{WORDS}{page}")
    site.trouble.html_on_api = True
    with pytest.raises(ChallengeShown if kind in CHALLENGES else LoginRequired):
        opened.read_inbox()


@pytest.mark.parametrize("kind", [*REFUSALS, *AS_JSON])
def test_a_403_of_a_vendors_in_place_of_json_is_a_check_for_humans(
    site: AirbnbSite, opened: Airbnb, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    page = AS_JSON.get(kind) or WORDS + REFUSALS[kind]
    monkeypatch.setattr(api, "_failure", lambda _: answer(page, 403))
    with pytest.raises(ChallengeShown):
        opened.read_inbox()


@pytest.mark.parametrize("what", ["page", "list", "conversation"])
def test_the_site_s_own_vendor_blocks_both(
    site: AirbnbSite, opened: Airbnb, what: str
) -> None:
    site.trouble.challenge = "datadome"
    (thread,) = site.world.inbox()
    verbs_of: dict[str, Callable[[], object]] = {
        "page": lambda: opened.open_thread(thread.id),
        "list": opened.read_inbox,
        "conversation": lambda: opened.read_thread(thread.id),
    }
    with pytest.raises(ChallengeShown):
        verbs_of[what]()


@pytest.mark.parametrize("kind", ["data", "field"])
def test_a_part_of_the_site_that_is_out_is_tried_again_soon(
    site: AirbnbSite, opened: Airbnb, kind: str
) -> None:
    site.trouble.api_errors = kind
    with pytest.raises(SiteUnavailable, match="errors"):
        opened.read_inbox()
    site.clear_trouble()
    assert opened.read_inbox().threads


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_that_page_does_not_show_is_neither(
    site: AirbnbSite, opened: Airbnb, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(api, "_HTML", f"<!doctype html><body>{WORDS}{HIDDEN[kind]}")
    site.trouble.html_on_api = True
    with pytest.raises(SiteChanged, match="JSON in the answer to ViaductInboxData"):
        opened.read_inbox()


@pytest.mark.parametrize(
    ("switch", "value", "error"),
    [
        ("logged_out", True, LoginRequired),
        ("challenge", "airlock_page", ChallengeShown),
        ("challenge", "recaptcha", ChallengeShown),
    ],
)
def test_an_empty_shell_in_place_of_json_is_asked_for_as_a_page(
    site: AirbnbSite, opened: Airbnb, switch: str, value: object, error: type[SiteError]
) -> None:
    site.trouble.html_on_api, site.trouble.logged_out_api = True, "ok"
    setattr(site.trouble, switch, value)
    with pytest.raises(error):
        opened.read_inbox()


# Another country


COUNTRY = "www.airbnb.zz"  # Chromium wants TLS of those that there are


@pytest.fixture
def traveller(browser: Browser, site: AirbnbSite, tmp_path: Path) -> Iterator[Browser]:
    """A browser that finds the country's host on this machine, and no other."""
    browser.close()
    rules = f"MAP {COUNTRY} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    origin = f"http://{COUNTRY}:{site.url.rpartition(':')[2]}"
    arguments = (
        f"--host-resolver-rules={rules}",
        f"--unsafely-treat-insecure-origin-as-secure={origin}",  # as https would be
    )
    own = Browser(tmp_path / "profile", arguments=arguments)
    yield own
    own.close()


def move(site: AirbnbSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the site sends everybody to its host in another country."""
    real = site._app.__class__.__call__
    port = site.url.rpartition(":")[2]

    def moved(app: Any, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ.get("HTTP_HOST", "").startswith(COUNTRY):
            return real(app, environ, start)
        query = environ["QUERY_STRING"]
        path = environ["PATH_INFO"] + (f"?{query}" if query else "")
        location = f"http://{COUNTRY}:{port}{path}"
        start("302 Found", [("Location", location)])
        return [b""]

    monkeypatch.setattr(site._app.__class__, "__call__", moved)


def test_a_move_to_a_country_domain_is_no_fault_of_a_page(
    site: AirbnbSite, traveller: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = site.add_thread("Maya")
    site.guest_writes(thread, "Is parking free?")
    move(site, monkeypatch)
    airbnb = Airbnb(traveller, site.url)
    airbnb.open_thread(thread.id)
    with traveller.job("looking", 5):
        assert COUNTRY in traveller.tab.address()
    assert airbnb.read_inbox().threads
    airbnb.type_reply("Yes.")
    airbnb.check_typed(thread.id, "Yes.")
    airbnb.press_send()
    assert [m.text for m in site.posted()] == ["Yes."]


def test_a_move_to_a_country_domain_is_no_fault_of_an_answer(
    site: AirbnbSite, traveller: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = site.add_thread("Maya")
    site.guest_writes(thread, "Is parking free?")
    airbnb = Airbnb(traveller, site.url)
    airbnb.open_inbox()
    move(site, monkeypatch)
    assert airbnb.read_inbox().threads
    assert airbnb.read_thread(thread.id).messages
    with traveller.job("looking", 5):
        assert COUNTRY in traveller.tab.address()


# A stranger's frame in Airbnb's page


LIES = """<script>
    const ask = (name, init) => fetch(
        `STRANGER/api/v3/${name}/0a?operationName=${name}`, {mode: "no-cors", ...init});
    const variables = encodeURIComponent('{"globalThreadId": "THREAD"}');
    setInterval(() => ask("ViaductInboxData"), 20);
    setInterval(() => ask(`ViaductGetThreadAndDataQuery/?variables=${variables}`), 20);
    addEventListener(
        "click", () => ask("CreateMessageViaductMutation", {method: "POST"}), true);
</script>"""


def test_what_a_frame_asks_a_stranger_is_no_question_of_airbnbs(
    site: AirbnbSite, airbnb: Airbnb, bare: Bare, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = site.add_thread("Maya")
    site.guest_writes(thread, "Is parking free?")
    bare.status, bare.page = "401 Unauthorized", "no"
    lies = LIES.replace("STRANGER", bare.url).replace("THREAD", thread.id)
    real = site._app.__class__.__call__

    def lied(app: Any, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        added = [lies.encode()] if environ["PATH_INFO"].startswith(INBOX) else []
        return [*real(app, environ, start), *added]

    monkeypatch.setattr(site._app.__class__, "__call__", lied)
    reading = airbnb.open_thread(thread.id)
    assert [message.body for message in reading.messages] == ["Is parking free?"]
    airbnb.type_reply("Yes.")
    outcome = airbnb.press_send()
    assert (outcome.requested, outcome.refused) == (True, False)
    assert [m.text for m in site.posted()] == ["Yes."]

    def all_lies_were_told() -> bool:
        asked = (path for path in bare.asked if path.startswith("/api/v3"))
        return len({path.split("/")[3] for path in asked}) == 3

    wait_for(all_lies_were_told)  # the last one leaves while Send is pressed
