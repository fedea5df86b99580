"""`airbot reconnect --remote`: the live browser in a page, for a person on a phone.

    GET  /?token=...     once: a cookie takes over from the address
    GET  /               the page
    GET  /frame?after=7  the next picture, a JPEG, waited for; 204 when nothing changed
    POST /input          {"page": "k3f9", "number": 4, "acts": [{"kind": "key", ...}]}

Nothing else. Whoever has the page has the host's account: the token is for one viewer,
`Host` and `Origin` must be ours, and no picture and no key is logged or stored.

    screen.py     what the server's threads and the browser's thread share
    admission.py  who may look
    app.py        the page and its two channels
    show.py       the browser's side
"""

from __future__ import annotations

from airbot.remote.app import Remote
from airbot.remote.screen import Screen
from airbot.remote.show import Show

__all__ = ["Remote", "Screen", "Show"]
