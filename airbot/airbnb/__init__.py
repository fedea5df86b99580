"""Airbnb: the only room that knows the site. When the site changes, edit here only.

    hosts.py      whose page an address is: Airbnb's, a login provider's, a stranger's
    pages.py      paths, markup, and where we are
    shapes.py     its JSON: ids, the list, a thread
    questions.py  the page's own API calls, asked again
    loading.py    when a page has all that it asks for
    reader.py     load a page, and ask its questions again
    composer.py   type, check, press Send
    site.py       what we do there, each as a job of the browser

Does not own: the browser's life, retries, storage. The simulated Airbnb in `sandbox/`
is written from the same facts and never from this room.
"""

from __future__ import annotations

from airbot.airbnb.shapes import thread_id_from
from airbot.airbnb.site import Airbnb

__all__ = ["Airbnb", "thread_id_from"]
