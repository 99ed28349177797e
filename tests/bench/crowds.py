"""Many of a kind at once: the elements of one map task, and executions that are queued together.

The map task runs twice: over echo tasks, which cost what the engine costs, and over real ones, each a process
of its own. Its time is the execution's own duration.

The executions are created by several clients as fast as they can, so that most of them queue. Their time is
from the first one's creation to the last one's end, as the executions tell them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flyteidl.admin import execution_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import execution_pb2 as core_execution
from flyteidl.core import identifier_pb2, interface_pb2, literals_pb2, types_pb2
from flyteidl.core import workflow_pb2 as core_workflow

from sandbox.idl import literals
from tests.bench import graphs, table
from tests.bench.memory import Peak
from tests.sandboxes import Client, ExecutionProto, Sandbox, integers

ELEMENTS = 5_000
PROCESSES = 1_000
"""Elements of the map task whose elements are processes."""
EXECUTIONS = 1_000
NODES = 10
"""Of each of the queued executions."""
_CLIENTS = 8
_MOST_RUNS = 2
"""Of each measure: one takes tens of seconds, and each of its samples is the mean of thousands."""
_MAP = "bench.map"
_TRIVIAL = Path(__file__).parent.parent / "workflows" / "trivial.py"


def measure(folder: Path, runs: int) -> Iterator[table.Row]:
    """Rows of seconds, of pieces a second, and of the control plane's memory meanwhile."""
    sandbox = Sandbox(folder / "crowds", "bench-crowds")
    project = sandbox.project(_TRIVIAL)
    client = Client(sandbox.start("--source", str(project))["endpoints"]["target"])
    version = uuid.uuid4().hex[:8]
    several = min(runs, _MOST_RUNS)
    try:
        client.admin.CreateTask(graphs.echo_task(version))
        _register_map(client, version)
        sandbox.register(version)
        echo = f"a map task of {ELEMENTS:,} echo tasks"
        yield from _rows(sandbox, echo, ELEMENTS, several, lambda: _mapped(client, _MAP, version, ELEMENTS))
        real = f"a map task of {PROCESSES:,} processes"
        plan = "workflows.trivial.mapped"
        yield from _rows(sandbox, real, PROCESSES, 1, lambda: _mapped(client, plan, version, PROCESSES))
        client.admin.CreateWorkflow(graphs.workflow(NODES, version, width=1))
        client.admin.CreateLaunchPlan(graphs.launch_plan(NODES, version, width=1))
        queue = f"{EXECUTIONS:,} executions of {NODES} echo tasks"
        yield from _rows(sandbox, queue, EXECUTIONS, several, lambda: _queued(client, version))
    finally:
        client.close()
        sandbox.teardown()


def _rows(
    sandbox: Sandbox, title: str, pieces: int, runs: int, run: Callable[[], float]
) -> Iterator[table.Row]:
    seconds, peaks = [], []
    for _ in range(runs):
        with Peak(sandbox) as peak:
            seconds.append(run())
        peaks.append(peak.mebibytes)
    yield table.Row(title, "s", seconds)
    yield table.Row(f"{title}: each second", "1/s", [pieces / each for each in seconds])
    yield table.Row(f"{title}: memory", "MiB", peaks)


def _mapped(client: Client, plan: str, version: str, elements: int) -> float:
    """Seconds that a map over so many numbers took."""
    inputs = literals_pb2.LiteralMap(literals={"xs": literals.from_python(list(range(elements)))})
    found = client.wait(client.create_execution(plan, version, inputs), timeout=1200, interval=0.1)
    _check(found)
    return float(found.closure.duration.ToTimedelta().total_seconds())


def _queued(client: Client, version: str) -> float:
    """Seconds from the first execution's creation to the last one's end."""
    plan = graphs.name(NODES, 1)

    def create(x: int) -> ExecutionProto:
        return client.create_execution(plan, version, integers(x=x))

    with ThreadPoolExecutor(_CLIENTS) as pool:
        created = list(pool.map(create, range(EXECUTIONS)))
    ended = [client.wait(execution, timeout=600, interval=0.1) for execution in created]
    for execution in ended:
        _check(execution)
    return _span(ended)


def _span(ended: Sequence[execution_pb2.Execution]) -> float:
    begun = min(execution.closure.created_at.ToMicroseconds() for execution in ended)
    over = max(
        execution.closure.started_at.ToMicroseconds() + execution.closure.duration.ToMicroseconds()
        for execution in ended
    )
    return (over - begun) / 1e6


def _check(execution: execution_pb2.Execution) -> None:
    if execution.closure.phase != core_execution.WorkflowExecution.SUCCEEDED:
        raise RuntimeError(f"{execution.id.name} did not succeed: {execution.closure.error.message}")


def _register_map(client: Client, version: str) -> None:
    """A workflow from a list to a list: an echo task over each item."""
    integer = types_pb2.LiteralType(simple=types_pb2.INTEGER)
    listed = interface_pb2.Variable(type=types_pb2.LiteralType(collection_type=integer))
    task = _listing(graphs.echo_task(version), listed)
    client.admin.CreateTask(task)
    source = literals_pb2.BindingData(promise=types_pb2.OutputReference(node_id="start-node", var="xs"))
    inputs = [literals_pb2.Binding(var="x", binding=source)]
    mapped = core_workflow.Node(id="mapped", inputs=inputs)
    mapped.task_node.reference_id.CopyFrom(task.id)
    node = core_workflow.Node(
        id="n0",
        metadata=core_workflow.NodeMetadata(name="n0"),
        inputs=inputs,
        array_node=core_workflow.ArrayNode(node=mapped),
    )
    workflow = graphs.workflow(1, version)
    workflow.id.name = _MAP
    template = workflow.spec.template
    template.id.name = _MAP
    del template.nodes[:]
    template.nodes.append(node)
    template.interface.CopyFrom(_from_list_to_list("xs", listed))
    template.outputs[0].binding.promise.node_id = "n0"
    client.admin.CreateWorkflow(workflow)
    client.admin.CreateLaunchPlan(_plan(workflow, version, listed))


def _listing(task: task_pb2.TaskCreateRequest, listed: interface_pb2.Variable) -> task_pb2.TaskCreateRequest:
    """The echo task as an SDK declares one that is mapped: from a list to a list."""
    name = "bench.echo_each"
    task.id.name = task.spec.template.id.name = name
    task.spec.template.interface.CopyFrom(_from_list_to_list("x", listed))
    return task


def _from_list_to_list(name: str, listed: interface_pb2.Variable) -> interface_pb2.TypedInterface:
    return interface_pb2.TypedInterface(
        inputs=interface_pb2.VariableMap(variables={name: listed}),
        outputs=interface_pb2.VariableMap(variables={"x": listed}),
    )


def _plan(
    workflow: workflow_pb2.WorkflowCreateRequest, version: str, listed: interface_pb2.Variable
) -> launch_plan_pb2.LaunchPlanCreateRequest:
    plan = graphs.launch_plan(1, version)
    plan.id.CopyFrom(graphs.identifier(identifier_pb2.LAUNCH_PLAN, _MAP, version))
    plan.spec.workflow_id.CopyFrom(workflow.id)
    parameter = interface_pb2.Parameter(var=listed, required=True)
    plan.spec.default_inputs.CopyFrom(interface_pb2.ParameterMap(parameters={"xs": parameter}))
    return plan
