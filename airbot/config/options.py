"""OPTIONS, the one list of keys; config.ini at the top level is the same for people."""

from __future__ import annotations

from typing import NamedTuple

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

SECRETS = ("ai.secret", "webhook.secret")
CREDENTIALS = (*SECRETS, "ai.webhook_url")  # an address may hold a token


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
           "The Chromium to start, a path or a command; empty: airbot finds one;"
           " headless-shell: the small one."),
    Option("airbnb", "browser_max_hours", "12", "", whole(1),
           "Hours after which the browser is closed and started afresh."),
    Option("airbnb", "browser_max_mb", "1200", "", whole(1),
           "Memory in MB above which the browser is closed and started afresh."),
    Option("airbnb", "sandbox", "auto", "", one_of("auto", "off"),
           "Chromium's own sandbox: auto: wherever this machine lets it have one, and"
           " never without it once it had one; off: never."),
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
    Option("webhook", "trust_this_machine", "true", "", read_boolean,
           "Whether plain calls from this machine are taken while there is no secret:"
           " any of its users may then write to any guest, or close a turn."),
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
    Option("reconnect", "public_url", "", "", read_public_address,
           "Address of a reverse proxy with TLS that leads to that page; the command"
           " prints it instead of host and port."),
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
