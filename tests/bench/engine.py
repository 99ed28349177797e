"""What the engine itself costs for each node, and whether that depends on how many nodes there are.

Two shapes of echo tasks. *Layers* of fifty are what most workflows look like, and the engine stores many
nodes at once; their rows are a client's time, creation included. In a *chain* every node is a turn and a
commit of its own, whatever the size, so that a cost that grew with the graph would show: its rows are the
execution's own duration, divided by all nodes that the engine drives, the workflow's start and end among
them.

The sizes of the chain are measured in turn, not one after the other: what else the machine does then falls
on all of them.
"""

from __future__ import annotations

import statistics
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.bench import graphs, table
from tests.bench.launching import run, timed
from tests.bench.memory import Peak
from tests.sandboxes import Client, Sandbox

_LAYERED = (10, 100, 1_000, 5_000)
_CHAINS = (10, 100, 1_000, 10_000)
_REPEATS = {10: 10, 100: 5}
"""How often a chain is run for one sample: short ones are over before the machine has settled."""
_MOST_CHAINS = 3
"""How many samples of each chain at most: the longest takes half a minute."""
_BUDGET = "5 ms, stretch 1 ms"
_BOUNDARY_NODES = 2
"""The start node and the end node of every workflow."""


def measure(folder: Path, runs: int) -> Iterator[table.Row]:
    """Rows of milliseconds a node, of the spread between sizes, and of the control plane's memory."""
    sandbox = Sandbox(folder / "engine", "bench-engine")
    client = Client(sandbox.start()["endpoints"]["target"])
    version = uuid.uuid4().hex[:8]
    try:
        client.admin.CreateTask(graphs.echo_task(version))
        yield from _layers(client, version, runs)
        yield from _chains(sandbox, client, version, runs)
    finally:
        client.close()
        sandbox.teardown()


def _register(client: Client, nodes: int, version: str, *, width: int) -> str:
    client.admin.CreateWorkflow(graphs.workflow(nodes, version, width=width))
    client.admin.CreateLaunchPlan(graphs.launch_plan(nodes, version, width=width))
    return graphs.name(nodes, width)


def _layers(client: Client, version: str, runs: int) -> Iterator[table.Row]:
    for nodes in _LAYERED:
        plan = _register(client, nodes, version, width=graphs.LAYER)
        run(client, plan, version, x=1)
        samples = [1000 * run(client, plan, version, x=at) / nodes for at in range(runs)]
        yield table.Row(f"engine per node, layers, {nodes:,} nodes", "ms", samples, _BUDGET, 5)


def _chains(sandbox: Sandbox, client: Client, version: str, runs: int) -> Iterator[table.Row]:
    plans = {nodes: _register(client, nodes, version, width=1) for nodes in _CHAINS}
    run(client, plans[100], version, x=1)
    samples: dict[int, list[float]] = {nodes: [] for nodes in _CHAINS}
    peaks: dict[int, list[float]] = {nodes: [] for nodes in _CHAINS}
    for at in range(min(runs, _MOST_CHAINS)):
        for nodes, plan in plans.items():
            with Peak(sandbox) as peak:
                samples[nodes].append(_per_node(client, plan, version, nodes, at))
            peaks[nodes].append(peak.mebibytes)
    for nodes in _CHAINS:
        yield table.Row(f"engine per node, chain, {nodes:,} nodes", "ms", samples[nodes], _BUDGET, 5)
    yield table.Row("chain: how far a size is from the mean", "%", _spread(samples), "20 %", 20)
    for nodes in _CHAINS:
        yield table.Row(f"control plane during a chain of {nodes:,} (PSS)", "MiB", peaks[nodes])


def _per_node(client: Client, plan: str, version: str, nodes: int, at: int) -> float:
    """Milliseconds."""
    repeats = _REPEATS.get(nodes, 1)
    seconds = [timed(client, plan, version, x=at) for _ in range(repeats)]
    return 1000 * statistics.mean(seconds) / (nodes + _BOUNDARY_NODES)


def _spread(samples: dict[int, list[float]]) -> list[float]:
    """For each size, how far its median is from the mean of all sizes' medians, in per cent."""
    medians = [statistics.median(of_size) for of_size in samples.values()]
    mean = statistics.mean(medians)
    return [100 * abs(median - mean) / mean for median in medians]
