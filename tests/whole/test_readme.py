"""README.md and the manual: their blocks are run as they stand, what they name exists.

A comment above each block says how: `run: NAME` is run here, in a folder of its own and
with stand-ins for `sudo` and `airbot`; `output: NAME` is compared with the real output;
`not run: WHY` needs what CI has not. The two big commands (`run: demo`, `run: tests`)
set airbot up: the second of them runs this file.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from typing import NamedTuple

import pytest
import requests
from support.airbot_process import Airbot
from support.airbot_process import replies
from support.airbot_process import wait_for
from support.builders import NOW
from support.builders import RULES
from support.builders import guest
from support.builders import reading
from support.manual import read_manual
from support.paths import ROOT
from support.paths import own_environment
from support.paths import own_process
from support.webhooks import serve_webhook

from airbot.airbnb import thread_id_from
from airbot.cli import main
from airbot.cli.parser import make_parser
from airbot.config import SYSTEM_CONFIG
from airbot.config import Config
from airbot.config import load_config
from airbot.config.sections import OPTIONS
from airbot.config.sections import SECTIONS
from airbot.contract.payload import payload
from airbot.models import ReplyStatus
from airbot.models import TurnStatus
from airbot.models import utcnow
from airbot.policy import verbs
from airbot.sandbox.site import AirbnbSite
from airbot.storage import Storage
from airbot.web import request as web_request
from airbot.web import server as web_server
from airbot.webhook import app

PAGES = [ROOT / "README.md", *sorted((ROOT / "airbot/manual").glob("*.md"))]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
N8N = (ROOT / "airbot/manual/n8n.json").read_text(encoding="utf-8")
README = "\n".join(TEXTS.values())  # and the manual
BLOCK = re.compile(
    r"(?:<!-- (?P<kind>run|not run|output|picture)(?:: (?P<name>.*?))? -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# In place of sudo: as ourselves, and absolute paths below $TREE.
SUDO = """#!/bin/sh
if [ "$1" = -u ]; then shift 2; exec "$@"; fi
if [ "$1" = chown ]; then exit 0; fi
command=$1; shift
for a; do shift; case $a in /*) a=$TREE$a;; esac; set -- "$@" "$a"; done
exec "$command" "$@"
"""
AIRBOT = f"""#!/bin/sh
exec {shlex.quote(sys.executable)} -m airbot "$@"
"""
# In place of a curl that is not there: the four options that the README uses.
CURL = f"""#!{sys.executable}
import os, sys, urllib.request
url, header, port = sys.argv[2], sys.argv[4].split(": "), os.environ["CURL_PORT"]
host = url.split("/")[2]
called = urllib.request.Request(url.replace(host, "127.0.0.1:" + port))
called.add_header(*header), called.add_header("Host", host)
called.data = sys.stdin.buffer.read()
print(urllib.request.urlopen(called).read().decode())
"""


class Block(NamedTuple):
    kind: str | None
    name: str
    language: str
    text: str


BLOCKS = [
    Block(m["kind"], m["name"] or "", m["language"], m["text"])
    for m in BLOCK.finditer(README)
]
PROSE = BLOCK.sub("", README)
CODE = re.findall(r"`([^`\n]+)`", PROSE)


def block(kind: str, name: str) -> str:
    (text,) = [b.text for b in BLOCKS if (b.kind, b.name) == (kind, name)]
    return text


def table(heading: str) -> list[list[str]]:
    """The rows of the first table that has such a head."""
    lines = README[README.index(f"\n| {heading} |") :].split("\n")[1:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.split("|")[1:-1]])
    return rows[2:]


class Shell:
    """Runs blocks in the repository, with stand-ins and a tree of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        for path in ("etc/airbot", "etc/systemd/system"):
            (self.tree / path).mkdir(parents=True)
        bin_ = folder / "bin"
        bin_.mkdir()
        self.stand_in(bin_ / "sudo", SUDO)
        self.stand_in(bin_ / "airbot", AIRBOT)
        if not shutil.which("curl"):
            self.stand_in(bin_ / "curl", CURL)
        self.environment = {
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "HOME": str(folder),
            "TREE": str(self.tree),
            "PYTHONPATH": str(ROOT),
        }

    def stand_in(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def start(self, text: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", text],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **{"cwd": ROOT, **more},
        )

    def run(self, text: str) -> str:
        process = self.start(text)
        output, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
        return output

    def connect(self, name: str, port: int) -> None:
        """Have curl find `name`, such as "localhost:8000", on this port instead."""
        (self.folder / ".curlrc").write_text(
            f'connect-to = "{name}:127.0.0.1:{port}"\nnoproxy = "*"\n'
        )
        self.environment["CURL_PORT"] = str(port)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


class Listener:
    """A server on a free port that keeps what it was sent."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.paths: list[str] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                listener.paths.append(self.path)
                listener.bodies.append(json.loads(self.rfile.read(length)))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


@contextmanager
def example_ai(folder: Path, name: str = "example-ai") -> Iterator[str]:
    """The README's AI, as printed, started as it says there; its address."""
    (folder / "ai.py").write_text(block("run", name))
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port = found.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "ai.py", str(port)], cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: _answers(port))
        yield f"http://127.0.0.1:{port}/webhook/airbnb"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# The blocks


def test_every_block_says_whether_it_is_run() -> None:
    unmarked = [b.text for b in BLOCKS if b.kind is None]
    assert not unmarked
    assert not [b for b in BLOCKS if b.kind == "not run" and "needs" not in b.name]
    known = "backup curl-ai curl-callback curl-question demo demo-stays desk dockerfile"
    known += " env example-ai example-ai-later new-key new-secret no-sandbox restore"
    known += " settings sql template tests"
    assert {b.name for b in BLOCKS if b.kind == "run"} == set(known.split())
    known = "callback demo help log status"
    assert {b.name for b in BLOCKS if b.kind == "output"} == set(known.split())


@pytest.mark.parametrize("b", [b for b in BLOCKS if b.language == "sh"], ids=str)
def test_every_shell_block_is_shell(b: Block) -> None:
    assert subprocess.run(["bash", "-n", "-c", b.text], check=False).returncode == 0


def test_what_the_two_big_commands_name_exists() -> None:
    demo, tests = block("run", "demo"), block("run", "tests")
    assert demo.endswith(".venv/bin/airbot demo --once\n")
    assert "pip install -q '.[test]'" in tests and "-m pytest -q" in tests
    assert "\ntest =\n" in (ROOT / "setup.cfg").read_text()


def test_help_is_as_printed(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert capsys.readouterr().out.rstrip() == block("output", "help").rstrip()


def test_status_begins_its_lines_as_printed(
    shell: Shell, storage: Storage, tmp_path: Path
) -> None:
    shell.environment["AIRBOT_CONFIG"] = str(tmp_path / "config.ini")
    (tmp_path / "config.ini").write_text("[ai]\nwebhook_url = http://127.0.0.1:1/\n")
    now = utcnow()
    storage.readings.take_in(reading(guest("1", at=now), at=now), RULES, now)
    storage.runs.begin("once", "0.2.0", "config.ini", now)
    storage.session.add_cycle("sync", now, 9, "read")

    def names(text: str) -> list[str]:
        return [line.split()[0] for line in text.splitlines() if line[0] != " "]

    assert names(shell.run("airbot status")) == names(block("output", "status"))


@pytest.mark.browser
def test_the_demo_prints_what_is_printed(shell: Shell) -> None:
    output = shell.run("airbot demo --once")
    assert _without_numbers(output) == _without_numbers(block("output", "demo"))


def _without_numbers(text: str) -> list[str]:
    return re.sub(r" *\d+(\.\d\d)?", "N", text.strip()).splitlines()


@pytest.mark.browser
def test_the_demo_without_once_stays_and_shows_two_addresses(shell: Shell) -> None:
    (shell.folder / ".venv").mkdir()
    (shell.folder / ".venv/bin").symlink_to(shell.folder / "bin")
    demo = shell.start(
        block("run", "demo-stays"), cwd=shell.folder, start_new_session=True
    )
    watchdog = threading.Timer(15, os.killpg, (demo.pid, signal.SIGKILL))
    watchdog.start()
    lines = [demo.stdout.readline() for _ in range(6)]  # type: ignore[union-attr]
    watchdog.cancel()
    os.killpg(demo.pid, signal.SIGINT)
    output, errors = demo.communicate(timeout=15)
    assert demo.returncode == 0, errors
    text = "".join(lines) + output
    addresses = re.findall(r"^  the (.+?)  +http://127", text, re.MULTILINE)
    assert addresses == ["guest's page", "host's inbox"]


# The installation


@pytest.fixture
def installed(shell: Shell) -> Shell:
    shell.stand_in(shell.folder / "bin" / "systemctl", "#!/bin/sh\n")
    shell.run(block("run", "settings"))
    return shell


def test_the_settings_are_valid_and_their_paths_absolute(installed: Shell) -> None:
    path = installed.tree / str(SYSTEM_CONFIG).lstrip("/")
    config = load_config(path, environ={}, cwd=installed.folder)
    assert str(config.airbnb.session_dir) == "/var/lib/airbot/session"
    assert str(config.storage.path) == "/var/lib/airbot/airbot.db"
    assert str(config.logging.dir) == "/var/log/airbot"
    assert not config.warnings
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_instance_has_folders_and_settings_of_its_own(installed: Shell) -> None:
    installed.run(block("run", "template"))
    folder = installed.tree / "etc/systemd/system"
    one, many = (
        (folder / name).read_text() for name in ("airbot.service", "airbot@.service")
    )
    assert one == (ROOT / "airbot.service").read_text()
    assert "--config /etc/airbot/%i.ini\n" in many
    assert "StateDirectory=airbot-%i\n" in many and "LogsDirectory=airbot-%i\n" in many
    assert "WorkingDirectory=/var/lib/airbot-%i\n" in many
    assert not re.search(r"/var/(lib|log)/airbot(?!-%i)", _settings(many))


def _settings(unit: str) -> str:
    """A unit without its comments."""
    return re.sub("^#.*$", "", unit, flags=re.MULTILINE)


def test_the_drop_in_for_no_sandbox_closes_what_the_sandbox_needs(
    installed: Shell,
) -> None:
    installed.run(block("run", "no-sandbox"))
    folder = installed.tree / "etc/systemd/system/airbot.service.d"
    lines = (folder / "no-sandbox.conf").read_text().splitlines()
    assert lines[:3] == ["[Service]", "RestrictNamespaces=", "RestrictNamespaces=yes"]
    (taken,) = [line for line in lines if "=~" in line]
    given = (ROOT / "airbot.service").read_text()
    assert "\nSystemCallFilter=capset chroot seccomp\n" in given
    assert taken == "SystemCallFilter=~chroot seccomp"


def test_the_new_secret_is_one_and_the_services_alone(installed: Shell) -> None:
    (installed.tree / "dev").mkdir()
    (installed.tree / "dev/null").touch()
    installed.run(block("run", "new-secret"))
    folder = installed.tree / "etc/airbot"
    assert (folder / "webhook.secret").stat().st_mode & 0o777 == 0o600
    environ = {"CREDENTIALS_DIRECTORY": str(folder)}
    path = installed.tree / str(SYSTEM_CONFIG).lstrip("/")
    secret = load_config(path, environ=environ, cwd=installed.folder).webhook.secret
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    unit = installed.tree / "etc/systemd/system/airbot.service.d/secrets.conf"
    assert "\nLoadCredential=webhook.secret:/etc/airbot/webhook.secret\n" in (
        unit.read_text()
    )


def test_a_new_key_voids_the_tokens_that_are_out(storage: Storage) -> None:
    before = storage.session.token_key()
    with closing(sqlite3.connect(storage.path)) as connection, connection:
        connection.execute(block("run", "new-key"))
    assert len(storage.session.token_key()) == len(before) == 32
    assert storage.session.token_key() != before


def test_the_bounds_of_the_webhook_are_as_printed() -> None:
    [row] = [row for row in table("against | airbot") if row[0].startswith("many, ")]
    printed = [int(number) for number in re.findall(r"\d+", row[1])]
    bounds = [web_request.MAX_BODY // 1024, web_server.HEAD_BYTES // 1024]
    bounds += [web_server.CONNECTIONS, web_server.THREADS, int(web_server.REQUEST_S)]
    assert printed == bounds


def test_the_seeds_env_alone_is_enough(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("airbot.config.SYSTEM_CONFIG", tmp_path / "none.ini")
    (tmp_path / ".env").write_text(block("run", "env"))
    config = load_config(environ={}, cwd=tmp_path)
    assert config.webhook.host == "0.0.0.0" and "secret" in config.warnings[0]


# The AI contract


def question_of(storage: Storage, id_: str = "T1") -> dict[str, Any]:
    storage.readings.take_in(reading(guest("1"), id_=id_), RULES, NOW)
    return payload(storage.turns.open_questions()[0], "http://localhost/x")


def shape(value: Any) -> Any:
    """The keys of some JSON, and of what is in it."""
    if isinstance(value, dict):
        return {key: shape(of) for key, of in value.items()}
    return [shape(value[0])] if isinstance(value, list) else None


def test_the_question_has_the_real_fields(
    shell: Shell, listener: Listener, storage: Storage
) -> None:
    shell.connect("localhost:5678", listener.port)
    shell.run(block("run", "curl-question"))
    real = question_of(storage)
    assert shape(listener.bodies[0]) == shape(real)
    assert [row[0] for row in table("field | is")] == list(real)
    assert listener.bodies[0]["message"] == "\n\n".join(
        text["text"] for text in listener.bodies[0]["messages"]
    )
    assert thread_id_from(listener.bodies[0]["conversation_id"])


@pytest.mark.parametrize("asked", ["curl-ai", "curl-question"])
def test_the_ai_as_printed_answers_what_is_asked_by_hand(
    shell: Shell, tmp_path: Path, asked: str
) -> None:
    with example_ai(tmp_path) as address:
        shell.connect("localhost:5678", int(address.split(":")[2].partition("/")[0]))
        said = json.loads(shell.run(block("run", asked)))
    assert said["action"] == "reply" and said["message"].startswith("Hello Maya, you")


def test_an_ai_that_answers_later_calls_back_as_the_contract_has_it(
    shell: Shell, listener: Listener, tmp_path: Path
) -> None:
    shell.connect("localhost:5678", listener.port)
    shell.run(block("run", "curl-question"))
    question = listener.bodies.pop()
    question["callback_url"] = f"http://127.0.0.1:{listener.port}/back?turn=1"
    with example_ai(tmp_path, "example-ai-later") as address:
        assert requests.post(address, json=question, timeout=5).status_code == 202
        wait_for(lambda: listener.bodies)
    assert listener.paths[-1] == "/back?turn=1"
    assert set(listener.bodies[0]) == {"conversation_id", "message", "sender"}


@pytest.mark.parametrize(
    ("name", "most"), [("example-ai", 15), ("example-ai-later", 25)]
)
def test_the_example_ais_are_short(name: str, most: int) -> None:
    lines = [line for line in block("run", name).splitlines() if line]
    assert len(lines) <= most


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len(TEXTS[ROOT / "README.md"].splitlines()) <= 250


@pytest.mark.browser
@pytest.mark.parametrize("name", ["example-ai", "example-ai-later"])
def test_the_example_ai_answers_a_guest(
    site: AirbnbSite, tmp_path: Path, name: str
) -> None:
    thread = site.add_thread(guest="Maya")
    site.guest_writes(thread, "Is parking free?")
    with example_ai(tmp_path, name) as address:
        process = subprocess.Popen(
            own_process("run_airbot", "daemon", site.url, address, tmp_path),
            env=own_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            airbot = Airbot(process, tmp_path)
            wait_for(lambda: replies(site, thread))
            assert airbot.stop() == 0
        finally:
            process.kill()
            process.communicate()
    assert replies(site, thread) == ["Hello Maya, you wrote: Is parking free?"]


@pytest.fixture
def port(storage: Storage, make_config: Callable[..., Config]) -> Iterator[int]:
    """A webhook without the rest of airbot."""
    server = serve_webhook(storage, make_config())
    server.start()
    yield server.port
    server.stop()


def test_the_callback_is_answered_as_printed(
    shell: Shell, port: int, storage: Storage
) -> None:
    shell.connect("localhost:8000", port)
    said = json.loads(shell.run(block("run", "curl-callback")))
    printed = json.loads(block("output", "callback"))
    (reply,) = storage.outbox.with_status("pending")
    assert said == {**printed, "outbox_id": reply.id}
    assert reply.message == "Yes, in front of the house."


def test_the_codes_are_those_of_the_webhook() -> None:
    files = [*Path(app.__file__).parent.glob("*.py"), Path(web_request.__file__)]
    source = "".join(path.read_text() for path in files)
    codes = set(re.findall(r"Refused\((\d{3})", source))
    codes |= {str(code) for code in app.SENTENCES}
    assert {row[0] for row in table("code | means")} == codes - {"500", "200"}


def test_the_n8n_recipes_use_fields_of_the_question(storage: Storage) -> None:
    used = set(re.findall(r"json\.body\.(\w+)", README + N8N))
    assert {"message", "property_id", "callback_url", "conversation_id"} <= used
    assert used <= set(question_of(storage))


def test_the_n8n_workflow_can_be_imported_and_answers_at_once() -> None:
    workflow = json.loads(N8N)
    nodes = {node["name"]: node for node in workflow["nodes"]}
    assert len({node["id"] for node in nodes.values()}) == len(nodes) == 5
    ends = [
        (start, to["node"])
        for start, kinds in workflow["connections"].items()
        for outputs in kinds.values()
        for output in outputs
        for to in output
    ]
    assert {name for end in ends for name in end} == set(nodes)
    assert nodes["Webhook"]["parameters"]["responseMode"] == "responseNode"
    answer = nodes["Respond to Webhook"]["parameters"]["responseBody"]
    assert 'action: "reply", message: $json.output' in answer


def test_in_n8n_a_guest_gives_no_orders() -> None:
    [agent] = [n for n in json.loads(N8N)["nodes"] if n["name"] == "AI Agent"]
    system = agent["parameters"]["options"]["systemMessage"]
    assert "body" not in system and "history" not in system
    assert "body.message" in agent["parameters"]["text"]


# Settings


def test_the_settings_table_says_what_config_ini_says() -> None:
    printed = [
        [cell.replace("'", "") for cell in row]
        for row in table("key | default | environment | is")
    ]
    said = {entry.name: entry.text.replace("'", "") for entry in read_manual()}
    assert printed == [
        [o.name, _default(o.default), o.env or "–", said[o.name]] for o in OPTIONS
    ]


def _default(value: str | None) -> str:
    return "none, required" if value is None else value or "empty"


# Names


def airbot_commands() -> list[str]:
    """What the README has typed after `airbot`, in blocks and in sentences."""
    shell = "\n".join(b.text for b in BLOCKS if b.language == "sh")
    typed = re.findall(
        r"^(?!.*ln -s).*(?:-u airbot |bin/)airbot\b([^|;&)\n<]*)", shell, re.MULTILINE
    )
    return sorted({*typed, *(c[6:] for c in CODE if re.match(r"airbot(?: |$)", c))})


@pytest.mark.parametrize("typed", airbot_commands())
def test_every_command_and_option_exists(typed: str) -> None:
    words = shlex.split(typed)
    try:
        parsed = make_parser().parse_args(words)
    except SystemExit as e:
        assert e.code == 0 and words[-1] in ("--help", "--version"), typed
    else:
        assert isinstance(parsed, argparse.Namespace)


def test_every_option_in_a_sentence_exists() -> None:
    places = ("airbot/cli/parser.py", "tests/systemd/__main__.py")
    source = "".join((ROOT / place).read_text() for place in places)
    for code in CODE:
        if code.startswith("--") and code != "--network host":
            assert f'"{code.split()[0]}"' in source or code == "--help", code


def test_every_key_and_environment_name_exists() -> None:
    known = {o.name for o in OPTIONS}
    named = {c for c in CODE if c.split(".")[0] in SECTIONS and c.count(".") == 1}
    assert {name for name in named if not name.endswith(".py")} <= known
    environment = {c for c in CODE if re.fullmatch(r"\$?[A-Z]+(_[A-Z]+)+", c)}
    assert {c.strip("$") for c in environment} <= {o.env for o in OPTIONS} | {
        "AIRBOT_CONFIG"
    }


def anchors_of(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", [*PAGES, *(ROOT / ".github").glob("*.md")], ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", BLOCK.sub("", text)):
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors_of(there.read_text("utf-8")), target


def test_every_page_is_reached_from_the_readme() -> None:
    named = set(re.findall(r"airbot/manual/(\w+)\.md", TEXTS[ROOT / "README.md"]))
    assert {page.stem for page in PAGES[1:]} == named


def test_the_dependencies_are_those_of_the_package() -> None:
    setup = (ROOT / "setup.cfg").read_text()
    wanted = set(re.findall(r"^    ([\w-]+)>=", setup, re.MULTILINE))
    rows = table("package | for | why it")
    assert {name for row in rows for name in row[0].split(", ")} == wanted


# What a person may do


REFUSALS = {
    "retry": lambda reply: verbs.why_not_retry_reply(reply, None, True, False, False),
    "cancel": verbs.why_not_cancel,
    "resolve": verbs.why_not_resolve,
}


def test_the_table_of_replies_and_verbs_is_the_policy() -> None:
    rows = table("reply | retry | cancel | resolve")
    assert {row[0] for row in rows} == set(ReplyStatus)
    for status, *cells in rows:
        reply: Any = argparse.Namespace(status=ReplyStatus(status))
        for cell, why_not in zip(cells, REFUSALS.values(), strict=True):
            assert cell.startswith("no" if why_not(reply) else "yes"), (status, cell)


def test_the_table_of_turns_is_the_policy() -> None:
    rows = table("turn | retry")
    assert {row[0] for row in rows} == set(TurnStatus)
    for status, cell in rows:
        turn: Any = argparse.Namespace(status=TurnStatus(status), reason="why")
        why_not = verbs.why_not_retry_turn(
            turn,
            lists_texts=True,
            has_reply=status == "answered",
            other_under_way=False,
            is_old=status == "expired",
        )
        if status == "expired":
            assert why_not and "--old" in why_not and "--old" in cell
            continue
        assert cell.startswith("no" if why_not else "yes"), (status, why_not)


def test_the_exit_codes_are_those_of_the_help() -> None:
    codes = [row[0] for row in table("exit code | means")]
    epilog = block("output", "help").split("exit codes:")[1]
    assert codes == re.findall(r"\b\d+\b", epilog)


# Commands and queries, on a database


@pytest.fixture
def desk(shell: Shell, storage: Storage, tmp_path: Path) -> Shell:
    """The rows that the README's commands name."""
    shell.environment["AIRBOT_CONFIG"] = str(tmp_path / "config.ini")
    (tmp_path / "config.ini").write_text("[ai]\nwebhook_url = http://127.0.0.1:1/\n")
    now = utcnow()
    for id_ in ("T1", "T2", "T3", "T4"):
        texts = (guest(f"{id_}-1", at=now),)
        storage.readings.take_in(reading(*texts, id_=id_, at=now), RULES, NOW)
        turn = storage.turns.newest(id_)
        assert turn is not None
        if id_ == "T1":
            storage.turns.give_up(turn.id, "refused", now)
        else:
            storage.outbox.enqueue(turn, "Yes.", "AI", now)
    changes = (
        "UPDATE turns SET id = '6f1c2d9e' || substr(id, 9) WHERE thread_id = 'T1'",
        "UPDATE messages SET turn_id = (SELECT id FROM turns WHERE thread_id = 'T1')"
        " WHERE thread_id = 'T1'",
        "UPDATE queue_outbox SET id = '0d7c1d52' || substr(id, 9), status = 'failed'"
        " WHERE thread_id = 'T2'",
        "UPDATE queue_outbox SET id = 'a1b2c3d4' || substr(id, 9),"
        " status = 'uncertain' WHERE thread_id = 'T3'",
    )
    with closing(sqlite3.connect(storage.path)) as connection, connection:
        for change in changes:
            connection.execute(change)
    storage.runs.begin("once", "0.2.0", "config.ini", now)
    storage.session.add_cycle("sync", now, 9, "read")
    return shell


def test_the_commands_for_people_work_as_printed(desk: Shell, storage: Storage) -> None:
    blocks = [b.text for b in BLOCKS if (b.kind, b.name) == ("run", "desk")]
    assert len(blocks) > 4
    output = desk.run("".join(blocks))
    assert "turn 6f1c2d9e will be asked again" in output
    assert "reply 0d7c1d52 is pending" in output
    assert "reply a1b2c3d4 is failed" in output
    assert not storage.outbox.with_status("uncertain")


def test_a_backup_and_the_way_back_work_as_printed(
    desk: Shell, storage: Storage, tmp_path: Path
) -> None:
    desk.stand_in(tmp_path / "bin" / "systemctl", "#!/bin/sh\n")
    backup, restore = (
        block("run", name).replace("/var/lib/airbot", str(tmp_path))
        for name in ("backup", "restore")
    )
    desk.run(backup)
    assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600
    before = storage.shown.reply_counts()
    (reply,) = storage.outbox.with_status("uncertain")
    storage.verbs.resolve_reply(reply.id, False, utcnow())
    assert storage.shown.reply_counts() != before
    storage.close()
    desk.run(restore)
    again = Storage(storage.path)
    assert again.shown.reply_counts() == before
    again.close()


def test_the_three_queries_work_as_printed(desk: Shell, storage: Storage) -> None:
    change = "UPDATE queue_outbox SET status = 'sent', processed_at = :now"
    change += " WHERE thread_id = 'T3'"
    queries = block("run", "sql").strip().splitlines()
    with closing(sqlite3.connect(storage.path)) as connection:
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        connection.execute(change, {"now": now})
        counts = [connection.execute(query).fetchone()[0] for query in queries]
    assert counts == [1, 0, 1]


def test_the_log_lines_have_the_form_of_the_log() -> None:
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) [a-z]+: .+"
    for line in block("output", "log").splitlines():
        assert re.fullmatch(form, line)
