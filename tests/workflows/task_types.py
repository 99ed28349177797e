"""Tasks of other types than Python functions, written as a Flyte user writes them."""

import os
import typing

from flytekit import PodTemplate, kwtypes, task, workflow
from flytekit.core.legacy_map_task import map_task as legacy_map_task
from flytekit.core.task import Echo
from flytekit.extras.sqlite3.task import SQLite3Config, SQLite3Task
from flytekit.extras.tasks.shell import OutputLocation, ShellTask
from flytekit.types.file import FlyteFile
from flytekit.types.schema import FlyteSchema
from kubernetes.client import V1Container, V1EnvVar, V1PodSpec, V1ResourceRequirements

# Pods

in_a_pod = PodTemplate(
    primary_container_name="main",
    labels={"team": "mars"},
    annotations={"purpose": "test"},
    pod_spec=V1PodSpec(
        containers=[
            V1Container(
                name="main",
                env=[V1EnvVar(name="PLACE", value="pod")],
                resources=V1ResourceRequirements(limits={"memory": "700Mi"}),
            )
        ]
    ),
)
with_company = PodTemplate(
    primary_container_name="main",
    pod_spec=V1PodSpec(containers=[V1Container(name="main"), V1Container(name="proxy", image="proxy:v1")]),
)


@task(pod_template=in_a_pod)
def where(name: str) -> str:
    return f"{name} in a {os.environ['PLACE']}"


@task(pod_template=with_company)
def accompanied() -> str:
    return "alone?"


@workflow
def pod(name: str) -> str:
    return where(name=name)


@workflow
def pod_with_company() -> str:
    return accompanied()


# Shell

count_lines = ShellTask(
    name="task_types.count_lines",
    script="""
    set -e
    wc -l < {inputs.text} > {outputs.count}
    """,
    inputs=kwtypes(text=FlyteFile),
    output_locs=[OutputLocation(var="count", var_type=FlyteFile, location="count.txt")],
)
broken_script = ShellTask(name="task_types.broken_script", script="echo this goes wrong >&2; exit 3")


@task
def write_lines(n: int) -> FlyteFile:
    with open("lines.txt", "w") as file:
        file.writelines(f"{i}\n" for i in range(n))
    return FlyteFile("lines.txt")


@task
def read_number(file: FlyteFile) -> int:
    with open(file) as opened:
        return int(opened.read())


@workflow
def shell(n: int) -> int:
    return read_number(file=count_lines(text=write_lines(n=n)))


@workflow
def shell_failure() -> None:
    broken_script()


# SQL

query = SQLite3Task(
    name="task_types.query",
    query_template="SELECT name FROM planets WHERE moons >= {{.inputs.least}} ORDER BY name",
    inputs=kwtypes(least=int),
    task_config=SQLite3Config(uri="s3://my-s3-bucket/task-types/planets.sqlite"),
)


@task
def names_of(table: FlyteSchema) -> typing.List[str]:
    # flytekit registers what reads tables only where pandas was imported already.
    from flytekit.types.schema import types_pandas  # noqa: F401

    return list(table.open().all()["name"])


@workflow
def sql(least: int) -> typing.List[str]:
    return names_of(table=query(least=least))


# Echo

echo = Echo(name="task_types.echo", inputs={"x": int})


@task
def double(x: int) -> int:
    return 2 * x


@workflow
def echoed(x: int) -> int:
    return double(x=echo(x=double(x=x)))


# Map tasks as SDKs before 1.9 wrote them


@task(retries=1)
def halve(x: int) -> int:
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x // 2


@task
def halve_even(x: int) -> int:
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x // 2


@task(cache=True, cache_version="1")
def named(x: int) -> str:
    return f"number {x}"


@workflow
def old_map(xs: typing.List[int]) -> typing.List[int]:
    return legacy_map_task(halve, concurrency=2)(x=xs)


@workflow
def old_tolerant_map(xs: typing.List[int]) -> typing.List[typing.Optional[int]]:
    return legacy_map_task(halve_even, min_success_ratio=0.5)(x=xs)


@workflow
def old_cached_map(xs: typing.List[int]) -> typing.List[str]:
    return legacy_map_task(named)(x=xs)
