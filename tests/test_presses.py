"""What comes between airbot and its keys, in a real Chromium: nothing else is pressed.

A text is sent whole, once, or not at all; no part of it stays behind in the box; and
no button but Send hears of a key or a click.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes import Desk

from airbot.airbnb import Airbnb
from airbot.airbnb import composer
from airbot.airbnb import site as verbs
from airbot.browser import Browser
from airbot.config import Config
from airbot.daemon.gate import Gate
from airbot.exceptions import DialogShown
from airbot.models import SessionState
from airbot.sandbox.site import AirbnbSite
from airbot.sandbox.trouble import Interruption
from airbot.storage import Storage

pytestmark = pytest.mark.browser

REPLY = "Yes, parking  is free.\n\nSee you\nsoon!"
SETTLE_S = 122

BOXES = "() => [...document.querySelectorAll('.editor')]"
DRAFTS = f"{BOXES}.map(box => box.value ?? box.textContent).join('')"


@pytest.fixture
def desk(
    site: AirbnbSite,
    airbnb: Airbnb,
    storage: Storage,
    make_config: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    monkeypatch.setattr(composer, "PRESS_TIMEOUT_S", 0.4)
    monkeypatch.setattr(composer, "COMPOSER_TIMEOUT_S", 0.7)
    site.poll_s = 60
    return Desk(site, airbnb, storage, make_config())


def nothing_else_was_pressed(desk: Desk, browser: Browser) -> bool:
    """Nor is a word left in the box."""
    with browser.job("looking at the box", 5):
        return desk.site.pressed_buttons == [] and browser.tab.probe(DRAFTS) == ""


def loads(desk: Desk) -> int:
    path = f"/hosting/messages/{desk.thread.number}"
    return [request.path for request in desk.site.requests].count(path)


# A dialog that is there before the typing is the page's


@pytest.mark.parametrize("kind", ["dialog", "overlay"])
def test_a_page_under_a_dialog_is_loaded_anew_and_the_reply_sent(
    desk: Desk, browser: Browser, kind: str
) -> None:
    desk.queue(REPLY)
    desk.site.trouble.interruption = Interruption(kind, times=1)
    before = loads(desk)
    assert desk.later(0).status == "sent"
    assert desk.posted() == [REPLY]
    assert loads(desk) == before + 3  # the last one for the proof
    assert nothing_else_was_pressed(desk, browser)


@pytest.mark.parametrize("kind", ["dialog", "overlay"])
def test_a_dialog_that_stays_keeps_send_alone_waiting(
    desk: Desk, browser: Browser, storage: Storage, kind: str
) -> None:
    desk.queue(REPLY)
    desk.site.trouble.interruption = Interruption(kind)
    before, gate = loads(desk), Gate(storage, browser, desk.clock)
    assert not gate.run("send", desk.sender.run)
    assert (desk.reply().status, desk.reply().attempts) == ("pending", 0)
    assert loads(desk) == before + 2
    desk.guest("And breakfast?")
    assert gate.run("sync", desk.syncer.run)
    assert storage.session.get().state == SessionState.OK
    assert not gate.run("send", desk.sender.run)
    assert loads(desk) == before + 2  # not tried before its time
    assert nothing_else_was_pressed(desk, browser)


def test_a_dialog_over_one_conversation_alone_keeps_no_other_waiting(
    desk: Desk, browser: Browser
) -> None:
    resting = desk.site.add_thread("Noor")
    desk.site.guest_writes(resting, "Thanks!")
    desk.site.host_writes(resting, "With pleasure.")
    desk.queue(REPLY)
    desk.site.thread_trouble(desk.thread, interruption=Interruption("dialog"))
    reply = desk.later(0)
    assert (reply.status, reply.attempts) == ("pending", 1)
    assert reply.last_error == "a dialog lies over Airbnb's page"


# One that opens after the typing has begun is this reply's


@pytest.mark.parametrize(
    ("kind", "after_chars", "box"),
    [
        ("dialog", 1, "textarea"),
        ("overlay", 1, "contenteditable"),
        ("overlay", 12, "textarea"),
        ("dialog", 12, "contenteditable"),
        ("dialog", len(REPLY), "textarea"),
        ("overlay", len(REPLY), "contenteditable"),
    ],
)
def test_a_dialog_that_opens_meanwhile_is_counted_and_leaves_no_draft(
    desk: Desk, browser: Browser, kind: str, after_chars: int, box: str
) -> None:
    desk.site.trouble.composer = box
    desk.queue(REPLY)
    coming = Interruption(kind, "typing", times=1, after_chars=after_chars)
    desk.site.trouble.interruption = coming
    reply = desk.later(0)
    assert (reply.status, reply.attempts, reply.presses) == ("pending", 1, 0)
    assert reply.last_error == "a dialog opened over the page"
    assert nothing_else_was_pressed(desk, browser)
    assert desk.later(20).status == "sent"
    assert desk.posted() == [REPLY]


@pytest.mark.parametrize(
    ("kind", "covered"),
    [
        ("dialog", False),
        ("overlay", False),
        ("overlay", True),
        ("coachmark", True),
    ],
)
def test_what_opens_at_the_press_itself_hears_nothing_of_it(
    desk: Desk, browser: Browser, kind: str, covered: bool
) -> None:
    desk.queue(REPLY)
    if covered:
        before_typing(desk, browser, BANNER)
    desk.site.trouble.interruption = Interruption(kind, "press", times=1)
    assert desk.later(0).status == "uncertain"
    assert nothing_else_was_pressed(desk, browser)
    assert desk.later(SETTLE_S).presses == 2
    assert desk.posted() == [REPLY]


# Hints, other boxes and a new composer are no reason to give up


@pytest.mark.parametrize(
    ("kind", "box"),
    [
        ("coachmark", "textarea"),
        ("search", "contenteditable"),
        ("toast", "textarea"),
        ("kept", "textarea"),
        ("kept", "contenteditable"),
        ("lost", "contenteditable"),
    ],
)
def test_what_takes_the_focus_once_gets_no_key_and_the_text_goes_out_whole(
    desk: Desk, browser: Browser, kind: str, box: str
) -> None:
    desk.site.trouble.composer = box
    desk.queue(REPLY)
    rebuilt = kind in ("kept", "lost")
    desk.site.trouble.interruption = Interruption(
        "rebuild" if rebuilt else kind,
        "typing",
        after_chars=12,
        keeps_text=kind == "kept",
    )
    assert desk.later(0).status == "sent"
    assert desk.posted() == [REPLY]
    assert nothing_else_was_pressed(desk, browser)


# The same in other clothes: written into the page right before airbot types

BANNER = """
  const banner = document.body.appendChild(document.createElement("div"));
  banner.style = "position: fixed; inset: 0; background: #fff8; z-index: 9999";
"""
TELL = """
  window.tell = what => {
    const request = new XMLHttpRequest();
    request.open("POST", "/_sandbox/pressed", false);
    request.send(JSON.stringify(what));
  };
  window.add = html => document.body.insertAdjacentHTML("beforeend", html);
  window.once = act => document.querySelector(".editor")
    .addEventListener("input", act, {once: true});
"""
FRAME = """
  add('<iframe style="position: fixed; inset: 0 auto auto 0"></iframe>');
  const inside = document.querySelector("iframe").contentDocument;
  inside.body.innerHTML = "<button>Go</button>";
  ["keydown", "beforeinput", "click"].forEach(
    kind => inside.addEventListener(kind, () => tell(kind)));
  const take = () => inside.querySelector("button").focus();
"""
SHADOW = """
  add("<div id=host></div>");
  host.attachShadow({mode: "open"}).innerHTML =
    "<dialog><button autofocus onclick='tell(1)'>Go</button></dialog>";
  host.shadowRoot.querySelector("dialog").showModal();
"""
IN_THE_WAY = {
    "a dialog in a shadow root": SHADOW,
    "a modal whose own box is empty": """
        add('<p aria-modal=true><i style="position: fixed; inset: 0">Go</i></p>')""",
    "a page that is inert": """
        add('<p style="position: fixed; inset: 0">Go</p>');
        document.querySelector(".composer").parentElement.inert = true""",
}
MEANWHILE = {
    "a dialog in a shadow root": f"once(() => {{ {SHADOW} }})",
    "one that hears Enter anywhere": """
        once(() => {
          add('<p aria-modal=true style="position: fixed; inset: 0 50% 90% 0">Go</p>');
          addEventListener("keydown", event => event.key === "Enter" && tell(1));
        })""",
    "a frame that holds the focus": f"""
        {FRAME} document.addEventListener("input", take)""",
    "a box that holds the focus": """
        add("<input id=other oninput='tell(1)' onkeydown='tell(2)'>");
        document.addEventListener("focusin", () => setTimeout(() => other.focus()));
        other.focus()""",
}
HARMLESS = {
    "a frame that takes the focus once": f"{FRAME} once(take)",
    "a drawer beyond the edge": """
        add(`<p aria-modal=true style="position: fixed; inset: 0;
          transform: translateX(100%)">Go</p>`)""",
    "a modal that is not drawn yet": """
        add('<p aria-modal=true style="position: fixed; inset: 0; opacity: 0">Go</p>')
        """,
    "a banner over everything": BANNER,
    "an alert": "once(() => setTimeout(() => alert(1)))",
}


def before_typing(desk: Desk, browser: Browser, script: str) -> None:
    real = desk.airbnb.type_reply

    def type_reply(text: str) -> None:
        with browser.job("preparing the page", 5):
            browser.tab.probe(f"() => {{ {TELL}; {script}; }}")
        real(text)

    desk.airbnb.type_reply = type_reply


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_whatever_lies_over_the_page_before_is_seen(
    desk: Desk, browser: Browser, kind: str
) -> None:
    desk.queue(REPLY)
    before_typing(desk, browser, IN_THE_WAY[kind])
    with pytest.raises(DialogShown):
        desk.later(0)
    assert desk.reply().attempts == 0
    assert nothing_else_was_pressed(desk, browser)


@pytest.mark.parametrize("kind", MEANWHILE)
def test_whatever_comes_meanwhile_gets_no_key_and_leaves_no_draft(
    desk: Desk, browser: Browser, kind: str
) -> None:
    desk.queue(REPLY)
    before_typing(desk, browser, MEANWHILE[kind])
    reply = desk.later(0)
    assert (reply.status, reply.attempts, reply.presses) == ("pending", 1, 0)
    assert nothing_else_was_pressed(desk, browser)


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_not_in_the_way_keeps_no_reply_back(
    desk: Desk, browser: Browser, kind: str
) -> None:
    desk.queue(REPLY)
    before_typing(desk, browser, HARMLESS[kind])
    assert desk.later(0).status == "sent"
    assert desk.posted() == [REPLY]
    assert desk.site.pressed_buttons == []


# Which box, and which button


@pytest.mark.parametrize(
    ("hidden", "box"),
    [("before", "textarea"), ("after", "contenteditable"), ("before", "wrapped")],
)
def test_a_second_box_that_nobody_sees_is_not_typed_into(
    desk: Desk, hidden: str, box: str
) -> None:
    desk.site.trouble.composer, desk.site.trouble.hidden_box = box, hidden
    desk.queue(REPLY)
    assert desk.later(0).status == "sent"
    assert desk.posted() == [REPLY]


@pytest.mark.parametrize(
    ("what", "style"),
    [
        (".editor", "opacity: 0; position: absolute"),
        (".composer button", "position: absolute; left: -9999px"),
    ],
    ids=["a see-through box", "a button beyond the edge"],
)
def test_nor_is_one_that_is_hidden_in_another_way(
    desk: Desk, browser: Browser, what: str, style: str
) -> None:
    desk.queue(REPLY)
    double = f"""
        const double = document.querySelector("{what}").cloneNode(true);
        double.style = "{style}";
        document.querySelector(".composer").prepend(double)"""
    before_typing(desk, browser, double)
    assert desk.later(0).status == "sent"
    assert desk.posted() == [REPLY]


def test_a_composer_that_is_drawn_late_is_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composer, "COMPOSER_TIMEOUT_S", 3.0)
    desk.site.trouble.composer_after_s = 1.0
    desk.queue(REPLY)
    assert desk.later(0).status == "sent"
    assert desk.posted() == [REPLY]


def test_a_text_for_which_send_stays_grey_is_its_own_trouble(
    desk: Desk, browser: Browser
) -> None:
    desk.site.trouble.send_disabled_for = "https?://"
    with_link = desk.queue("See https://example.org/house")
    desk.thread = desk.site.add_thread("Noor")
    desk.queue(REPLY)
    assert desk.later(0).status == "sent"
    assert nothing_else_was_pressed(desk, browser)
    for _ in range(6):
        desk.later(120)
    ended = desk.storage.outbox.get(with_link.id)
    assert ended is not None and (ended.status, ended.presses) == ("failed", 0)
    assert ended.last_error == "Airbnb's Send button stays disabled for this text"
    assert desk.posted() == [REPLY]


# A page that fails in one conversation


def test_a_page_that_hangs_in_one_conversation_keeps_no_other_waiting(
    desk: Desk, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "JOB_DEADLINE_S", 2.0)
    sick = desk.queue(REPLY)
    desk.thread = desk.site.add_thread("Noor")
    desk.queue(REPLY)
    real = desk.airbnb.type_reply

    def hanging(text: str) -> None:
        if desk.airbnb.standing == sick.thread_id:
            with browser.job("hanging the page", 5):
                browser.tab.probe("() => void setTimeout(() => { while (1) {} })")
        real(text)

    monkeypatch.setattr(desk.airbnb, "type_reply", hanging)
    assert desk.later(0).status == "sent"
    waits = desk.storage.outbox.get(sick.id)
    assert waits is not None and (waits.status, waits.attempts) == ("pending", 1)
