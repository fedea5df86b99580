"""The settings: where they are looked up, which hold, and the whole of them.

Owns config.ini, `.env`, systemd's credentials and the environment: `load_config` reads
them once (real environment > .env > credential > file > default) and no other module
looks there.

    sections.py  the keys, each declared once
    readers.py   from a text to a value
    sources.py   where texts stand
    checks.py    what is wrong between values
    ours.py      whose a file of settings is
    owner.py     whose the files are that airbot keeps

All problems are collected and raised together as one ConfigError. Their texts name keys
and environment names, never a secret; nor do they quote an address, which may hold one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airbot.addresses import is_local
from airbot.addresses import is_loopback
from airbot.config.checks import broken_rules
from airbot.config.ours import check_ours
from airbot.config.readers import SHORTEST_SECRET
from airbot.config.readers import check_unquoted
from airbot.config.readers import is_short
from airbot.config.readers import read_secret
from airbot.config.sections import OPTIONS
from airbot.config.sections import SECRETS
from airbot.config.sections import SECTIONS
from airbot.config.sections import AirbnbSection
from airbot.config.sections import AISection
from airbot.config.sections import AnswersSection
from airbot.config.sections import LoggingSection
from airbot.config.sections import ReconnectSection
from airbot.config.sections import SendSection
from airbot.config.sections import StorageSection
from airbot.config.sections import SyncSection
from airbot.config.sections import WebhookSection
from airbot.config.sources import Given
from airbot.config.sources import from_credentials
from airbot.config.sources import from_environment
from airbot.config.sources import read_dotenv
from airbot.config.sources import read_ini
from airbot.config.sources import read_text
from airbot.config.sources import unknown_names
from airbot.exceptions import ConfigError

SYSTEM_CONFIG = Path("/etc/airbot/config.ini")


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
    dotenv: Path | None = None  # the .env that was read

    @property
    def kept(self) -> tuple[Path, ...]:
        """Where airbot keeps what it keeps: the database, the profile, the logs."""
        paths = (self.storage.path, self.airbnb.session_dir, self.logging.dir)
        return tuple(path for path in paths if path is not None)

    @property
    def read_from(self) -> str:
        """The file by which people know these settings."""
        return str(self.source or self.dotenv or "no config.ini")

    @classmethod
    def from_values(cls, values: Mapping[str, object], base: Path) -> Config:
        """Settings of `{"ai.webhook_url": ...}` alone: no environment, no file."""
        problems = unknown_names(values)
        given = {name: Given(str(value), name) for name, value in values.items()}
        read = _read_values(given, base, None, problems)
        return _make_config(read, given, None, problems)


# -- Where values come from


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
    given = read_ini(source, problems) if source else {}
    given |= from_credentials(environ, problems)
    dotenv = base / ".env"
    given |= from_environment(read_dotenv(dotenv, problems), f" in {dotenv}", dotenv)
    given |= from_environment(environ, "")
    values = _read_values(given, base, source, problems)
    problems += (
        _in_place(names, wrong, given) for names, wrong in broken_rules(values)
    )
    config = _make_config(values, given, source, problems)
    if os.path.exists(dotenv):
        config = replace(config, dotenv=dotenv)
    if named or source != cwd / "config.ini" or not os.path.exists(SYSTEM_CONFIG):
        return config
    said = f"{source} is read, {SYSTEM_CONFIG} is not: the working folder comes first"
    return replace(config, warnings=(said, *config.warnings))


def _in_place(names: Sequence[str], wrong: str, given: Mapping[str, Given]) -> str:
    """Where the first of `names` has its default, the others' places are told."""
    if names[0] in given:
        return f"{given[names[0]].origin} {wrong}"
    return f"{names[0]} {wrong}{_places(names, given)}"


def _places(names: Sequence[str], given: Mapping[str, Given]) -> str:
    origins = {name: given[name].origin for name in names if name in given}
    places = [origin for name, origin in origins.items() if origin != name]
    return f" (see {', '.join(places)})" if places else ""


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
        lines = [line.strip() for line in read_text(path).splitlines()]
    except ValueError:
        return False
    return all(line[:1] in ("", "#", ";", "[") for line in lines)


# -- From values to the Config


def _make_config(
    values: dict[str, Any],
    given: Mapping[str, Given],
    source: Path | None,
    problems: list[str],
) -> Config:
    for section in ("ai", "webhook"):
        _take_secret_from_file(values, given, section, problems)
    _check_authority(values.get("ai.ca_file"), problems)
    _check_secret(values, problems)
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
    values: dict[str, Any],
    given: Mapping[str, Given],
    section: str,
    problems: list[str],
) -> None:
    name, file = f"{section}.secret", values[f"{section}.secret_file"]
    if file is None:
        return
    if values.get(name):
        places = _places((name, f"{name}_file"), given)
        problems.append(f"{name} and {name}_file are both given: keep one{places}")
        return
    try:
        values[name] = read_secret(read_text(file).strip(), file)
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


def _check_secret(values: Mapping[str, Any], problems: list[str]) -> None:
    """The right secret always passes, so that one that is guessed passes, too."""
    host, public = values.get("webhook.host"), values.get("webhook.public_url")
    beyond = host and not is_loopback(host) or public and not is_local(public)
    if beyond and is_short(values.get("webhook.secret", "")):
        problems.append(
            f"webhook.secret (API_SECRET) is shorter than {SHORTEST_SECRET} characters,"
            " and other machines may try it: take a longer one (airbot manual security)"
        )


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
    if is_short(webhook.secret):
        yield (
            f"webhook.secret (API_SECRET) is shorter than {SHORTEST_SECRET} characters:"
            " who may run programs on this machine can guess it"
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
