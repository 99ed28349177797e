"""`python -m tests.bench`: measure, and print one table.

Everything is measured from outside, through the command line and the gRPC port, on a sandbox of its own.
An execution's time is the client's: from CreateExecution to the first GetExecution that shows the end.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.bench import graphs, table
from tests.sandboxes import Client, Sandbox, integers

_WORKFLOWS = Path(__file__).parent.parent / "workflows" / "trivial.py"
_SIZES = (10, 100, 1_000, 5_000)


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
    for run in range(runs):
        sandbox = Sandbox(folder / f"ready-{run}", f"bench-ready-{run}")
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
            _run(client, f"workflows.trivial.{plan}", "bench")
            samples = [_run(client, f"workflows.trivial.{plan}", "bench") for _ in range(runs)]
            yield table.Row(title, "s", samples, budget, limit)
        yield table.Row("idle memory, one warm environment (PSS)", "MiB", _idle(sandbox, runs))
    finally:
        client.close()
        sandbox.teardown()


def _run(client: Client, plan: str, version: str, *, parallelism: int = 0, **inputs: int) -> float:
    """Seconds from the request to the first look that shows success.

    The looks get rarer, so that what is measured is not the looking: never more than 1 % after the end.
    """
    begun = time.perf_counter()
    execution = client.create_execution(plan, version, integers(**inputs), max_parallelism=parallelism)
    found = client.wait(execution, timeout=300, interval=0.002, patience=0.01)
    seconds = time.perf_counter() - begun
    if found.closure.phase != 4:  # SUCCEEDED
        raise RuntimeError(f"{plan} did not succeed: {found.closure.error.message}")
    return seconds


def _idle(sandbox: Sandbox, runs: int) -> list[float]:
    return [sandbox.status()["memory"] / 2**20 for _ in range(runs)]


def _engine(folder: Path, runs: int) -> Iterator[table.Row]:
    sandbox = Sandbox(folder / "engine", "bench-engine")
    client = Client(sandbox.start()["endpoints"]["target"])
    version = uuid.uuid4().hex[:8]
    try:
        client.admin.CreateTask(graphs.echo_task(version))
        for nodes in _SIZES:
            client.admin.CreateWorkflow(graphs.workflow(nodes, version))
            client.admin.CreateLaunchPlan(graphs.launch_plan(nodes, version))
            _run(client, f"bench.graph_{nodes}", version, x=1)
            samples = [
                1000 * _run(client, f"bench.graph_{nodes}", version, x=run) / nodes for run in range(runs)
            ]
            yield table.Row(
                f"engine overhead per node, {nodes:,} nodes", "ms", samples, "5 ms, stretch 1 ms", 5
            )
    finally:
        client.close()
        sandbox.teardown()


_MEASURES = {"ready": _ready, "executions": _executions, "engine": _engine}

if __name__ == "__main__":
    main()
