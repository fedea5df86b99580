"""The benchmarks: what airbot costs, measured side by side in one run.

    python tests/bench                      all of them
    python tests/bench settling webhook     these
    python tests/bench --json bench.json    the figures as JSON, too

No test: nothing here passes or fails. Each figure is the median of its runs, and where
there is something to compare with, the ratio to that, measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import cycle  # noqa: E402
from bench import idle  # noqa: E402
from bench import memory  # noqa: E402
from bench import queues  # noqa: E402
from bench import remote  # noqa: E402
from bench import sending  # noqa: E402
from bench import settling  # noqa: E402
from bench import sick  # noqa: E402
from bench import status  # noqa: E402
from bench import webhook  # noqa: E402
from bench.table import Figure  # noqa: E402

MEASURES = {
    "cycle": cycle.measure,
    "sending": sending.measure,
    "settling": settling.measure,
    "sick": sick.measure,
    "status": status.measure,
    "webhook": webhook.measure,
    "queues": queues.measure,
    "idle": idle.measure,
    "memory": memory.measure,
    "remote": remote.measure,
}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python tests/bench")
    parser.add_argument(
        "measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES)
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parsed = parser.parse_args(argv)
    if unknown := set(parsed.measures) - MEASURES.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    figures: list[Figure] = []
    for name in parsed.measures or MEASURES:
        for figure in MEASURES[name]():
            print(figure, flush=True)
            figures.append(figure)
    if parsed.json:
        rows = [figure.as_dict() for figure in figures]
        parsed.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
