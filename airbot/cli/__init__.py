"""The commands, and the only place where an error becomes words and an exit code."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from airbot import __version__
from airbot.addresses import open_part
from airbot.cli.parser import make_parser
from airbot.cli.streams import flush_output
from airbot.cli.streams import open_streams
from airbot.exceptions import AirbotError
from airbot.exceptions import ConfigError
from airbot.exceptions import ExitCode

if TYPE_CHECKING:
    from airbot.config import Config

WAIT_S = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    open_streams()
    try:
        parsed = make_parser().parse_args(arguments)
        _check_usage(parsed)
        return COMMANDS[parsed.command](parsed)
    except AirbotError as e:
        return _say(e.exit_code, f"{e}{e.advice}")
    except BrokenPipeError:
        # Whoever read this has gone (`| head`): nobody is left to say a word to.
        return ExitCode.FAILED
    except OSError as e:
        return _explain_machine(e)
    except UnicodeError as e:
        charset = getattr(e, "encoding", "its")
        return _say(
            ExitCode.FAILED, f"a file's name is not in {charset}: set LANG=C.UTF-8"
        )
    except KeyboardInterrupt:
        return ExitCode.DONE
    finally:
        flush_output()


def _check_usage(parsed: argparse.Namespace) -> None:
    if parsed.dry_run and not parsed.once:
        raise ConfigError(["--dry-run goes with --once"])
    if parsed.wait is not None and not parsed.once:
        raise ConfigError(["--wait goes with --once"])
    try:
        os.getcwd()
    except OSError:  # the browser's driver could not start in it either
        raise ConfigError(["this folder has been deleted: cd to another"]) from None


def _explain_machine(e: OSError) -> int:
    """A folder that may not be written, a full disk."""
    where = f": {e.filename}" if e.filename else ""
    if e.errno == errno.ELOOP:
        return _say(
            ExitCode.FAILED, f"a link stands in the place of a file{where}: remove it"
        )
    if isinstance(e, PermissionError) and e.filename:
        from airbot.config.ours import command_of_owner

        if command := command_of_owner(Path(e.filename)):
            where += f"; it is another user's: {command}"
    return _say(ExitCode.FAILED, f"{e.strerror or type(e).__name__}{where}")


def _say(code: int, sentence: str) -> int:
    with suppress(OSError):  # nobody listens
        print(f"airbot: {sentence}", file=sys.stderr)
    return code


# The commands import what they need: `airbot --help` must not wait for it.


def _run(parsed: argparse.Namespace) -> int:
    """The daemon, or one cycle with --once."""
    config = _config(parsed)
    if parsed.dry_run:
        from airbot.daemon.dry_run import run_dry

        return run_dry(config)
    if parsed.once:
        from airbot.daemon.once import run_once

        return _end_now(
            run_once(config, WAIT_S if parsed.wait is None else parsed.wait)
        )
    from airbot.daemon.service import Daemon

    return _end_now(Daemon(config).run())


def _end_now(code: int) -> int:
    """End without waiting for a thread that still talks to a slow AI."""
    logging.shutdown()
    flush_output()
    os._exit(code)


def _config(parsed: argparse.Namespace) -> Config:
    """Read the settings, start the log, and keep secrets from the browser."""
    from airbot.config import load_config
    from airbot.config.owner import check_owner
    from airbot.logs import start_logging
    from airbot.private import UMASK

    config = load_config(parsed.config)
    check_owner(config.kept)  # before the log is opened
    os.umask(UMASK)
    _keep_secrets()
    start_logging(config.logging.level, config.logging.dir)
    logger = logging.getLogger("airbot.config")
    logger.info("%s", _first_line(config, mode_of(parsed)))
    for warning in config.warnings:
        logger.warning("%s", warning)
    return config


def _first_line(config: Config, mode: str) -> str:
    """What a person asks first about a log."""
    inbox, ai = open_part(config.airbnb.base_url), open_part(config.ai.webhook_url)
    return (
        f"airbot {__version__}, settings: {config.read_from}, inbox: {inbox}, AI: {ai},"
        f" mode: {mode}"
    )


def mode_of(parsed: argparse.Namespace) -> str:
    if parsed.command != "run":
        return str(parsed.command)
    if parsed.once:
        return "--once --dry-run" if parsed.dry_run else "--once"
    return "daemon"


def _keep_secrets() -> None:
    """The browser and its driver would inherit them."""
    from airbot.config.sections import HIDDEN_NAMES

    for name in HIDDEN_NAMES:
        os.environ.pop(name, None)


def _on_database(name: str, *rooms: str) -> Callable[[argparse.Namespace], int]:
    """A command that looks into the database, or changes a row of it.

    `rooms` are those that it needs besides: imported while root can still read them.
    """

    def command(parsed: argparse.Namespace) -> int:
        from airbot.cli import commands
        from airbot.config import load_config
        from airbot.config.owner import become_owner

        run: Callable[[Config, argparse.Namespace], int] = getattr(commands, name)
        for room in rooms:
            import_module(room)
        config = load_config(parsed.config)
        become_owner(config.kept)
        return run(config, parsed)

    return command


def _reconnect(parsed: argparse.Namespace) -> int:
    if parsed.i_have_tls and not parsed.remote:
        raise ConfigError(["--i-have-tls goes with --remote"])
    config = _config(parsed)
    from airbot.daemon import reconnect

    if parsed.remote:
        return reconnect.run_remote(config, tls=parsed.i_have_tls)
    return reconnect.run_reconnect(config)


def _install_browser(parsed: argparse.Namespace) -> int:
    from airbot.browser import install_browser

    install_browser(print, parsed.small)
    return ExitCode.DONE


def _manual(parsed: argparse.Namespace) -> int:
    from airbot.cli.manual import manual

    return manual(parsed)


def _demo(parsed: argparse.Namespace) -> int:
    from airbot.config import load_config
    from airbot.demo import run_demo

    own_ai = load_config(parsed.config).ai if parsed.ai else None
    _keep_secrets()
    return _end_now(run_demo(parsed.once, parsed.port, own_ai))


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "status": _on_database("status"),
    "messages": _on_database("messages"),
    "messages retry": _on_database("messages_retry"),
    "messages done": _on_database("messages_done", "airbot.airbnb"),
    "outbox": _on_database("outbox"),
    "outbox retry": _on_database("outbox_retry"),
    "outbox cancel": _on_database("outbox_cancel"),
    "outbox resolve": _on_database("outbox_resolve"),
    "backup": _on_database("backup"),
    "reconnect": _reconnect,
    "install-browser": _install_browser,
    "manual": _manual,
    "demo": _demo,
}
