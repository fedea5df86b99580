"""What a page does behind a person's back: windows, other hosts, other pages in front.

`reconnect --remote` shows one page, says whose it is, and lets nothing be typed into
another. A small site stands for Airbnb here, and another one for anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from support.pages import Pages
from support.pages import html
from support.pages import redirect

from airbot.browser import Act
from airbot.browser import Browser
from airbot.browser import Cast
from airbot.browser import Picture
from airbot.browser import Place
from airbot.browser import find_browser
from airbot.browser.find import HEADLESS_SHELL
from airbot.demo import LOOPBACK_ONLY
from airbot.exceptions import BrowserMissing
from airbot.remote import Screen
from airbot.remote import Show

SECRET = "Zwiebelkuchen"
JOB_S = 90.0
BOX = "<input id=box autofocus style='position:fixed;left:0;top:0;width:300px'>"


@pytest.fixture(scope="module")
def home() -> Iterator[Pages]:
    with Pages("home") as home:
        yield home


@pytest.fixture
def other() -> Iterator[Pages]:
    with Pages("other") as other:
        yield other


def executables() -> list[Any]:
    """The full one, and the headless shell where it is there."""
    with_shell = [pytest.param("", id="full")]
    try:
        shell = find_browser(HEADLESS_SHELL)
    except BrowserMissing:
        return with_shell
    return [*with_shell, pytest.param(shell, id="headless-shell")]


class Viewer:
    """A person at the page, as the browser's side sees him."""

    def __init__(self, browser: Browser, home: Pages) -> None:
        self.browser, self.home = browser, home
        self.pictures: list[Picture] = []
        self.cast: Cast = browser.cast(self.pictures.append, self.knows)

    def knows(self, url: str) -> bool:
        return url.startswith(self.home.url)

    @property
    def tab(self) -> Any:
        return self.browser.tab

    def begin(self) -> None:
        """At home, alone, and nothing has been seen or clicked yet."""
        self.until(lambda: self.pages == 1)
        self.home.pages = {"/": html(f"<title>home</title>{BOX}")}
        self.tab.load(self.home.url + "/", 20)
        guard = self.cast._guard
        guard._clicked_at = None
        guard._refused.clear()  # a port of an earlier test may be another's now
        guard._allowed.clear()
        self.until(lambda: self.cast.place and self.origin == self.home.url)
        self.pictures.clear()

    def end(self) -> None:
        while self.cast.place is not None and self.cast.place.is_popup:
            self.act("close")
            self.look()
        if self.cast.question is not None:
            self.answer("stay")

    def look(self) -> None:
        self.cast.follow()
        self.cast.go_on()
        self.tab.wait(0.02)

    def until(self, what: Callable[[], object]) -> None:
        def seen() -> bool:
            self.look()
            return bool(what())

        assert self.tab.pump(seen, 50), "it did not happen in time"

    def a_while(self, seconds: float = 0.7) -> None:
        """For what should not happen: Chromium does its part in less."""

        def never() -> bool:
            self.look()
            return False

        self.tab.pump(never, seconds)

    @property
    def origin(self) -> str:
        return self.cast.place.origin if self.cast.place else ""

    def act(self, kind: str, place: str | None = None, **more: Any) -> bool:
        here = self.cast.place.id if self.cast.place else ""
        return self.cast.apply(Act(kind, place=place or here, **more))

    def click(self) -> None:
        self.act("move", x=50, y=10)  # the box keeps the keyboard
        self.act("down")
        self.act("up")

    def run(self, script: str) -> None:
        self.tab.probe("() => { " + script + " }")

    def box(self) -> str:
        return str(self.tab.probe("() => document.getElementById('box').value"))

    def answer(self, word: str) -> bool:
        assert self.cast.question is not None
        return self.act(word, self.cast.question.id)

    @property
    def pages(self) -> int:
        return len(self.browser._context.pages)  # type: ignore[union-attr]


@pytest.fixture(params=executables(), scope="module")
def sitting(
    request: pytest.FixtureRequest,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    home: Pages,
) -> Iterator[Viewer]:
    browser.close()  # one Playwright a thread
    own = Browser(
        tmp_path_factory.mktemp("profile"),
        executable=request.param,
        arguments=LOOPBACK_ONLY,
        for_person=True,
    )
    with own.job("looking", 300):
        yield Viewer(own, home)
    own.close()


@pytest.fixture
def viewer(sitting: Viewer) -> Iterator[Viewer]:
    sitting.begin()
    yield sitting
    sitting.end()


# Another host

WAYS = {
    "a click": "click(`<a href='OTHER/?x'>`)",
    "a new window": "click(`<a href='OTHER/?x' target=_blank>`)",
    "without opener": "click(`<a href='OTHER/?x' target=_blank rel=noopener>`)",
    "a script": "location = 'OTHER/?x'",
    "replaced": "location.replace('OTHER/?x')",
    "a refresh": "location = '/refresh'",
    "a header": "location = '/header'",
    "a redirect": "location = '/to-other'",
    "two redirects": "location = '/to-redirect'",
    "a form": "submit('OTHER/?x', '_self')",
    "a form's redirect": "submit('/to-other-307', '_self')",
    "a form's new window": "submit('OTHER/?x', '_blank')",
    "a window": "window.open('OTHER/?x')",
    "a window's redirect": "window.open('/to-other')",
    "a window, later": "w = window.open('about:blank');"
    " setTimeout(() => w.location = 'OTHER/?x', 100)",
    "from a frame": "frame('<script>top.location = \"OTHER/?x\"</script>')",
}
HELPERS = """
  const click = html => {
    document.body.insertAdjacentHTML('beforeend', html + 'x</a>');
    document.body.lastElementChild.click();
  };
  const submit = (action, target) => {
    const form = document.createElement('form');
    Object.assign(form, {method: 'post', action, target});
    form.innerHTML = '<input name=typed value=SECRET>';
    document.body.append(form);
    form.submit();
  };
  const frame = html => {
    const made = document.createElement('iframe');
    made.srcdoc = html;
    document.body.append(made);
  };
"""


@pytest.mark.browser
@pytest.mark.parametrize("way", list(WAYS))
def test_another_host_is_not_reached_before_a_person_says_so(
    viewer: Viewer, home: Pages, other: Pages, way: str
) -> None:
    home.pages |= {
        "/to-other": redirect(other.url + "/?x"),
        "/to-other-307": redirect(other.url + "/?x", 307),
        "/to-redirect": redirect("/to-other"),
        "/refresh": html(f"<meta http-equiv=refresh content='0;{other.url}/?x'>"),
        "/header": html("x", Refresh=f"0;url={other.url}/?x"),
    }
    viewer.click()
    viewer.run(HELPERS + WAYS[way].replace("OTHER", other.url))
    viewer.until(lambda: viewer.cast.question)
    assert viewer.cast.question is not None
    assert viewer.cast.question.origin == other.url
    viewer.a_while(0.2)
    assert other.documents() == []
    assert viewer.origin in (home.url, "about:")

    assert viewer.answer("open")
    viewer.until(lambda: viewer.origin == other.url)
    assert other.documents() == ["/?x"]
    assert viewer.cast.place is not None and not viewer.cast.place.is_known
    if "form" in way:
        assert (other.asked[0].method, other.asked[0].body) == ("POST", b"typed=SECRET")


@pytest.mark.browser
@pytest.mark.parametrize("way", ["a script", "a new window", "a form"])
def test_who_stays_is_not_asked_again_until_he_clicks(
    viewer: Viewer, home: Pages, other: Pages, way: str
) -> None:
    script = HELPERS + WAYS[way].replace("OTHER", other.url)
    viewer.click()
    viewer.run(script)
    viewer.until(lambda: viewer.cast.question)
    assert viewer.answer("stay")
    viewer.until(lambda: viewer.cast.question is None and viewer.origin == home.url)
    viewer.until(lambda: viewer.pages == 1)
    viewer.run("location = 'OTHER/?again'".replace("OTHER", other.url))
    viewer.a_while()
    assert viewer.cast.question is None and viewer.origin == home.url
    viewer.click()
    viewer.run(script)
    viewer.until(lambda: viewer.cast.question)
    assert other.documents() == []


@pytest.mark.browser
def test_the_answer_to_another_question_opens_nothing(
    viewer: Viewer, other: Pages
) -> None:
    viewer.run(f"location = '{other.url}/'")
    viewer.until(lambda: viewer.cast.question)
    for id_ in ("", "x", viewer.cast.place.id if viewer.cast.place else ""):
        assert not viewer.cast.apply(Act("open", place=id_))
    viewer.a_while(0.2)
    assert other.documents() == []


@pytest.mark.browser
def test_a_frames_documents_go_on(viewer: Viewer, other: Pages) -> None:
    """Checks for humans are frames of others."""
    frame = f"<iframe src={other.url}/frame></iframe>"
    viewer.run(f"document.body.insertAdjacentHTML('beforeend', `{frame}`)")
    viewer.until(lambda: other.documents() == ["/frame"])
    assert viewer.cast.question is None


MADE = {
    "blob": "location = URL.createObjectURL(new Blob(['x'], {type: 'text/html'}))",
    "a blob's window": "window.open("
    "URL.createObjectURL(new Blob(['x'], {type: 'text/html'})))",
}


@pytest.mark.browser
@pytest.mark.parametrize("way", list(MADE))
def test_a_page_without_a_host_is_neither_shown_nor_typed_into(
    viewer: Viewer, home: Pages, way: str
) -> None:
    viewer.until(lambda: viewer.pictures)
    viewer.click()
    viewer.run(MADE[way])
    viewer.until(lambda: viewer.cast.question)
    viewer.pictures.clear()
    viewer.a_while()
    assert viewer.origin == "blob:" and viewer.pictures == []
    assert not viewer.act("text", text=SECRET)
    assert viewer.answer("stay")
    viewer.until(lambda: viewer.origin == home.url and viewer.pictures)


def _place(viewer: Viewer) -> Place:
    assert viewer.cast.place is not None
    return viewer.cast.place


@pytest.mark.browser
def test_nothing_is_typed_into_an_empty_window(viewer: Viewer) -> None:
    viewer.click()
    viewer.run(f"w = window.open('about:blank'); w.document.write(`{BOX}`)")
    viewer.until(lambda: viewer.pages == 2 and _place(viewer).is_popup)
    assert not _place(viewer).is_known
    assert not viewer.act("text", text=SECRET)
    assert viewer.tab.probe("() => w.document.getElementById('box')?.value ?? ''") == ""


# Pages that open


@pytest.mark.browser
@pytest.mark.parametrize(
    "way",
    ["window.open('/popup')", "setTimeout(() => window.open('/popup'), 100)"],
)
def test_a_window_that_no_click_has_opened_is_never_shown(
    viewer: Viewer, home: Pages, way: str
) -> None:
    viewer.run(f"for (let i = 0; i < 5; i++) {{ {way} }}")
    viewer.a_while(1.0)
    assert viewer.pages == 1
    assert viewer.cast.place is not None and not viewer.cast.place.is_popup
    assert viewer.act("text", text=SECRET)
    assert viewer.box() == SECRET
    viewer.pictures.clear()
    viewer.run("document.body.style.background = 'red'")
    viewer.until(lambda: viewer.pictures)


@pytest.mark.browser
def test_one_click_is_one_window_and_a_button_closes_it(
    viewer: Viewer, home: Pages
) -> None:
    viewer.click()
    viewer.run("for (let i = 0; i < 3; i++) window.open('/popup' + i)")
    viewer.until(lambda: viewer.cast.place and viewer.cast.place.is_popup)
    viewer.a_while()
    assert viewer.pages == 2
    viewer.act("close")
    viewer.until(lambda: viewer.cast.place and not viewer.cast.place.is_popup)
    assert viewer.pages == 1
    viewer.act("close")  # the first one stays
    viewer.a_while(0.2)
    assert viewer.act("text", text=SECRET) and viewer.box() == SECRET


# What is typed


@pytest.mark.browser
def test_what_is_typed_goes_to_the_page_that_was_seen(
    viewer: Viewer, home: Pages
) -> None:
    seen = viewer.cast.place.id if viewer.cast.place else ""
    viewer.click()
    home.pages["/popup"] = html(BOX)
    viewer.run("window.open('/popup')")
    viewer.until(lambda: viewer.cast.place and viewer.cast.place.is_popup)
    for kind, more in (
        ("text", {"text": SECRET}),
        ("key", {"text": "a"}),
        ("down", {}),
    ):
        assert not viewer.act(kind, seen, **more)
    viewer.act("close")
    viewer.until(lambda: viewer.cast.place and viewer.cast.place.id == seen)
    assert viewer.box() == ""


@pytest.mark.browser
def test_a_change_between_two_keys_keeps_the_rest_of_the_text(
    viewer: Viewer, home: Pages
) -> None:
    """The page opens another as soon as it has the first letters."""
    home.pages["/popup"] = html(BOX)
    viewer.click()
    viewer.run(
        "box.addEventListener('input', () => box.value.length === 3"
        " && (w = window.open('/popup')))"
    )
    assert not viewer.act("text", text=SECRET)
    viewer.until(lambda: viewer.cast.place and viewer.cast.place.is_popup)
    assert len(viewer.box()) < len(SECRET)
    typed = viewer.tab.probe("() => w.document.getElementById('box')?.value ?? ''")
    assert typed == ""


@pytest.mark.browser
def test_the_viewer_is_told_that_something_was_not_passed_on(
    viewer: Viewer, home: Pages
) -> None:
    screen = Screen()
    show = Show(viewer.browser, screen, viewer.knows)
    screen.wait_for(0, frozenset(), 0)
    show.run(0.3)
    screen.give(
        "p", 1, [Act("move", place="gone"), Act("text", text="x", place="gone")]
    )
    show.run(0.3)
    frame = screen.wait_for(0, frozenset(), 0)
    assert frame is not None and "has changed" in frame.scene.said
    assert frame.scene.place is not None and viewer.box() == ""
    here = frame.scene.place.id
    screen.give("p", 2, [Act("text", text="x", place=here)])
    screen.wait_for(0, frozenset(), 0)
    show.run(0.3)
    frame = screen.wait_for(0, frozenset(), 0)
    assert frame is not None and frame.scene.said == "" and viewer.box() == "x"


def test_a_picture_never_stands_under_another_pages_name() -> None:
    screen = Screen()
    screen.show(Picture(b"old", 10, 10, "old"))
    frame = screen.wait_for(-1, frozenset(), 0)
    assert frame is not None and frame.picture is None
