"""What can be done on the one page: load, listen, ask, look, type, click.

Knows no site. Every verb belongs inside a `Browser.job`, which holds the deadline and
turns Playwright's errors into ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from airbot.browser.cast import Cast
from airbot.browser.cast import Picture
from airbot.browser.errors import is_death
from airbot.browser.errors import suppress_playwright
from airbot.exceptions import SiteUnavailable

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext
    from playwright.sync_api import Locator
    from playwright.sync_api import Page
    from playwright.sync_api import Request
    from playwright.sync_api import Response

PUMP_MS = 10
PROBES = 20
PROBE_AGAIN_MS = 200
CLICK_TIMEOUT_MS = 2_000  # a click that comes later may meet another page

FETCH = """
async ({url, method, headers, body, timeout, cache}) => {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeout);
  try {
    const signal = stop.signal;
    const answer = await fetch(url, {method, headers, body, signal, cache});
    const text = await answer.text();
    return {status: answer.status, url: answer.url, text,
            headers: Object.fromEntries(answer.headers)};
  } catch (e) {
    return {failed: String(e && e.name)};
  } finally {
    clearTimeout(timer);
  }
}
"""
# What a box holds, line by line. innerText would count the empty lines of an editor
# that makes a block of each line twice; a <br> at a block's end is a placeholder.
READ_TEXT = """
box => {
  if ('value' in box) return box.value;
  const isBlock = e => e.nodeType === 1 && /^(DIV|P|LI|PRE)$/.test(e.tagName);
  const inline = e => e.nodeType === 3 ? e.data : e.nodeName === 'BR' ? '\\n'
    : [...e.childNodes].map(inline).join('');
  const lines = e => {
    const found = [];
    let run = null;
    const end = () => {
      if (run !== null) found.push(run.replace(/\\n$/, ''));
      run = null;
    };
    for (const child of e.childNodes) {
      if (isBlock(child)) { end(); found.push(...lines(child)); }
      else run = (run ?? '') + inline(child);
    }
    end();
    return found.length ? found : [''];
  };
  return lines(box).join('\\n');
}
"""

# A click on its middle should meet the element itself, or something inside of it.
IS_COVERED = """
element => {
  const box = element.getBoundingClientRect();
  const met = document.elementFromPoint(
    box.left + box.width / 2, box.top + box.height / 2);
  return !element.contains(met);
}
"""

# Which of them a person sees or could scroll to. A site hides a second one by its size,
# as see-through, or beyond the page's left or upper edge.
WHICH_ARE_SEEN = """
elements => elements.flatMap((e, index) => {
  const box = e.getBoundingClientRect();
  const drawn = box.width > 1 && box.height > 1
    && box.right + scrollX > 0 && box.bottom + scrollY > 0;
  return drawn && e.checkVisibility({checkOpacity: true}) ? [index] : [];
})
"""

# A modal dialog that is seen, and that the element is not a part of. The dialog's own
# box may be empty, with all that is seen of it fixed in front of the page.
UNDER_DIALOG = """
selector => {
  const seen = e => {
    const box = e.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && box.right > 0 && box.bottom > 0
      && box.left < innerWidth && box.top < innerHeight
      && e.checkVisibility({checkOpacity: true, checkVisibilityCSS: true});
  };
  const within = root => [root, ...[...root.querySelectorAll('*')].flatMap(
    e => e.shadowRoot ? within(e.shadowRoot) : [])];
  const dialogs = within(document).flatMap(
    root => [...root.querySelectorAll(':modal, [aria-modal="true"]')]);
  const elements = [...document.querySelectorAll(selector)];
  return elements.length > 0 && elements.every(e => e.closest('[inert]'))
    || dialogs.some(dialog => !dialog.querySelector(selector)
      && [dialog, ...within(dialog.shadowRoot ?? dialog).flatMap(
        root => [...root.querySelectorAll('*')])].some(seen));
}
"""

# Stops every key that is not for such an element, before anything hears of it. What has
# the focus is looked at as well: keys in a frame never come by here.
KEYS_FOR = """
selector => {
  const underDialog = UNDER_DIALOG;
  const guard = {strayed: false};
  const kinds = ['keydown', 'keypress', 'keyup', 'beforeinput'];
  const isMeant = e => e instanceof Element && e.closest(selector) !== null;
  const look = event => {
    if (isMeant(event.composedPath()[0])) return;
    guard.strayed = true;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  kinds.forEach(kind => window.addEventListener(kind, look, true));
  guard.reaches = () => !guard.strayed && isMeant(document.activeElement)
    && !underDialog(selector);
  guard.end = () => kinds.forEach(k => window.removeEventListener(k, look, true));
  return guard;
}
""".replace("UNDER_DIALOG", UNDER_DIALOG)


@dataclass(frozen=True)
class Answer:
    """What a request was answered with. Header names are in lower case."""

    url: str
    status: int
    headers: dict[str, str]
    text: str


@dataclass(frozen=True)
class Document:
    """What a navigation was answered with; no status where nothing was asked."""

    status: int | None
    headers: dict[str, str]
    url: str = ""


class NoConnection(SiteUnavailable):
    """A question from inside the page came to nothing at once.

    There is no network, or the site has moved to another host.
    """


@dataclass
class Exchange:
    """A request that the page made by itself, and its answer so far.

    `status` is None until the answer begins; `failed` when none will come.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    status: int | None = None
    failed: bool = False
    _response: Response | None = None

    def answer(self) -> Answer | None:
        """The whole answer; None when its body cannot be had (any more)."""
        if self._response is None:
            return None
        try:
            return Answer(
                self._response.url,
                self._response.status,
                _lower(self._response.headers),
                self._response.text(),
            )
        except Exception as e:
            # The body is gone with its document, or was cut on its way.
            if is_death(e):
                raise
            return None


class Tab:
    """The page that airbot works on, for as long as its browser lives."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def load(self, url: str, timeout_s: float) -> Document:
        """Go to an address over the network."""
        response = self._goto(url, timeout_s * 1000)
        if response is None:
            return Document(None, {})
        return Document(response.status, _lower(response.headers), response.url)

    def _goto(self, url: str, timeout_ms: float) -> Response | None:
        """Go there; an error status without a page is an answer, too."""
        page = self._page
        answers: list[Response] = []

        def note(response: Response) -> None:
            with suppress_playwright():
                if response.request.is_navigation_request():
                    if response.frame == page.main_frame:
                        answers.append(response)

        page.on("response", note)
        try:
            return page.goto(url, wait_until="domcontentloaded", timeout=timeout_ms)
        except Exception as e:
            if "ERR_HTTP_RESPONSE_CODE_FAILURE" not in str(e) or not answers:
                raise
            return answers[-1]
        finally:
            with suppress_playwright():
                page.remove_listener("response", note)

    def address(self) -> str:
        return self._page.url

    def pump(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Let the page's events come in until `done()`; False when time is up."""
        end = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > end:
                return False
            self._page.wait_for_timeout(PUMP_MS)
        return True

    @contextmanager
    def listening(self) -> Iterator[list[Exchange]]:
        """Record the page's own fetches while the block runs."""
        page = self._page
        heard: dict[Request, Exchange] = {}
        exchanges: list[Exchange] = []
        # Handlers only note things down: an exception in one would be raised by the
        # next, unrelated call.
        handlers: dict[str, Callable[[Any], None]] = {
            "request": lambda request: _note_request(request, heard, exchanges),
            "response": lambda response: _note_response(response, heard),
            "requestfailed": lambda request: _note_failure(request, heard),
        }
        for event, handler in handlers.items():
            page.on(event, handler)  # type: ignore[call-overload]
        try:
            yield exchanges
        finally:
            with suppress_playwright():
                for event, handler in handlers.items():
                    page.remove_listener(event, handler)

    def fetch(
        self,
        url: str,
        headers: dict[str, str],
        timeout_s: float,
        method: str = "GET",
        body: str | None = None,
        fresh: bool = False,
    ) -> Answer:
        """Ask from inside the page, as its own script does; `fresh`: past its cache.

        That adds the headers of a forced reload to the question.
        """
        got = self._page.evaluate(
            FETCH,
            {
                "url": url,
                "method": method,
                "headers": headers,
                "body": body,
                "timeout": timeout_s * 1000,
                "cache": "no-store" if fresh else "default",
            },
        )
        if got.get("failed") == "TypeError":
            raise NoConnection("a question was not answered (no connection)")
        if "failed" in got:
            raise SiteUnavailable(f"a question was not answered ({got['failed']})")
        return Answer(got["url"], got["status"], got["headers"], got["text"])

    def probe(self, script: str, argument: Any = None) -> Any:
        """Run a script that looks at the page and changes nothing.

        A page that is just being replaced is looked at again.
        """
        for _ in range(PROBES):
            try:
                return self._page.evaluate(script, argument)
            except Exception as e:
                if "context was destroyed" not in str(e):
                    raise
                self._page.wait_for_timeout(PROBE_AGAIN_MS)
        raise SiteUnavailable("the page did not come to rest")

    def is_on(self, page: Page) -> bool:
        return self._page is page

    def cast(
        self,
        context: BrowserContext,
        show: Callable[[Picture], None],
        knows: Callable[[str], bool],
    ) -> Cast:
        return Cast(context, self._page, show, knows)

    def wait(self, seconds: float) -> None:
        """Let the page go on, and its events come in."""
        self._page.wait_for_timeout(seconds * 1000)

    def resize(self, width: int, height: int) -> None:
        """Give the page another size, in CSS pixels."""
        self._page.set_viewport_size({"width": width, "height": height})

    def is_shown(self, selector: str, timeout_s: float = 0) -> bool:
        """Is exactly one such element seen, now or within the time?"""
        return self.pump(lambda: len(self._seen(selector)) == 1, timeout_s)

    def _seen(self, selector: str) -> list[int]:
        return list(self._visible(selector).evaluate_all(WHICH_ARE_SEEN))

    def _visible(self, selector: str) -> Locator:
        return self._page.locator(selector).filter(visible=True)

    def _one(self, selector: str) -> Locator:
        """The one that a person sees: a site may keep others hidden."""
        seen, visible = self._seen(selector), self._visible(selector)
        return visible.nth(seen[0]) if len(seen) == 1 else visible

    def is_enabled(self, selector: str, timeout_s: float) -> bool:
        """Does the one such element become clickable within the time?"""
        return self.pump(
            lambda: self.is_shown(selector) and self._one(selector).is_enabled(),
            timeout_s,
        )

    def is_under_dialog(self, selector: str) -> bool:
        """Does a modal dialog lie over the page, the element not inside of it?"""
        return bool(self._page.evaluate(UNDER_DIALOG, selector))

    def type_text(self, selector: str, text: str) -> bool:
        """Put a text into an empty or filled box, line by line.

        Enter would send: Shift+Enter makes the new line, the one way that was exact in
        a textarea and in a contenteditable. False where something else took the focus:
        no key has reached it, and the box holds a part of the text.
        """
        box = self._one(selector)
        with self._keys_for(selector) as reach:
            box.fill("")
            for index, line in enumerate(text.split("\n")):
                if index and reach():
                    self._page.keyboard.press("Shift+Enter")
                if line and reach():
                    self._page.keyboard.insert_text(line)
            return reach()

    @contextmanager
    def _keys_for(self, selector: str) -> Iterator[Callable[[], bool]]:
        """No key reaches anything else meanwhile; would the next one reach it?"""
        guard = self._page.evaluate_handle(KEYS_FOR, selector)
        try:
            yield lambda: bool(guard.evaluate("guard => guard.reaches()"))
        finally:
            with suppress_playwright():  # the page may be another by now
                guard.evaluate("guard => guard.end()")
                guard.dispose()

    def empty(self, selector: str) -> bool:
        """Is the box empty now? Under a dialog it may not be."""
        box = self._one(selector)
        with self._keys_for(selector):
            box.fill("")
        return not self.text_of(selector).strip("\n")

    def text_of(self, selector: str) -> str:
        """What a box holds."""
        return str(self._one(selector).evaluate(READ_TEXT))

    def is_covered(self, selector: str) -> bool:
        """Would a click on it meet something else, or nothing? Nothing is clicked."""
        return bool(self._one(selector).evaluate(IS_COVERED))

    def click(self, selector: str) -> None:
        """Press a button, with the mouse or, under a cover, with its Enter key.

        The mouse presses only what lies under it (Playwright looks, and looks again
        while it presses), the key only what has the focus. Under a dialog neither does.
        """
        button = self._one(selector)
        if self.is_under_dialog(selector):
            return
        if not self.is_covered(selector):
            button.click(no_wait_after=True, timeout=CLICK_TIMEOUT_MS)
            return
        with self._keys_for(selector) as reach:
            button.focus()
            if reach():
                self._page.keyboard.press("Enter")


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _note_request(
    request: Request, heard: dict[Request, Exchange], exchanges: list[Exchange]
) -> None:
    with suppress_playwright():
        if request.resource_type not in ("fetch", "xhr"):
            return
        exchange = Exchange(
            request.method, request.url, request.headers, request.post_data
        )
        heard[request] = exchange
        exchanges.append(exchange)


def _note_response(response: Response, heard: dict[Request, Exchange]) -> None:
    with suppress_playwright():
        if exchange := heard.get(response.request):
            exchange.status = response.status
            exchange._response = response


def _note_failure(request: Request, heard: dict[Request, Exchange]) -> None:
    with suppress_playwright():
        if exchange := heard.get(request):
            exchange.failed = True
