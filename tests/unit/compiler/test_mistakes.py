"""Every mistake is found, named by its node, and explained."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.admin import launch_plan_pb2
from flyteidl.core import interface_pb2, literals_pb2, workflow_pb2

from sandbox.compiler import workflows
from sandbox.compiler.errors import CompilationFailed, CompileError, ErrorCode
from sandbox.idl import literals
from tests.unit.compiler import build
from tests.unit.compiler.build import branch, equals, node, runs_plan, runs_workflow, workflow
from tests.unit.idl.kinds import (
    CSV,
    FLOAT,
    INTEGER,
    NONE,
    STRING,
    STRUCT,
    LiteralType,
    listed,
    mapped,
    promise,
    tagged,
    union,
)

COLOUR = build.task("paint", {"colour": LiteralType(enum_type={"values": ["red", "green"]})})
READ = build.task("read", {"file": CSV})
SUM = build.task("sum", {"items": listed(INTEGER)}, {"o0": INTEGER})
SAY = build.task("say", {"text": STRING}, {"o0": STRING})
POINT = tagged(STRUCT, "")
POINT.structure.dataclass_type["x"].CopyFrom(INTEGER)
MAKE = build.task("make", {}, {"o0": POINT})
EITHER = build.task("either", {"v": union(tagged(listed(INTEGER), "a"), tagged(mapped(STRING), "b"))})
BOTH = build.task("both", {"v": union(tagged(listed(INTEGER), "a"), tagged(listed(FLOAT), "b"))})
TASKS = (build.ADD, build.NOTHING, COLOUR, READ, SUM, SAY, MAKE, EITHER, BOTH)


def errors_of(template: workflow_pb2.WorkflowTemplate, **given: Any) -> list[CompileError]:
    with pytest.raises(CompilationFailed) as caught:
        build.compile(template, tasks=TASKS, **given)
    return list(caught.value.errors)


def only(template: workflow_pb2.WorkflowTemplate, **given: Any) -> CompileError:
    errors = errors_of(template, **given)
    assert len(errors) == 1, errors
    return errors[0]


@pytest.mark.parametrize(
    ("nodes", "code", "at", "says"),
    [
        ([node("n0", "add")], ErrorCode.PARAMETER_NOT_BOUND, "n0", "[a]: it needs a value of type integer"),
        ([node("n0", "add", {"a": "x"})], ErrorCode.MISMATCHING_TYPES, "n0", "(type [string])"),
        (
            [node("n0", "add", {"a": 1, "b": 2})],
            ErrorCode.VARIABLE_NAME_NOT_FOUND,
            "n0",
            "Variable [b] not found on node [n0]: it has the inputs [a]",
        ),
        (
            [node("n0", "add", {"a": promise("n9")})],
            ErrorCode.NODE_REFERENCE_NOT_FOUND,
            "n0",
            "Referenced node [n9] not found",
        ),
        (
            [node("n0", "add", {"a": 1}), node("n1", "add", {"a": promise("n0", "o7")})],
            ErrorCode.VARIABLE_NAME_NOT_FOUND,
            "n1",
            "Variable [o7] not found on node [n0]: it has the outputs [o0]",
        ),
        (
            [node("n0", "add", {"a": promise("", "missing")})],
            ErrorCode.VARIABLE_NAME_NOT_FOUND,
            "n0",
            "[start-node]: it has the inputs none",
        ),
        (
            [node("n0", "add", {"a": 1}), node("n1", "say", {"text": promise("n0")})],
            ErrorCode.MISMATCHING_TYPES,
            "n1",
            "'n0.o0' has type [integer], but it's assigned to the input variable 'n1.text' which has",
        ),
        ([node("n0", "paint", {"colour": "blue"})], ErrorCode.ILLEGAL_ENUM_VALUE, "n0", "[red, green]"),
        ([node("n0", "sum", {"items": {"k": 1}})], ErrorCode.MISMATCHING_BINDINGS, "n0", "list[integer]"),
        ([node("n0", "sum", {"items": [1, "x"]})], ErrorCode.MISMATCHING_TYPES, "n0", "(type [string])"),
        (
            [node("n0", "add", {"a": 1}), node("n1", "sum", {"items": [promise("n0", "o0", 1), "s"]})],
            ErrorCode.MISMATCHING_TYPES,
            "n1",
            "Variable [items]",
        ),
        (
            [node("n0", "make"), node("n1", "add", {"a": promise("n0", "o0", "y")})],
            ErrorCode.FIELD_NOT_FOUND,
            "n1",
            "doesn't have field [y]: it has [x]",
        ),
        (
            [node("n0", "add", {"a": 1}), node("n1", "add", {"a": promise("n0", "[0].o0")})],
            ErrorCode.MISMATCHING_TYPES,
            "n1",
            "only a list has items",
        ),
        (
            [node("n0", "either", {"v": [[1]]})],
            ErrorCode.INCOMPATIBLE_BINDING_UNION_VALUE,
            "n0",
            "any of the",
        ),
        ([node("n0", "both", {"v": []})], ErrorCode.AMBIGUOUS_BINDING_UNION_VALUE, "n0", "ambiguous"),
        ([node("n0", "unknown")], ErrorCode.TASK_REFERENCE_NOT_FOUND, "n0", "task p:d:unknown:v"),
        ([node("n0", runs_plan("lp"))], ErrorCode.WORKFLOW_REFERENCE_NOT_FOUND, "n0", "launch_plan p:d:lp:v"),
        ([node("n0", runs_workflow("sub"))], ErrorCode.WORKFLOW_REFERENCE_NOT_FOUND, "n0", "subworkflows"),
        ([node("n0")], ErrorCode.VALUE_REQUIRED, "n0", "Target"),
        ([node("", "nothing")], ErrorCode.VALUE_REQUIRED, "<node>", "[Id]"),
        ([node("a/../b", "nothing")], ErrorCode.INVALID_VALUE, "a/../b", "folder"),
        ([node("n0", "nothing"), node("n0", "nothing")], ErrorCode.DUPLICATE_NODE_ID, "n0", "same id"),
        ([node("n0", "nothing", after=["n5"])], ErrorCode.NODE_REFERENCE_NOT_FOUND, "n0", "run after it"),
        ([], ErrorCode.NO_NODES_FOUND, "wf", "Can't find any nodes"),
    ],
)
def test_a_mistake_is_named(nodes: list[workflow_pb2.Node], code: ErrorCode, at: str, says: str) -> None:
    error = only(workflow(nodes))
    assert (error.code, error.node) == (code, at)
    assert says in error.description


def test_all_mistakes_are_reported_one_a_line() -> None:
    nodes = [node("n0", "add"), node("n1", "add", {"a": "x"}), node("n2", "unknown")]
    with pytest.raises(CompilationFailed) as caught:
        build.compile(workflow(nodes), tasks=TASKS)
    lines = str(caught.value).splitlines()
    assert lines[0] == "Collected Errors: 3"
    assert lines[1].startswith("\tError 0: Code: ")
    assert {error.node for error in caught.value.errors} == {"n0", "n1", "n2"}


def test_an_input_bound_twice_is_a_mistake() -> None:
    twice = node("n0", "add", {"a": 1})
    twice.inputs.append(twice.inputs[0])
    assert only(workflow([twice])).code == ErrorCode.PARAMETER_BOUND_MORE_THAN_ONCE


def test_an_empty_binding_is_a_mistake() -> None:
    empty = node("n0", "add")
    empty.inputs.append(literals_pb2.Binding(var="a"))
    assert only(workflow([empty])).code == ErrorCode.PARAMETER_NOT_BOUND


def test_an_optional_input_may_be_left_unbound() -> None:
    optional = build.task("optional", {"v": union(tagged(INTEGER, "int"), tagged(NONE, "none"))})
    build.compile(workflow([node("n0", "optional")]), tasks=[optional])


def test_outputs_of_the_workflow_are_bound_and_typed() -> None:
    unbound = workflow([node("n0", "add", {"a": 1})], outputs={"o0": (INTEGER, promise("n0"))})
    del unbound.outputs[:]
    assert only(unbound).node == "end-node"
    mistyped = workflow([node("n0", "add", {"a": 1})], outputs={"o0": (STRING, promise("n0"))})
    assert "'end-node.o0' which has type [string]" in only(mistyped).description


def test_an_input_of_the_workflow_needs_a_type() -> None:
    assert only(workflow([node("n0", "nothing")], {"x": LiteralType()})).node == "start-node"


def test_a_string_may_be_bound_to_a_file() -> None:
    template = workflow([node("n0", "read", {"file": promise("", "path")})], {"path": STRING})
    build.compile(template, tasks=TASKS)


@pytest.mark.parametrize(
    ("after", "cycle"),
    [
        ({"n0": ["n1"], "n1": ["n0"]}, "n0>n1>n0"),
        ({"n0": ["n0"]}, "n0>n0"),
        ({"n0": [], "n1": ["n0", "n3"], "n2": ["n1"], "n3": ["n2"], "n4": ["n0"]}, "n1>n2>n3>n1"),
    ],
)
def test_a_cycle_is_named_by_its_nodes(after: dict[str, list[str]], cycle: str) -> None:
    template = workflow([node(key, "nothing", after=value) for key, value in after.items()])
    error = only(template)
    assert error.code == ErrorCode.CYCLE_DETECTED
    assert f"[{cycle}]" in error.description


def test_a_workflow_inside_of_itself_is_a_cycle() -> None:
    inner = workflow([node("n0", runs_workflow("outer"))], name="inner")
    outer = workflow([node("n0", runs_workflow("inner"))], name="outer")
    error = only(outer, subworkflows=[inner])
    assert error.code == ErrorCode.CYCLE_DETECTED
    assert "[outer>inner>outer]" in error.description


def test_a_mistake_in_a_subworkflow_says_in_which() -> None:
    inner = workflow([node("n0", "add")], name="inner")
    error = only(workflow([node("n0", runs_workflow("inner"))]), subworkflows=[inner])
    assert error.node == "n0"
    assert error.description.endswith("(in subworkflow inner)")


def test_a_subworkflow_given_twice_is_a_mistake() -> None:
    inner = workflow([node("n0", "nothing")], name="inner")
    assert only(workflow([node("n0", "nothing")]), subworkflows=[inner, inner]).code == (
        ErrorCode.VALUE_COLLISION
    )
    with pytest.raises(CompilationFailed, match="unique"):
        workflows.required(workflow([]), [inner, inner])


def test_required_names_a_subworkflow_that_was_not_given() -> None:
    with pytest.raises(CompilationFailed, match="workflow p:d:inner:v"):
        workflows.required(workflow([node("n0", runs_workflow("inner"))]), [])


# Branches.


def _branch(target: workflow_pb2.Node, **inputs: Any) -> workflow_pb2.WorkflowTemplate:
    return workflow([node("b", target, inputs)], {"x": INTEGER})


def test_a_branch_without_an_else_is_a_mistake() -> None:
    target = branch((equals("x", 1), node("n0", "nothing")), otherwise=None)
    assert only(_branch(target, x=promise("", "x"))).code == ErrorCode.BRANCH_NODE_HAS_NO_DEFAULT


def test_a_branch_without_a_case_is_a_mistake() -> None:
    codes = {error.code for error in errors_of(_branch(branch(), x=promise("", "x")))}
    assert ErrorCode.BRANCH_NODE_ID_NOT_FOUND in codes


def test_a_condition_needs_its_variable_bound() -> None:
    error = only(_branch(branch((equals("x", 1), node("n0", "nothing")))))
    assert error.code == ErrorCode.VARIABLE_NAME_NOT_FOUND
    assert "[x]" in error.description


def test_a_condition_compares_equal_types_only() -> None:
    error = only(_branch(branch((equals("x", "one"), node("n0", "nothing"))), x=promise("", "x")))
    assert error.code == ErrorCode.MISMATCHING_TYPES
    assert "[integer] with type [string]" in error.description


def test_cases_of_a_branch_give_the_same_types() -> None:
    target = branch(
        (equals("x", 1), node("n0", "add", {"a": 1})), otherwise=node("n1", "say", {"text": "hello"})
    )
    error = only(_branch(target, x=promise("", "x")))
    assert (error.code, error.node) == (ErrorCode.MISMATCHING_TYPES, "b-n1")


def test_mistakes_inside_of_a_branch_are_found() -> None:
    target = branch((equals("x", 1), node("n0", "add", {"a": "text"})))
    assert only(_branch(target, x=promise("", "x"))).node == "b-n0"


def test_only_what_all_cases_give_comes_out_of_a_branch() -> None:
    target = branch((equals("x", 1), node("n0", "add", {"a": 1})), otherwise=node("n1", "nothing"))
    template = _branch(target, x=promise("", "x"))
    template.nodes.append(node("n9", "add", {"a": promise("b")}))
    error = only(template)
    assert (error.code, error.node) == (ErrorCode.VARIABLE_NAME_NOT_FOUND, "n9")


# Gates, arrays, aliases, launch plans.


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        (workflow_pb2.GateNode(), ErrorCode.NO_CONDITION_FOUND),
        (workflow_pb2.GateNode(signal={"signal_id": "s"}), ErrorCode.VALUE_REQUIRED),
        (workflow_pb2.GateNode(signal={"signal_id": "s", "type": INTEGER}), ErrorCode.VALUE_REQUIRED),
    ],
)
def test_a_gate_needs_a_condition_with_all_of_its_parts(gate: workflow_pb2.GateNode, code: ErrorCode) -> None:
    assert only(workflow([node("n0", workflow_pb2.Node(gate_node=gate))])).code == code


def test_what_is_approved_is_passed_on_with_its_type() -> None:
    gate = workflow_pb2.Node(gate_node=workflow_pb2.GateNode(approve={"signal_id": "ok"}))
    nodes = [
        node("n0", "add", {"a": 1}),
        node("n1", gate, {"o0": promise("n0")}),
        node("n2", "say", {"text": promise("n1")}),
    ]
    assert "'n1.o0' has type [integer]" in only(workflow(nodes)).description


def test_an_array_without_a_node_is_a_mistake() -> None:
    array = workflow_pb2.Node(array_node=workflow_pb2.ArrayNode())
    assert only(workflow([node("n0", array)])).code == ErrorCode.VALUE_REQUIRED


def test_aliases_rename_outputs_and_must_fit() -> None:
    renamed = node("n0", "add", {"a": 1})
    renamed.output_aliases.add(var="o0", alias="total")
    build.compile(workflow([renamed], outputs={"o0": (INTEGER, promise("n0", "total"))}))
    renamed.output_aliases.add(var="o0", alias="again")
    assert only(workflow([renamed])).code == ErrorCode.DUPLICATE_ALIAS
    renamed.output_aliases[1].var = "o9"
    assert only(workflow([renamed])).code == ErrorCode.PARAMETER_NOT_BOUND


def test_elements_of_an_array_over_a_launch_plan_may_fail_if_it_says_so() -> None:
    plan = launch_plan_pb2.LaunchPlanClosure(
        expected_outputs=interface_pb2.VariableMap(variables={"o0": interface_pb2.Variable(type=INTEGER)})
    )
    array = workflow_pb2.ArrayNode(
        node=node("n0", runs_plan("lp")), is_original_sub_node_interface={"value": True}
    )
    template = workflow(
        [node("n0", workflow_pb2.Node(array_node=array))],
        outputs={"o0": (listed(INTEGER), promise("n0"))},
    )
    build.compile(template, plans={"lp": plan})
    template.nodes[0].array_node.min_success_ratio = 0.5
    assert "has type [list[integer | none]]" in only(template, plans={"lp": plan}).description


def test_a_list_bound_to_a_union_waits_for_what_it_holds() -> None:
    nodes = [node("n0", "add", {"a": 1}), node("n1", "either", {"v": [promise("n0")]})]
    closure = build.compile(workflow(nodes), tasks=TASKS)
    assert closure.primary.connections.upstream["n1"].ids == ["n0"]


def test_a_promise_into_a_map_has_the_type_of_its_values() -> None:
    scores = build.task("scores", {}, {"o0": mapped(INTEGER)})
    nodes = [node("n0", "scores"), node("n1", "add", {"a": promise("n0", "o0", "best")})]
    build.compile(workflow(nodes), tasks=[*TASKS, scores])


def test_a_launch_plans_defaults_need_no_binding_and_may_be_overridden() -> None:
    plan = launch_plan_pb2.LaunchPlanClosure(
        expected_inputs=interface_pb2.ParameterMap(
            parameters={
                "a": interface_pb2.Parameter(var=interface_pb2.Variable(type=INTEGER), required=True),
                "b": interface_pb2.Parameter(
                    var=interface_pb2.Variable(type=INTEGER), default=literals.from_python(3)
                ),
            }
        )
    )
    for bound in ({"a": 1}, {"a": 1, "b": 2}):
        build.compile(workflow([node("n0", runs_plan("lp"), bound)]), plans={"lp": plan})
    assert "[a]" in only(workflow([node("n0", runs_plan("lp"))]), plans={"lp": plan}).description
    mistyped = workflow([node("n0", runs_plan("lp"), {"a": 1, "b": "x"})])
    assert "[b]" in only(mistyped, plans={"lp": plan}).description


def test_the_failure_node_is_checked_like_any_other() -> None:
    template = workflow([node("n0", "nothing")])
    template.failure_node.CopyFrom(node("fn0", "add"))
    assert only(template).node == "fn0"
    assert workflows.required(template, []).tasks


def test_a_promise_reaches_through_an_optional_member() -> None:
    line = tagged(STRUCT, "")
    line.structure.dataclass_type["end"].CopyFrom(union(POINT, NONE))
    draw = build.task("draw", {}, {"o0": line})
    reached = promise("n0", "o0", "end", "x")
    fine = workflow([node("n0", "draw"), node("n1", "add", {"a": reached})])
    build.compile(fine, tasks=[*TASKS, draw])
    mistyped = workflow([node("n0", "draw"), node("n1", "say", {"text": reached})])
    with pytest.raises(CompilationFailed, match=r"has type \[integer\]"):
        build.compile(mistyped, tasks=[*TASKS, draw])


def test_what_a_struct_does_not_tell_of_its_fields_turns_out_at_run_time() -> None:
    load = build.task("load", {}, {"o0": STRUCT})
    nodes = [node("n0", "load"), node("n1", "say", {"text": promise("n0", "o0", "a", "b")})]
    nodes.append(
        node("n2", branch((equals("x", 1), node("n3", "nothing"))), {"x": promise("n0", "o0", "a", "c")})
    )
    build.compile(workflow(nodes), tasks=[*TASKS, load])


def test_an_input_that_is_passed_on_as_an_output_names_its_node() -> None:
    template = workflow([node("n0", "nothing")], {"x": INTEGER}, {"o0": (INTEGER, promise("", "x"))})
    compiled = build.compile(template).primary.template
    assert [each.binding.promise.node_id for each in compiled.outputs] == ["start-node"]
