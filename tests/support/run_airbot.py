"""The real program in a process of its own, on the simulated Airbnb.

    python -m support.run_airbot daemon SITE_URL AI_URL FOLDER [key=value ...]

Prints `serving PORT` when the webhook is open. The settings come from the arguments
alone, and the browser finds no host but this machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from support import crash
from support import shifted

from airbot import cli
from airbot.daemon import reconnect
from airbot.daemon import watch
from airbot.daemon.dry_run import run_dry
from airbot.daemon.once import run_once
from airbot.daemon.parts import Parts
from airbot.daemon.reconnect import run_reconnect
from airbot.daemon.reconnect import run_remote
from airbot.daemon.service import Daemon
from airbot.demo import LOOPBACK_ONLY
from airbot.demo import sandbox_config
from airbot.logs import start_logging

# Looks that a person waits for, and a test need not.
reconnect.LOOK_EVERY_S = 0.3
watch.ROUND_S = 1.0


def _serving(parts: Parts) -> None:
    print(f"serving {parts.server.port}")


def _run(mode: str, site_url: str, ai_url: str, folder: str, *values: str) -> int:
    wait_s = 20.0
    settings = dict(value.split("=", 1) for value in values)
    if point := settings.pop("crash", ""):
        crash.arm(point)
    if clock := settings.pop("clock", ""):
        shifted.arm(Path(clock))
    config = sandbox_config(site_url, ai_url, Path(folder), **settings)
    start_logging(config.logging.level, config.logging.dir)
    if mode == "once":
        return run_once(config, wait_s, LOOPBACK_ONLY)
    if mode == "dry":
        return run_dry(config, LOOPBACK_ONLY)
    if mode == "reconnect":
        return run_reconnect(config, LOOPBACK_ONLY, headless=True)
    if mode == "remote":
        return run_remote(config, LOOPBACK_ONLY)
    return Daemon(config, LOOPBACK_ONLY).run(_serving)


if __name__ == "__main__":
    # Errors become words and exit codes as they do for users.
    cli.COMMANDS["run"] = lambda parsed: _run(*sys.argv[1:])
    code = cli.main([])
    sys.stdout.flush()
    os._exit(code)
