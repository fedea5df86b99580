"""The webhook: durable answers a second, beside the same server without a store."""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench.table import Figure
from bench.table import figure
from bottle import Bottle
from bottle import request
from support.webhooks import serve_webhook

from airbot.addresses import CALLBACK_PATH
from airbot.airbnb import shapes
from airbot.demo import sandbox_config
from airbot.storage import Storage
from airbot.web.server import Server

RUNS = 5
CALLERS = 4
CALLS = 150  # of each


def measure() -> Iterator[Figure]:
    stored, bare = [], []
    with tempfile.TemporaryDirectory() as folder, get_context("spawn").Pool(1) as other:
        nowhere = "http://127.0.0.1:1"
        config = sandbox_config(nowhere, nowhere, Path(folder))
        storage = Storage(config.storage.path)
        ours = serve_webhook(storage, config)
        theirs = Server(_without_store(), "127.0.0.1", 0, "bare")
        for server in (ours, theirs):
            server.start()
        for run in range(RUNS):
            stored.append(other.apply(call_all, (ours.port, run)))
            bare.append(other.apply(call_all, (theirs.port, run)))
        for server in (ours, theirs):
            server.stop()
        assert storage.shown.reply_counts() == {"pending": RUNS * CALLERS * CALLS}
        storage.close()
    name, other_name = "durable answers a second", "without a database"
    yield figure(name, stored, "/s", bare, other_name, "at least 0.6")


def _without_store() -> Bottle:
    app = Bottle()

    def answer() -> dict[str, Any]:
        call = json.loads(request.body.read())
        return {"success": True, "thread_id": call["conversation_id"]}

    app.route(CALLBACK_PATH, "POST", answer)
    return app


def call_all(port: int, run: int) -> float:
    """Answers a second, as seen from another process with some connections."""
    started_at = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda caller: _call(port, run, caller), range(CALLERS)))
    return CALLERS * CALLS / (time.perf_counter() - started_at)


def _call(port: int, run: int, caller: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in range(CALLS):
        thread = f"{run}{caller}{number:04}1"
        body = {
            "conversation_id": shapes.global_id(shapes.THREAD_TYPE, thread),
            "message": f"Yes, parking is free. ({number})",
            "sender": "AI",
        }
        headers = {"Content-Type": "application/json"}
        connection.request("POST", CALLBACK_PATH, json.dumps(body), headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    connection.close()
