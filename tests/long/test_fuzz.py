"""Whatever comes in: the webhook refuses it, and the reader names what it misses.

    pytest -m fuzz        20,000 malformed calls, and as many malformed answers
    pytest                some hundred of each

A call is malformed by construction: it has a fault at least, so no row may come of it.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import socket
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from pathlib import Path
from typing import Any
from typing import NamedTuple
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck
from hypothesis import Phase
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from support.api import FORMS
from support.captured import INBOX
from support.captured import NOW
from support.captured import OWN
from support.captured import THREAD
from support.captured import THREAD_ID
from support.captured import paths
from support.paths import own_environment
from support.paths import own_process

from airbot.addresses import CALLBACK_PATH
from airbot.airbnb import pages
from airbot.airbnb import questions
from airbot.airbnb import shapes
from airbot.airbnb import thread_id_from
from airbot.airbnb.questions import NotJson
from airbot.airbnb.questions import StaleQuestion
from airbot.browser import Answer
from airbot.contract.signing import signature_headers
from airbot.exceptions import ChallengeShown
from airbot.exceptions import LoginRequired
from airbot.exceptions import SiteChanged
from airbot.exceptions import SiteUnavailable
from airbot.exceptions import ThreadNotShown
from airbot.models import Direction
from airbot.models import Kind
from airbot.models import Message
from airbot.models import Odd
from airbot.models import utcnow

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()

HOME = "https://www.airbnb.com"
BODY = {"conversation_id": "1234567", "message": "Yes, it is.", "sender": "AI"}
WHOLE = json.dumps(BODY).encode()
TAKEN = frozenset({400, 401, 403, 404, 405, 413, 415, 429, 431, 501})
GROWTH_MB = 16
THREAD_OF_TURN = "TWVzc2FnZVRocmVhZDoxMjM0NTY3"
Headers = list[tuple[bytes, bytes]]


def enough(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < 1000,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )


# Malformed calls


class Sent(NamedTuple):
    """Bytes for one of the two doors; `whole`: it is HTTP, so an answer must come."""

    request: bytes
    secured: bool = False
    whole: bool = True


def http(
    body: bytes = WHOLE,
    headers: Headers | None = None,
    method: bytes = b"POST",
    target: bytes = CALLBACK_PATH.encode(),
    secured: bool = False,
) -> Sent:
    named = {name.lower() for name, _ in headers or []}
    lines = [b"%s %s HTTP/1.1" % (method, target)]
    for name, value in (
        (b"Host", b"localhost"),
        (b"Content-Type", b"application/json"),
        (b"Content-Length", b"%d" % len(body)),
        (b"Connection", b"close"),
    ):
        if name.lower() not in named:
            lines.append(name + b": " + value)
    lines += [name + b": " + value for name, value in headers or []]
    return Sent(b"\r\n".join(lines) + b"\r\n\r\n" + body, secured)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*BODY, "action", "x", ""]), inner, max_size=4),
    max_leaves=8,
)
TEXTS = st.text(st.characters(codec=None), max_size=30)
NO_TEXT = JSON.filter(lambda value: not isinstance(value, str))
CONTROL = st.sampled_from([chr(n) for n in range(32) if n not in (9, 10, 13)])
UNSEEN = st.text("\u200b\u202e\u2066\ufeff \n\U000e0041", max_size=5)
NO_MESSAGE = (
    NO_TEXT
    | UNSEEN
    | st.tuples(TEXTS, CONTROL | st.just("\ud800"), TEXTS).map("x".join)
    | st.integers(4001, 20_000).map(lambda n: "x" * n)
)
NO_THREAD = NO_TEXT | TEXTS.filter(lambda text: thread_id_from(text) is None)
NO_ACTION = JSON.filter(lambda value: value not in ("reply", "ignore"))
NO_TURN = JSON.filter(lambda value: value is not None)


def one_fault(name: str, value: Any) -> Sent:
    return http(json.dumps({**BODY, name: value}).encode())


FAULTS = st.one_of(
    NO_MESSAGE.map(lambda v: one_fault("message", v)),
    NO_THREAD.map(lambda v: one_fault("conversation_id", v)),
    NO_ACTION.map(lambda v: one_fault("action", v)),
    NO_TURN.map(lambda v: one_fault("message_id", v)),
)
NO_JSON = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda v: json.dumps(v).encode()),
    st.integers(0, len(WHOLE) - 1).map(lambda n: WHOLE[:n]),
    st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=3)).map(
        lambda cut: WHOLE[: cut[0]] + b"\xff" + cut[1] + WHOLE[cut[0] :]
    ),
    st.sampled_from(["utf-16", "utf-32", "cp037"]).map(
        lambda name: json.dumps(BODY | {"sender": "é"}).encode(name)
    ),
    st.integers(1, 32_000).map(lambda n: b"[" * n + b"]" * n),
).map(http)
VALUE = st.binary(max_size=40).map(lambda v: re.sub(b"[\r\n]", b"", v))
NO_CALLER = st.one_of(
    VALUE.map(lambda v: [(b"Origin", v)]),
    VALUE.map(lambda v: [(b"Sec-Fetch-Site", v)]),
    VALUE.map(lambda v: [(b"X-Forwarded-For", v)]),
    VALUE.map(lambda v: [(b"Host", v + b".evil")]),
    VALUE.map(lambda v: [(b"Content-Type", b"text/" + v)]),
    VALUE.map(lambda v: [(b"Content-Type", b"application/json; charset=x" + v)]),
).map(lambda headers: http(headers=headers))
NO_SECRET = st.one_of(
    VALUE.map(lambda v: [(b"Authorization", v)]),
    VALUE.map(lambda v: [(b"Authorization", b"Bearer " + v)]),
    st.lists(
        st.tuples(
            st.sampled_from(
                [b"webhook-id", b"webhook-timestamp", b"webhook-signature"]
            ),
            VALUE | st.just(b"1") | st.just(b"v1,"),
        ),
        max_size=4,
    ),
).map(lambda headers: http(headers=headers, secured=True))
ADDRESS = st.one_of(
    st.binary(max_size=60).map(quote_from_bytes),
    st.text("/%.?#;=&ab01", max_size=30),
).map(lambda text: http(target=b"/" + text.encode()))
METHOD = st.sampled_from(
    [b"GET", b"PUT", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"post", b"P", b"POSTX"]
).map(lambda method: http(method=method))
HEAD = http().request.index(b"\r\n\r\n")
RAW = st.one_of(
    st.binary(max_size=300),
    # A line in the head that is none.
    st.tuples(st.integers(0, HEAD), st.binary(max_size=8)).map(
        lambda at: http().request[: at[0]] + b"\r\n\0" + at[1] + http().request[at[0] :]
    ),
    st.integers(0, len(http().request) - 1).map(lambda n: http().request[:n]),
    VALUE.map(lambda v: b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + v),
    VALUE.map(lambda v: b"POST / HTTP/1.1\r\nContent-Length: " + v + b"\r\n\r\n{}"),
    VALUE.map(lambda v: b"POST / HTTP/" + v + b"\r\n\r\n"),
    VALUE.map(lambda v: b"POST / HTTP/1.1\r\n" + v + b"\r\n\r\n"),
).map(lambda request: Sent(request, whole=False))


def wrong_tokens(address: str) -> st.SearchStrategy[Sent]:
    """Addresses that are nearly the turn's own."""
    _, _, query = address.partition("?")
    turn, _, token = query.removeprefix("turn=").partition("&token=")
    seconds, _, mac = token.partition("-")
    digit = st.sampled_from("0123456789abcdef")
    near = st.one_of(
        st.tuples(st.integers(0, 63), digit)
        .map(lambda at: mac[: at[0]] + at[1] + mac[at[0] + 1 :])
        .filter(lambda other: other != mac)
        .map(lambda other: f"turn={turn}&token={seconds}-{other}"),
        st.integers(0, 10**11)
        .filter(lambda n: str(n) != seconds)
        .map(lambda n: f"turn={turn}&token={n}-{mac}"),
        st.integers(4, len(query) - 1).map(lambda n: query[:n]),
        digit.map(lambda d: f"turn={turn}{d}&token={token}"),
        digit.map(lambda d: f"turn={turn}&token={token}{d}"),
        st.just(f"{query}&{query}"),
        st.binary(max_size=40).map(lambda v: f"token={quote_from_bytes(v)}"),
        st.binary(max_size=40).map(
            lambda v: f"turn={turn}&token={quote_from_bytes(v)}"
        ),
        st.binary(max_size=40).map(
            lambda v: f"turn={quote_from_bytes(v)}&token={token}"
        ),
    )
    target = f"{CALLBACK_PATH}?".encode()
    return near.map(lambda text: http(target=target + text.encode()))


def by_hand() -> list[Sent]:
    """What has hurt other servers, and what only a person thinks of."""
    sent = [
        http(form[1] if isinstance(form[1], bytes) else json.dumps(form[1]).encode())
        for form in FORMS
    ]
    stale = signature_headers(SECRET, "msg_1", WHOLE + b" ", utcnow())
    signed = [(name.encode(), value.encode()) for name, value in stale.items()]
    sent += [http(headers=signed, secured=True), http(secured=True)]
    sent += [
        http(headers=[(b"Host", b"localhost"), (b"Host", b"evil.example")]),
        http(headers=[(b"Host", b"localhost\xff")]),
        http(headers=[(b"Host", b"[::1")]),
        http(headers=[(b"Host", b"localhost:0x1f@evil.example")]),
        http(headers=[(b"Content-Type", b"application/json"), (b"Origin", b"")]),
        http(target=b"http://evil.example/", method=b"GET"),
        http(target=CALLBACK_PATH.encode() + b"?turn&token"),
        http(target=CALLBACK_PATH.encode() + b"?" + b"turn=a&" * 1500),
        http(b"{}" + b" " * 70_000),
        http(b'{"a":' * 6000 + b"1" + b"}" * 6000),
        http(b"1" * 5000),
        http(b"-" * 5000),
        http(b'"' + b"\\ud800" * 9000 + b'"'),
        http(b"\xef\xbb\xbf" + WHOLE),
        http(WHOLE + b"\0"),
        http(WHOLE + WHOLE),
    ]
    raw = [
        b"\r\n" * 200,
        b"\0" * 300,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 80,  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n",
        b"POST / HTTP/1.1\r\n A: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nA : b\r\n\r\n",
        b"POST / HTTP/1.1\nHost: localhost\n\n",
        b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 2500 + b"\r\n",
    ]
    return sent + [Sent(request, whole=False) for request in raw]


@dataclass
class Target:
    """The webhook's process, and what it has said."""

    process: subprocess.Popen[str]
    folder: Path
    ports: tuple[int, int]
    address: str
    statuses: Counter[int] = field(default_factory=Counter)

    def send(self, sent: Sent) -> None:
        answer = self._exchange(sent)
        if not answer:
            assert not sent.whole, f"no answer to {sent.request[:200]!r}"
            self.statuses[0] += 1
            return
        status = int(answer.split(b" ", 2)[1])
        self.statuses[status] += 1
        assert status in TAKEN, (status, sent.request[:400])
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"Traceback" not in answer
        if body and b"application/json" in head and body.count(b"\r\n\r\n") == 0:
            assert json.loads(body)["success"] is False

    def _exchange(self, sent: Sent) -> bytes:
        said = b""
        with socket.socket() as connection:
            connection.settimeout(10)
            connection.connect(("127.0.0.1", self.ports[sent.secured]))
            with suppress(ConnectionError):
                connection.sendall(sent.request)
                if not sent.whole:
                    connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                while piece := connection.recv(65536):
                    said += piece
        return said

    def memory_mb(self) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def rows(self) -> tuple[Any, ...]:
        with closing(sqlite3.connect(self.folder / "airbot.db")) as connection:
            asked = "SELECT (SELECT COUNT(*) FROM queue_outbox),"
            asked += " (SELECT COUNT(*) FROM calls), (SELECT status FROM turns)"
            return tuple(connection.execute(asked).fetchone())

    def told(self) -> str:
        logs = (self.folder / "logs").glob("*.log*")
        return "".join(path.read_text() for path in logs)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    process = subprocess.Popen(
        own_process("run_webhook", tmp_path, SECRET),
        env=own_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(tmp_path / "stderr").open("w"),
        text=True,
    )
    assert process.stdout
    here, secured, address = json.loads(process.stdout.readline())
    yield Target(process, tmp_path, (here, secured), address)
    if process.poll() is None:
        process.kill()
        process.communicate()


def malformed_calls(target: Target, many: int) -> None:
    for sent in by_hand():
        target.send(sent)

    @enough(many)
    @given(
        st.one_of(
            FAULTS,
            FAULTS,
            NO_JSON,
            NO_CALLER,
            NO_SECRET,
            ADDRESS,
            METHOD,
            RAW,
            wrong_tokens(target.address),
        )
    )
    def send(sent: Sent) -> None:
        target.send(sent)

    send()


def check_harm(target: Target, files: int, memory_mb: float) -> None:
    # Asked again, where an answer to it could not be typed.
    assert target.rows() in ((0, 0, "new"), (0, 0, "asked"))
    assert target.memory_mb() - memory_mb < GROWTH_MB
    limit = time.monotonic() + 5
    while target.open_files() > files + 2 and time.monotonic() < limit:
        time.sleep(0.05)
    assert target.open_files() <= files + 2
    assert "Traceback" not in target.told() and "a request failed" not in target.told()
    body = json.dumps({**BODY, "conversation_id": THREAD_OF_TURN}).encode()
    good = http(body, target=target.address.encode()).request
    assert b" 200 OK" in target._exchange(Sent(good))[:20]
    target.process.communicate(timeout=10)
    assert target.process.returncode == 0
    assert "Traceback" not in (target.folder / "stderr").read_text()


def test_some_hundred_malformed_calls_do_no_harm(target: Target) -> None:
    # Each of the eight threads is going to open the database, and its log.
    files, memory_mb = target.open_files() + 16, target.memory_mb()
    malformed_calls(target, 400)
    assert target.statuses.total() >= 400
    check_harm(target, files, memory_mb)


@pytest.mark.fuzz
def test_20_000_malformed_calls_do_no_harm(target: Target) -> None:
    began = time.monotonic()
    malformed_calls(target, 1500)  # then it is warm
    files, memory_mb = target.open_files(), target.memory_mb()
    while target.statuses.total() < 21_500:
        malformed_calls(target, 5000)
    took, grown = time.monotonic() - began, target.memory_mb() - memory_mb
    shown = dict(sorted(target.statuses.items()))
    print(f"\n{target.statuses.total()} calls in {took:.0f} s: {shown}")
    print(f"memory {memory_mb:.0f} MB, {grown:+.1f} MB; rows {target.rows()[0]}")
    check_harm(target, files, memory_mb)


# Malformed answers of Airbnb's

SPOILS: st.SearchStrategy[Any] = (
    st.sampled_from([None, "", "x", "１２", 0, -1, 2.5, True, [], {}, [None]]) | JSON
)
THREAD_TEXT, INBOX_TEXT = (json.dumps(answer) for answer in (THREAD, INBOX))
ERRORS = [
    {"errors": [{"message": "PersistedQueryNotFound"}]},
    {"data": None, "errors": [{"message": "x"}]},
    {"data": {"threadData": None}},
    {"error_code": 420},
    {"error_code": 420, "client_error_info": {"airlock": {"id": 1}}},
    {"client_error_info": {"airlock": None}},
    {"errors": {"a": ["persisted_query_not_found"]}},
    {"error": "login_required"},
]


def spoiled(data: st.DataObject, answer: Any) -> Any:
    """An answer in which one to five nodes are other ones, moved, or gone."""
    answer = copy.deepcopy(answer)
    for _ in range(data.draw(st.integers(1, 5))):
        path = data.draw(st.sampled_from(paths(answer) or [()]))
        if not path:
            break
        parent: Any = answer
        for key in path[:-1]:
            parent = parent[key]
        how = data.draw(st.integers(0, 3))
        if how == 0:
            del parent[path[-1]]
        elif how == 1:
            parent[path[-1]] = copy.deepcopy(parent)
        elif how == 2 and isinstance(parent, list):
            parent += copy.deepcopy(parent)
        else:
            # A copy: a list that is changed later on would be changed for all draws.
            parent[path[-1]] = copy.deepcopy(data.draw(SPOILS))
    return answer


def damaged(data: st.DataObject, text: str) -> str:
    at = data.draw(st.integers(0, len(text)))
    gone = data.draw(st.integers(0, 40))
    return text[:at] + data.draw(TEXTS) + text[at + gone :]


def malformed_answer(data: st.DataObject) -> Answer:
    whole, text = data.draw(
        st.sampled_from([(THREAD, THREAD_TEXT), (INBOX, INBOX_TEXT)])
    )
    kind = data.draw(st.integers(0, 9))
    if kind < 6:
        text = json.dumps(spoiled(data, whole))
    elif kind < 8:
        text = damaged(data, text)
    else:
        text = json.dumps(data.draw(JSON | st.sampled_from(ERRORS)))
    status = data.draw(
        st.sampled_from([200] * 12 + [201, 204, 304, 400, 401, 403, 420])
    )
    date = data.draw(st.sampled_from(["", "x", "Mon, 99 Nov 2026", "-1"]) | TEXTS)
    return Answer(f"{HOME}/api/v3/{pages.THREAD_QUERY}/x", status, {"date": date}, text)


def read_answer(answer: Answer) -> str:
    """As the reader does it, and what came of it in a word."""
    operation = pages.THREAD_QUERY if "threadData" in answer.text else pages.LIST_QUERY
    try:
        data = questions.checked(answer, operation, HOME)
        at = questions.site_time(answer)
        assert at.tzinfo is not None
        shapes.lists_threads(data)
        shapes.lacks_messages(data)
        if operation == pages.LIST_QUERY:
            page = shapes.inbox_page(data, OWN, NOW)
            check_threads(page.threads)
            check_odd(page.odd)
        else:
            reading = shapes.reading(data, THREAD_ID, OWN, NOW)
            check_threads((reading.thread,))
            check_messages(reading.messages)
            check_odd(reading.odd)
    except SiteChanged as e:
        assert e.missing and len(str(e)) < 200 and "\n" not in str(e)
        return "changed"
    except ThreadNotShown:
        return _says(shapes.find(data, "data.threadData") is None, "not shown")
    except NotJson:
        return _says(not isinstance(pages.parse(answer.text), dict), "no JSON")
    except StaleQuestion:
        return _says("not" in answer.text.lower(), "stale")
    except ChallengeShown:
        return _says(
            "420" in answer.text or answer.status >= 400 or _lock(answer), "check"
        )
    except LoginRequired:
        return _says(answer.status >= 400, "refused")
    except SiteUnavailable:
        return _says(answer.status >= 400 or "errors" in answer.text, "refused")
    return "read"


def _lock(answer: Answer) -> bool:
    return "airlock" in answer.text


def _says(so: bool, word: str) -> str:
    assert so, f"it is not so: {word}"
    return word


def check_threads(threads: tuple[Any, ...]) -> None:
    for thread in threads:
        assert shapes.thread_number(thread.id).isdigit()
        assert isinstance(thread.title, str)
        assert thread.own_role is None or isinstance(thread.own_role, str)
        assert thread.mark is None or isinstance(thread.mark, str)
        assert thread.activity_at is None or thread.activity_at.tzinfo is UTC
        for text in (thread.listing_id, thread.stage, thread.description):
            assert text is None or isinstance(text, str)
        if thread.latest:
            check_messages((thread.latest,))


def check_odd(odd: tuple[Odd, ...]) -> None:
    for one in odd:
        assert one.path and "please report this" not in one.path


def check_messages(messages: tuple[Message, ...]) -> None:
    for message in messages:
        assert message.id.isdigit() and isinstance(message.sender, str)
        assert isinstance(message.kind, Kind) and isinstance(message.role, str)
        assert isinstance(message.direction, Direction)
        assert message.sent_at.tzinfo is UTC
        assert isinstance(message.body, str) == (message.kind == Kind.TEXT)


def malformed_answers(many: int) -> Counter[str]:
    became: Counter[str] = Counter()

    @enough(many)
    @given(st.data())
    def read(data: st.DataObject) -> None:
        became[read_answer(malformed_answer(data))] += 1

    read()
    return became


def test_some_hundred_malformed_answers_are_read_or_named() -> None:
    became = malformed_answers(500)
    assert became["changed"] and became["read"]


@pytest.mark.fuzz
def test_20_000_malformed_answers_are_read_or_named() -> None:
    began, became = time.monotonic(), Counter[str]()
    while became.total() < 20_000:
        became += malformed_answers(5000)
    took = time.monotonic() - began
    print(f"\n{became.total()} answers in {took:.0f} s: {dict(became.most_common())}")
