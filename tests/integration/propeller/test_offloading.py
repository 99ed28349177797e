"""References to literals in files of their own: passed on, followed, written; through real objects."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flyteidl.core import execution_pb2, literals_pb2, tasks_pb2, types_pb2

from sandbox.executors.api import AttemptPhase, AttemptUpdate, TaskRequest
from sandbox.propeller.settings import OffloadingSettings
from tests.integration.propeller.house import House
from tests.integration.propeller.test_running import error_of
from tests.unit.propeller.building import (
    array,
    branch,
    integer,
    mapped,
    promise,
    run,
    several,
    task,
    workflow,
)

ON = OffloadingSettings(enabled=True, min_mebibytes=1, max_mebibytes=3)
MEBIBYTE = 1024 * 1024


def python(name: str, version: str = "1.16.0", **more: object) -> tasks_pb2.TaskTemplate:
    """A task of flytekit's."""
    template = task(name, type="python-task", **more)
    template.metadata.runtime.type = tasks_pb2.RuntimeMetadata.FLYTE_SDK
    template.metadata.runtime.version = version
    return template


MAKE, TAKE, OLD = python("make"), python("take"), python("old", "1.13.13")
CACHED = python("cached", cache=True)


def offload(house: House, request: TaskRequest, value: literals_pb2.Literal) -> AttemptUpdate:
    """What an SDK does with a large output."""
    uri = f"{request.output_prefix}/x_offloaded_metadata.pb"
    house.objects.put(uri, value.SerializeToString())
    literal = literals_pb2.Literal(hash="digest of it")
    literal.offloaded_metadata.uri = uri
    literal.offloaded_metadata.size_bytes = value.ByteSize()
    literal.offloaded_metadata.inferred_type.simple = types_pb2.INTEGER
    return write(house, request, literal)


def write(house: House, request: TaskRequest, value: literals_pb2.Literal) -> AttemptUpdate:
    outputs = literals_pb2.LiteralMap(literals={"x": value})
    house.objects.put(f"{request.output_prefix}/outputs.pb", outputs.SerializeToString())
    return AttemptUpdate(request.key, AttemptPhase.SUCCEEDED, datetime.now(UTC))


def answer(house: House, value: literals_pb2.Literal) -> None:
    """The task `make` offloads the value, others write the number 5."""

    def behave(request: TaskRequest) -> AttemptUpdate:
        if request.task_id.name == "make":
            return offload(house, request, value)
        return write(house, request, integer(5))

    house.scripted.behave = behave


def given(house: House, node: str) -> literals_pb2.Literal:
    """What the task of a node was given as x."""
    [request] = [one for key, one in house.scripted.requests.items() if key.node == node]
    written = literals_pb2.LiteralMap.FromString(house.objects.get(request.inputs_uri))
    assert request.array_index is not None or written == request.inputs
    return written.literals["x"]


def numbers(values: list[int]) -> literals_pb2.Literal:
    return literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=map(integer, values)))


def test_a_reference_goes_on_to_those_who_can_read_it_and_its_value_to_others(house: House) -> None:
    answer(house, integer(41))
    nodes = [run("n0", template=MAKE), run("n1", "n0", TAKE), run("n2", "n0", OLD)]
    row = house.register(workflow("passing", nodes, "n1"), [MAKE, TAKE, OLD])
    with house.engine(offloading=ON):
        assert house.wait(house.launch(row)).phase == "SUCCEEDED"
    assert given(house, "n1").WhichOneof("value") == "offloaded_metadata"
    assert given(house, "n2").scalar.primitive.integer == 41


def test_sdks_are_told_to_offload_only_when_it_is_on_and_they_can(house: House) -> None:
    answer(house, integer(41))
    nodes = [run("n0", template=MAKE), run("n1", template=OLD)]
    row = house.register(workflow("telling", nodes, "n1"), [MAKE, OLD])
    for settings in (ON, OffloadingSettings()):
        with house.engine(offloading=settings):
            house.wait(house.launch(row))
    told = {
        (key.execution.name, key.node): request.env.get("_F_L_MIN_SIZE_MB")
        for key, request in house.scripted.requests.items()
    }
    assert told == {("e1", "n0"): "1", ("e1", "n1"): None, ("e2", "n0"): None, ("e2", "n1"): None}
    assert house.scripted.requests[house.scripted.started[0]].env["_F_L_MAX_SIZE_MB"] == "3"


def test_a_promise_reaches_into_what_was_offloaded(house: House) -> None:
    answer(house, numbers([7, 8]))
    reaching = run("n1", "n0", TAKE)
    reaching.inputs[0].binding.promise.attr_path.add(int_value=1)
    nodes = [run("n0", template=MAKE), reaching]
    row = house.register(workflow("reaching", nodes, "n1"), [lists("make"), TAKE])
    with house.engine(offloading=ON):
        assert house.wait(house.launch(row)).phase == "SUCCEEDED"
    assert given(house, "n1").scalar.primitive.integer == 8


def lists(name: str) -> tasks_pb2.TaskTemplate:
    """A task from a number to a list of numbers."""
    template = python(name)
    kind = types_pb2.LiteralType(collection_type=types_pb2.LiteralType(simple=types_pb2.INTEGER))
    template.interface.outputs.variables["x"].type.CopyFrom(kind)
    return template


def test_a_condition_looks_at_the_value(house: House) -> None:
    answer(house, integer(3))
    chosen = branch("n1", "n0", [(5, run("n1a", "n0", TAKE))], "not less")
    row = house.register(workflow("choosing", [run("n0", template=MAKE), chosen], "n1"), [MAKE, TAKE])
    with house.engine(offloading=ON):
        assert house.wait(house.launch(row)).phase == "SUCCEEDED"


def test_an_offloaded_list_is_mapped_over(house: House) -> None:
    answer(house, numbers([1, 2, 3]))
    mapping = mapped("mapped", type="python-task")
    mapping.metadata.runtime.CopyFrom(TAKE.metadata.runtime)
    bound = [literals_pb2.Binding(var="x", binding=promise("n0"))]
    nodes = [run("n0", template=MAKE), array("n1", bound, mapping), run("n2", 1, TAKE, after=["n1"])]
    row = house.register(workflow("mapping", nodes, "n2"), [lists("make"), mapping, TAKE])
    with house.engine(offloading=ON):
        assert house.wait(house.launch(row)).phase == "SUCCEEDED"
    shares = [
        request.inputs.literals["x"].scalar.primitive.integer
        for request in house.scripted.requests.values()
        if request.array_index is not None
    ]
    assert sorted(shares) == [1, 2, 3]


@pytest.mark.parametrize(("count", "phase"), [(2, "SUCCEEDED"), (4, "FAILED")])
def test_what_an_array_gave_is_offloaded_or_too_large(house: House, count: int, phase: str) -> None:
    text = literals_pb2.Literal()
    text.scalar.primitive.string_value = "x" * (MEBIBYTE * 4 // 5)

    def behave(request: TaskRequest) -> AttemptUpdate:
        return write(house, request, integer(5) if request.array_index is None else text)

    house.scripted.behave = behave
    mapping = mapped("mapped", type="python-task")
    nodes = [array("n0", several(range(count)), mapping), run("n1", 1, TAKE, after=["n0"])]
    row = house.register(workflow("gathering", nodes, "n1"), [mapping, TAKE])
    with house.engine(offloading=ON):
        execution = house.launch(row)
        ended = house.wait(execution)
    assert ended.phase == phase
    if phase == "FAILED":
        assert error_of(ended).code == "OutputSizeExceeded"
        assert "3 MiB" in error_of(ended).message
        return
    prefix = f"s3://my-s3-bucket/metadata/propeller/flytesnacks-development-{execution.name}/n0/data/0"
    kept = literals_pb2.LiteralMap.FromString(house.objects.get(f"{prefix}/outputs.pb")).literals["x"]
    assert kept.offloaded_metadata.uri == f"{prefix}/x_offloaded_metadata.pb"
    assert kept.offloaded_metadata.inferred_type.WhichOneof("type") == "collection_type"
    assert kept.hash
    whole = literals_pb2.Literal.FromString(house.objects.get(kept.offloaded_metadata.uri))
    assert len(whole.collection.literals) == count
    assert whole.ByteSize() == kept.offloaded_metadata.size_bytes


def test_the_cache_knows_an_offloaded_value_by_its_hash(house: House) -> None:
    answer(house, integer(41))
    nodes = [run("n0", template=MAKE), run("n1", "n0", CACHED)]
    row = house.register(workflow("caching", nodes, "n1"), [MAKE, CACHED])
    with house.engine(offloading=ON):
        for _ in range(2):
            assert house.wait(house.launch(row)).phase == "SUCCEEDED"
    assert [key.node for key in house.scripted.started] == ["n0", "n1", "n0"]


def test_a_reference_to_nothing_fails_who_needs_the_value(house: House) -> None:
    def behave(request: TaskRequest) -> AttemptUpdate:
        update = offload(house, request, integer(1))
        house.objects.delete(f"{request.output_prefix}/x_offloaded_metadata.pb")
        return update

    house.scripted.behave = behave
    row = house.register(
        workflow("lost", [run("n0", template=MAKE), run("n1", "n0", OLD)], "n1"), [MAKE, OLD]
    )
    with house.engine(offloading=ON):
        ended = house.wait(house.launch(row))
    assert error_of(ended).code == "InputsNotFound"
    assert error_of(ended).kind == execution_pb2.ExecutionError.SYSTEM
    assert "x_offloaded_metadata.pb" in error_of(ended).message
