"""Container tasks, written as a Flyte user writes them: any program in any image."""

import typing
from datetime import timedelta

from flytekit import ContainerTask, TaskMetadata, kwtypes, task, workflow
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

IMAGE = "flyte-sandbox-test/busybox:1"


def container_task(
    name: str,
    script: str,
    inputs: typing.Optional[typing.Dict[str, typing.Type]] = None,
    outputs: typing.Optional[typing.Dict[str, typing.Type]] = None,
    metadata_format: ContainerTask.MetadataFormat = ContainerTask.MetadataFormat.JSON,
    metadata: typing.Optional[TaskMetadata] = None,
) -> ContainerTask:
    return ContainerTask(
        name=f"containers.{name}",
        image=IMAGE,
        command=["sh", "-c", script],
        inputs=inputs,
        outputs=outputs,
        input_data_dir="/var/inputs",
        output_data_dir="/var/outputs",
        metadata_format=metadata_format,
        metadata=metadata,
    )


rectangle = container_task(
    "rectangle",
    "echo $(( {{.inputs.a}} * {{.inputs.b}} )) > /var/outputs/area; cat /var/inputs/name > /var/outputs/label",
    inputs=kwtypes(a=int, b=int, name=str),
    outputs=kwtypes(area=int, label=str),
)
gather = container_task(
    "gather",
    "mkdir /var/outputs/both && cp /var/inputs/letter /var/inputs/inputs.yaml /var/outputs/both/",
    inputs=kwtypes(letter=FlyteFile),
    outputs=kwtypes(both=FlyteDirectory),
    metadata_format=ContainerTask.MetadataFormat.YAML,
)
patient = container_task(
    "patient",
    "sleep {{.inputs.seconds}}; echo $FLYTE_ATTEMPT_NUMBER > /var/outputs/attempt",
    inputs=kwtypes(seconds=float),
    outputs=kwtypes(attempt=int),
)
broken = container_task(
    "broken", "echo no such planet; exit 4", metadata=TaskMetadata(retries=1, timeout=timedelta(seconds=30))
)
complaining = container_task(
    "complaining", "echo I would rather not > /var/outputs/_ERROR", outputs=kwtypes(x=int)
)


@task
def describe(area: int, label: str) -> str:
    return f"{label}: {area}"


@task
def write_letter(text: str) -> FlyteFile:
    with open("letter.txt", "w") as file:
        file.write(text)
    return FlyteFile("letter.txt")


@task
def read_both(both: FlyteDirectory) -> typing.List[str]:
    folder = both.download()
    with open(f"{folder}/letter") as letter, open(f"{folder}/inputs.yaml") as document:
        return [letter.read(), document.read()]


@workflow
def areas(a: int, b: int, name: str) -> str:
    area, label = rectangle(a=a, b=b, name=name)
    return describe(area=area, label=label)


@workflow
def files(text: str) -> typing.List[str]:
    return read_both(both=gather(letter=write_letter(text=text)))


@workflow
def waiting(seconds: float) -> int:
    return patient(seconds=seconds)


@workflow
def failing() -> None:
    broken()


@workflow
def refusing() -> int:
    return complaining()
