"""The trouble the simulated Airbnb can make: plain switches, read at every request.

    site.trouble.api_status = 500              everywhere
    site.thread_trouble(thread, held_back=HeldBack(1))      in one conversation
    site.odd("list", callback)                 the list's JSON, changed at will
    site.clear_trouble()                       in good health again

`ThreadTrouble` is what one conversation can have among healthy ones; `Trouble` has the
same fields for all conversations, and what concerns the whole site. A conversation's
own switch goes before the one for all. Facts: airbnb-web.md of 2026-11, sections 3.5,
4.3, 5 to 7 and 10; an answer that lags behind the list's row is not attested.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from airbot.sandbox.world import Account

#: Where a challenge shows when `challenge_on` does not say.
_CHALLENGE_PLACE = {"airlock_420": "api", "airlock_401": "api"}
#: The frames of vendors who block with a 403. DataDome's address is the usual one, the
#: others are invented after their hosts; nothing of them was seen on Airbnb.
_VENDORS = {
    "datadome": "https://geo.captcha-delivery.com/captcha/?initialCid=x&t=fe",
    "human": "https://captcha.px-cloud.net/PX0000/captcha.html",
    "arkose_403": "https://airbnb-api.arkoselabs.com/v2/3.5.0/enforcement.html",
}
_PLACES = {
    "page": {"page"},
    "api": {"api", "send"},
    "send": {"send"},
    "both": {"page", "api", "send"},
}


def vendor_frame(challenge: str | None) -> str | None:
    """The address of the frame in the 403 of a vendor; None for other challenges."""
    given = challenge if challenge and challenge.startswith("https:") else None
    return _VENDORS.get(challenge or "", given)


@dataclass(kw_only=True)
class Counted:
    """What happens `times` times; None: until it is switched off."""

    times: int | None = None
    done: int = 0  # how often it has happened

    def take(self) -> bool:
        """Whether it happens now; counts it."""
        if self.times is not None and self.done >= self.times:
            return False
        self.done += 1
        return True


@dataclass
class HeldBack(Counted):
    """What the answer of a conversation lacks, while the list's row shows the newest.

    HeldBack(2): the answer ends two messages too early and does not say so. HeldBack(2,
    has_newer=True): it says so. HeldBack(times=1): the next answer is empty.
    HeldBack(1, "middle"): the last message but one is missing. HeldBack(of="host"): all
    that the logged-in account wrote is. A page that stands open reads for itself, when
    it is loaded and after a change of the row; these answers are counted as well.
    """

    newest: int | None = None  # how many, the newest first; None: every one
    of: str = "all"  # "all" | "host" | "guest" | "middle" (neither first nor last)
    has_newer: bool = False  # hasNewer "YES"
    on: str | None = None  # "opening" (first after a page load) | "asked" | None: both


#: What an interruption's buttons say when it does not say so itself.
_BUTTONS = {"coachmark": ("Got it",), "toast": ("View",)}


@dataclass
class Interruption(Counted):
    """What comes over the page, or between it and who types: once in each page load.

    Interruption("dialog", times=1): over the first page that is loaded, and no more.
    Interruption("overlay", "typing"): after the first character.
    Interruption("rebuild", "typed", after_s=0.5): half a second after the last one.
    The primary button, the first, has the focus. What was pressed, by mouse or key, is
    in `site.pressed_buttons`.
    """

    #: "dialog" (its showModal()) | "overlay" (a div with aria-modal) | "coachmark"
    #: (small, takes the focus) | "toast" (over Send) | "search" (a box takes the
    #: focus) | "rebuild" (another composer in place of this one)
    kind: str = "dialog"
    #: "load" | "typing" (the box holds `after_chars`) | "typed" (no key for `after_s`)
    #: | "press" (of Send, which then sends nothing)
    when: str = "load"
    after_chars: int = 1
    after_s: float = 0.0
    lasts_s: float = 0.0  # then it goes by itself; 0: it stays
    buttons: tuple[str, ...] = ()
    keeps_text: bool = True  # of "rebuild"

    def of_the_page(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "when": self.when,
            "afterChars": self.after_chars,
            "afterMs": self.after_s * 1000,
            "lastsMs": self.lasts_s * 1000,
            "buttons": self.buttons or _BUTTONS.get(self.kind, ("Continue", "Not now")),
            "keepsText": self.keeps_text,
        }


@dataclass
class ThreadTrouble:
    """One conversation's trouble. The defaults are good health.

    The page sees what concerns its composer when it next shows the conversation.
    """

    held_back: HeldBack | None = None

    # the conversation's query; in `Trouble`, every operation that `api_for` allows
    api_status: int | None = None
    api_errors: str | None = None  # a 200 with errors and no: "data" | "field" of it
    html_on_api: bool = False  # with `api_status` as its status, else 200
    retry_after: str | None = None
    slow_s: float = 0.0
    hang: bool = False  # requests are taken and never answered

    #: "textarea" | "contenteditable" | "wrapped" | "none" (the guest's account is gone,
    #: or the conversation may only be read)
    composer: str | None = None
    composer_after_s: float = 0.0  # it is drawn so much later than the messages
    hidden_box: str | None = None  # a second one: "before" | "after" the one that shows
    send_disabled_for: str | None = None  # Send stays grey: JavaScript's, "https?://"
    interruption: Interruption | None = None

    #: None | "lose_answer" | "swallow" (answers nothing) | "swallow_ok" (names a
    #: message that is nowhere) | "rewrite" (contact details hidden, else the last word)
    #: | "hide" (these alone) | "refuse" | "refuse_200" | "no_request" | "late"
    #: | an HTTP status
    send: str | int | None = None
    send_times: int | None = None  # how many sends `send` applies to, counted down
    slow_send_s: float = 0.0  # stored at once, answered later (with "late": both later)
    placeholder: str | None = None  # of "rewrite" and "hide"; None: English, by kind
    send_as: Account | None = None  # who has sent it then: a co-host, anybody
    send_names: str | None = None  # the answer names: None: all | "uuid" | "nothing"

    def over(self, general: ThreadTrouble) -> ThreadTrouble:
        """This conversation's switches, and where one is off, that for all."""
        names = [field.name for field in fields(ThreadTrouble)]
        both = {name: getattr(self, name) or getattr(general, name) for name in names}
        return ThreadTrouble(**both)

    def take_send(self) -> str | int | None:
        """The trouble of the send that comes in now; counts `send_times` down."""
        if self.send is None or self.send_times is None:
            return self.send
        if self.send_times <= 0:
            return None
        self.send_times -= 1
        return self.send

    def of_the_page(self) -> dict[str, Any]:
        """What the page's script must know, as far as it is switched on."""
        known = {
            "composer": self.composer,
            "composerAfterMs": self.composer_after_s * 1000,
            "hiddenBox": self.hidden_box,
            "sendDisabledFor": self.send_disabled_for,
            "interruption": self.interruption and self.interruption.of_the_page(),
        }
        return {name: value for name, value in known.items() if value}


@dataclass
class Trouble(ThreadTrouble):
    """Set any field at any time. The defaults are a site in good health.

    What concerns the page itself (`composer`, `language`, `markup_gone`,
    `extra_words`, `hang_page`, `greedy_page`) is seen by a page when it loads; what
    concerns the composer and `markup_gone` also at the next thread that it shows.
    """

    composer: str | None = "contenteditable"
    language: str = "en"  # "en" | "fr"
    shape: str = "inboxItems"  # "inboxItems" | "threads" (the older path)
    empty_first_thread_answer: bool = False  # once for each page load
    page_size: int = 15
    priority_rows: int = 2
    extra_words: bool = False  # captcha, robot, verify, login... all over the page

    logged_out: bool = False
    logged_out_api: str = "401"  # "401" | "html" | "ok"
    password: str | None = None  # the one that logs in; None: any
    login_code: str | None = None  # then asked for; None: no code is

    #: None | "airlock_page" | "arkose" | "recaptcha" | "airlock_inline"
    #: | "airlock_420" | "airlock_401" | a 403 with a vendor's frame: "datadome",
    #: "human", "arkose_403" or the frame's address, "https://..." (a 403 without one is
    #: `page_status`, `api_status`)
    challenge: str | None = None
    challenge_on: str | None = None  # "page" | "api" | "send" | "both"

    #: The one operation that api_status, api_errors, html_on_api, slow_s and hang
    #: concern, by its name in operations.py; None: all
    api_for: str | None = None
    page_status: int | None = None
    #: in place of the page, with `page_status` as its status, else 200: "maintenance" |
    #: "unknown" (neither a login nor a challenge) | the HTML itself
    page_html: str | None = None
    stale_hash: bool = False  # ends by itself when a page is loaded anew

    #: From the second page load on, and kept by the browser when the switch is off:
    #: None | "forward" (all requests) | "sends" (for the page, which fetches none)
    #: | "stale" (each read gives the answer before) | "frozen" (the first, for ever)
    service_worker: str | None = None

    cache_s: int = 0  # how long a browser may keep an API answer

    markup_gone: str | None = None  # "composer" | "send_button" | "list" | "all"
    hang_page: bool = False  # the page's script never comes back after the load
    greedy_page: bool = False  # it takes memory without end, 400 MB a second

    def challenged(self, place: str) -> str | None:
        """The kind of challenge shown at `place` ("page", "api", "send"), or None."""
        if self.challenge is None:
            return None
        usual = "both" if vendor_frame(self.challenge) else "page"
        default = _CHALLENGE_PLACE.get(self.challenge, usual)
        places = _PLACES[self.challenge_on or default]
        return self.challenge if place in places else None

    def concerns(self, operation: str) -> bool:
        """Whether the API's troubles apply to this operation."""
        return self.api_for is None or self.api_for == operation
