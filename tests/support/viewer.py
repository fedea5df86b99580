"""A person at the page of `airbot reconnect --remote`, in a browser of his own."""

from __future__ import annotations

import base64
import time

from playwright.sync_api import BrowserContext

from airbot.sandbox.site import AirbnbSite

PATIENCE_S = 90.0
# What is seen, or a picture, in a few grey dots: two pages differ, a caret does not.
COARSE = """
async url => {
  let shown = document.getElementById("view");
  if (url) { shown = new Image(); shown.src = url; await shown.decode(); }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [40, 60];
  const paint = canvas.getContext("2d");
  paint.imageSmoothingQuality = "high";
  paint.drawImage(shown, 0, 0, 40, 60);
  return [...paint.getImageData(0, 0, 40, 60).data].filter((_, i) => i % 4 === 1);
}
"""


class Person:
    """Somebody at the page, with a finger or a mouse, who reads where things are."""

    def __init__(self, context: BrowserContext, site: AirbnbSite, touch: bool) -> None:
        self._model = context.new_page()  # the same page as over there, to look at
        self.page = context.new_page()
        self.site, self.touch = site, touch
        self.errors: list[str] = []
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))

    def come(self, address: str) -> None:
        self.page.goto(address)
        self.wait("view.naturalWidth === area.clientWidth && view.naturalWidth > 0")

    def wait(self, expression: str) -> None:
        """Until it is so in the page, which allows no eval of its own."""
        end = time.monotonic() + PATIENCE_S
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"never {expression}"
            self.page.wait_for_timeout(30)

    def see(self, path: str, scrolled: int = 0) -> None:
        """Wait until that page of the site is seen, scrolled down so far."""
        self._imagine(path)
        self._model.evaluate("far => window.scrollTo(0, far)", scrolled)
        self._wait_to_see_it()

    def see_html(self, html: str) -> None:
        """The same for a page that comes as the answer to a form."""
        self._imagine("/login")
        self._model.set_content(html)
        self._wait_to_see_it()

    def _imagine(self, path: str) -> None:
        """The page that is expected over there, in the same size, to measure it."""
        size = self.page.evaluate("[area.clientWidth, area.clientHeight]")
        self._model.set_viewport_size({"width": size[0], "height": size[1]})
        self._model.goto(self.site.url + path)

    def press(self, path: str, selector: str) -> None:
        """Tap or click what stands at `selector` of a page, once it is seen."""
        self.see(path)
        self.press_seen(selector)

    def press_seen(self, selector: str) -> None:
        box = self._model.locator(selector).bounding_box()
        view = self.page.locator("#view").bounding_box()
        assert box is not None and view is not None
        x = view["x"] + box["x"] + box["width"] / 2
        y = view["y"] + box["y"] + box["height"] / 2
        if self.touch:
            self.page.touchscreen.tap(x, y)
        else:
            self.page.mouse.click(x, y)

    def _wait_to_see_it(self) -> None:
        png = base64.b64encode(self._model.screenshot()).decode()
        wanted = self._model.evaluate(COARSE, f"data:image/png;base64,{png}")
        self.page.bring_to_front()  # a finger waits for a picture of the page
        end = time.monotonic() + PATIENCE_S
        while True:
            seen = self.page.evaluate(COARSE, None)
            off = sum(abs(a - b) for a, b in zip(seen, wanted, strict=True))
            if off / len(wanted) < 3.0:
                return

            assert time.monotonic() < end, "that page is never seen"
            self.page.wait_for_timeout(30)

    def keyboard(self) -> None:
        """On a phone the keyboard comes up with the box; at a desk it is just there."""
        if self.touch:
            self.page.locator("#keys").tap()

    def type(self, text: str) -> None:
        self.keyboard()
        self.page.keyboard.type(text)

    def compose(self, *stages: str) -> None:
        """As a phone's keyboard does: a word that changes until it is taken over."""
        self.keyboard()
        session = self.page.context.new_cdp_session(self.page)
        for stage in stages:
            at = {"selectionStart": len(stage), "selectionEnd": len(stage)}
            session.send("Input.imeSetComposition", {"text": stage, **at})
        session.send("Input.insertText", {"text": stages[-1]})

    def paste(self, text: str) -> None:
        self.keyboard()
        self.page.keyboard.insert_text(text)

    def said(self) -> str:
        return self.page.locator("#said").inner_text()
