"""A steady SYNC cycle: what it costs in CPU, in bytes, and over many threads."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import all_cpu_s
from bench.processes import cpu_s
from bench.table import Figure
from bench.table import figure
from support.far_site import Worlds

from airbot.airbnb import Airbnb
from airbot.airbnb import pages
from airbot.browser import Browser
from airbot.demo import LOOPBACK_ONLY
from airbot.demo import sandbox_config
from airbot.storage import Storage
from airbot.sync import Syncer

RUNS = 5
STEADY = 40  # cycles in a run
RELOADS = 8
MANY, CHANGED = 200, 3
TRANSFERRED = """
() => {
  const all = performance.getEntriesByType("resource");
  performance.clearResourceTimings();
  return all.reduce((sum, e) => sum + e.transferSize, 0);
}
"""


@dataclass
class Bench:
    """airbot's own rooms, on a site in another process."""

    world: Any
    ids: list[str]
    browser: Browser
    airbnb: Airbnb
    syncer: Syncer


def measure() -> Iterator[Figure]:
    with _bench(15) as bench:
        yield from _cpu(bench)
        yield _bytes(bench)
    with _bench(MANY) as bench:
        yield from _many(bench)


@contextmanager
def _bench(threads: int) -> Iterator[Bench]:
    with Worlds() as far, tempfile.TemporaryDirectory() as folder:
        world = far.World(threads)  # type: ignore[attr-defined]
        ids = world.furnish(10)
        site_url, ai_url = world.urls()
        config = sandbox_config(site_url, ai_url, Path(folder))
        storage = Storage(config.storage.path)
        browser = Browser(config.airbnb.session_dir, arguments=LOOPBACK_ONLY)
        airbnb = Airbnb(browser, site_url)
        bench = Bench(world, ids, browser, airbnb, Syncer(storage, airbnb, config))
        try:
            bench.syncer.run()
            bench.syncer.run()
            yield bench
        finally:
            browser.close()
            storage.close()


def _cpu(bench: Bench) -> Iterator[Figure]:
    steady, reloaded, launched = [], [], []
    for _ in range(RUNS):
        steady.append(_cpu_ms(bench, bench.syncer.run, STEADY))
        reloaded.append(_cpu_ms(bench, bench.airbnb.open_inbox, RELOADS))
    for _ in range(RUNS):
        bench.browser.close()
        before = all_cpu_s()
        bench.airbnb.open_inbox()
        bench.browser.close()
        launched.append((all_cpu_s() - before) * 1000)
    name, unit = "CPU of a steady cycle", "ms"
    other = "a browser and a page for each"
    yield figure(name, steady, unit, launched, other, "at most 1/40 = 0.025")
    other = "the inbox loaded anew"
    yield figure(name, steady, unit, reloaded, other, "at most 1/6 = 0.167")


def _cpu_ms(bench: Bench, what: Callable[[], object], times: int) -> float:
    before = cpu_s(bench.browser)
    for _ in range(times):
        what()
    return (cpu_s(bench.browser) - before) * 1000 / times


def _bytes(bench: Bench) -> Figure:
    cycles, lists = [], []
    bench.syncer.run()
    for _ in range(RUNS):
        _transferred(bench)
        bench.syncer.run()
        cycles.append(_transferred(bench))
        lists.append(float(len(_list_again(bench).encode())))
    name, other = "bytes of a steady cycle", "the list's JSON"
    return figure(name, cycles, "bytes", lists, other, "at most 1.1")


def _transferred(bench: Bench) -> float:
    with bench.browser.job("counting", 10):
        return float(bench.browser.tab.probe(TRANSFERRED))


def _list_again(bench: Bench) -> str:
    return _plain(bench, bench.airbnb._reader._queries[pages.LIST_QUERY])


def _plain(bench: Bench, question: Any) -> str:
    with bench.browser.job("asking", 10):
        tab = bench.browser.tab
        return tab.fetch(question.url, question.headers, 10).text


def _many(bench: Bench) -> Iterator[Figure]:
    cycles, plain, opened = [], [], []
    for run in range(RUNS):
        for number in range(CHANGED):
            bench.world.host_writes(f"News {run}", 50 + number)
        cycles.append(_wall_ms(bench.syncer.run))
        plain.append(_wall_ms(lambda: _ask_plainly(bench)))
    opened.append(_wall_ms(lambda: [bench.airbnb.open_thread(i) for i in bench.ids]))
    name = f"{MANY} threads, {CHANGED} changed"
    other = f"1 + {CHANGED} plain fetches"
    yield figure(name, cycles, "ms", plain, other, "at most 1.5")
    other = f"opening all {MANY}"
    yield figure(name, cycles, "ms", opened, other, "at most 1/20 = 0.05")


def _ask_plainly(bench: Bench) -> None:
    questions = bench.airbnb._reader._queries
    _plain(bench, questions[pages.LIST_QUERY])
    for id_ in bench.ids[50 : 50 + CHANGED]:
        _plain(bench, questions[pages.THREAD_QUERY].asking(globalThreadId=id_))


def _wall_ms(what: Callable[[], object]) -> float:
    started_at = time.perf_counter()
    what()
    return (time.perf_counter() - started_at) * 1000
