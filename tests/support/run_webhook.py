"""A webhook in a process of its own, so that what it takes can be measured.

    python -m support.run_webhook FOLDER SECRET

It has one turn that waits for its answer. Prints one line of JSON: the port that is
open to this machine, the port that wants the secret, and the turn's address. Ends when
its standard input does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from support.builders import MAX_AGE
from support.builders import RULES
from support.builders import guest
from support.builders import reading
from support.webhooks import serve_webhook

from airbot.contract.tokens import callback_url
from airbot.demo import sandbox_config
from airbot.logs import start_logging
from airbot.models import utcnow
from airbot.storage import Storage


def main(folder: Path, secret: str) -> None:
    start_logging("INFO", folder / "logs")
    storage = Storage(folder / "airbot.db")
    now = utcnow()
    storage.readings.take_in(
        reading(guest("1", at=now), id_=THREAD, at=now), RULES, now
    )
    turn = storage.turns.newest(THREAD)
    assert turn
    ports = []
    for more in ({}, {"webhook__secret": secret}):
        config = sandbox_config(
            "http://127.0.0.1:1",
            "http://127.0.0.1:1",
            folder,
            ai__max_attempts="100000",  # answers that cannot be typed are counted
            **more,
        )
        server = serve_webhook(storage, config)
        server.start()
        ports.append(server.port)
    key = storage.session.token_key()
    address = callback_url("", turn.id, turn.newest_at + MAX_AGE, key)
    print(json.dumps([*ports, address]), flush=True)
    sys.stdin.read()


THREAD = "TWVzc2FnZVRocmVhZDoxMjM0NTY3"

if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
