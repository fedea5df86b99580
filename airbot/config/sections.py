"""The settings: each is declared once, on its field, with all that holds of it.

What each is for stands in config.ini, and in the manual's table, which is checked
against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from typing import NamedTuple

from airbot.addresses import WILDCARDS
from airbot.addresses import http_address
from airbot.addresses import is_local
from airbot.addresses import is_loopback
from airbot.config.readers import Reader
from airbot.config.readers import one_of
from airbot.config.readers import read_address
from airbot.config.readers import read_base_address
from airbot.config.readers import read_boolean
from airbot.config.readers import read_host
from airbot.config.readers import read_level
from airbot.config.readers import read_optional_path
from airbot.config.readers import read_path
from airbot.config.readers import read_program
from airbot.config.readers import read_public_address
from airbot.config.readers import read_secret
from airbot.config.readers import whole


class Option(NamedTuple):
    """One key: where it stands, how it is read, and whether it may be shown."""

    section: str
    key: str
    default: str | None  # None: must be given
    read: Reader
    env: str  # "": the environment cannot set it
    secret: bool
    may_hold_secret: bool  # an address may hold a password or a token

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"


def option(
    default: str | None,
    read: Reader,
    env: str = "",
    secret: bool = False,
    may_hold_secret: bool = False,
) -> Any:
    """A field of a section, and a key of config.ini; its default is in config's words.

    One that holds a secret is shown in no `repr`, may be a credential of systemd, and
    its name is taken out of the environment that the browser inherits.
    """
    hidden = secret or may_hold_secret
    about = (default, read, env, secret, hidden)
    return field(repr=not hidden, metadata={Option: about})


@dataclass(frozen=True)
class AirbnbSection:
    base_url: str = option(
        "https://www.airbnb.com", read_base_address, "AIRBNB_BASE_URL"
    )
    session_dir: Path = option("session", read_path, "PLAYWRIGHT_SESSION_DIR")
    headless: bool = option("true", read_boolean, "AIRBNB_HEADLESS")
    browser: str = option("", read_program, "AIRBNB_BROWSER")
    browser_max_hours: int = option("12", whole(1))
    browser_max_mb: int = option("1200", whole(1))
    sandbox: str = option("auto", one_of("auto", "off"))


@dataclass(frozen=True)
class AISection:
    webhook_url: str = option(
        None, read_address, "AI_WEBHOOK_URL", may_hold_secret=True
    )
    timeout_sec: int = option("30", whole(1))
    answer_within_sec: int = option("300", whole(1))
    max_attempts: int = option("5", whole(1))
    secret: str = option("", read_secret, "AI_WEBHOOK_SECRET", secret=True)
    secret_file: Path | None = option("", read_optional_path)
    ca_file: Path | None = option("", read_optional_path)


@dataclass(frozen=True)
class WebhookSection:
    host: str = option("127.0.0.1", read_host, "API_HOST")
    port: int = option("8000", whole(0, 65535), "API_PORT")
    public_url: str = option("", read_public_address, "API_PUBLIC_URL")
    secret: str = option("", read_secret, "API_SECRET", secret=True)
    secret_file: Path | None = option("", read_optional_path)
    trust_this_machine: bool = option("true", read_boolean)

    @property
    def is_called_from_here(self) -> bool:
        """No machine but this one: behind a proxy every call seems to be from here."""
        return not self.public_url or is_local(self.public_url)

    @property
    def takes_plain_calls(self) -> bool:
        """From this machine, of whoever may run a program on it."""
        return self.trust_this_machine and not self.secret and self.is_called_from_here

    def callback_base(self, bound: str, port: int) -> str:
        """The address under which the AI finds us, who have bound `bound` and `port`.

        Not `localhost`, which may be ::1 to the AI where 127.0.0.1 is bound.
        """
        here = WILDCARDS.get(bound) or (bound if is_loopback(bound) else self.host)
        return self.public_url or http_address(here, port)


@dataclass(frozen=True)
class SyncSection:
    interval_sec: int = option("45", whole(1), "SCRAPE_INTERVAL_SEC")
    max_age_hours: int = option("12", whole(1))
    full_load_min: int = option("10", whole(1))

    @property
    def max_age(self) -> timedelta:
        """A guest's text that is older is not answered."""
        return timedelta(hours=self.max_age_hours)


@dataclass(frozen=True)
class SendSection:
    interval_sec: int = option("15", whole(1), "SEND_WORKER_INTERVAL_SEC")
    max_attempts: int = option("5", whole(1))
    settle_sec: int = option("120", whole(1))
    max_chars: int = option("4000", whole(1))
    max_per_thread_hour: int = option("6", whole(1))
    max_per_hour: int = option("60", whole(1))


@dataclass(frozen=True)
class AnswersSection:
    scheduled: str = option("ignore", one_of("ignore", "answer"))


@dataclass(frozen=True)
class ReconnectSection:
    host: str = option("127.0.0.1", read_host)
    port: int = option("0", whole(0, 65535))
    public_url: str = option("", read_public_address)


@dataclass(frozen=True)
class StorageSection:
    path: Path = option("airbot.db", read_path, "AIRBOT_DB")
    keep_days: int = option("400", whole(1, 36500))


@dataclass(frozen=True)
class LoggingSection:
    dir: Path | None = option("logs", read_optional_path)
    level: str = option("INFO", read_level)


SECTIONS: Mapping[str, type[Any]] = {
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


def _iter_options() -> Iterator[Option]:
    for section, declared in SECTIONS.items():
        for one in fields(declared):
            yield Option(section, one.name, *one.metadata[Option])


OPTIONS = tuple(_iter_options())
SECRETS = tuple(option.name for option in OPTIONS if option.secret)
CREDENTIALS = tuple(option.name for option in OPTIONS if option.may_hold_secret)
CREDENTIALS_FOLDER = "CREDENTIALS_DIRECTORY"  # where systemd has put them
# Their names are taken out of the environment: the browser would inherit them.
HIDDEN_NAMES = (
    *(option.env for option in OPTIONS if option.may_hold_secret and option.env),
    CREDENTIALS_FOLDER,
)
