"""Whose page an address is: Airbnb's, a login provider's, or a stranger's."""

from __future__ import annotations

import pytest

from airbot.airbnb import pages
from airbot.airbnb.hosts import is_airbnb
from airbot.airbnb.hosts import is_login_provider
from airbot.exceptions import SiteChanged

HOME = "https://www.airbnb.com"
SIMULATED = "http://127.0.0.1:8440"
PATH = "/hosting/messages/1"

OURS = """
https://www.airbnb.com
https://www.airbnb.com/hosting/messages/1?unread=
https://www.airbnb.com?has_logged_out=1
https://www.airbnb.com#x
HTTPS://WWW.Airbnb.COM/hosting
https://www.airbnb.com/@evil.example/
https://www.airbnb.com/x?to=https://evil.example\\@x
https://www.airbnb.com:443/hosting
https://www.airbnb.de/hosting
https://www.airbnb.fr/hosting?q=/login
https://www.airbnb.jp/
https://www.airbnb.cat/
https://www.airbnb.co.uk/
https://www.airbnb.co.za/
https://www.airbnb.com.br/
https://www.airbnb.com.au/
https://de.airbnb.com/
https://fr.airbnb.com/hosting/verify-robot
https://fr.airbnb.be/
https://zu.airbnb.co.za/
""".split()
STRANGERS = """
http://www.airbnb.com/
https://www.airbnb.com:8443/
https://www.airbnb.com:80/
https://www.airbnb.com:/
https://www.airbnb.com:443x/
https://www.airbnb.com:99999999/
https://airbnb.com/
https://api.airbnb.com/
https://deu.airbnb.com/
https://es-xl.airbnb.com/
https://d.airbnb.com/
https://www.de.airbnb.com/
https://de.www.airbnb.com/
https://wwww.airbnb.com/
https://www-airbnb.com/
https://www.airbnb.com./
https://www.airbnb..com/
https://.www.airbnb.com/
https://www.airbnb/
https://www.airbnb./
https://www.airbnb.io/
https://www.airbnb.app/
https://www.airbnb.evil/
https://www.airbnb.com.ng/
https://www.airbnb.co.com/
https://www.airbnb.de.com/
https://www.airbnb.uk.com/
https://www.airbnb.evil.com/
https://www.airbnb.evil.io/
https://www.airbnb.com.evil.io/
https://www.airbnb.com.evil.example/
https://www.airbnb.co.uk.evil.example/
https://www.airbnb.com-evil.example/
https://airbnb.com.evil.example/
https://evil.example/www.airbnb.com/
https://evil.example/?https://www.airbnb.com/
https://evil.example/#https://www.airbnb.com/
https://evil.example/login
https://evil.example/airlock?al_id=1
https://notairbnb.com/
https://www.notairbnb.com/
https://www.airbnb.com@evil.example/
https://www.airbnb.com:x@evil.example/
https://evil.example@www.airbnb.com/
https://@www.airbnb.com/
https://www.airbnb.com\\@evil.example/
https://evil.example\\@www.airbnb.com/
https://evil.example\\.www.airbnb.com/
https:\\\\www.airbnb.com/
https:www.airbnb.com/
https:/www.airbnb.com/
https:///www.airbnb.com/
//www.airbnb.com/
www.airbnb.com/
wss://www.airbnb.com/
ftp://www.airbnb.com/
blob:https://www.airbnb.com/1
view-source:https://www.airbnb.com/
filesystem:https://www.airbnb.com/temporary/
javascript://www.airbnb.com/%0aalert(1)
data:text/html,https://www.airbnb.com/
file:///www.airbnb.com/
about:blank
chrome-error://chromewebdata/
https://www.xn--arbnb-vwa.com/
https://www.airbnb.xn--com-9na/
https://www.airbnb.com%2eevil.example/
https://www.airbnb.com%00.evil.example/
https://www.airbnb%2ecom/
https://www_airbnb.com/
https://www.airbnb.com;evil.example/
https://www.airbnb.com,evil.example/
https://[www.airbnb.com]/
https://127.0.0.1/
https://[::1]/
x
""".split()
STRANGERS += [
    "",
    " ",
    "https://www.airbnb.com\n",
    "https://www.airbnb.com\n.evil.example/",
    "https://www.airbnb.com\t.evil.example/",
    "https://www.airbnb.com .evil.example/",
    " https://www.airbnb.com/",
    "\thttps://www.airbnb.com/",
    "https://www.airbnb.com\0.evil.example/",
    "https://www.airbnb.com\u00ad/",
    "https://www.a\u0131rbnb.com/",  # a dotless i
    "https://www.\u0430irbnb.com/",  # a Cyrillic a
    "https://www.\uff41irbnb.com/",  # a wide a
    "https://www.airbnb\u3002com/",
    "http\u017f://www.airbnb.com/",  # a long s
    "https://www.airbnb.com\u202e/",
]


@pytest.mark.parametrize("address", OURS)
def test_a_page_of_airbnbs_is_known_by_scheme_and_host(address: str) -> None:
    assert is_airbnb(address, HOME)
    assert not is_login_provider(address)


@pytest.mark.parametrize("address", STRANGERS)
def test_whatever_else_it_looks_like_it_is_a_strangers(address: str) -> None:
    assert not is_airbnb(address, HOME)
    assert not is_login_provider(address)


@pytest.mark.parametrize("address", STRANGERS)
def test_a_strangers_page_is_neither_a_login_nor_a_check_of_airbnbs(
    address: str,
) -> None:
    with pytest.raises(SiteChanged):
        pages.check_address(address, HOME)


@pytest.mark.parametrize(
    ("base_url", "address", "is_ours"),
    [
        (SIMULATED, "http://127.0.0.1:8440/x", True),
        (SIMULATED, "http://127.0.0.1:8441/x", False),
        (SIMULATED, "http://127.0.0.1/x", False),
        (SIMULATED, "http://localhost:8440/x", False),
        (SIMULATED, "http://evil.example:8440/x", False),
        (SIMULATED, "http://127.0.0.1:8440@evil.example/", False),
        (SIMULATED, "http://127.0.0.1:8440.evil.example/", False),
        ("http://[::1]:8440", "http://[::1]:8440/x", True),
        ("http://[::1]:8440", "http://[::2]:8440/x", False),
        ("http://sim:80", "http://sim/x", True),
        ("http://www.airbnb.com", "https://www.airbnb.com/x", True),
        ("http://www.airbnb.com", "http://www.airbnb.com/x", True),
        ("https://staging.example:8443", "https://staging.example:8443/x", True),
        ("https://staging.example:8443", "http://staging.example:8443/x", False),
        ("https://staging.example:8443", "https://staging.example/x", False),
        ("https://staging.example:8443", "https://evil.example:8443/x", False),
        ("https://www.airbnb.fr", "https://www.airbnb.com/x", True),
        ("https://www.airbnb.fr", "http://www.airbnb.fr/x", False),
    ],
)
def test_what_base_url_names_is_airbnb_as_well(
    base_url: str, address: str, is_ours: bool
) -> None:
    assert is_airbnb(address, base_url) is is_ours


@pytest.mark.parametrize(
    "address",
    [
        "https://accounts.google.com/v3/signin/identifier?x=1",
        "https://ACCOUNTS.google.com/",
        "https://appleid.apple.com/auth/authorize",
        "https://www.facebook.com/login.php",
        "https://m.facebook.com/login/",
    ],
)
def test_a_login_provider_is_one_of_a_short_list(address: str) -> None:
    assert is_login_provider(address)
    assert not is_airbnb(address, HOME)


@pytest.mark.parametrize(
    "address",
    [
        "http://accounts.google.com/",
        "https://accounts.google.com:8443/",
        "https://accounts.google.com.evil.example/",
        "https://accounts.google.com@evil.example/",
        "https://accounts.google.com./",
        "https://evil.accounts.google.com/",
        "https://sites.google.com/",
        "https://www.google.com/url?q=https://accounts.google.com/",
        "https://apps.facebook.com/",
        "https://evil.example/accounts.google.com",
    ],
)
def test_its_neighbours_are_not(address: str) -> None:
    assert not is_login_provider(address)
