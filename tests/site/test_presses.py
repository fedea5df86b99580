"""What comes between airbot and its keys, in a real Chromium: nothing else is pressed.

A text is sent whole, once, or not at all; no part of it stays behind in the box; and
no button but Send hears of a key or a click.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.fakes import Scene

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
def scene(
    site: AirbnbSite,
    airbnb: Airbnb,
    storage: Storage,
    make_config: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    monkeypatch.setattr(composer, "PRESS_TIMEOUT_S", 0.4)
    monkeypatch.setattr(composer, "COMPOSER_TIMEOUT_S", 0.7)
    site.poll_s = 60
    return Scene(site, airbnb, storage, make_config())


def nothing_else_was_pressed(scene: Scene, browser: Browser) -> bool:
    """Nor is a word left in the box."""
    with browser.job("looking at the box", 5):
        return scene.site.pressed_buttons == [] and browser.tab.probe(DRAFTS) == ""


def loads(scene: Scene) -> int:
    path = f"/hosting/messages/{scene.thread.number}"
    return [request.path for request in scene.site.requests].count(path)


# A dialog that is there before the typing is the page's


@pytest.mark.parametrize("kind", ["dialog", "overlay"])
def test_a_page_under_a_dialog_is_loaded_anew_and_the_reply_sent(
    scene: Scene, browser: Browser, kind: str
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.interruption = Interruption(kind, times=1)
    before = loads(scene)
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]
    assert loads(scene) == before + 3  # the last one for the proof
    assert nothing_else_was_pressed(scene, browser)


@pytest.mark.parametrize("kind", ["dialog", "overlay"])
def test_a_dialog_that_stays_keeps_send_alone_waiting(
    scene: Scene, browser: Browser, storage: Storage, kind: str
) -> None:
    scene.queue(REPLY)
    scene.site.trouble.interruption = Interruption(kind)
    before, gate = loads(scene), Gate(storage, browser, scene.clock)
    assert not gate.run("send", scene.sender.run)
    assert (scene.reply().status, scene.reply().attempts) == ("pending", 0)
    assert loads(scene) == before + 2
    scene.guest("And breakfast?")
    assert gate.run("sync", scene.syncer.run)
    assert storage.session.get().state == SessionState.OK
    assert not gate.run("send", scene.sender.run)
    assert loads(scene) == before + 2  # not tried before its time
    assert nothing_else_was_pressed(scene, browser)


def test_a_dialog_over_one_conversation_alone_keeps_no_other_waiting(
    scene: Scene, browser: Browser
) -> None:
    resting = scene.site.add_thread("Noor")
    scene.site.guest_writes(resting, "Thanks!")
    scene.site.host_writes(resting, "With pleasure.")
    scene.queue(REPLY)
    scene.site.thread_trouble(scene.thread, interruption=Interruption("dialog"))
    reply = scene.later(0)
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
    scene: Scene, browser: Browser, kind: str, after_chars: int, box: str
) -> None:
    scene.site.trouble.composer = box
    scene.queue(REPLY)
    coming = Interruption(kind, "typing", times=1, after_chars=after_chars)
    scene.site.trouble.interruption = coming
    reply = scene.later(0)
    assert (reply.status, reply.attempts, reply.presses) == ("pending", 1, 0)
    assert reply.last_error == "a dialog opened over the page"
    assert nothing_else_was_pressed(scene, browser)
    assert scene.later(20).status == "sent"
    assert scene.posted() == [REPLY]


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
    scene: Scene, browser: Browser, kind: str, covered: bool
) -> None:
    scene.queue(REPLY)
    if covered:
        before_typing(scene, browser, BANNER)
    scene.site.trouble.interruption = Interruption(kind, "press", times=1)
    assert scene.later(0).status == "uncertain"
    assert nothing_else_was_pressed(scene, browser)
    assert scene.later(SETTLE_S).presses == 2
    assert scene.posted() == [REPLY]


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
    scene: Scene, browser: Browser, kind: str, box: str
) -> None:
    scene.site.trouble.composer = box
    scene.queue(REPLY)
    rebuilt = kind in ("kept", "lost")
    scene.site.trouble.interruption = Interruption(
        "rebuild" if rebuilt else kind,
        "typing",
        after_chars=12,
        keeps_text=kind == "kept",
    )
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]
    assert nothing_else_was_pressed(scene, browser)


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


def before_typing(scene: Scene, browser: Browser, script: str) -> None:
    real = scene.airbnb.type_reply

    def type_reply(text: str) -> None:
        with browser.job("preparing the page", 5):
            browser.tab.probe(f"() => {{ {TELL}; {script}; }}")
        real(text)

    scene.airbnb.type_reply = type_reply


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_whatever_lies_over_the_page_before_is_seen(
    scene: Scene, browser: Browser, kind: str
) -> None:
    scene.queue(REPLY)
    before_typing(scene, browser, IN_THE_WAY[kind])
    with pytest.raises(DialogShown):
        scene.later(0)
    assert scene.reply().attempts == 0
    assert nothing_else_was_pressed(scene, browser)


@pytest.mark.parametrize("kind", MEANWHILE)
def test_whatever_comes_meanwhile_gets_no_key_and_leaves_no_draft(
    scene: Scene, browser: Browser, kind: str
) -> None:
    scene.queue(REPLY)
    before_typing(scene, browser, MEANWHILE[kind])
    reply = scene.later(0)
    assert (reply.status, reply.attempts, reply.presses) == ("pending", 1, 0)
    assert nothing_else_was_pressed(scene, browser)


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_not_in_the_way_keeps_no_reply_back(
    scene: Scene, browser: Browser, kind: str
) -> None:
    scene.queue(REPLY)
    before_typing(scene, browser, HARMLESS[kind])
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]
    assert scene.site.pressed_buttons == []


# Which box, and which button


@pytest.mark.parametrize(
    ("hidden", "box"),
    [("before", "textarea"), ("after", "contenteditable"), ("before", "wrapped")],
)
def test_a_second_box_that_nobody_sees_is_not_typed_into(
    scene: Scene, hidden: str, box: str
) -> None:
    scene.site.trouble.composer, scene.site.trouble.hidden_box = box, hidden
    scene.queue(REPLY)
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


@pytest.mark.parametrize(
    ("what", "style"),
    [
        (".editor", "opacity: 0; position: absolute"),
        (".composer button", "position: absolute; left: -9999px"),
    ],
    ids=["a see-through box", "a button beyond the edge"],
)
def test_nor_is_one_that_is_hidden_in_another_way(
    scene: Scene, browser: Browser, what: str, style: str
) -> None:
    scene.queue(REPLY)
    double = f"""
        const double = document.querySelector("{what}").cloneNode(true);
        double.style = "{style}";
        document.querySelector(".composer").prepend(double)"""
    before_typing(scene, browser, double)
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


def test_a_composer_that_is_drawn_late_is_waited_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composer, "COMPOSER_TIMEOUT_S", 3.0)
    scene.site.trouble.composer_after_s = 1.0
    scene.queue(REPLY)
    assert scene.later(0).status == "sent"
    assert scene.posted() == [REPLY]


def test_a_text_for_which_send_stays_grey_is_its_own_trouble(
    scene: Scene, browser: Browser
) -> None:
    scene.site.trouble.send_disabled_for = "https?://"
    with_link = scene.queue("See https://example.org/house")
    scene.thread = scene.site.add_thread("Noor")
    scene.queue(REPLY)
    assert scene.later(0).status == "sent"
    assert nothing_else_was_pressed(scene, browser)
    for _ in range(6):
        scene.later(120)
    ended = scene.storage.outbox.get(with_link.id)
    assert ended is not None and (ended.status, ended.presses) == ("failed", 0)
    assert ended.last_error == "Airbnb's Send button stays disabled for this text"
    assert scene.posted() == [REPLY]


# A page that fails in one conversation


def test_a_page_that_hangs_in_one_conversation_keeps_no_other_waiting(
    scene: Scene, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "JOB_DEADLINE_S", 2.0)
    sick = scene.queue(REPLY)
    scene.thread = scene.site.add_thread("Noor")
    scene.queue(REPLY)
    real = scene.airbnb.type_reply

    def hanging(text: str) -> None:
        if scene.airbnb.standing == sick.thread_id:
            with browser.job("hanging the page", 5):
                browser.tab.probe("() => void setTimeout(() => { while (1) {} })")
        real(text)

    monkeypatch.setattr(scene.airbnb, "type_reply", hanging)
    assert scene.later(0).status == "sent"
    waits = scene.storage.outbox.get(sick.id)
    assert waits is not None and (waits.status, waits.attempts) == ("pending", 1)
