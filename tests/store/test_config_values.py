"""config/: which values are taken, which go together, and what follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.settings import AI
from support.settings import ENV
from support.settings import HUSH
from support.settings import Write
from support.settings import problems_in
from support.settings import problems_of

from airbot.addresses import is_loopback
from airbot.config import Config
from airbot.config import load_config

pytestmark = pytest.mark.usefixtures("no_system_config")

# -- Problems of values


@pytest.mark.parametrize(
    "text", ["", "x", "4.5", "1e3", "0", "-1", "٣", "1_0", "9" * 10]
)
@pytest.mark.parametrize("key", ["sync.interval_sec", "send.settle_sec"])
def test_intervals_are_whole_numbers_from_one(
    key: str, text: str, tmp_path: Path
) -> None:
    expected = f"{key} is {text!r}, not a whole number from 1 to 1000000"
    assert problems_of({key: text}, tmp_path) == [expected]


@pytest.mark.parametrize("key", ["webhook.port", "reconnect.port"])
def test_ports_go_from_0_to_65535(key: str, tmp_path: Path) -> None:
    for port in (0, 65535):
        Config.from_values(AI | {key: port}, tmp_path)
    for port in (-1, 65536):
        assert "from 0 to 65535" in problems_of({key: port}, tmp_path)[0]


@pytest.mark.parametrize(
    "key", ["airbnb.base_url", "ai.webhook_url", "webhook.public_url"]
)
@pytest.mark.parametrize(
    "text",
    ["localhost:8000", "ftp://host/", "http://", "http:///path", "http://host:x"]
    + ["http://host:99999", "http://[::1", "http://ho st/", "//host", "http://:80"],
)
def test_addresses_are_http_with_a_host(key: str, text: str, tmp_path: Path) -> None:
    expected = f"{key} is not an http:// or https:// address with a host"
    assert problems_of({key: text}, tmp_path) == [expected]


@pytest.mark.parametrize("key", ["airbnb.base_url", "webhook.public_url"])
def test_base_addresses_end_without_a_slash(key: str, tmp_path: Path) -> None:
    section, name = key.split(".")
    config = Config.from_values(AI | {key: "https://example.org/a/"}, tmp_path)
    assert getattr(getattr(config, section), name) == "https://example.org/a"
    assert len(problems_of({key: "https://example.org/?a=1"}, tmp_path)) == 1


def test_the_address_of_the_ai_stays_as_written(tmp_path: Path) -> None:
    values = {"ai.webhook_url": "http://localhost/hook/?key=1"}
    config = Config.from_values(values, tmp_path)
    assert config.ai.webhook_url == "http://localhost/hook/?key=1"


def test_booleans_are_written_in_many_ways(tmp_path: Path) -> None:
    def headless(text: object) -> bool:
        values = AI | {"airbnb.headless": text}
        return Config.from_values(values, tmp_path).airbnb.headless

    assert all(headless(text) for text in ("true", "Yes", "1", "ON", True))
    assert not any(headless(text) for text in ("false", "No", "0", "OFF", False))


def test_the_level_is_one_of_four(tmp_path: Path) -> None:
    config = Config.from_values(AI | {"logging.level": "debug"}, tmp_path)
    assert config.logging.level == "DEBUG"
    expected = "logging.level is 'loud', not one of DEBUG, INFO, WARNING, ERROR"
    assert problems_of({"logging.level": "loud"}, tmp_path) == [expected]


def test_a_host_is_not_an_address_with_a_port(tmp_path: Path) -> None:
    for text in ("", "http://localhost", "localhost:8000", "a b"):
        assert "not a host name" in problems_of({"webhook.host": text}, tmp_path)[0]
    config = Config.from_values(AI | {"webhook.host": "[::1]"}, tmp_path)
    assert config.webhook.host == "::1"


def test_a_path_that_must_be_is_not_empty(tmp_path: Path) -> None:
    for key in ("airbnb.session_dir", "storage.path"):
        assert problems_of({key: ""}, tmp_path) == [
            f"{key} is empty, a path is expected"
        ]


def test_unknown_keys_are_refused_without_a_file_too(tmp_path: Path) -> None:
    expected = "unknown key send.max_atempts, did you mean send.max_attempts?"
    assert problems_of({"send.max_atempts": 1}, tmp_path) == [expected]


@pytest.mark.parametrize("quotes", ['""', "''", "“”"])
def test_a_value_in_quotes_is_told_to_lose_them(
    quotes: str, write: Write, tmp_path: Path
) -> None:
    ini = write(f"[storage]\npath = {quotes[0]}a.db{quotes[1]}\n")
    expected = f"{ini}: storage.path is in quotes: take the quotes away"
    assert problems_in(tmp_path) == [expected]


def test_quotes_that_are_left_of_dotenv_or_the_shell_are_problems(
    write: Write, tmp_path: Path
) -> None:
    env = write("API_HOST=\"'::1'\"\nAIRBOT_DB='a.db'\n", ".env")
    assert problems_in(tmp_path, ENV | {"API_PORT": '"80"'}) == [
        f"API_HOST in {env} is in quotes: take the quotes away",
        "API_PORT is in quotes: take the quotes away",
    ]


@pytest.mark.parametrize(
    "key",
    ["storage.path", "logging.dir", "airbnb.browser", "ai.webhook_url"],
)
def test_a_path_or_address_is_not_filled_in(key: str, tmp_path: Path) -> None:
    expected = f"{key} holds ${{…}}, which airbot does not fill in: write it out"
    assert problems_of({key: "http://${HOME}/x"}, tmp_path) == [expected]


def test_a_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/maya")
    values = {"storage.path": "~/a.db", "airbnb.browser": "~/bin/chrome"}
    config = Config.from_values(AI | values | {"logging.dir": "a~/b"}, tmp_path)
    assert config.storage.path == Path("/home/maya/a.db")
    assert config.airbnb.browser == "/home/maya/bin/chrome"
    assert config.logging.dir == tmp_path / "a~/b"
    (problem,) = problems_of({"storage.path": "~nobody-of-that-name/x"}, tmp_path)
    assert problem == "storage.path begins with ~, a home that is not known here"


def test_an_unreadable_line_of_dotenv_is_named_by_its_number(
    write: Write, tmp_path: Path
) -> None:
    text = "API_PORT=80\n\n# hush\n\n=hush\nAPI_HOST='::1' hush\nAPI_SECRET='hush\n"
    env = write(text, ".env")
    problems = problems_in(tmp_path)
    said = "is not NAME=value, or a quote in it is not closed"
    assert problems == [f"{env} line {n}: {said}" for n in (5, 6, 7)]


# -- Problems between settings


@pytest.mark.parametrize(
    ("ai", "values"),
    [
        ("http://localhost:8000/api/ai/webhook-simple", ""),
        ("http://[::1]:8000/api/ai/webhook-simple/?x=1", ""),
        ("http://127.0.0.1:8000/api/ai/webhook-simple", "host = 0.0.0.0"),
        ("http://0.0.0.0:8000/api/ai/webhook-simple", ""),
        ("http://10.1.2.3:80/api/ai/webhook-simple", "host = 10.1.2.3\nport = 80"),
        ("https://bot.org/x/api/ai/webhook-simple", "public_url = https://bot.org/x"),
    ],
)
def test_the_ai_is_not_airbots_own_webhook(
    ai: str, values: str, write: Write, tmp_path: Path
) -> None:
    write(f"[webhook]\n{values}\n")
    (problem,) = problems_in(tmp_path, {"AI_WEBHOOK_URL": ai})
    assert problem.startswith("AI_WEBHOOK_URL is the address at which airbot itself")


@pytest.mark.parametrize(
    "ai",
    [
        "http://127.0.0.1:5678/api/ai/webhook-simple",
        "http://127.0.0.1:8000/other",
        "http://10.1.2.3:8000/api/ai/webhook-simple",
    ],
)
def test_an_ai_that_only_looks_like_our_webhook_is_taken(
    ai: str, tmp_path: Path
) -> None:
    load_config(environ={"AI_WEBHOOK_URL": ai}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("section", "lines", "right"),
    [
        ("ai", "answer_within_sec = 29", "answer_within_sec = 30"),
        ("send", "settle_sec = 4", "settle_sec = 5"),
        ("sync", "max_age_hours = 9600", "max_age_hours = 9599"),
    ],
)
def test_settings_that_do_not_go_together_are_problems(
    section: str, lines: str, right: str, write: Write, tmp_path: Path
) -> None:
    write(f"[{section}]\n{right}\n")
    load_config(environ=ENV, cwd=tmp_path)
    write(f"[{section}]\n{lines}\n")
    (problem,) = problems_in(tmp_path)
    assert lines.split(" = ")[0] in problem and lines.split(" = ")[1] in problem


def test_a_page_for_the_login_is_not_shown_to_the_network(tmp_path: Path) -> None:
    for near in ("https://bot.example", "http://localhost:8010", ""):
        Config.from_values(AI | {"reconnect.public_url": near}, tmp_path)
    (tmp_path / "config.ini").write_text("[reconnect]\npublic_url = http://b.example\n")
    (problem,) = problems_in(tmp_path)
    assert "reconnect.public_url is another machine's, without https" in problem


def test_a_rule_that_a_default_breaks_names_the_place_of_the_other(
    write: Write, tmp_path: Path
) -> None:
    ini = write("[ai]\nanswer_within_sec = 9\n")
    write("API_PORT=5678\n", ".env")
    environ = {"AI_WEBHOOK_URL": "http://127.0.0.1:5678/api/ai/webhook-simple"}
    own, within = problems_in(tmp_path, environ)
    assert own.startswith("AI_WEBHOOK_URL is the address at which")
    assert within.startswith("ai.timeout_sec is 30, above ai.answer_within_sec (9): ")
    assert within.endswith(f" (see {ini}: ai.answer_within_sec)")


@pytest.mark.parametrize(
    ("files", "known_by"),
    [
        ("config.ini .env", "{}/config.ini"),
        ("config.ini", "{}/config.ini"),
        (".env", "{}/.env"),
        ("", "no config.ini"),
    ],
)
def test_settings_are_known_by_the_file_that_was_read(
    files: str, known_by: str, write: Write, tmp_path: Path
) -> None:
    for name in files.split():
        write("", name)
    config = load_config(environ=ENV, cwd=tmp_path)
    assert config.read_from == known_by.format(tmp_path)


def test_a_rule_is_passed_over_where_a_value_is_wrong(
    write: Write, tmp_path: Path
) -> None:
    ini = write("[ai]\ntimeout_sec = x\n[send]\nsettle_sec = 1\n")
    timeout, settle = problems_in(tmp_path)
    assert "ai.timeout_sec is 'x'" in timeout
    assert settle.startswith(f"{ini}: send.settle_sec is 1, under 5: ")


def test_a_public_address_does_not_hold_our_path(tmp_path: Path) -> None:
    for end in ("", "/"):
        address = f"https://bot.example.org/x/api/ai/webhook-simple{end}"
        (problem,) = problems_of({"webhook.public_url": address}, tmp_path)
        assert problem.endswith("which airbot adds: take it away")


def test_an_authority_that_cannot_be_read_is_a_problem(
    write: Write, tmp_path: Path
) -> None:
    def problem(name: str) -> str:
        (text,) = problems_of({"ai.ca_file": name}, tmp_path)
        return text.removeprefix(f"ai.ca_file: {tmp_path / name} ")

    write("no certificate\n", "ca.pem")
    assert problem("ca.pem") == "holds no certificate in PEM"
    assert problem("none.pem") == "cannot be read: No such file or directory"


# -- What follows from the settings


@pytest.mark.parametrize(
    ("host", "bound", "named"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("localhost", "::1", "[::1]"),
        ("localhost", "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0", "127.0.0.1"),
        ("::", "::", "[::1]"),
        ("192.168.1.2", "192.168.1.2", "192.168.1.2"),
        ("bot.lan", "192.168.1.2", "bot.lan"),
    ],
)
def test_the_callback_address_names_what_is_bound(
    host: str, bound: str, named: str, tmp_path: Path
) -> None:
    webhook = Config.from_values(AI | {"webhook.host": host}, tmp_path).webhook
    assert webhook.callback_base(bound, 8123) == f"http://{named}:8123"


def test_the_callback_address_is_the_public_one_where_it_is_given(
    tmp_path: Path,
) -> None:
    values = AI | {"webhook.public_url": "https://bot.example.org/"}
    webhook = Config.from_values(values, tmp_path).webhook
    assert webhook.callback_base("127.0.0.1", 8123) == "https://bot.example.org"


def test_a_far_ai_with_a_near_callback_address_is_warned_of(tmp_path: Path) -> None:
    far: dict[str, object] = {"ai.webhook_url": "https://n8n.example.org/hook"}
    for public_url in ("", "http://127.0.0.1:8000", "http://LOCALHOST"):
        values = far | {"webhook.public_url": public_url}
        [warning] = Config.from_values(values, tmp_path).warnings
        assert "n8n.example.org" in warning and "API_PUBLIC_URL" in warning
    values = far | {"webhook.public_url": "https://bot.example.org"}
    assert Config.from_values(values, tmp_path).warnings == ()


def test_a_far_ai_without_https_is_warned_of(tmp_path: Path) -> None:
    values: dict[str, object] = {
        "ai.webhook_url": "http://u:hush@n8n.example.org/hook?key=hush",
        "webhook.public_url": "https://bot.example.org",
    }
    [warning] = Config.from_values(values, tmp_path).warnings
    assert "n8n.example.org" in warning and "https" in warning
    assert "hush" not in warning


def test_an_open_port_without_a_secret_is_warned_of(tmp_path: Path) -> None:
    values = AI | {"webhook.host": "0.0.0.0"}
    [warning] = Config.from_values(values, tmp_path).warnings
    assert "API_HOST" in warning and "API_SECRET" in warning
    values |= {"webhook.secret": HUSH}
    assert Config.from_values(values, tmp_path).warnings == ()


BEYOND = [
    {"webhook.host": "0.0.0.0"},
    {"webhook.host": "192.168.0.7"},
    {"webhook.host": "::"},
    {"webhook.public_url": "https://bot.example"},
]


@pytest.mark.parametrize("settings", BEYOND)
@pytest.mark.parametrize("where", ["secret", "secret_file"])
def test_a_short_secret_that_others_may_try_is_refused(
    settings: dict[str, str], where: str, tmp_path: Path
) -> None:
    for length in (1, 15, 16):
        (tmp_path / "file").write_text("x" * length)
        value = "x" * length if where == "secret" else "file"
        values = AI | settings | {f"webhook.{where}": value}
        if length < 16:
            [problem] = problems_of(values, tmp_path)
            assert "shorter than 16 characters" in problem
        else:
            assert Config.from_values(values, tmp_path)


def test_a_short_secret_on_this_machine_is_warned_of(tmp_path: Path) -> None:
    values = AI | {"webhook.secret": "x" * 15}
    [warning] = Config.from_values(values, tmp_path).warnings
    assert "shorter than 16 characters" in warning and "xx" not in warning


def test_plain_calls_are_taken_where_nothing_better_is_set(tmp_path: Path) -> None:
    def takes(**settings: str) -> bool:
        values = AI | {f"webhook.{key}": value for key, value in settings.items()}
        return Config.from_values(values, tmp_path).webhook.takes_plain_calls

    assert takes() and takes(public_url="http://localhost:8000")
    assert not takes(trust_this_machine="false")
    assert not takes(secret=HUSH)
    assert not takes(public_url="https://bot.example")


def test_the_test_address_of_n8n_is_warned_of(tmp_path: Path) -> None:
    values = {"ai.webhook_url": "http://localhost:5678/webhook-test/airbnb"}
    (warning,) = Config.from_values(values, tmp_path).warnings
    assert "activate the workflow" in warning


def test_reading_too_often_is_warned_of(tmp_path: Path) -> None:
    values = AI | {"sync.interval_sec": "14"}
    (warning,) = Config.from_values(values, tmp_path).warnings
    assert "SCRAPE_INTERVAL_SEC" in warning
    assert not Config.from_values(AI | {"sync.interval_sec": "15"}, tmp_path).warnings


def test_loopback_is_known_in_all_its_spellings() -> None:
    near = ["localhost", "LocalHost", "localhost.", "127.0.0.1", "127.9.9.9", "::1"]
    near += ["[::1]", "127.0.0.1.", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"]
    far = ["", "0.0.0.0", "::", "192.168.1.2", "localhost.example.org", "128.0.0.1"]
    far += ["127.0.0.1.example.org", "1270.0.0.1", "[localhost", "::2", "[]", "."]
    assert [host for host in near if not is_loopback(host)] == []
    assert [host for host in far if is_loopback(host)] == []
