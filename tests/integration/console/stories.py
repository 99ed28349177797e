"""What happened in the recorded sandbox: a few executions that together show everything a page can show."""

from __future__ import annotations

from flyteidl.admin import node_execution_pb2, signal_pb2
from flyteidl.core import catalog_pb2, identifier_pb2, types_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2

from sandbox.idl import literals, types
from tests.integration.console import recorded
from tests.integration.console.recorded import NodePhase, Phase, Recording, TaskPhase

MEBIBYTE = 1024 * 1024
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'
TRACEBACK = """Traceback (most recent call last):

  File "workflows/example.py", line 41, in fit
    model.fit(features, target)

ValueError: feature_names mismatch <b>bold</b>
"""

INTEGER = types.simple(types_pb2.INTEGER)
FLOAT = types.simple(types_pb2.FLOAT)
STRING = types.simple(types_pb2.STRING)
BOOLEAN = types.simple(types_pb2.BOOLEAN)
DATETIME = types.simple(types_pb2.DATETIME)
DURATION = types.simple(types_pb2.DURATION)
STRUCT = types.simple(types_pb2.STRUCT)
COLOUR = types_pb2.LiteralType(enum_type=types_pb2.EnumType(values=["red", "green"]))
NUMBERS = types_pb2.LiteralType(collection_type=INTEGER)
CSV = types_pb2.LiteralType(blob=types_pb2.BlobType(format="csv"))
MAYBE = types_pb2.LiteralType(
    union_type=types_pb2.UnionType(variants=[INTEGER, types.simple(types_pb2.NONE)])
)

WIDE = 5000


def tell(recording: Recording) -> Recording:
    """All stories of ordinary size."""
    _diabetes(recording)
    _nested(recording)
    _gated(recording)
    return recording


def _diabetes(recording: Recording) -> None:
    """Four tasks in a row: one execution that succeeded, one that failed, one that came from the cache."""
    split = recording.task("flyte.workflows.example.split_traintest_dataset", {"dataset": CSV}, {"o0": CSV})
    fit = recording.task("flyte.workflows.example.fit", {"x": CSV, "hyperparams": STRUCT}, {"model": CSV})
    predict = recording.task("flyte.workflows.example.predict", {"x": CSV}, {"o0": CSV})
    score = recording.task("flyte.workflows.example.score", {"x": CSV}, {"o0": FLOAT})
    nodes = [recorded.task_node(f"n{i}", task) for i, task in enumerate((split, fit, predict, score))]
    inputs = {
        "dataset": CSV, "seed": INTEGER, "ratio": FLOAT, "note": STRING, "verbose": BOOLEAN, "colour": COLOUR,
        "when": DATETIME, "limit": DURATION, "sizes": NUMBERS, "params": STRUCT, "maybe": MAYBE,
    }  # fmt: skip
    workflow = recording.workflow(
        "flyte.workflows.example.diabetes_xgboost_model",
        nodes,
        [("n0", "n1"), ("n0", "n2"), ("n1", "n2"), ("n2", "n3"), ("n0", "n3")],
        inputs=inputs,
        outputs={"accuracy": FLOAT, "model": CSV},
    )
    given = recorded.literal_map(
        dataset=literals.blob("s3://my-s3-bucket/data/pima.csv", CSV.blob),
        seed=literals.from_python(7),
        ratio=literals.from_python(0.33),
        note=literals.from_python(HOSTILE),
        sizes=literals.from_python(list(range(150))),
        params=literals.messagepack({"max_depth": 4, "nested": {"objective": "binary:logistic"}}),
    )
    made = recorded.literal_map(
        accuracy=literals.from_python(0.7598425196850394),
        model=literals.blob("s3://my-s3-bucket/data/model.joblib.dat", CSV.blob),
    )
    recording.execution("good", workflow, Phase.SUCCEEDED, inputs=given, outputs=made, at=10)
    for i, task in enumerate((split, fit, predict, score)):
        recording.node(
            "good", f"n{i}", NodePhase.SUCCEEDED, at=i * 3, seconds=2.5, cache=catalog_pb2.CACHE_POPULATED
        )
        recording.attempt(
            "good", f"n{i}", task, TaskPhase.SUCCEEDED, peak=150 * MEBIBYTE, limit=200 * MEBIBYTE
        )
    recording.nodes["good"][3].closure.deck_uri = "s3://my-s3-bucket/metadata/deck.html"
    recording.node_data["good", "n3"] = node_execution_pb2.NodeExecutionGetDataResponse(
        full_inputs=recorded.literal_map(x=literals.blob("s3://my-s3-bucket/data/x.csv", CSV.blob)),
        full_outputs=recorded.literal_map(o0=literals.from_python(0.7598425196850394)),
    )
    recording.execution("cached", workflow, Phase.SUCCEEDED, at=20, seconds=0.2)
    for i in range(4):
        recording.node("cached", f"n{i}", NodePhase.SUCCEEDED, seconds=0.01, cache=catalog_pb2.CACHE_HIT)
    _failed(recording, workflow, split, fit)


def _failed(
    recording: Recording, workflow: identifier_pb2.Identifier, *tasks: identifier_pb2.Identifier
) -> None:
    split, fit = tasks
    user = core_execution_pb2.ExecutionError.USER
    error = core_execution_pb2.ExecutionError(code="USER:ValueError", message=TRACEBACK, kind=user)
    recording.execution("bad", workflow, Phase.FAILED, error=error, at=30)
    recording.node("bad", "n0", NodePhase.SUCCEEDED, at=0)
    recording.attempt("bad", "n0", split, TaskPhase.SUCCEEDED, peak=312 * MEBIBYTE, limit=200 * MEBIBYTE)
    recording.node("bad", "n1", NodePhase.FAILED, at=2, seconds=5, error=error)
    for _ in range(2):
        recording.attempt(
            "bad", "n1", fit, TaskPhase.FAILED, error=error, reason="the process ended with code 1"
        )


def _nested(recording: Recording) -> None:
    """Still running: a sub-workflow, a branch, a dynamic node and a child execution."""
    step = recording.task("tests.steps.increment", {"x": INTEGER}, {"o0": INTEGER})
    inner_id = recording.workflow(
        "tests.steps.twice",
        [recorded.task_node("n0", step, "first_step"), recorded.task_node("n1", step, "second_step")],
        [("n0", "n1")],
        inputs={"x": INTEGER},
        outputs={"o0": INTEGER},
    )
    inner = recording.workflows[-1].closure.compiled_workflow.primary
    outer = recording.workflow(
        "tests.steps.everything",
        [
            recorded.workflow_node("n0", inner_id),
            recorded.branch_node(
                "n1", [recorded.task_node("n1-n0", step, "small"), recorded.task_node("n1-n1", step, "large")]
            ),
            recorded.plan_node("n2", "flyte.workflows.example.diabetes_xgboost_model"),
            recorded.task_node("n3", step, "unfolds"),
        ],
        [("n0", "n1"), ("n1", "n2"), ("n1", "n3")],
        inputs={"x": INTEGER},
        sub_workflows=[inner],
    )
    recording.execution(
        "running", outer, Phase.RUNNING, at=40, inputs=recorded.literal_map(x=literals.from_python(1))
    )
    recording.node("running", "n0", NodePhase.SUCCEEDED, is_parent=True)
    recording.node("running", "n0-0-n0", NodePhase.SUCCEEDED, spec="n0", parent="n0")
    recording.attempt("running", "n0-0-n0", step, TaskPhase.SUCCEEDED)
    recording.node("running", "n0-0-n1", NodePhase.SUCCEEDED, spec="n1", parent="n0", at=1)
    recording.node("running", "n1", NodePhase.SUCCEEDED, at=2)
    recording.node("running", "n1-0-n1-n0", NodePhase.SUCCEEDED, spec="n1-n0", parent="n1", at=2)
    recording.node("running", "n1-0-n1-n1", NodePhase.SKIPPED, spec="n1-n1", parent="n1", at=2)
    child = recording.node("running", "n2", NodePhase.FAILED, at=3)
    child.closure.workflow_node_metadata.executionId.CopyFrom(recorded.execution_id("bad"))
    unfolds = recording.node("running", "n3", NodePhase.DYNAMIC_RUNNING, at=3, seconds=None, is_parent=True)
    unfolds.metadata.is_dynamic = True
    recording.attempt("running", "n3", step, TaskPhase.SUCCEEDED)
    recording.node("running", "n3-0-dn0", NodePhase.RUNNING, spec="dn0", parent="n3", at=4, seconds=None)
    recording.attempt("running", "n3-0-dn0", step, TaskPhase.RUNNING)
    made = recorded.compiled(
        inner_id, [recorded.task_node("dn0", step, "made_at_run_time")], [], recorded.interface({}, {})
    )
    data = node_execution_pb2.NodeExecutionGetDataResponse()
    data.dynamic_workflow.compiled_workflow.primary.CopyFrom(made)
    recording.node_data["running", "n3"] = data


def _gated(recording: Recording) -> None:
    """It waits for an approval, for an integer and for a list, and sleeps."""
    step = recording.task("tests.gates.report", {"x": INTEGER}, {"o0": STRING})
    conditions = {
        "review": core_workflow_pb2.GateNode(approve=core_workflow_pb2.ApproveCondition(signal_id="review")),
        "count": core_workflow_pb2.GateNode(signal=_asking("count", INTEGER)),
        "sizes": core_workflow_pb2.GateNode(signal=_asking("sizes", NUMBERS)),
        "nap": core_workflow_pb2.GateNode(sleep=core_workflow_pb2.SleepCondition()),
    }
    conditions["nap"].sleep.duration.seconds = 5400
    gates = [recorded.gate_node(f"n{i}", gate, name) for i, (name, gate) in enumerate(conditions.items(), 1)]
    workflow = recording.workflow(
        "tests.gates.reviewed", [recorded.task_node("n0", step), *gates], [("n0", "n1")]
    )
    recording.execution("waiting", workflow, Phase.RUNNING, at=60)
    recording.node("waiting", "n0", NodePhase.SUCCEEDED)
    recording.attempt("waiting", "n0", step, TaskPhase.SUCCEEDED)
    for i in range(1, 5):
        recording.node("waiting", f"n{i}", NodePhase.RUNNING, at=i, seconds=None)
    recording.node_data["waiting", "n1"] = node_execution_pb2.NodeExecutionGetDataResponse(
        full_inputs=recorded.literal_map(o0=literals.from_python("a report to be read"))
    )
    recording.signals["waiting"] = [
        signal_pb2.Signal(
            id=identifier_pb2.SignalIdentifier(signal_id=name, execution_id=recorded.execution_id("waiting")),
            type=kind,
        )
        for name, kind in (("review", BOOLEAN), ("count", INTEGER), ("sizes", NUMBERS))
    ]


def _asking(name: str, kind: types_pb2.LiteralType) -> core_workflow_pb2.SignalCondition:
    return core_workflow_pb2.SignalCondition(signal_id=name, type=kind, output_variable_name="o0")


def tell_wide(recording: Recording) -> Recording:
    """Five thousand tasks side by side and one that gathers them."""
    step = recording.task("tests.steps.wide", {"x": INTEGER}, {"o0": INTEGER})
    gather = recording.task("tests.steps.gather", {"xs": NUMBERS}, {"o0": INTEGER})
    nodes = [recorded.task_node(f"n{i}", step) for i in range(WIDE)]
    last = recorded.task_node(f"n{WIDE}", gather)
    workflow = recording.workflow(
        "tests.steps.fan_out", [*nodes, last], [(node.id, last.id) for node in nodes]
    )
    recording.execution("wide", workflow, Phase.RUNNING, at=50)
    for i in range(WIDE):
        phase = NodePhase.FAILED if i == 17 else NodePhase.SUCCEEDED if i < 4000 else NodePhase.RUNNING
        recording.node("wide", f"n{i}", phase, at=i / 100, seconds=1 if i < 4000 else None)
        recording.attempt("wide", f"n{i}", step, TaskPhase.SUCCEEDED)
    return recording
