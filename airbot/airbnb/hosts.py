"""Whose page an address is: Airbnb's, a login provider's, or a stranger's.

    is_airbnb(address, base_url)    https://www.airbnb.fr/..., https://fr.airbnb.com/...
    is_login_provider(address)      https://accounts.google.com/...

A page can show anything, its address cannot. In doubt it is a stranger's.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

# Where Airbnb is at home: the names in its certificate of 2026-06, and co.jp, which
# older links have. No pattern: whoever gets airbnb.io would be Airbnb. zz is nobody's,
# now and later (ISO 3166): a simulated site may move there.
COUNTRIES = frozenset("""
    com ae al am at az ba be ca cat ch cl cn cz de dk es fi fr gr gy hu ie is it jp la
    lt lu lv me mx nl no pl pt rs se si zz
    co.cr co.id co.il co.in co.jp co.kr co.nz co.uk co.ve co.za
    com.ar com.au com.bo com.br com.bz com.co com.ec com.ee com.gt com.hk com.hn com.hr
    com.kh com.mt com.my com.ni com.pa com.pe com.ph com.py com.ro com.sg com.sv com.tr
    com.tw com.ua com.vn
    """.split())
AIRBNB_HOST = re.compile(r"(?:www|[a-z]{2})\.airbnb\.([a-z.]+)")

# Where Airbnb's own login leads to, as of 2026.
LOGIN_PROVIDERS = frozenset(
    {
        "accounts.google.com",
        "accounts.youtube.com",  # Google's, on the way back from a new login
        "appleid.apple.com",
        "account.apple.com",
        "idmsa.apple.com",
        "www.facebook.com",
        "m.facebook.com",
        "web.facebook.com",
        "nid.naver.com",
        "kauth.kakao.com",
        "accounts.kakao.com",
    }
)

# No user before an @, no backslash, no letters of other alphabets: a browser would read
# a host out of them that is not the one that a person sees.
WEB_ADDRESS = re.compile(
    r"(https?)://([\w.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?(?:[/?#].*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
DEFAULT_PORTS = {"http": 80, "https": 443}


class _Origin(NamedTuple):
    """`port` is None for the scheme's own, written or not."""

    scheme: str
    host: str
    port: int | None


def is_airbnb(address: str, base_url: str) -> bool:
    """Is it a page of Airbnb's, or of what `base_url` has in its place?"""
    page, base = _origin(address), _origin(base_url)
    if page is None or base is None:
        return False
    if base.scheme == "https" and page.scheme != "https":
        return False
    if page.port not in (None, base.port):
        return False
    return page[1:] == base[1:] or _is_airbnb_host(page.host)


def is_login_provider(address: str) -> bool:
    """Is it a page on which people log in with an account that they have elsewhere?"""
    page = _origin(address)
    return (
        page is not None
        and (page.scheme, page.port) == ("https", None)
        and page.host in LOGIN_PROVIDERS
    )


def _is_airbnb_host(host: str) -> bool:
    found = AIRBNB_HOST.fullmatch(host)
    return found is not None and found[1] in COUNTRIES


@lru_cache(maxsize=1024)  # a page that loads is asked about at every tick
def _origin(address: str) -> _Origin | None:
    """None where it is no plain address of the web."""
    found = WEB_ADDRESS.fullmatch(address)
    if found is None:
        return None
    scheme, host = found[1].lower(), found[2].lower()
    port = int(found[3]) if found[3] else DEFAULT_PORTS[scheme]
    return _Origin(scheme, host, None if port == DEFAULT_PORTS[scheme] else port)
