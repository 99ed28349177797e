"""Serialises example workflows, of every node kind, with the flytekit of the interpreter that runs this.

Writes `data/<workflow>.pb`: everything that a client registers for the workflow, in the order in which it
does, as records of one letter (T, W or L: `admin.TaskSpec`, `admin.WorkflowSpec`, `admin.LaunchPlan`), a
length of four bytes and the message. `samples.py` reads them.
"""

from __future__ import annotations

import enum
import struct
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import flytekit
from flytekit import (
    LaunchPlan,
    Resources,
    approve,
    conditional,
    dynamic,
    map_task,
    sleep,
    task,
    wait_for_input,
    workflow,
)
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.core.array_node import array_node
from flytekit.models.admin.workflow import WorkflowSpec
from flytekit.models.launch_plan import LaunchPlan as LaunchPlanModel
from flytekit.models.task import TaskSpec
from flytekit.tools.translator import get_serializable
from flytekit.types.directory import FlyteDirectory
from flytekit.types.error import FlyteError
from flytekit.types.file import CSVFile, FlyteFile
from flytekit.types.schema import FlyteSchema
from flytekit.types.structured import StructuredDataset

Table = FlyteSchema[OrderedDict(age=int, mass=float)]


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Parameters:
    depth: int = 3
    rate: float = 0.5
    name: str = "x"


@task(cache=True, cache_version="1.0", retries=2, limits=Resources(mem="200Mi"))
def add(a: int, b: int = 1) -> int:
    return a + b


@task
def shout(text: str) -> str:
    return text.upper()


@task
def two(a: int) -> tuple[int, str]:
    return a, str(a)


@task
def nothing() -> None: ...


@task
def read(file: CSVFile, folder: FlyteDirectory, any_file: FlyteFile) -> Table:
    return Table()


@task
def tables(table: Table, dataset: StructuredDataset) -> FlyteSchema:
    return table


@task
def fit(table: FlyteSchema, parameters: Parameters) -> Parameters:
    return parameters


@task
def total(numbers: list[int], by_name: dict[str, list[int]]) -> int:
    return sum(numbers)


@task
def maybe(value: int | None = None, colour: Colour = Colour.RED) -> int | str:
    return value or colour.value


@task
def either(value: int | str) -> None: ...


@task
def clean_up(name: str, err: FlyteError | None = None) -> None: ...


@dynamic
def unrolled(n: int) -> int:
    return add(a=n)


@workflow
def chain(a: int = 5) -> tuple[int, str]:
    x = add(a=a)
    y = add(a=x, b=3)
    z = shout(text="hello")
    first = nothing()
    second = nothing()
    first >> second
    return y, z


@workflow
def files(file: CSVFile, folder: FlyteDirectory, dataset: StructuredDataset) -> FlyteSchema:
    table = read(file=file, folder=folder, any_file=file)
    return tables(table=table, dataset=dataset)


@workflow
def containers(a: int) -> int:
    x = add(a=a)
    y = add(a=x)
    return total(numbers=[x, y, 3], by_name={"a": [x], "b": [y, 2]})


@workflow
def classes(table: FlyteSchema, parameters: Parameters) -> tuple[int, Parameters]:
    fitted = fit(table=table, parameters=parameters)
    return add(a=fitted.depth), fitted


@workflow
def unions(value: int | None, colour: Colour = Colour.GREEN) -> int | str:
    either(value=maybe(value=value, colour=colour))
    either(value=maybe(colour=Colour.RED))
    return maybe()


@workflow
def inner(a: int) -> tuple[int, str]:
    return two(a=a)


@workflow
def middle(a: int) -> int:
    n, _ = inner(a=a)
    m, _ = inner(a=n)
    return m


@workflow
def nested(a: int) -> int:
    return add(a=middle(a=a), b=add(a=a))


inner_plan = LaunchPlan.get_or_create(inner, name="inner_plan", default_inputs={"a": 4})
fixed_plan = LaunchPlan.get_or_create(inner, name="fixed_plan", fixed_inputs={"a": 7})


@workflow
def plans(a: int) -> tuple[int, int, int]:
    x, _ = inner_plan(a=a)
    y, _ = inner_plan()
    z, _ = fixed_plan()
    return x, y, z


@workflow
def branches(a: int, text: str) -> int:
    x = add(a=a)
    chosen = (
        conditional("size")
        .if_((x > 10) & (text == "yes"))
        .then(middle(a=x))
        .elif_((a == 3) | (x <= 2))
        .then(conditional("inner").if_(a > 1).then(add(a=a, b=x)).else_().then(add(a=x)))
        .else_()
        .fail("neither")
    )
    return add(a=chosen)


@workflow
def gates(a: int) -> int:
    signal = wait_for_input("how-many", timeout=timedelta(minutes=1), expected_type=int)
    x = add(a=a, b=signal)
    agreed = approve(x, "agree", timeout=timedelta(minutes=1))
    nap = sleep(timedelta(seconds=1))
    y = add(a=agreed)
    nap >> y
    return y


@workflow
def arrays(numbers: list[int]) -> list[int | None]:
    exact = map_task(add, concurrency=2)(a=numbers, b=[1, 2])
    return map_task(add, min_success_ratio=0.5)(a=exact, b=numbers)


middle_plan = LaunchPlan.get_or_create(middle, name="middle_plan")


@workflow
def mapped_plan(numbers: list[int]) -> list[int]:
    return array_node(middle_plan, concurrency=2)(a=numbers)


@workflow(on_failure=clean_up)
def guarded(name: str) -> str:
    return shout(text=name)


@workflow
def dynamics(n: int) -> int:
    return unrolled(n=n).with_overrides(node_name="unrolled-node", limits=Resources(cpu="1"))


WORKFLOWS = [
    chain,
    files,
    containers,
    classes,
    unions,
    nested,
    plans,
    branches,
    gates,
    arrays,
    mapped_plan,
    guarded,
    dynamics,
]
KINDS = [(TaskSpec, b"T"), (WorkflowSpec, b"W"), (LaunchPlanModel, b"L")]


def serialise(entity: object, settings: SerializationSettings) -> bytes:
    """All that must be registered for the entity, as (kind, length, bytes) records."""
    entities: OrderedDict = OrderedDict()
    get_serializable(entities, settings, entity)
    default = LaunchPlan.get_default_launch_plan(flytekit.FlyteContextManager.current_context(), entity)
    get_serializable(entities, settings, default)
    records = b""
    for model in entities.values():
        for kind, tag in KINDS:
            if isinstance(model, kind):
                body = model.to_flyte_idl().SerializeToString(deterministic=True)
                records += tag + struct.pack(">I", len(body)) + body
    return records


def main() -> None:
    settings = SerializationSettings(
        project="flytesnacks",
        domain="development",
        version="v1",
        env={},
        image_config=ImageConfig(Image("default", "example", "v1")),
    )
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    for entity in WORKFLOWS:
        name = entity.name.rpartition(".")[2]
        (folder / f"{name}.pb").write_bytes(serialise(entity, settings))


if __name__ == "__main__":
    main()
