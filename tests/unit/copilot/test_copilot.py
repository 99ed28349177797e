"""Literals to files and back: the contract of Flyte's copilot, and what goes beyond it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from flyteidl.core import interface_pb2, literals_pb2, tasks_pb2, types_pb2
from hypothesis import given
from hypothesis import strategies as st

from sandbox.copilot import download, durations, errors, upload, values
from sandbox.idl import literals
from sandbox.store.objects import DirectoryObjectStore

SHOWN = PurePosixPath("/var/inputs")
RAW = "s3://my-s3-bucket/raw/ab/n0"
INTEGER = types_pb2.LiteralType(simple=types_pb2.INTEGER)
STRING = types_pb2.LiteralType(simple=types_pb2.STRING)
NONE = types_pb2.LiteralType(simple=types_pb2.NONE)
FILE = types_pb2.LiteralType(blob=types_pb2.BlobType(format="csv"))
FOLDER = types_pb2.LiteralType(blob=types_pb2.BlobType(dimensionality=types_pb2.BlobType.MULTIPART))
MAYBE = types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=[INTEGER, NONE]))
NUMBERS = types_pb2.LiteralType(collection_type=INTEGER)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryObjectStore:
    return DirectoryObjectStore(tmp_path / "objects")


def duration(**value: float) -> literals_pb2.Literal:
    literal = literals_pb2.Literal()
    literal.scalar.primitive.duration.FromTimedelta(dt.timedelta(**value))
    return literal


def written(
    store: DirectoryObjectStore, folder: Path, /, document_format: int = 0, **inputs: literals_pb2.Literal
) -> Any:
    download.inputs(
        store,
        literals_pb2.LiteralMap(literals=inputs),
        folder,
        shown=SHOWN,
        document_format=document_format,  # type: ignore[arg-type]
    )
    return json.loads((folder / "inputs.json").read_text()) if document_format == 0 else None


def taken(store: DirectoryObjectStore, folder: Path, /, **kinds: types_pb2.LiteralType) -> Any:
    variables = {name: interface_pb2.Variable(type=kind) for name, kind in kinds.items()}
    return upload.outputs(
        store, interface_pb2.VariableMap(variables=variables), folder, raw_prefix=RAW
    ).literals


def test_each_input_is_a_file_and_all_are_a_document(store: DirectoryObjectStore, tmp_path: Path) -> None:
    folder = tmp_path / "inputs"
    document = written(
        store,
        folder,
        count=literals.primitive(integer=-7),
        share=literals.primitive(float_value=1e21),
        word=literals.primitive(string_value="Grüße\n"),
        yes=literals.primitive(boolean=True),
        long=duration(hours=1, seconds=2.5),
        nothing=literals.none(),
        settings=literals.generic({"a": 1, "b": [1.5, None]}),
        record=literals.messagepack({"x": 1}),
        many=literals.collection([literals.primitive(integer=4), literals.primitive(integer=5)]),
    )
    simple = [p for p in folder.iterdir() if p.is_file() and "." not in p.name and p.name != "record"]
    texts = {path.name: path.read_text() for path in simple}
    assert texts == {
        "count": "-7",
        "share": "1000000000000000000000",
        "word": "Grüße\n",
        "yes": "true",
        "long": "1h0m2.5s",
        "nothing": "null",
        "settings": '{"a": 1, "b": [1.5, null]}',
    }
    assert (folder / "many" / "1").read_text() == "5"
    assert document["long"] == 3_602_500_000_000
    assert document["record"] == {"x": 1}
    assert document["settings"] == {"a": 1, "b": [1.5, None]}
    assert document["many"] == [4, 5]


def test_files_lie_where_the_documents_say(store: DirectoryObjectStore, tmp_path: Path) -> None:
    store.put("s3://my-s3-bucket/data/table.csv", b"a,b")
    store.put("s3://my-s3-bucket/data/folder/deep/er.txt", b"deep")
    document = written(
        store,
        tmp_path / "inputs",
        table=literals.blob("s3://my-s3-bucket/data/table.csv", FILE.blob),
        folder=literals.blob("s3://my-s3-bucket/data/folder", FOLDER.blob),
    )
    assert document == {"table": "/var/inputs/table", "folder": "/var/inputs/folder"}
    assert (tmp_path / "inputs" / "table").read_bytes() == b"a,b"
    assert (tmp_path / "inputs" / "folder" / "deep" / "er.txt").read_bytes() == b"deep"
    seen = literals_pb2.LiteralMap.FromString((tmp_path / "inputs" / "inputs.pb").read_bytes())
    assert seen.literals["table"].scalar.blob.uri == "/var/inputs/table"


def test_an_offloaded_input_is_read_first(store: DirectoryObjectStore, tmp_path: Path) -> None:
    store.put("s3://my-s3-bucket/big", literals.primitive(integer=3).SerializeToString())
    offloaded = literals_pb2.Literal()
    offloaded.offloaded_metadata.uri = "s3://my-s3-bucket/big"
    assert written(store, tmp_path / "inputs", big=offloaded) == {"big": 3}


def test_the_document_has_the_format_that_the_task_wants(store: DirectoryObjectStore, tmp_path: Path) -> None:
    one = literals.primitive(integer=1)
    written(store, tmp_path / "yaml", tasks_pb2.DataLoadingConfig.YAML, x=one)
    written(store, tmp_path / "proto", tasks_pb2.DataLoadingConfig.PROTO, x=one)
    assert {path.name for path in (tmp_path / "yaml").iterdir()} == {"x", "inputs.pb", "inputs.yaml"}
    assert {path.name for path in (tmp_path / "proto").iterdir()} == {"x", "inputs.pb"}


@pytest.mark.parametrize("name", ["../x", "/etc/x", ".."])
def test_no_input_is_written_outside_of_its_folder(
    store: DirectoryObjectStore, tmp_path: Path, name: str
) -> None:
    with pytest.raises(errors.Untransferable, match="name of a file"):
        written(store, tmp_path / "inputs", **{name: literals.none()})


def test_a_missing_file_is_named(store: DirectoryObjectStore, tmp_path: Path) -> None:
    lost = literals.blob("s3://my-s3-bucket/lost", FILE.blob)
    with pytest.raises(errors.Untransferable, match=r"'table'.*s3://my-s3-bucket/lost"):
        written(store, tmp_path / "inputs", table=lost)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (INTEGER, "12\n", 12),
        (types_pb2.LiteralType(simple=types_pb2.FLOAT), "1e3", 1000.0),
        (STRING, " x ", "x"),
        (types_pb2.LiteralType(simple=types_pb2.BOOLEAN), "T", True),
        (types_pb2.LiteralType(simple=types_pb2.DURATION), "1.5h", dt.timedelta(minutes=90)),
        (types_pb2.LiteralType(simple=types_pb2.DURATION), "1 day, 0:00:01", dt.timedelta(days=1, seconds=1)),
        (
            types_pb2.LiteralType(simple=types_pb2.DATETIME),
            "2026-01-02T03:04:05+01:00",
            dt.datetime(2026, 1, 2, 2, 4, 5, tzinfo=dt.UTC),
        ),
        (types_pb2.LiteralType(simple=types_pb2.STRUCT), '{"a": [1]}', {"a": [1]}),
        (types_pb2.LiteralType(enum_type=types_pb2.EnumType(values=["red", "blue"])), "red\n", "red"),
        (MAYBE, "3", 3),
        (MAYBE, "null", None),
        (NUMBERS, "[1, 2]", [1, 2]),
        (types_pb2.LiteralType(map_value_type=STRING), '{"a": " b "}', {"a": " b "}),
    ],
)
def test_an_output_file_is_read_as_its_type(
    store: DirectoryObjectStore, tmp_path: Path, kind: types_pb2.LiteralType, text: str, value: Any
) -> None:
    (tmp_path / "o0.txt").write_text(text)
    assert literals.to_python(taken(store, tmp_path, o0=kind)["o0"]) == value


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (INTEGER, "twelve", "'o0'.*twelve"),
        (INTEGER, str(2**63), "64 bits"),
        (types_pb2.LiteralType(simple=types_pb2.BOOLEAN), "maybe", "neither true nor false"),
        (types_pb2.LiteralType(simple=types_pb2.DURATION), "1 fortnight", "not a duration"),
        (types_pb2.LiteralType(enum_type=types_pb2.EnumType(values=["red"])), "green", "green"),
        (NUMBERS, "{}", "JSON list"),
        (NUMBERS, "[null]", "optional"),
        (MAYBE, "x", "union"),
    ],
)
def test_an_output_file_of_another_type_is_refused(
    store: DirectoryObjectStore, tmp_path: Path, kind: types_pb2.LiteralType, text: str, told: str
) -> None:
    (tmp_path / "o0").write_text(text)
    with pytest.raises(errors.Untransferable, match=told):
        taken(store, tmp_path, o0=kind)


def test_files_and_folders_are_stored(store: DirectoryObjectStore, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"a,b")
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "er.txt").write_bytes(b"deep")
    found = taken(store, tmp_path, table=FILE, folder=FOLDER)
    assert store.get(found["table"].scalar.blob.uri) == b"a,b"
    assert found["table"].scalar.blob.metadata.type.format == "csv"
    assert store.get(f"{found['folder'].scalar.blob.uri}/deep/er.txt") == b"deep"


def test_a_file_is_no_folder_and_the_other_way_round(store: DirectoryObjectStore, tmp_path: Path) -> None:
    (tmp_path / "o0").mkdir()
    (tmp_path / "o1").write_text("x")
    for wrong in ({"o0": FILE}, {"o1": FOLDER}, {"o0": INTEGER}):
        with pytest.raises(errors.Untransferable, match="expected"):
            taken(store, tmp_path, **wrong)


def test_what_is_not_there_is_named_unless_it_is_optional(
    store: DirectoryObjectStore, tmp_path: Path
) -> None:
    with pytest.raises(errors.Untransferable, match="no file 'o0'"):
        taken(store, tmp_path, o0=INTEGER)
    assert literals.is_none(taken(store, tmp_path, o0=MAYBE)["o0"])
    for extension in ("txt", "csv"):
        (tmp_path / f"o0.{extension}").write_text("1")
    with pytest.raises(errors.Untransferable, match="more than one file"):
        taken(store, tmp_path, o0=INTEGER)


def test_an_error_file_goes_before_outputs(store: DirectoryObjectStore, tmp_path: Path) -> None:
    (tmp_path / "o0").write_text("1")
    (tmp_path / "_ERROR").write_text("no such planet")
    with pytest.raises(errors.TaskFailed, match="User Error: no such planet"):
        taken(store, tmp_path, o0=INTEGER)


@given(st.integers(-(2**62), 2**62))
def test_a_duration_reads_back_as_it_was(nanoseconds: int) -> None:
    assert durations.nanoseconds(durations.text(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0s"), (1500, "1.5µs"), (90_000_000_000, "1m30s"), (-3600 * 10**9, "-1h0m0s")],
)
def test_durations_look_as_in_go(nanoseconds: int, text: str) -> None:
    assert durations.text(nanoseconds) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_as_it_was(value: float) -> None:
    text = values.text_of(literals.primitive(float_value=value).scalar)
    back = values.read(types_pb2.LiteralType(simple=types_pb2.FLOAT), text)
    assert back.scalar.primitive.float_value == value
