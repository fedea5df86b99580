"""`airbot reconnect --remote`: the live browser in a page, for a person on a phone.

    GET  /               the page: empty, anybody's
    POST /open           {"token": ...}, once: a key takes over from the address
    GET  /frame?after=7  the next picture, a JPEG, waited for; 204 when nothing changed
    POST /input          {"page": "k3f9", "number": 4, "acts": [{"kind": "key", ...}]}

Nothing else. Whoever has the page has the host's account: the token is for one viewer,
whose key is a header and no cookie, `Host` and `Origin` must be ours, and no picture
and no key is logged or stored. It shows the page in front, and whose it is; what leads
to a stranger's is stopped, and asked about.

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
