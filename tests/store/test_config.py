"""config/ and config.ini: which files are read, in which order, and whose."""

from __future__ import annotations

import base64
import dataclasses
import grp
import os
import pwd
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.manual import MANUAL
from support.manual import read_manual
from support.settings import AI
from support.settings import AI_URL
from support.settings import ENV
from support.settings import HUSH
from support.settings import Write
from support.settings import problems_in
from support.settings import problems_of

from airbot.config import Config
from airbot.config import load_config
from airbot.config import ours
from airbot.config.readers import Reader
from airbot.config.readers import read_boolean
from airbot.config.readers import read_host
from airbot.config.readers import read_path
from airbot.config.readers import read_program
from airbot.config.readers import read_secret
from airbot.config.sections import OPTIONS
from airbot.config.sections import Option
from airbot.exceptions import ConfigError

SEED_ENV = """\
AIRBNB_BASE_URL=https://www.airbnb.com
AI_WEBHOOK_URL=http://localhost:5678/webhook/airbnb
API_HOST=0.0.0.0
API_PORT=8000
PLAYWRIGHT_SESSION_DIR=./session
SCRAPE_INTERVAL_SEC=45
SEND_WORKER_INTERVAL_SEC=15
DATABASE_URL=postgres://old
"""


@pytest.fixture
def as_another(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let what stands at a path be another user's, who is not root."""

    def give(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, 65534, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 65534)

    return give


pytestmark = pytest.mark.usefixtures("no_system_config")

# -- Where settings come from


def test_the_seeds_env_file_alone_is_enough(write: Write, tmp_path: Path) -> None:
    write(SEED_ENV, ".env")
    config = load_config(environ={}, cwd=tmp_path)
    assert config.source is None
    assert config.airbnb.base_url == "https://www.airbnb.com"
    assert config.airbnb.session_dir == tmp_path / "session"
    assert config.ai.webhook_url == AI_URL
    assert (config.webhook.host, config.webhook.port) == ("0.0.0.0", 8000)
    assert (config.sync.interval_sec, config.send.interval_sec) == (45, 15)
    assert len(config.warnings) == 1 and "webhook.secret" in config.warnings[0]


def test_defaults_are_those_of_the_design(tmp_path: Path) -> None:
    config = load_config(environ=ENV, cwd=tmp_path)
    assert config.airbnb.headless is True
    assert config.airbnb.browser == ""
    assert (config.webhook.host, config.webhook.port) == ("127.0.0.1", 8000)
    assert config.webhook.public_url == ""
    assert (config.ai.secret, config.ai.secret_file) == ("", None)
    assert config.storage.path == tmp_path / "airbot.db"
    assert config.logging.dir == tmp_path / "logs"
    assert config.logging.level == "INFO"
    assert config.send.settle_sec == 120
    assert config.warnings == ()


def test_environment_wins_over_dotenv_over_file_over_default(
    write: Write, tmp_path: Path
) -> None:
    def interval() -> int:
        return load_config(environ=environ, cwd=tmp_path).sync.interval_sec

    environ = dict(ENV)
    assert interval() == 45
    write("[sync]\ninterval_sec = 50\n")
    assert interval() == 50
    write("SCRAPE_INTERVAL_SEC=60\n", ".env")
    assert interval() == 60
    environ["SCRAPE_INTERVAL_SEC"] = "70"
    assert interval() == 70


def test_an_empty_environment_value_counts_as_not_set(
    write: Write, tmp_path: Path
) -> None:
    write("[sync]\ninterval_sec = 50\n[send]\ninterval_sec = 20\n")
    write("SCRAPE_INTERVAL_SEC=\nSEND_WORKER_INTERVAL_SEC\n", ".env")
    environ = ENV | {"SCRAPE_INTERVAL_SEC": "", "SEND_WORKER_INTERVAL_SEC": "  "}
    config = load_config(environ=environ, cwd=tmp_path)
    assert (config.sync.interval_sec, config.send.interval_sec) == (50, 20)


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.env], ids=lambda o: o.env)
def test_every_environment_name_reaches_its_key(option: Option, tmp_path: Path) -> None:
    texts: dict[Reader, str] = {read_boolean: "false", read_program: "/x"}
    texts |= {read_path: "x", read_host: "::1", read_secret: "hush"}
    default = "7" if (option.default or "").isdigit() else "http://127.0.0.1"
    environ = ENV | {option.env: texts.get(option.read, default)}
    config = load_config(environ=environ, cwd=tmp_path)
    value = getattr(getattr(config, option.section), option.key)
    assert value == option.read(environ[option.env], tmp_path)


def test_environment_names_outside_the_table_are_ignored(tmp_path: Path) -> None:
    environ = ENV | {"SYNC_MAX_AGE_HOURS": "x", "sync.max_age_hours": "x", "": "x"}
    assert load_config(environ=environ, cwd=tmp_path).sync.max_age_hours == 12


def test_dollars_and_percents_stay_what_they_are(write: Write, tmp_path: Path) -> None:
    write("API_SECRET=a${HOME}b\n", ".env")
    write("[ai]\nsecret = 50%(x)s ; not # a comment\n")
    config = load_config(environ=ENV, cwd=tmp_path)
    assert config.webhook.secret == "a${HOME}b"
    assert config.ai.secret == "50%(x)s ; not # a comment"


def test_files_with_a_byte_order_mark_are_read(write: Write, tmp_path: Path) -> None:
    write("\ufeff[sync]\r\ninterval_sec = 50\r\n")
    write("\ufeffSEND_WORKER_INTERVAL_SEC=20\r\n", ".env")
    config = load_config(environ=ENV, cwd=tmp_path)
    assert (config.sync.interval_sec, config.send.interval_sec) == (50, 20)


# -- Which config.ini, and what paths are relative to


def test_config_ini_is_looked_for_in_four_places(write: Write, tmp_path: Path) -> None:
    places = ["etc/config.ini", "config.ini", "b/named.ini", "a/given.ini"]
    etc, here, named, given = [write("[sync]\ninterval_sec = 9\n", p) for p in places]
    environ = ENV | {"AIRBOT_CONFIG": str(named)}
    assert load_config(given, environ, tmp_path).source == given
    assert load_config(None, environ, tmp_path).source == named
    assert load_config(None, ENV | {"AIRBOT_CONFIG": ""}, tmp_path).source == here
    here.unlink()
    assert load_config(None, ENV, tmp_path).source == etc
    etc.unlink()
    assert load_config(None, ENV, tmp_path).source is None


def test_a_named_file_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    calls = [(Path("no.ini"), ENV), (None, ENV | {"AIRBOT_CONFIG": "no.ini"})]
    for path, environ in calls:
        with pytest.raises(ConfigError) as caught:
            load_config(path, environ, tmp_path)
        expected = f"{tmp_path / 'no.ini'} cannot be read: No such file or directory"
        assert caught.value.problems == [expected]


def test_paths_and_dotenv_belong_to_the_folder_of_config_ini(
    write: Write, tmp_path: Path
) -> None:
    given = write("[storage]\npath = data/my.db\n", "a/config.ini")
    write("PLAYWRIGHT_SESSION_DIR=./profile\n", "a/.env")
    write("AIRBOT_DB=wrong.db\n", ".env")
    config = load_config(given.relative_to(tmp_path), ENV, tmp_path)
    assert config.storage.path == tmp_path / "a/data/my.db"
    assert config.airbnb.session_dir == tmp_path / "a/profile"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    config = Config.from_values(AI | {"storage.path": "/var/lib/a.db"}, tmp_path)
    assert config.storage.path == Path("/var/lib/a.db")


def test_a_browser_is_a_path_or_a_bare_command(tmp_path: Path) -> None:
    def browser(text: str) -> str:
        return Config.from_values(
            AI | {"airbnb.browser": text}, tmp_path
        ).airbnb.browser

    assert browser("chromium") == "chromium"
    assert browser("/usr/bin/chromium") == "/usr/bin/chromium"
    assert browser("bin/chrome") == str(tmp_path / "bin/chrome")


def test_an_empty_log_folder_means_no_log_files(write: Write, tmp_path: Path) -> None:
    write("[logging]\ndir =\n")
    assert load_config(environ=ENV, cwd=tmp_path).logging.dir is None


def test_the_example_in_a_clone_does_not_hide_the_systems_settings(
    write: Write, tmp_path: Path
) -> None:
    here = write(MANUAL.read_text(encoding="utf-8"))
    assert load_config(environ=ENV, cwd=tmp_path).source == here
    etc = write("[sync]\ninterval_sec = 50\n", "etc/config.ini")
    config = load_config(environ=ENV, cwd=tmp_path)
    assert (config.source, config.warnings) == (etc, ())
    write("", ".env")  # somebody has settings here
    assert load_config(environ=ENV, cwd=tmp_path).source == here


def test_a_config_ini_that_hides_the_systems_says_so(
    write: Write, tmp_path: Path
) -> None:
    here = write("[sync]\ninterval_sec = 50\n")
    etc = write("[sync]\ninterval_sec = 60\n", "etc/config.ini")
    expected = f"{here} is read, {etc} is not: the working folder comes first"
    assert load_config(environ=ENV, cwd=tmp_path).warnings == (expected,)
    assert load_config(here, ENV, tmp_path).warnings == ()


def test_the_file_to_write_is_named_where_there_is_none(tmp_path: Path) -> None:
    (problem,) = problems_in(tmp_path, {})
    assert f"set it in {tmp_path / 'config.ini'}" in problem


# -- Whose files they are


@pytest.fixture
def no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "CONTAINERS", ())


@pytest.mark.usefixtures("no_container")
@pytest.mark.parametrize("name", ["config.ini", ".env"])
def test_another_users_settings_are_refused(
    name: str, write: Write, tmp_path: Path, as_another: Callable[[Path], None]
) -> None:
    file = write("", name)
    write("", "etc/config.ini" if name == "config.ini" else "other.ini")
    as_another(file)
    problem = problems_in(tmp_path)[0]
    assert problem.startswith(f"{file} is not read: {file} is ")
    assert "sudo -u" in problem and "--config" in problem


def test_what_is_closed_to_us_is_its_owners_to_run(
    tmp_path: Path, as_another: Callable[[Path], None]
) -> None:
    assert ours.command_of_owner(tmp_path / "none.db") == ""
    as_another(tmp_path)
    command = ours.command_of_owner(tmp_path / "none.db")
    assert re.fullmatch(r"sudo -u .+ airbot", command)


@pytest.mark.usefixtures("no_container")
def test_settings_in_another_users_folder_are_refused(
    write: Write, tmp_path: Path, as_another: Callable[[Path], None]
) -> None:
    write("")
    as_another(tmp_path)
    assert f": {tmp_path} is " in problems_in(tmp_path)[-1]


@pytest.mark.usefixtures("no_container")
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_settings_in_a_folder_that_others_may_write_are_refused(
    mode: int, write: Write, tmp_path: Path
) -> None:
    write("")
    tmp_path.chmod(mode)
    (problem,) = problems_in(tmp_path)
    assert f"other users may write {tmp_path}" in problem


@pytest.mark.usefixtures("no_container")
def test_a_file_that_others_may_write_is_refused(write: Write, tmp_path: Path) -> None:
    write("").chmod(0o646)
    (problem,) = problems_in(tmp_path)
    assert "chmod go-w" in problem


@pytest.mark.usefixtures("no_container")
@pytest.mark.parametrize(("members", "taken"), [([], True), (["maya"], False)])
def test_a_group_may_write_that_holds_the_owner_alone(
    members: list[str],
    taken: bool,
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    me = pwd.getpwuid(os.geteuid())
    group = grp.struct_group(("house", "x", tmp_path.stat().st_gid, members))
    monkeypatch.setattr(pwd, "getpwall", lambda: [me])
    monkeypatch.setattr(grp, "getgrgid", lambda gid: group)
    write("").chmod(0o660)
    tmp_path.chmod(0o770)
    if taken:
        assert load_config(environ=ENV, cwd=tmp_path)
    else:
        assert len(problems_in(tmp_path)) == 2


def test_settings_that_were_named_are_read_whosever_they_are(
    write: Write, tmp_path: Path
) -> None:
    given = write("[sync]\ninterval_sec = 50\n")
    tmp_path.chmod(0o777)
    assert load_config(given, ENV, tmp_path).sync.interval_sec == 50


def test_root_in_a_container_reads_what_is_mounted(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "CONTAINERS", (tmp_path,))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    write("")
    tmp_path.chmod(0o777)
    assert load_config(environ=ENV, cwd=tmp_path)


# -- Problems of the file


def test_all_problems_are_listed_at_once(write: Write, tmp_path: Path) -> None:
    ini = write(
        "[sync]\ninterval_sec = 0\nnonsense\n[send]\nmax_atempts = 3\n[storag]\n"
    )
    env = write("API_PORT=65536\n", ".env")
    problems = problems_in(tmp_path, {"AIRBNB_HEADLESS": "maybe"})
    assert problems == [
        f"{ini} line 3: is not 'key = value'",
        f"{ini}: unknown section [storag], did you mean [storage]?",
        f"{ini}: unknown key send.max_atempts, did you mean send.max_attempts?",
        "AIRBNB_HEADLESS is 'maybe', not true or false (nor yes, no, on, off, 1, 0)",
        f"ai.webhook_url is missing: set it in {ini}, or AI_WEBHOOK_URL",
        f"API_PORT in {env} is '65536', not a whole number from 0 to 65535",
        f"{ini}: sync.interval_sec is '0', not a whole number from 1 to 1000000",
    ]


def test_a_key_in_the_wrong_section_is_led_home(write: Write, tmp_path: Path) -> None:
    write("[sync]\nwebhook_url = http://localhost\n")
    [problem] = problems_in(tmp_path)
    assert problem.endswith(
        "unknown key sync.webhook_url, did you mean ai.webhook_url?"
    )


def test_a_default_section_is_unknown(write: Write, tmp_path: Path) -> None:
    ini = write("[DEFAULT]\ninterval_sec = 3\n")
    assert problems_in(tmp_path) == [f"{ini}: unknown section [DEFAULT]"]


def test_keys_given_twice_are_problems(write: Write, tmp_path: Path) -> None:
    ini = write(
        "[sync]\ninterval_sec = 3\ninterval_sec = 4\n[sync]\nmax_age_hours = 5\n"
    )
    assert problems_in(tmp_path) == [
        f"{ini} line 3: sync.interval_sec is there twice",
        f"{ini} line 4: [sync] is there twice",
    ]


def test_lines_above_the_first_section_are_one_problem(
    write: Write, tmp_path: Path
) -> None:
    ini = write("# hello\ninterval_sec = 3\nmore\n\n[sync]\ninterval_sec = 4\n")
    assert problems_in(tmp_path) == [f"{ini} line 2: there is no [section] above it"]


def test_a_header_that_is_never_closed_is_a_problem(
    write: Write, tmp_path: Path
) -> None:
    write("[sync\ninterval_sec = 3\n[send\n")
    assert len(problems_in(tmp_path)) == 2


def test_an_indented_key_is_a_key(write: Write, tmp_path: Path) -> None:
    write("[sync]\ninterval_sec = 3\n max_age_hours = 4\n\tfull_load_min = 5\n")
    sync = load_config(environ=ENV, cwd=tmp_path).sync
    assert dataclasses.astuple(sync) == (3, 4, 5)


@pytest.mark.parametrize("name", ["config.ini", ".env"])
def test_a_file_that_is_not_utf8_is_a_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"[sync]\nk\xe9y = 1\n")
    expected = f"{tmp_path / name} cannot be read: it is not UTF-8 text"
    assert problems_in(tmp_path) == [expected]


@pytest.mark.parametrize("name", ["config.ini", ".env"])
def test_a_file_that_cannot_be_opened_is_a_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    expected = f"{tmp_path / name} cannot be read: Is a directory"
    assert problems_in(tmp_path) == [expected]


# -- Secrets


@pytest.mark.parametrize("section", ["ai", "webhook"])
def test_a_secret_can_come_from_a_file(
    section: str, write: Write, tmp_path: Path
) -> None:
    file = write("hush\n", "secret.txt")
    values = AI | {f"{section}.secret_file": "secret.txt"}
    settings = getattr(Config.from_values(values, tmp_path), section)
    assert (settings.secret, settings.secret_file) == ("hush", file)


@pytest.mark.parametrize("section", ["ai", "webhook"])
def test_a_secret_and_its_file_are_one_too_many(section: str, tmp_path: Path) -> None:
    values = {f"{section}.secret": "hush", f"{section}.secret_file": "secret.txt"}
    expected = f"{section}.secret and {section}.secret_file are both given: keep one"
    assert problems_of(values, tmp_path) == [expected]


def test_a_secret_file_holds_one_line(write: Write, tmp_path: Path) -> None:
    def problem(name: str) -> str:
        [text] = problems_of({"ai.secret_file": name}, tmp_path)
        return text.removeprefix(f"ai.secret_file: {tmp_path / name} ")

    write(" \n", "empty")
    write("hush\nhush\n", "lines")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert problem("empty") == "is empty"
    assert problem("lines") == "is not one line of plain ASCII characters"
    assert problem("binary") == "cannot be read: it is not UTF-8 text"
    assert problem("none") == "cannot be read: No such file or directory"


@pytest.mark.parametrize("name", ["ai.secret", "webhook.secret", "ai.webhook_url"])
def test_a_secret_can_be_a_credential_of_systemd(
    name: str, write: Write, tmp_path: Path
) -> None:
    write("http://localhost/hush\n", f"credentials/{name}")
    write(f"[{name.split('.')[0]}]\n{name.split('.')[1]} = http://localhost/other\n")
    environ = ENV | {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    if name == "ai.webhook_url":
        del environ["AI_WEBHOOK_URL"]
    config = load_config(environ=environ, cwd=tmp_path)
    section, key = name.split(".")
    assert getattr(getattr(config, section), key) == "http://localhost/hush"


def test_the_environment_wins_over_a_credential(write: Write, tmp_path: Path) -> None:
    write("hush", "credentials/webhook.secret")
    environ = ENV | {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    environ |= {"API_SECRET": "hush2"}
    assert load_config(environ=environ, cwd=tmp_path).webhook.secret == "hush2"


def test_a_credential_at_fault_is_a_problem(write: Write, tmp_path: Path) -> None:
    write(" \n", "credentials/ai.secret")
    write("hush\nhush", "credentials/webhook.secret")
    environ = ENV | {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert problems_in(tmp_path, environ) == [
        "credential ai.secret is empty",
        "credential webhook.secret is not one line of plain ASCII characters",
    ]


def test_a_credential_and_a_secret_file_are_one_too_many(
    write: Write, tmp_path: Path
) -> None:
    write("hush", "credentials/ai.secret")
    write("[ai]\nsecret_file = secret.txt\n")
    environ = ENV | {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    [problem] = problems_in(tmp_path, environ)
    assert problem == (
        "ai.secret and ai.secret_file are both given: keep one"
        f" (see credential ai.secret, {tmp_path / 'config.ini'}: ai.secret_file)"
    )


WHSEC = "whsec_" + base64.b64encode(b"k" * 24).decode()


@pytest.mark.parametrize("text", [WHSEC, f"{WHSEC} {WHSEC}", "any text", "x_whsec_"])
def test_a_secret_is_any_text_or_signing_secrets(text: str, tmp_path: Path) -> None:
    config = Config.from_values(AI | {"webhook.secret": text}, tmp_path)
    assert config.webhook.secret == text


@pytest.mark.parametrize(
    "text",
    ["whsec_", "whsec_hush", "whsec_" + "é", "whsec_hush!" * 9, f"{WHSEC} hush"]
    + ["whsec_" + base64.b64encode(b"k" * n).decode() for n in (23, 65)],
)
def test_a_signing_secret_has_its_form(text: str, tmp_path: Path) -> None:
    for name in ("ai.secret", "webhook.secret"):
        [problem] = problems_of({name: text}, tmp_path)
        assert problem.startswith(f"{name} is not ") and "hush" not in problem


@pytest.mark.parametrize("where", ["config.ini", ".env", "secret.txt"])
def test_a_secret_that_every_user_can_read_is_warned_of(
    where: str, write: Write, tmp_path: Path
) -> None:
    texts = {
        "config.ini": f"[webhook]\nsecret = {HUSH}\n",
        ".env": f"API_SECRET={HUSH}\n",
        "secret.txt": f"{HUSH}\n",
    }
    file = write(texts[where], where)
    if where == "secret.txt":
        write("[webhook]\nsecret_file = secret.txt\n")
    file.chmod(0o644)
    [warning] = load_config(environ=ENV, cwd=tmp_path).warnings
    assert warning == f"webhook.secret is in {file}, which every user can read: " + (
        "chmod 640 it"
    )
    file.chmod(0o640)
    assert load_config(environ=ENV, cwd=tmp_path).warnings == ()


def test_a_config_without_secrets_may_be_read(write: Write, tmp_path: Path) -> None:
    write("[webhook]\nsecret =\n[sync]\ninterval_sec = 90\n").chmod(0o644)
    assert load_config(environ=ENV, cwd=tmp_path).warnings == ()


def test_no_problem_quotes_a_secret(write: Write, tmp_path: Path) -> None:
    write("secret hush\n[ai]\nsecret hush\nsecret = hushé\nsecret = hush\n[ai]\nhush\n")
    write("API_SECRET=hushé\nAI_WEBHOOK_URL=htp://u:hush@host\n", ".env")
    write("hushé\nhush", "secret.txt")
    values: dict[str, object] = {"webhook.secret_file": "secret.txt"}
    problems = problems_in(tmp_path, {}) + problems_of(values, tmp_path)
    assert len(problems) == 9
    assert "hush" not in "\n".join(problems)


def test_no_secret_is_seen_in_a_printed_config(tmp_path: Path) -> None:
    values = {"ai.webhook_url": "http://u:hush@localhost"}
    values |= {"ai.secret": "hush", "webhook.secret": "hush"}
    assert "hush" not in repr(Config.from_values(values, tmp_path))


# -- One table, told three times


def test_config_ini_has_every_key_with_its_default_and_its_purpose() -> None:
    example = AI_URL  # stands where a key has no default
    wanted = [
        (o.name, example if o.default is None else o.default, o.env) for o in OPTIONS
    ]
    manual = read_manual()
    assert [(e.name, e.default, e.env) for e in manual] == wanted
    assert all(entry.text.endswith(".") for entry in manual)


def test_config_ini_as_shipped_sets_nothing(write: Write, tmp_path: Path) -> None:
    write(MANUAL.read_text(encoding="utf-8"))
    [problem] = problems_in(tmp_path, {})
    assert "ai.webhook_url" in problem and "AI_WEBHOOK_URL" in problem


@pytest.mark.parametrize("mark", ["# ", "#"])
def test_config_ini_uncommented_is_the_default(
    mark: str, write: Write, tmp_path: Path
) -> None:
    text = MANUAL.read_text(encoding="utf-8")
    write(re.sub(rf"^{mark}( ?\w+ =)", r"\1", text, flags=re.MULTILINE))
    config = load_config(environ={}, cwd=tmp_path)
    assert dataclasses.replace(config, source=None) == Config.from_values(AI, tmp_path)


def test_settings_cannot_be_changed_afterwards(tmp_path: Path) -> None:
    config = Config.from_values(AI, tmp_path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.sync.interval_sec = 1  # type: ignore[misc]
