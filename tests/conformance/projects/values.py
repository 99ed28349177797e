"""Values of every type, between tasks and at launch, and promises that reach into them."""

import typing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path

import pandas
from flyteidl.core import identifier_pb2
from flytekit import StructuredDataset, conditional, map_task, task, workflow
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile, JSONLFile
from mashumaro.mixins.json import DataClassJSONMixin
from pydantic import BaseModel
from typing_extensions import Annotated


class Colour(Enum):
    RED = "red"
    GREEN = "green"


# --- data classes and models ----------------------------------------------------------------------------------


@dataclass
class Corner:
    x: int
    y: float
    label: typing.Optional[str] = None


@dataclass
class Polygon(DataClassJSONMixin):
    name: str
    corners: typing.List[Corner]
    named: typing.Dict[str, Corner]
    colour: Colour = Colour.RED
    nested: typing.Dict[str, typing.List[int]] = field(default_factory=dict)
    file: typing.Optional[FlyteFile] = None


@task
def polygon(n: int) -> Polygon:
    path = Path("inside.txt")
    path.write_text("in a data class")
    return Polygon(
        name="poly",
        corners=[Corner(i, i / 2, str(i) if i else None) for i in range(n)],
        named={"first": Corner(7, 7.5)},
        colour=Colour.GREEN,
        nested={"a": [1, 2, 3]},
        file=FlyteFile(str(path)),
    )


@task
def describe(
    x: int,
    y: float,
    name: str,
    numbers: typing.List[int],
    corner: Corner,
    colour: Colour,
    label: typing.Optional[str],
) -> str:
    return f"{x} {y} {name} {numbers} {corner.x} {colour.value} {label}"


@task
def read(file: typing.Optional[FlyteFile]) -> str:
    return Path(file.download()).read_text() if file else "no file"


@workflow
def data_class(n: int) -> typing.Tuple[str, str]:
    made = polygon(n=n)
    said = describe(
        x=made.corners[1].x,
        y=made.corners[2].y,
        name=made.name,
        numbers=made.nested["a"],
        corner=made.named["first"],
        colour=made.colour,
        label=made.corners[0].label,
    )
    return said, read(file=made.file)


class Model(BaseModel):
    name: str
    layers: typing.List[int] = []
    rates: typing.Dict[str, float] = {}
    sub: typing.Optional["Model"] = None


@task
def model(deep: bool) -> Model:
    inner = Model(name="inner", layers=[5]) if deep else None
    return Model(name="outer", layers=[3, 4], rates={"lr": 0.1}, sub=inner)


@task
def summarise(name: str, layer: int, rate: float, sub: typing.Optional[Model], inner: str) -> str:
    return f"{name} {layer} {rate} {sub.name if sub else None} {inner}"


@workflow
def pydantic_model(deep: bool) -> str:
    made = model(deep=deep)
    return summarise(
        name=made.name, layer=made.layers[1], rate=made.rates["lr"], sub=made.sub, inner=made.sub.name
    )


@task
def mixture() -> typing.Dict[str, typing.List[Polygon]]:
    return {"k": [Polygon("p", [Corner(1, 2.0)], {})]}


@task
def plain(x: int, y: float) -> str:
    return f"{x} {y}"


@workflow
def mixed() -> str:
    made = mixture()
    return plain(x=made["k"][0].corners[0].x, y=made["k"][0].corners[0].y)


@task
def number(x: int) -> str:
    return f"number {x}"


@workflow
def compared(n: int) -> str:
    made = polygon(n=n)
    return (
        conditional("by an attribute")
        .if_(made.named["first"].x > 10)
        .then(number(x=made.corners[0].x))
        .else_()
        .then(number(x=made.corners[1].x))
    )


@task
def sum_of(corner: Corner) -> float:
    return corner.x + corner.y


@workflow
def mapped_structures(n: int) -> typing.List[float]:
    return map_task(sum_of)(corner=polygon(n=n).corners)


# --- unions, optionals, enums, tuples, times ------------------------------------------------------------------

IntOrText = typing.Union[int, str, typing.List[int]]


@task
def either(flag: bool) -> typing.Union[int, str]:
    return 1 if flag else "one"


@task
def kind(x: IntOrText) -> str:
    return f"{type(x).__name__} {x}"


@workflow
def unions(flag: bool, x: IntOrText = 5) -> typing.Tuple[str, str, str]:
    return kind(x=either(flag=flag)), kind(x=x), kind(x=[1, 2])


@task
def perhaps(
    x: typing.Optional[int] = None, texts: typing.Optional[typing.List[str]] = None
) -> typing.Optional[int]:
    return x if texts is None else len(texts)


@task
def shown(x: typing.Optional[int]) -> str:
    return repr(x)


@workflow
def optionals(x: typing.Optional[int] = None) -> typing.Tuple[str, str, str]:
    return shown(x=perhaps(x=x)), shown(x=perhaps()), shown(x=perhaps(texts=["a"]))


Both = typing.NamedTuple("Both", [("total", int), ("text", str)])


@task
def both(x: int) -> Both:
    return Both(x, str(x))


@workflow
def named_tuple(x: int) -> Both:
    first = both(x=x)
    second = both(x=first.total)
    return Both(second.total, first.text)


@task
def other(colour: Colour) -> Colour:
    return Colour.RED if colour is Colour.GREEN else Colour.GREEN


@workflow
def enums(colour: Colour = Colour.RED) -> Colour:
    return other(colour=other(colour=other(colour=colour)))


@task
def later(at: datetime, span: timedelta) -> datetime:
    return at + span


@workflow
def times(
    at: datetime = datetime(2024, 1, 1, tzinfo=timezone.utc), span: timedelta = timedelta(days=1)
) -> datetime:
    return later(at=later(at=at, span=span), span=timedelta(microseconds=1))


# --- what lies in the object store ----------------------------------------------------------------------------


class Thing:
    def __init__(self, x: int) -> None:
        self.x = x


@task
def thing(x: int) -> Thing:
    return Thing(x)


@task
def anything() -> typing.Any:
    return {"y": 5}


@task
def unpickled(it: Thing, extra: typing.Any) -> int:
    return it.x + extra["y"]


@workflow
def pickles() -> int:
    return unpickled(it=thing(x=3), extra=anything())


@task
def files(n: int) -> typing.List[FlyteFile]:
    for i in range(n):
        Path(f"{i}.txt").write_text(str(i))
    return [FlyteFile(f"{i}.txt") for i in range(n)]


@task
def folder() -> FlyteDirectory:
    inside = Path("folder/sub")
    inside.mkdir(parents=True)
    (inside / "seven.txt").write_text("7")
    return FlyteDirectory("folder")


@task
def lines() -> JSONLFile:
    path = Path("lines.jsonl")
    path.write_text('{"n": 100}\n{"n": 200}\n')
    return JSONLFile(str(path))


@task
def added(
    listed: typing.List[FlyteFile], by_name: typing.Dict[str, FlyteFile], there: FlyteDirectory, rows: JSONLFile
) -> int:
    found = [Path(file.download()) for file in (*listed, *by_name.values())]
    found.append(Path(there.download()) / "sub" / "seven.txt")
    text = Path(rows.download()).read_text()
    return sum(int(path.read_text()) for path in found) + text.count("n")


@workflow
def stored(n: int) -> int:
    made = files(n=n)
    return added(listed=made, by_name={"again": made[2]}, there=folder(), rows=lines())


@task
def table(n: int) -> Annotated[StructuredDataset, "csv"]:
    return StructuredDataset(dataframe=pandas.DataFrame({"a": range(n), "b": ["x"] * n}))


@task
def total(rows: Annotated[StructuredDataset, "csv"]) -> int:
    return int(rows.open(pandas.DataFrame).all()["a"].sum())


@workflow
def tables(n: int) -> int:
    return total(rows=table(n=n))


@task
def identifier(name: str) -> identifier_pb2.Identifier:
    return identifier_pb2.Identifier(name=name, version="1")


@task
def name_of(it: identifier_pb2.Identifier) -> str:
    return f"{it.name} {it.version}"


@workflow
def protobufs(word: str) -> str:
    return name_of(it=identifier(name=word))
