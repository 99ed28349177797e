"""`python -m tests.bench`: measure, and print one table.

Everything is measured from outside, through the command line and the gRPC port, on a sandbox of its own.
An execution's time is the client's: from CreateExecution to the first GetExecution that shows the end.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import boxes, crowds, engine, table
from tests.bench.launching import run
from tests.sandboxes import Client, Sandbox

_WORKFLOWS = Path(__file__).parent.parent / "workflows" / "trivial.py"


def main() -> None:
    """Measure what was asked for, all by default."""
    parser = argparse.ArgumentParser(prog="tests.bench")
    parser.add_argument("--runs", type=int, default=5, help="runs of each measure (default: 5)")
    parser.add_argument("--only", default="", help="only the measures whose name contains this")
    arguments = parser.parse_args()
    print(table.machine(), flush=True)
    print(table.HEADER, flush=True)
    with tempfile.TemporaryDirectory(prefix="sandbox-bench-") as folder:
        for name, measure in _MEASURES.items():
            if arguments.only in name:
                for row in measure(Path(folder), arguments.runs):
                    print(row, flush=True)
    print(table.machine(), flush=True)


def _ready(folder: Path, runs: int) -> Iterator[table.Row]:
    fresh, warm = [], []
    for at in range(runs):
        sandbox = Sandbox(folder / f"ready-{at}", f"bench-ready-{at}")
        fresh.append(_timed_start(sandbox))
        sandbox.run("stop", "--name", sandbox.name)
        warm.append(_timed_start(sandbox))
        sandbox.teardown()
    yield table.Row("start to ready, fresh state", "s", fresh, "2 s, stretch 1 s", 2)
    yield table.Row("start to ready, stopped before", "s", warm)


def _timed_start(sandbox: Sandbox) -> float:
    begun = time.perf_counter()
    sandbox.start()
    return time.perf_counter() - begun


def _executions(folder: Path, runs: int) -> Iterator[table.Row]:
    sandbox = Sandbox(folder / "executions", "bench-executions")
    project = sandbox.project(_WORKFLOWS)
    target = sandbox.start("--source", str(project))["endpoints"]["target"]
    client = Client(target)
    try:
        yield table.Row(
            "idle memory, fresh, nothing run but the canary (PSS)",
            "MiB",
            _idle(sandbox, runs),
            "200 MiB, stretch 146",
            200,
        )
        sandbox.register("bench")
        plans = (
            ("hello", "hello-world, created to SUCCEEDED", "150 ms, stretch 50 ms", 0.150),
            ("chain_of_20", "chain of 20 trivial tasks", "1.5 s, stretch 1 s", 1.5),
            ("fan_out_of_100", "fan-out of 100 trivial tasks", "4 s, stretch 2 s", 4.0),
        )
        for plan, title, budget, limit in plans:
            run(client, f"workflows.trivial.{plan}", "bench")
            samples = [run(client, f"workflows.trivial.{plan}", "bench") for _ in range(runs)]
            yield table.Row(title, "s", samples, budget, limit)
        yield table.Row("idle memory, one warm environment (PSS)", "MiB", _idle(sandbox, runs))
    finally:
        client.close()
        sandbox.teardown()


def _idle(sandbox: Sandbox, runs: int) -> list[float]:
    return [sandbox.status()["memory"] / 2**20 for _ in range(runs)]


_MEASURES = {
    "ready": _ready,
    "executions": _executions,
    "engine": engine.measure,
    "crowds": crowds.measure,
    "boxes": boxes.measure,
}

if __name__ == "__main__":
    main()
