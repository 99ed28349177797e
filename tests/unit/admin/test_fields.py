"""What requests must carry."""

from __future__ import annotations

import pytest
from flyteidl.admin import common_pb2
from flyteidl.core import execution_pb2, identifier_pb2, literals_pb2

from sandbox.admin import errors, fields
from sandbox.idl.identifiers import EntityId

COMPLETE = identifier_pb2.Identifier(
    resource_type=identifier_pb2.TASK, project="p", domain="d", name="n", version="v"
)


def test_a_complete_identifier_is_converted() -> None:
    assert fields.entity(COMPLETE, identifier_pb2.TASK) == EntityId(1, "p", "d", "n", "v")


@pytest.mark.parametrize("field", ["project", "domain", "name", "version"])
def test_a_missing_field_is_named(field: str) -> None:
    incomplete = identifier_pb2.Identifier()
    incomplete.CopyFrom(COMPLETE)
    incomplete.ClearField(field)
    with pytest.raises(errors.InvalidRequest, match=f"^missing {field}$"):
        fields.entity(incomplete, identifier_pb2.TASK)


def test_an_unknown_resource_type_is_refused_not_crashed_on() -> None:
    strange = identifier_pb2.Identifier(resource_type=77, project="p", domain="d", name="n", version="v")
    with pytest.raises(errors.InvalidRequest, match="77"):
        fields.entity(strange, identifier_pb2.TASK)
    with pytest.raises(errors.InvalidRequest, match="77"):
        fields.launchable(strange)
    with pytest.raises(errors.InvalidRequest, match="resource_type"):
        fields.resource_type(77)


@pytest.mark.parametrize(
    "labels", [{"a": "b"}, {"a": ""}, {"example.com/a_b.c": "1-2"}, {"a" * 63: "b" * 63}, {}]
)
def test_labels_that_kubernetes_takes_are_taken(labels: dict[str, str]) -> None:
    fields.labels(labels)


@pytest.mark.parametrize(
    "labels",
    [
        {"a b": "c"},
        {"": "c"},
        {"a": "b c"},
        {"-a": "b"},
        {"a": "b-"},
        {"Upper.com/a": "b"},
        {"/a": "b"},
        {"a" * 64: "b"},
        {"a": "b" * 64},
        {"a": "b\n"},
        {str(number): "" for number in range(17)},
    ],
)
def test_labels_that_kubernetes_refuses_are_refused(labels: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidRequest, match="label"):
        fields.labels(labels)


@pytest.mark.parametrize("value", ["mine", "a-1", "1a", "a" * 63])
def test_project_ids_are_dns_labels(value: str) -> None:
    assert fields.project_id(value) == value


@pytest.mark.parametrize("value", ["Mine", "a_b", "-a", "a-", "a" * 64, "a.b", "a\n"])
def test_other_project_ids_are_refused(value: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="invalid project id"):
        fields.project_id(value)


def test_a_time_that_does_not_exist_is_refused() -> None:
    literal = literals_pb2.Literal()
    literal.scalar.primitive.datetime.seconds = 2**60
    with pytest.raises(errors.InvalidRequest, match="invalid datetime when"):
        fields.literals(literals_pb2.LiteralMap(literals={"when": literal}), "inputs")


def notification(**fields: object) -> common_pb2.Notification:
    return common_pb2.Notification(**fields)


@pytest.mark.parametrize(
    ("wrong", "fragment"),
    [
        (notification(), "notification type"),
        (notification(email={}), "recipients"),
        (notification(email={"recipients_email": [""]}), "recipients"),
        (
            notification(
                slack={"recipients_email": ["a@b.c"]}, phases=[execution_pb2.WorkflowExecution.RUNNING]
            ),
            "phase",
        ),
    ],
)
def test_notifications_to_nobody_or_about_nothing_are_refused(
    wrong: common_pb2.Notification, fragment: str
) -> None:
    with pytest.raises(errors.InvalidRequest, match=fragment):
        fields.notifications([wrong])
