"""Serialises a workflow of 2022, with flytekit 1.1.0 on Python 3.8, to `data/legacy.pb`.

Its input is a string, handed to a task that wants a file; tables are typed `FlyteSchema`s. The format is that
of `generate.py`. Postponed annotations would hide the fields of the data class from flytekit 1.1.0.
"""

# ruff: noqa: I002, UP014, F821

import struct
import typing
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from dataclasses_json import dataclass_json
from flytekit import LaunchPlan, Resources, task, workflow
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.models.admin.workflow import WorkflowSpec
from flytekit.models.launch_plan import LaunchPlan as LaunchPlanModel
from flytekit.models.task import TaskSpec
from flytekit.tools.translator import get_serializable
from flytekit.types.file import FlyteFile, JoblibSerializedFile
from flytekit.types.schema import FlyteSchema

Patients = FlyteSchema[OrderedDict(glucose=int, mass=float)]
Diagnosis = FlyteSchema[OrderedDict(diabetes=int)]
Split = typing.NamedTuple("Split", x=Patients, y=Diagnosis)
Model = typing.NamedTuple("Model", model=JoblibSerializedFile)


@dataclass_json
@dataclass
class Hyperparameters:
    depth: int = 3
    rate: float = 0.1


@task(cache=True, cache_version="1.0", limits=Resources(mem="200Mi"))
def split(dataset: FlyteFile["csv"], seed: int, ratio: float) -> Split:
    return Split(x=Patients(), y=Diagnosis())


@task(cache=True, cache_version="1.0", limits=Resources(mem="200Mi"))
def fit(x: Patients, y: Diagnosis, hyperparameters: Hyperparameters) -> Model:
    return Model(model="model.joblib")


@task(cache=True, cache_version="1.0", limits=Resources(mem="200Mi"))
def score(model: JoblibSerializedFile, y: Diagnosis) -> float:
    return 0.5


@workflow
def legacy(dataset: str = "s3://data.csv", ratio: float = 0.33, seed: int = 7) -> float:
    parts = split(dataset=dataset, seed=seed, ratio=ratio)
    fitted = fit(x=parts.x, y=parts.y, hyperparameters=Hyperparameters(depth=4))
    return score(model=fitted.model, y=parts.y)


def main() -> None:
    settings = SerializationSettings(
        project="flytesnacks",
        domain="development",
        version="v1",
        env={},
        image_config=ImageConfig(Image("default", "example", "v1")),
    )
    entities: OrderedDict = OrderedDict()
    get_serializable(entities, settings, legacy)
    get_serializable(entities, settings, LaunchPlan.get_or_create(legacy))
    records = b""
    for model in entities.values():
        for kind, tag in ((TaskSpec, b"T"), (WorkflowSpec, b"W"), (LaunchPlanModel, b"L")):
            if isinstance(model, kind):
                body = model.to_flyte_idl().SerializeToString(deterministic=True)
                records += tag + struct.pack(">I", len(body)) + body
    (Path(__file__).parent / "data" / "legacy.pb").write_bytes(records)


if __name__ == "__main__":
    main()
