"""The command line: what may be typed, and what `--help` says about it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from airbot import __version__

DESCRIPTION = """Answers an Airbnb host's guests with the host's own AI.
Without a command: the daemon, in the foreground."""
LONGEST_WAIT_S = 86400.0
EPILOG = """exit codes: 0 done, 1 failed (try again), 2 usage or configuration,
75 another airbot is running, 77 a person is needed at Airbnb"""


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="airbot",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command="run")
    add = parser.add_argument
    add("--version", action="version", version=f"airbot {__version__}")
    _add_config(parser)
    add("--once", action="store_true", help="one cycle, then end; for cron")
    add(
        "--wait",
        type=seconds,
        metavar="S",
        help="with --once: wait so long for the AI's answers (120)",
    )
    add("--dry-run", action="store_true", help="with --once: read and show, do nothing")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    reconnect = _command(
        commands, "reconnect", "log in, or pass Airbnb's check, in a window"
    )
    add = reconnect.add_argument
    add("--remote", action="store_true", help="in a page, for a phone, not a window")
    add(
        "--i-have-tls",
        action="store_true",
        help="reconnect.host is no loopback address, but TLS is before it",
    )
    _add_on_database(commands)
    backup = _command(commands, "backup", "copy the database, while airbot runs")
    backup.add_argument("file", type=Path, metavar="FILE", help="replaced if it exists")
    install = _command(
        commands, "install-browser", "get a Chromium, whichever way works"
    )
    install.add_argument(
        "--small", action="store_true", help="the headless shell: less memory"
    )
    page = _command(commands, "manual", "the manual's pages")
    page.add_argument("page", nargs="?", metavar="PAGE", help="all are listed without")
    _add_demo(commands)
    return parser


def _add_demo(commands: Any) -> None:
    demo = _command(commands, "demo", "the whole loop on a simulated Airbnb")
    add = demo.add_argument
    # SUPPRESS: the default would undo a --once in front of the command.
    add(
        "--once",
        action="store_true",
        default=argparse.SUPPRESS,
        help="end when the guest has an answer",
    )
    add("--ai", action="store_true", help="ask the AI that is set, with invented ids")
    add(
        "--port",
        type=_port,
        default=0,
        metavar="N",
        help="of the pages; 0: a free one (0)",
    )


def _add_on_database(commands: Any) -> None:
    status = _command(commands, "status", "session, last cycles, what waits for you")
    _json(status)
    messages = _command(commands, "messages", "guest texts and what became of each")
    _listing(messages)
    verbs = messages.add_subparsers(metavar="VERB")
    retry = _command(verbs, "retry", "ask the AI again about a turn", "messages retry")
    retry.add_argument("id", metavar="TURN")
    retry.add_argument("--old", action="store_true", help="however old it is")
    done = _command(
        verbs, "done", "nothing is to be answered in a conversation", "messages done"
    )
    done.add_argument("conversation", metavar="CONVERSATION")
    outbox = _command(commands, "outbox", "the replies and what became of each")
    _listing(outbox)
    verbs = outbox.add_subparsers(metavar="VERB")
    retry = _command(verbs, "retry", "send a reply (again)", "outbox retry")
    retry.add_argument("id", metavar="ID")
    retry.add_argument("--old", action="store_true", help="however old it is")
    cancel = _command(verbs, "cancel", "do not send a reply", "outbox cancel")
    cancel.add_argument("id", metavar="ID")
    resolve = _command(
        verbs, "resolve", "say what became of an uncertain reply", "outbox resolve"
    )
    resolve.add_argument("id", metavar="ID")
    said = resolve.add_mutually_exclusive_group(required=True)
    said.add_argument("--sent", action="store_true", help="it stands there")
    said.add_argument("--not-sent", action="store_true", help="it does not")


def _command(
    commands: Any, name: str, help_: str, command: str | None = None
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=help_, description=help_
    )
    made.set_defaults(command=command or name)
    # SUPPRESS: the default would undo a --config in front of the command.
    _add_config(made, default=argparse.SUPPRESS)
    return made


def _add_config(parser: argparse.ArgumentParser, default: Any = None) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=default,
        metavar="PATH",
        help="the config.ini to read",
    )


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def _listing(parser: argparse.ArgumentParser) -> None:
    _json(parser)
    parser.add_argument(
        "-n", dest="limit", type=int, default=20, metavar="N", help="how many (20)"
    )


def seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= LONGEST_WAIT_S:
        raise ValueError
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise ValueError
    return value
