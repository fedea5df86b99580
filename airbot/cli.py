"""The commands, and the only place where an error becomes words and an exit code."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from airbot import __version__
from airbot.exceptions import AirbotError
from airbot.exceptions import AlreadyRunning
from airbot.exceptions import BrowserMissing
from airbot.exceptions import ConfigError
from airbot.exceptions import StorageError

if TYPE_CHECKING:
    from airbot.config import Config

DONE, FAILED, USAGE, BUSY = 0, 1, 2, 75
SECRETS = ("AI_WEBHOOK_SECRET", "API_SECRET")
DESCRIPTION = "Answers an Airbnb host's guests with the host's own AI."
EPILOG = """exit codes: 0 done, 1 failed (try again), 2 usage or configuration,
75 another airbot is running, 77 a person is needed at Airbnb"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    parsed = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    try:
        return command(parsed)
    except AirbotError as e:
        return _explain(e)
    except KeyboardInterrupt:
        return DONE


def _explain(e: AirbotError) -> int:
    """What went wrong, and what to do about it."""
    code, advice = FAILED, ""
    if isinstance(e, ConfigError):
        code, advice = USAGE, "\nNothing was started."
    elif isinstance(e, AlreadyRunning):
        code, advice = BUSY, ""
    elif isinstance(e, BrowserMissing):
        advice = "; run: airbot install-browser"
    elif isinstance(e, StorageError):
        advice = "; nothing was sent that is not on record"
    print(f"airbot: {e}{advice}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="airbot",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"airbot {__version__}")
    parser.add_argument("--config", type=Path, metavar="PATH", help="the config.ini")
    parser.add_argument("--once", action="store_true", help="one cycle, then end")
    parser.add_argument(
        "--wait",
        type=float,
        default=120.0,
        metavar="S",
        help="with --once: how long to wait for the AI's answers (120)",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="with --once: only show what would be asked and sent",
    )
    parser.set_defaults(command=_run)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    install = commands.add_parser(
        "install-browser", help="get a Chromium, whichever way works"
    )
    install.set_defaults(command=_install_browser)
    demo = commands.add_parser("demo", help="the whole loop on a simulated Airbnb")
    # SUPPRESS: else the default would undo a --once in front of the command.
    demo.add_argument(
        "--once",
        action="store_true",
        default=argparse.SUPPRESS,
        help="end when the guest has an answer",
    )
    demo.set_defaults(command=_demo)
    return parser


# The commands import what they need: `airbot --help` must not wait for it.


def _run(parsed: argparse.Namespace) -> int:
    """The daemon, or one cycle with --once."""
    if parsed.dry_run and not parsed.once:
        raise ConfigError(["--dry-run goes with --once"])
    config = _config(parsed)
    from airbot import daemon

    if parsed.dry_run:
        return daemon.run_dry(config)
    if parsed.once:
        return daemon.run_once(config, parsed.wait)
    return _end_now(daemon.Daemon(config).run())


def _end_now(code: int) -> int:
    """End without waiting for a thread that still talks to a slow AI."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def _config(parsed: argparse.Namespace) -> Config:
    """Read the settings, start the log, and keep secrets from the browser."""
    from airbot.config import load_config
    from airbot.logs import start_logging

    config = load_config(parsed.config)
    for name in SECRETS:
        os.environ.pop(name, None)
    start_logging(config.logging.level, config.logging.dir)
    for warning in config.warnings:
        logging.getLogger("airbot.config").warning("%s", warning)
    return config


def _install_browser(parsed: argparse.Namespace) -> int:
    from airbot.browser import install_browser

    install_browser(print)
    return DONE


def _demo(parsed: argparse.Namespace) -> int:
    from airbot.sandbox.demo import run_demo

    return run_demo(parsed.once)
