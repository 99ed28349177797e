"""Command templates are filled as Flyte fills them."""

from __future__ import annotations

import pytest
from flyteidl.core import literals_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from sandbox.executors import rendering

PLACES = rendering.Places(
    input="s3://b/n0/data/inputs.pb",
    output_prefix="s3://b/n0/data/0",
    raw_output_prefix="s3://b/raw",
    checkpoint_prefix="s3://b/raw/_flytecheckpoints",
    previous_checkpoint_prefix="",
    unique_name="a1b-n0-0",
    namespace="p-d",
)


def primitive(**value: object) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(**value)))


def fill(text: str, **inputs: literals_pb2.Literal) -> str:
    return rendering.render([text], PLACES, literals_pb2.LiteralMap(literals=inputs))[0]


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{{.input}}", "s3://b/n0/data/inputs.pb"),
        ("{{ .Input }}", "s3://b/n0/data/inputs.pb"),
        ("{{$INPUT}}", "s3://b/n0/data/inputs.pb"),
        ("{{.inputPrefix}}", "s3://b/n0/data"),
        ("{{.outputPrefix}}/x", "s3://b/n0/data/0/x"),
        ("{{.rawOutputDataPrefix}}", "s3://b/raw"),
        ("{{.checkpointOutputPrefix}}", "s3://b/raw/_flytecheckpoints"),
        ("{{.prevCheckpointPrefix}}", '""'),
        ("{{.perRetryUniqueKey}}", "a1b_n0_0"),
        ("{{.namespace}}", "p-d"),
        ("{{.input}}{{.namespace}}", "s3://b/n0/data/inputs.pbp-d"),
    ],
)
def test_every_place_has_its_template_whatever_its_case(template: str, filled: str) -> None:
    assert fill(template) == filled


@pytest.mark.parametrize(
    "text", ["{{.unknown}}", "{{input}}", "{.input}", "${{ github.ref }}", "{{.taskTemplatePath}}"]
)
def test_what_is_no_template_of_flytes_is_left_alone(text: str) -> None:
    assert fill(text) == text


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (primitive(integer=-3), "-3"),
        (primitive(boolean=True), "true"),
        (primitive(string_value="a b"), "a b"),
        (primitive(float_value=1.0), "1"),
        (primitive(float_value=0.7598425196850394), "0.7598425196850394"),
        (primitive(float_value=100000.0), "100000"),
        (primitive(float_value=1234567.0), "1.234567e+06"),
        (primitive(float_value=1e-5), "1e-05"),
        (primitive(float_value=float("inf")), "+Inf"),
        (primitive(datetime=Timestamp(seconds=0)), "1970-01-01T00:00:00Z"),
        (primitive(duration=Duration(seconds=5)), "5s"),
        (literals_pb2.Literal(scalar={"blob": {"uri": "s3://b/f"}}), "s3://b/f"),
        (literals_pb2.Literal(scalar={"schema": {"uri": "s3://b/t"}}), "s3://b/t"),
        (
            literals_pb2.Literal(
                collection={"literals": [primitive(integer=1), primitive(string_value="b")]}
            ),
            "[1,b]",
        ),
    ],
)
def test_inputs_are_written_as_go_writes_them(literal: literals_pb2.Literal, text: str) -> None:
    assert fill("x={{ .Inputs.value }}", value=literal) == f"x={text}"


def test_a_missing_input_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(rendering.RenderingError, match=r"'b'.*inputs are: a"):
        fill("{{.inputs.b}}", a=primitive(integer=1))


def test_a_map_cannot_be_put_into_a_command() -> None:
    with pytest.raises(rendering.RenderingError, match="map"):
        fill("{{.inputs.a}}", a=literals_pb2.Literal(map={"literals": {"k": primitive(integer=1)}}))


@given(st.text())
def test_an_input_that_looks_like_a_template_stays_what_it_is(text: str) -> None:
    value = "{{.input}}" + text
    assert fill("{{.inputs.a}}", a=primitive(string_value=value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back_the_same(value: float) -> None:
    assert float(fill("{{.inputs.a}}", a=primitive(float_value=value))) == value
