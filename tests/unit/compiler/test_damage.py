"""A damaged registration is refused with a reason, or compiles; it never breaks the compiler."""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Iterator

from flyteidl.admin import workflow_pb2
from flyteidl.core import tasks_pb2
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from sandbox.compiler import tasks, workflows
from sandbox.compiler.errors import CompilationFailed
from sandbox.idl.identifiers import EntityId
from tests.unit.compiler import samples

SEEDS = st.integers(0, 2**32)


@functools.cache
def _registered(name: str) -> tuple[samples.Registry, EntityId]:
    registry = samples.Registry()
    return registry, registry.load(name)


def _messages(message: Message) -> Iterator[Message]:
    """The message and every message inside of it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inner = [value[key] for key in value if isinstance(value[key], Message)]
        else:
            inner = list(value) if hasattr(value, "append") else [value]
        for item in inner:
            yield from _messages(item)


def _damage(message: Message, choice: random.Random) -> None:
    """Take something away, say something else, or say something twice."""
    parts = [part for part in _messages(message) if part.ListFields()]
    if not parts:
        return
    victim = choice.choice(parts)
    field, value = choice.choice(victim.ListFields())
    if choice.random() < 0.4:
        victim.ClearField(field.name)
    elif isinstance(value, str):
        setattr(victim, field.name, choice.choice(["", "n0", "start-node", "a/b", "o0", "[3].x", "é"]))
    elif isinstance(value, int) and not hasattr(value, "append"):
        setattr(victim, field.name, choice.choice([0, 1, 99]))
    elif field.message_type is not None and hasattr(value, "append") and len(value):
        value.append(value[0])
    elif isinstance(value, Message):
        other = choice.choice(victim.DESCRIPTOR.fields)
        if other.message_type is not None and hasattr(getattr(victim, other.name), "SetInParent"):
            getattr(victim, other.name).SetInParent()


@given(st.sampled_from(samples.NAMES), SEEDS, st.integers(1, 4))
def test_a_damaged_workflow(name: str, seed: int, times: int) -> None:
    registry, identity = _registered(name)
    spec = workflow_pb2.WorkflowSpec()
    spec.CopyFrom(registry.specs[identity])
    choice = random.Random(seed)
    for _ in range(times):
        _damage(spec, choice)
    with contextlib.suppress(CompilationFailed):
        workflows.required(spec.template, spec.sub_workflows)
    with contextlib.suppress(CompilationFailed):
        workflows.compile(spec.template, spec.sub_workflows, registry.tasks, registry.launch_plans)


@given(st.sampled_from(samples.NAMES), SEEDS, st.integers(1, 4))
def test_a_damaged_task(name: str, seed: int, times: int) -> None:
    registry, _ = _registered(name)
    template = tasks_pb2.TaskTemplate()
    template.CopyFrom(next(iter(registry.tasks.values())).template)
    choice = random.Random(seed)
    for _ in range(times):
        _damage(template, choice)
    with contextlib.suppress(CompilationFailed):
        tasks.compile(template)
