"""The settings: which keys there are, where they are looked up, what they may hold.

Owns config.ini, `.env`, systemd's credentials and the environment: `load_config` reads
them once (real environment > .env > credential > file > default) and no other module
looks there. OPTIONS is the one list of keys; config.ini at the top level is the same
list for people.

All problems are collected and raised together as one ConfigError. Their texts name keys
and environment names, never a secret; nor do they quote an address, which may hold one.
"""

from __future__ import annotations

import base64
import difflib
import io
import os
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from configparser import DuplicateOptionError
from configparser import DuplicateSectionError
from configparser import MissingSectionHeaderError
from configparser import ParsingError
from configparser import RawConfigParser
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from typing import NamedTuple
from urllib.parse import urlsplit

from dotenv.parser import Binding
from dotenv.parser import parse_stream

from airbot.addresses import CALLBACK_PATH
from airbot.addresses import WILDCARDS
from airbot.addresses import http_address
from airbot.addresses import is_loopback as is_loopback
from airbot.config.checks import broken_rules
from airbot.config.ours import check_ours
from airbot.exceptions import ConfigError

SYSTEM_CONFIG = Path("/etc/airbot/config.ini")
SECRETS = ("ai.secret", "webhook.secret")
CREDENTIALS = (*SECRETS, "ai.webhook_url")  # an address may hold a token
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
BOOLEANS = {"true": True, "yes": True, "on": True, "1": True}
BOOLEANS |= {"false": False, "no": False, "off": False, "0": False}


# -- Readers: a text and the folder of relative paths in, a value out. A ValueError says
#    what is wrong in words that follow the key: "is ...".

Reader = Callable[[str, Path], Any]


def whole(minimum: int, maximum: int = 1_000_000) -> Reader:
    """Reader of a whole number; the limit keeps dates computed from it in range."""

    def read(text: str, base: Path) -> int:
        if re.fullmatch(r"[+-]?[0-9]{1,9}", text):
            if minimum <= (number := int(text)) <= maximum:
                return number
        raise ValueError(f"is {text!r}, not a whole number from {minimum} to {maximum}")

    return read


def read_boolean(text: str, base: Path) -> bool:
    if text.lower() not in BOOLEANS:
        raise ValueError(f"is {text!r}, not true or false (nor yes, no, on, off, 1, 0)")
    return BOOLEANS[text.lower()]


def read_level(text: str, base: Path) -> str:
    if text.upper() not in LEVELS:
        raise ValueError(f"is {text!r}, not one of {', '.join(LEVELS)}")
    return text.upper()


def one_of(*words: str) -> Reader:
    def read(text: str, base: Path) -> str:
        if text.lower() not in words:
            raise ValueError(f"is {text!r}, not one of {', '.join(words)}")
        return text.lower()

    return read


def read_host(text: str, base: Path) -> str:
    # One colon: somebody wrote HOST:PORT. An IPv6 address has two at least.
    if not re.fullmatch(r"[^\s/]+", text) or text.count(":") == 1:
        raise ValueError(f"is {text!r}, not a host name or an IP address")
    return text.strip("[]")


def read_address(text: str, base: Path) -> str:
    _check_filled_in(text)
    if not _is_http_address(text):
        raise ValueError("is not an http:// or https:// address with a host")
    return text


def read_base_address(text: str, base: Path) -> str:
    """An address to which paths are appended."""
    if "?" in text or "#" in text:
        raise ValueError("is an address with ? or #, to which no path can be added")
    return read_address(text, base).rstrip("/")


def read_public_address(text: str, base: Path) -> str:
    """The address at which others reach the webhook; "" where none is given."""
    address = read_base_address(text, base) if text else ""
    if urlsplit(address).path.endswith(CALLBACK_PATH):
        raise ValueError(f"ends with {CALLBACK_PATH}, which airbot adds: take it away")
    return address


def read_path(text: str, base: Path) -> Path:
    if not text:
        raise ValueError("is empty, a path is expected")
    _check_filled_in(text)
    try:
        return base / Path(text).expanduser()
    except RuntimeError:  # `~` of a user without one, or whom nobody knows
        raise ValueError("begins with ~, a home that is not known here") from None


def read_optional_path(text: str, base: Path) -> Path | None:
    return read_path(text, base) if text else None


def read_program(text: str, base: Path) -> str:
    """A path, or the bare name of a command, which belongs to no folder."""
    return str(read_path(text, base)) if "/" in text else text


def _check_filled_in(text: str) -> None:
    if "${" in text:
        raise ValueError("holds ${…}, which airbot does not fill in: write it out")


def check_unquoted(text: str) -> None:
    """A shell or python-dotenv takes quotes away; what reads config.ini does not."""
    if len(text) > 1 and text[0] + text[-1] in ('""', "''", "“”", "‘’", "``"):
        raise ValueError("is in quotes: take the quotes away")


def read_secret(text: str, base: Path) -> str:
    # It travels in an HTTP header, which takes no more than this.
    if not (text.isascii() and text.isprintable()):
        raise ValueError("is not one line of plain ASCII characters")
    words = text.split()
    if any(word.startswith("whsec_") for word in words) and not all(
        map(_is_signing_secret, words)
    ):
        raise ValueError("is not whsec_ and 24 to 64 bytes in base64, once or more")
    return text


def _is_signing_secret(text: str) -> bool:
    """As Standard Webhooks has them: `whsec_` and base64."""
    encoded = text.removeprefix("whsec_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return False
    return encoded != text and 24 <= len(key) <= 64


def _is_http_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # raises on a port that is none
    except ValueError:
        return False
    has_space = re.search(r"[\s\x00-\x1f]", text)  # urlsplit drops these silently
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not has_space


# -- The keys


class Option(NamedTuple):
    section: str
    key: str
    default: str | None  # None: must be given
    env: str  # "": the environment cannot set it
    read: Reader
    text: str

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"


# fmt: off
OPTIONS = (
    Option("airbnb", "base_url", "https://www.airbnb.com", "AIRBNB_BASE_URL",
           read_base_address,
           "Address of the site whose inbox is answered."),
    Option("airbnb", "session_dir", "session", "PLAYWRIGHT_SESSION_DIR", read_path,
           "Folder of the browser's profile, which keeps the login."),
    Option("airbnb", "headless", "true", "AIRBNB_HEADLESS", read_boolean,
           "Whether the browser works without a window."),
    Option("airbnb", "browser", "", "AIRBNB_BROWSER", read_program,
           "The Chromium to start, a path or a command; empty: airbot finds one."),
    Option("airbnb", "browser_max_hours", "12", "", whole(1),
           "Hours after which the browser is closed and started afresh."),
    Option("airbnb", "browser_max_mb", "1200", "", whole(1),
           "Memory in MB above which the browser is closed and started afresh."),
    Option("ai", "webhook_url", None, "AI_WEBHOOK_URL", read_address,
           "Address of your AI, which gets each question by POST; must be given."),
    Option("ai", "timeout_sec", "30", "", whole(1),
           "Seconds that one call of this address may take."),
    Option("ai", "answer_within_sec", "300", "", whole(1),
           "Seconds to wait for the answer to a question before it is asked again."),
    Option("ai", "max_attempts", "5", "", whole(1),
           "Refusals (HTTP 4xx) by the AI after which airbot gives a question up."),
    Option("ai", "secret", "", "AI_WEBHOOK_SECRET", read_secret,
           "Secret that airbot shows to the AI, as 'Authorization: Bearer SECRET' and"
           " by a signature (Standard Webhooks)."),
    Option("ai", "secret_file", "", "", read_optional_path,
           "File that holds this secret, instead of writing it here."),
    Option("ai", "ca_file", "", "", read_optional_path,
           "PEM file of the authority that signed your AI's certificate, where neither"
           " this machine nor certifi knows it."),
    Option("webhook", "host", "127.0.0.1", "API_HOST", read_host,
           "IP address of this machine on which answers of the AI are taken; 0.0.0.0"
           " means all of them."),
    Option("webhook", "port", "8000", "API_PORT", whole(0, 65535),
           "Port on which answers of the AI are taken; 0 means any free one."),
    Option("webhook", "public_url", "", "API_PUBLIC_URL", read_public_address,
           "Address at which the AI reaches this port, without a path of airbot's;"
           " empty means http://127.0.0.1:PORT, or with what host says in its place."),
    Option("webhook", "secret", "", "API_SECRET", read_secret,
           "Secret that the AI shows to airbot, as 'Authorization: Bearer SECRET' or by"
           " a signature (Standard Webhooks), when it does not use the callback_url of"
           " the question; empty: such calls are taken from the same machine only."),
    Option("webhook", "secret_file", "", "", read_optional_path,
           "File that holds this secret, instead of writing it here."),
    Option("sync", "interval_sec", "45", "SCRAPE_INTERVAL_SEC", whole(1),
           "Seconds from one look into the inbox to the next."),
    Option("sync", "max_age_hours", "12", "", whole(1),
           "Hours after which a guest's message is too old to be answered."),
    Option("sync", "full_load_min", "10", "", whole(1),
           "Minutes after which the whole inbox, not only its top, is read again."),
    Option("send", "interval_sec", "15", "SEND_WORKER_INTERVAL_SEC", whole(1),
           "Seconds from one look into the queue of replies to the next."),
    Option("send", "max_attempts", "5", "", whole(1),
           "Attempts to send a reply before airbot gives up."),
    Option("send", "settle_sec", "120", "", whole(1),
           "Seconds between the two readings that prove that a reply did not arrive."),
    Option("send", "max_chars", "4000", "", whole(1),
           "Longest reply that is sent, in characters."),
    Option("send", "max_per_thread_hour", "6", "", whole(1),
           "Most replies that are sent in one conversation within an hour."),
    Option("send", "max_per_hour", "60", "", whole(1),
           "Most replies that are sent in all conversations together within an hour."),
    Option("answers", "scheduled", "ignore", "", one_of("ignore", "answer"),
           "What a scheduled text of yours counts as: ignore: nothing, the guest is"
           " answered; answer: your answer."),
    Option("reconnect", "host", "127.0.0.1", "", read_host,
           "IP address of this machine on which 'airbot reconnect --remote' shows"
           " its page."),
    Option("reconnect", "port", "0", "", whole(0, 65535),
           "Port of that page; 0 means any free one, and the command prints it."),
    Option("storage", "path", "airbot.db", "AIRBOT_DB", read_path,
           "The SQLite database."),
    Option("storage", "keep_days", "400", "", whole(1, 36500),
           "Days that messages and replies are kept in it."),
    Option("logging", "dir", "logs", "", read_optional_path,
           "Folder of app.log, api.log and worker.log; empty: no log files."),
    Option("logging", "level", "INFO", "", read_level,
           "How much is told: DEBUG, INFO, WARNING or ERROR."),
)
# fmt: on


@dataclass(frozen=True)
class AirbnbSection:
    base_url: str
    session_dir: Path
    headless: bool
    browser: str
    browser_max_hours: int
    browser_max_mb: int


@dataclass(frozen=True)
class AISection:
    webhook_url: str = field(repr=False)  # may hold a password or a token
    timeout_sec: int
    answer_within_sec: int
    max_attempts: int
    secret: str = field(repr=False)
    secret_file: Path | None
    ca_file: Path | None


@dataclass(frozen=True)
class WebhookSection:
    host: str
    port: int
    public_url: str
    secret: str = field(repr=False)
    secret_file: Path | None

    def callback_base(self, bound: str, port: int) -> str:
        """The address under which the AI finds us, who have bound `bound` and `port`.

        Not `localhost`, which may be ::1 to the AI where 127.0.0.1 is bound.
        """
        here = WILDCARDS.get(bound) or (bound if is_loopback(bound) else self.host)
        return self.public_url or http_address(here, port)


@dataclass(frozen=True)
class SyncSection:
    interval_sec: int
    max_age_hours: int
    full_load_min: int

    @property
    def max_age(self) -> timedelta:
        """A guest's text that is older is not answered."""
        return timedelta(hours=self.max_age_hours)


@dataclass(frozen=True)
class SendSection:
    interval_sec: int
    max_attempts: int
    settle_sec: int
    max_chars: int
    max_per_thread_hour: int
    max_per_hour: int


@dataclass(frozen=True)
class AnswersSection:
    scheduled: str


@dataclass(frozen=True)
class ReconnectSection:
    host: str
    port: int


@dataclass(frozen=True)
class StorageSection:
    path: Path
    keep_days: int


@dataclass(frozen=True)
class LoggingSection:
    dir: Path | None
    level: str


@dataclass(frozen=True)
class Config:
    airbnb: AirbnbSection
    ai: AISection
    webhook: WebhookSection
    sync: SyncSection
    send: SendSection
    answers: AnswersSection
    reconnect: ReconnectSection
    storage: StorageSection
    logging: LoggingSection
    source: Path | None  # the config.ini that was read
    warnings: tuple[str, ...]  # sentences for the operator; nothing is wrong yet

    @classmethod
    def from_values(cls, values: Mapping[str, object], base: Path) -> Config:
        """Settings of `{"ai.webhook_url": ...}` alone: no environment, no file."""
        problems = _unknown_names(values)
        given = {name: Given(str(value), name) for name, value in values.items()}
        read = _read_values(given, base, None, problems)
        return _make_config(read, given, None, problems)


SECTIONS: dict[str, type[Any]] = {
    "airbnb": AirbnbSection,
    "ai": AISection,
    "webhook": WebhookSection,
    "sync": SyncSection,
    "send": SendSection,
    "answers": AnswersSection,
    "reconnect": ReconnectSection,
    "storage": StorageSection,
    "logging": LoggingSection,
}


# -- Where values come from


class Given(NamedTuple):
    text: str
    origin: str  # what a problem with it is called, so that a person finds the place
    file: Path | None = None  # in which it stands


def load_config(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> Config:
    cwd = (cwd or Path.cwd()).absolute()
    problems: list[str] = []
    named = path or environ.get("AIRBOT_CONFIG", "").strip()
    source = cwd / named if named else _find_config(cwd)
    base = source.parent if source else cwd
    given = _read_ini(source, problems) if source else {}
    given |= _from_credentials(environ, problems)
    dotenv = base / ".env"
    given |= _from_environment(_read_dotenv(dotenv, problems), f" in {dotenv}", dotenv)
    given |= _from_environment(environ, "")
    values = _read_values(given, base, source, problems)
    for name, wrong in broken_rules(values):
        problems.append(f"{given[name].origin if name in given else name} {wrong}")
    config = _make_config(values, given, source, problems)
    if named or source != cwd / "config.ini" or not os.path.exists(SYSTEM_CONFIG):
        return config
    said = f"{source} is read, {SYSTEM_CONFIG} is not: the working folder comes first"
    return replace(config, warnings=(said, *config.warnings))


def _find_config(cwd: Path) -> Path | None:
    """Raises ConfigError where what is found here may be another user's."""
    # os.path.exists: a working folder that is closed to us (`sudo -u airbot` in /root)
    # holds no config.ini for us, and is no error.
    here, dotenv = cwd / "config.ini", cwd / ".env"
    found = [path for path in (here, dotenv) if os.path.exists(path)]
    system = SYSTEM_CONFIG if os.path.exists(SYSTEM_CONFIG) else None
    if here in found or not system:
        check_ours(found)
    if here in found and not (system and found == [here] and _sets_nothing(here)):
        return here
    return system


def _sets_nothing(path: Path) -> bool:
    """As our example does: in a copy of the sources, nobody's settings."""
    try:
        lines = [line.strip() for line in _read_text(path).splitlines()]
    except ValueError:
        return False
    return all(line[:1] in ("", "#", ";", "[") for line in lines)


def _read_ini(path: Path, problems: list[str]) -> dict[str, Given]:
    try:
        text = _read_text(path)
    except ValueError as e:
        problems.append(f"{path} {e}")
        return {}
    values = _parse_ini(text, str(path), problems)
    problems += _unknown_names(values, f"{path}: ")
    return {n: Given(value, f"{path}: {n}", path) for n, value in values.items()}


def _parse_ini(text: str, file: str, problems: list[str]) -> dict[str, str]:
    """`{"section.key": value}`; each line at fault is blanked and the rest read on."""
    # Taking the "#" off "# key = value" leaves an indented line, which an ini reader
    # takes for more of the value above.
    lines = [line.strip() for line in text.split("\n")]
    strict = True
    while True:
        # No default section: [DEFAULT] would put its keys into every other one.
        parser = RawConfigParser(strict=strict, delimiters=("=",), default_section="")
        try:
            parser.read_string("\n".join(lines))
        except DuplicateSectionError as e:
            problems.append(f"{file} line {e.lineno}: [{e.section}] is there twice")
            strict = False
        except DuplicateOptionError as e:
            name = f"{e.section}.{e.option}"
            problems.append(f"{file} line {e.lineno}: {name} is there twice")
            lines[(e.lineno or 0) - 1] = ""
        except MissingSectionHeaderError as e:
            problems.append(f"{file} line {e.lineno}: there is no [section] above it")
            _blank_section(lines, e.lineno)
        except ParsingError as e:
            for number, _ in e.errors:  # its text may be a secret
                problems.append(f"{file} line {number}: is not 'key = value'")
                lines[number - 1] = ""
        else:
            problems += _unknown_sections(parser.sections(), f"{file}: ")
            return {
                f"{section}.{key}": value
                for section in SECTIONS
                if parser.has_section(section)
                for key, value in parser.items(section)
            }


def _blank_section(lines: list[str], number: int) -> None:
    """Blank line `number` (from 1) and all below it up to the next [section]."""
    lines[number - 1] = ""
    while number < len(lines) and not lines[number].startswith("["):
        lines[number] = ""
        number += 1


def _unknown_sections(names: Iterable[str], prefix: str) -> list[str]:
    return [
        f"{prefix}unknown section [{name}]{_hint(name, SECTIONS, '[{}]')}"
        for name in names
        if name not in SECTIONS
    ]


def _unknown_names(names: Iterable[str], prefix: str = "") -> list[str]:
    known = [option.name for option in OPTIONS]
    return [
        f"{prefix}unknown key {name}{_hint(name, known)}"
        for name in names
        if name not in known
    ]


def _hint(name: str, known: Iterable[str], form: str = "{}") -> str:
    near = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f", did you mean {form.format(near[0])}?" if near else ""


def _read_dotenv(path: Path, problems: list[str]) -> Mapping[str, str | None]:
    if not os.path.exists(path):
        return {}
    try:
        text = _read_text(path)
    except ValueError as e:
        problems.append(f"{path} {e}")
        return {}
    lines = [*parse_stream(io.StringIO(text))]
    problems += [_unreadable(path, line) for line in lines if line.error]
    return {line.key: line.value for line in lines if line.key and not line.error}


def _unreadable(path: Path, line: Binding) -> str:
    # What cannot be read begins with the blank lines above it.
    text = line.original.string
    number = line.original.line + text[: -len(text.lstrip())].count("\n")
    return f"{path} line {number}: is not NAME=value, or a quote in it is not closed"


def _from_credentials(
    environ: Mapping[str, str], problems: list[str]
) -> dict[str, Given]:
    """What systemd hands over: LoadCredential=webhook.secret:/etc/airbot/secret"""
    folder, given = environ.get("CREDENTIALS_DIRECTORY", ""), {}
    for name in CREDENTIALS if folder else ():
        path = Path(folder, name)
        if not os.path.exists(path):
            continue
        try:
            text = _read_text(path).strip()
            if not text:
                raise ValueError("is empty")
            given[name] = Given(text, f"credential {name}")
        except ValueError as e:
            problems.append(f"credential {name} {e}")
    return given


def _from_environment(
    values: Mapping[str, str | None], where: str, file: Path | None = None
) -> dict[str, Given]:
    """What `values` has for us; other programs' names are none of our business."""
    given = {}
    for option in OPTIONS:
        text = (values.get(option.env) or "").strip() if option.env else ""
        if text:
            given[option.name] = Given(text, option.env + where, file)
    return given


def _read_text(path: Path) -> str:
    """ValueError says why not, in words that follow the path."""
    try:
        return path.read_text(encoding="utf-8-sig")  # Windows editors add the mark
    except OSError as e:
        raise ValueError(f"cannot be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise ValueError("cannot be read: it is not UTF-8 text") from e


# -- From values to the Config


def _make_config(
    values: dict[str, Any],
    given: Mapping[str, Given],
    source: Path | None,
    problems: list[str],
) -> Config:
    for section in ("ai", "webhook"):
        _take_secret_from_file(values, section, problems)
    _check_authority(values.get("ai.ca_file"), problems)
    if problems:
        raise ConfigError(problems)
    sections: dict[str, Any] = {}
    for name, make in SECTIONS.items():
        sections[name] = make(
            **{o.key: values[o.name] for o in OPTIONS if o.section == name}
        )
    warnings = [*_iter_warnings(sections["ai"], sections["webhook"])]
    warnings += _iter_odd_values(sections["ai"], sections["sync"])
    warnings += _iter_open_secrets(given, values)
    return Config(**sections, source=source, warnings=tuple(warnings))


def _read_values(
    given: Mapping[str, Given], base: Path, source: Path | None, problems: list[str]
) -> dict[str, Any]:
    values = {}
    for option in OPTIONS:
        unset = Given(option.default or "", option.name)
        text, origin, _ = given.get(option.name, unset)
        try:
            if option.default is None and not text:
                where = source or base / "config.ini"
                raise ValueError(f"is missing: set it in {where}, or {option.env}")
            check_unquoted(text)
            values[option.name] = option.read(text, base)
        except ValueError as e:
            problems.append(f"{origin} {e}")
    return values


def _take_secret_from_file(
    values: dict[str, Any], section: str, problems: list[str]
) -> None:
    name, file = f"{section}.secret", values[f"{section}.secret_file"]
    if file is None:
        return
    if values.get(name):
        problems.append(f"{name} and {name}_file are both given: keep one")
        return
    try:
        values[name] = read_secret(_read_text(file).strip(), file)
        if not values[name]:
            raise ValueError("is empty")
    except ValueError as e:
        problems.append(f"{name}_file: {file} {e}")


def _check_authority(path: Path | None, problems: list[str]) -> None:
    if path is None:
        return
    import ssl  # 30 ms that `airbot status` need not wait for

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        problems.append(f"ai.ca_file: {path} holds no certificate in PEM")
    except OSError as e:
        problems.append(f"ai.ca_file: {path} cannot be read: {e.strerror}")


def _iter_warnings(ai: AISection, webhook: WebhookSection) -> Iterable[str]:
    ai_host = urlsplit(ai.webhook_url).hostname or ""
    base = webhook.callback_base(webhook.host, webhook.port)
    callback_host = urlsplit(base).hostname or ""
    if is_loopback(callback_host) and not is_loopback(ai_host):
        yield (
            f"ai.webhook_url (AI_WEBHOOK_URL) is on another machine, {ai_host}, but the"
            f" callback address says {callback_host}, which there means itself:"
            " set webhook.public_url (API_PUBLIC_URL) to one that leads here"
        )
    if ai.webhook_url.startswith("http:") and not is_loopback(ai_host):
        yield (
            f"ai.webhook_url (AI_WEBHOOK_URL) is on another machine, {ai_host}, without"
            " https: whoever is on the way can read what guests write, and the secret"
        )
    if not webhook.secret and not is_loopback(webhook.host):
        yield (
            f"webhook.host (API_HOST) is {webhook.host} without a secret: plain calls"
            " are refused except from this machine; set webhook.secret (API_SECRET)"
            " or webhook.secret_file to take them from others"
        )


def _iter_odd_values(ai: AISection, sync: SyncSection) -> Iterable[str]:
    if "/webhook-test/" in urlsplit(ai.webhook_url).path:
        yield (
            "ai.webhook_url (AI_WEBHOOK_URL) is n8n's test address, which answers only"
            " while its editor listens: activate the workflow, and take the address"
            " with /webhook/"
        )
    if sync.interval_sec < 15:
        yield (
            f"sync.interval_sec (SCRAPE_INTERVAL_SEC) is {sync.interval_sec}: to read"
            " the inbox so often may make Airbnb block the account"
        )


def _iter_open_secrets(
    given: Mapping[str, Given], values: Mapping[str, Any]
) -> Iterable[str]:
    """Secrets in files that every user of this machine can read."""
    for name in SECRETS:
        stands_in = given[name].file if name in given and values[name] else None
        file = values[f"{name}_file"] or stands_in
        with suppress(OSError):
            if file is not None and file.stat().st_mode & 0o007:
                yield f"{name} is in {file}, which every user can read: chmod 640 it"
