"""Fills the templates in a task's command and arguments.

Flyte's task templates hold `{{ .Input }}`, `{{$outputPrefix}}` and the like (`flyteplugins`, package
`template`): names are case-insensitive, a leading `.` or `$` is required, blanks inside the braces do not
matter. What was put in is never looked at again, so that a string input that looks like a template stays what
it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from flyteidl.core import literals_pb2

_TEMPLATE = re.compile(r"\{\{\s*[.$](?:(?P<word>[a-z]+)|inputs\.(?P<input>[^}\s]+))\s*\}\}", re.IGNORECASE)
_GO_EXPONENT_FROM = 6
_NO_CHECKPOINT = '""'
"""What Flyte writes where there is no previous checkpoint: two quotes, which flytekit knows."""


class RenderingError(ValueError):
    """A command holds a template that cannot be filled: the registered task does not fit its inputs."""


@dataclass(frozen=True, slots=True)
class Places:
    """The values of the templates as the task will see them: URIs, or paths where files are shared."""

    input: str
    """The file with the task's inputs."""
    output_prefix: str
    raw_output_prefix: str
    checkpoint_prefix: str
    previous_checkpoint_prefix: str
    unique_name: str
    """The name of the attempt, of which `{{.perRetryUniqueKey}}` is made."""
    namespace: str = ""
    task_template: Callable[[], str] | None = None
    """Called when a template asks for it: stores the task's template and gives its place."""

    @property
    def input_prefix(self) -> str:
        return self.input.rpartition("/")[0]


def render(arguments: Iterable[str], places: Places, inputs: literals_pb2.LiteralMap) -> list[str]:
    """Every argument with its templates filled; raises `RenderingError`."""
    return [_TEMPLATE.sub(lambda found: _value(found, places, inputs), argument) for argument in arguments]


def literal_text(literal: literals_pb2.Literal) -> str:
    """A literal as text in a command: primitives as Go prints them, files and tables as URIs, `[a,b]`."""
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return f"[{','.join(literal_text(item) for item in literal.collection.literals)}]"
    if kind == "scalar":
        return _scalar_text(literal.scalar)
    raise RenderingError(f"a {kind or 'missing'} value cannot be put into a command")


def unique_key(name: str) -> str:
    """A name that query languages accept: letters, digits and underscores, not starting with a digit."""
    return re.sub(r"[^a-zA-Z0-9_]+", "_", re.sub(r"^[^a-zA-Z_]+", "a", name))


def _value(found: re.Match[str], places: Places, inputs: literals_pb2.LiteralMap) -> str:
    if found["input"] is not None:
        return _input_text(found["input"], inputs)
    match found["word"].lower():
        case "input":
            return places.input
        case "inputprefix":
            return places.input_prefix
        case "outputprefix":
            return places.output_prefix
        case "rawoutputdataprefix":
            return places.raw_output_prefix
        case "checkpointoutputprefix":
            return places.checkpoint_prefix
        case "prevcheckpointprefix":
            return places.previous_checkpoint_prefix or _NO_CHECKPOINT
        case "perretryuniquekey":
            return unique_key(places.unique_name)
        case "namespace":
            return places.namespace
        case "tasktemplatepath" if places.task_template is not None:
            return places.task_template()
        case _:
            # Flyte leaves what it does not know; the command may hold somebody else's templates.
            return found[0]


def _input_text(name: str, inputs: literals_pb2.LiteralMap) -> str:
    if name not in inputs.literals:
        known = ", ".join(sorted(inputs.literals)) or "none"
        raise RenderingError(f"the command asks for the input {name!r}; the task's inputs are: {known}")
    try:
        return literal_text(inputs.literals[name])
    except RenderingError as exc:
        raise RenderingError(f"the command asks for the input {name!r}: {exc}") from exc


def _scalar_text(scalar: literals_pb2.Scalar) -> str:
    match scalar.WhichOneof("value"):
        case "primitive":
            return _primitive_text(scalar.primitive)
        case "blob":
            return str(scalar.blob.uri)
        case "schema":
            return str(scalar.schema.uri)
        case "structured_dataset":
            return str(scalar.structured_dataset.uri)
        case "union":
            return literal_text(scalar.union.value)
        case kind:
            raise RenderingError(f"a {kind or 'missing'} value cannot be put into a command")


def _primitive_text(primitive: literals_pb2.Primitive) -> str:
    match primitive.WhichOneof("value"):
        case "integer":
            return str(primitive.integer)
        case "boolean":
            return "true" if primitive.boolean else "false"
        case "float_value":
            return _float_text(primitive.float_value)
        case "string_value":
            return str(primitive.string_value)
        case "datetime":
            return str(primitive.datetime.ToJsonString())
        case "duration":
            return str(primitive.duration.ToJsonString())
        case _:
            raise RenderingError("a primitive without a value cannot be put into a command")


def _float_text(value: float) -> str:
    """As Go's `%v`: the shortest digits that read back the same, an exponent from a million on."""
    if not math.isfinite(value):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[repr(value)]
    exact = Decimal(repr(value)).normalize()
    if value == 0 or -4 <= exact.adjusted() < _GO_EXPONENT_FROM:
        return f"{exact:f}"
    digits, _, exponent = f"{exact:e}".partition("e")
    return f"{digits}e{exponent[0]}{exponent[1:]:0>2}"
