"""Files become outputs: each variable's file, with any extension, is read as the variable's type says.

Files and folders of the task go to the store as they are. Where Flyte's copilot puts all files of a folder
side by side, they keep their folders here; and it takes no lists, maps, unions, enumerations and tables.
"""

from __future__ import annotations

from pathlib import Path

from flyteidl.core import errors_pb2, interface_pb2, literals_pb2, types_pb2

from sandbox.copilot import errors, files, values
from sandbox.idl import literals

ERROR_FILE = "_ERROR"
_MAX_ERROR = 1024 * 1024
_MAX_VALUE = 10 * 1024 * 1024
"""Bytes: what may be inside of an outputs.pb; Flyte's copilot takes no more than a KiB."""
_SINGLE = types_pb2.BlobType.SINGLE
_TABLES = ("blob", "schema", "structured_dataset_type")


def outputs(
    objects: files.Objects, variables: interface_pb2.VariableMap, folder: Path, *, raw_prefix: str
) -> literals_pb2.LiteralMap:
    """The outputs that lie in a folder; what is large goes below `raw_prefix`. Raises CopilotError."""
    _raise_error_file(folder / ERROR_FILE)
    found = literals_pb2.LiteralMap()
    for name in sorted(variables.variables):
        kind = variables.variables[name].type
        try:
            literal = _read(objects, kind, files.inside(folder, name), f"{raw_prefix.rstrip('/')}/{name}")
        except errors.Untransferable as exc:
            raise errors.Untransferable(f"the output {name!r}: {exc}") from exc
        found.literals[name].CopyFrom(literal)
    return found


def error_document(code: str, text: str) -> bytes:
    """An error.pb that lets the attempt be repeated, as Flyte's copilot writes it."""
    error = errors_pb2.ContainerError(code=code, message=text, kind=errors_pb2.ContainerError.RECOVERABLE)
    return bytes(errors_pb2.ErrorDocument(error=error).SerializeToString())


def _raise_error_file(path: Path) -> None:
    if path.is_dir():
        raise errors.Untransferable(f"{ERROR_FILE} is a folder, not a file that says what went wrong")
    if not path.exists():
        return
    with path.open("rb") as file:
        said = file.read(_MAX_ERROR)
    raise errors.TaskFailed(f"User Error: {said.decode('utf-8', 'replace')}")


def _read(objects: files.Objects, kind: types_pb2.LiteralType, place: Path, uri: str) -> literals_pb2.Literal:
    path = _existing(place)
    which = kind.WhichOneof("type")
    if which == "union_type" and _holds_files(kind):
        return _union_of_files(objects, kind, path, uri)
    if path is None:
        if values.has_none(kind):
            return values.read(kind, b"")
        raise errors.Untransferable(f"the task wrote no file {place.name!r}")
    if which in _TABLES:
        return _store(objects, kind, path, uri)
    if which == "collection_type" and path.is_dir():
        items = sorted(path.iterdir(), key=lambda item: (len(item.stem), item.name))
        inner = kind.collection_type
        return literals.collection([_read(objects, inner, item, f"{uri}/{item.name}") for item in items])
    if which == "map_value_type" and path.is_dir():
        inner = kind.map_value_type
        items = sorted(path.iterdir())
        return literals.mapping(
            {item.name: _read(objects, inner, item, f"{uri}/{item.name}") for item in items}
        )
    if path.is_dir():
        raise errors.Untransferable("it is a folder, where a file is expected")
    if path.stat().st_size > _MAX_VALUE:
        raise errors.Untransferable(
            f"its file has {path.stat().st_size} bytes, a value may have {_MAX_VALUE}; give it out as a file"
        )
    return values.read(kind, path.read_bytes())


def _existing(place: Path) -> Path | None:
    """The file of a variable: of its name, or the only one of its name with an extension."""
    if place.exists():
        return place
    if not place.parent.is_dir():
        return None
    found = [path for path in place.parent.iterdir() if path.name.startswith(f"{place.name}.")]
    if len(found) > 1:
        names = ", ".join(sorted(path.name for path in found))
        raise errors.Untransferable(f"there is more than one file for it: {names}")
    return found[0] if found else None


def _holds_files(kind: types_pb2.LiteralType) -> bool:
    return any(variant.WhichOneof("type") in _TABLES for variant in kind.union_type.variants)


def _union_of_files(
    objects: files.Objects, kind: types_pb2.LiteralType, path: Path | None, uri: str
) -> literals_pb2.Literal:
    if path is None:
        return values.read(kind, b"")
    for variant in kind.union_type.variants:
        if variant.WhichOneof("type") in _TABLES:
            return literals.union(_store(objects, variant, path, uri), variant)
    raise errors.Untransferable("none of the union's types is a file")


def _store(objects: files.Objects, kind: types_pb2.LiteralType, path: Path, uri: str) -> literals_pb2.Literal:
    literal = literals_pb2.Literal()
    match kind.WhichOneof("type"):
        case "blob":
            single = kind.blob.dimensionality == _SINGLE
            if single and path.is_dir():
                raise errors.Untransferable("it is a folder, where a file is expected")
            if not single and not path.is_dir():
                raise errors.Untransferable("it is a file, where a folder is expected")
            literal.scalar.blob.metadata.type.CopyFrom(kind.blob)
            literal.scalar.blob.uri = uri
        case "schema":
            literal.scalar.schema.type.CopyFrom(kind.schema)
            literal.scalar.schema.uri = uri
        case _:
            dataset = literal.scalar.structured_dataset
            dataset.metadata.structured_dataset_type.CopyFrom(kind.structured_dataset_type)
            dataset.uri = uri
    if path.is_dir():
        files.store_folder(objects, path, uri)
    elif literal.scalar.WhichOneof("value") == "blob":
        files.store(objects, path, uri)
    else:
        files.store(objects, path, f"{uri}/{path.name}")
    return literal
