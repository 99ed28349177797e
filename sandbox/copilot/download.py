"""Inputs become files: one a variable, and all together in `inputs.pb` and `inputs.json` or `inputs.yaml`.

A list or a map is a folder with a file for each of its items. Files and folders of the store lie where their
variable's file would; in the documents stands their path as the container sees it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from flyteidl.core import literals_pb2, tasks_pb2, types_pb2
from google.protobuf import message

from sandbox.copilot import errors, files, values

PROTO = "inputs.pb"
_DOCUMENTS = {
    tasks_pb2.DataLoadingConfig.JSON: "inputs.json",
    # JSON is YAML, too: any reader of YAML takes it.
    tasks_pb2.DataLoadingConfig.YAML: "inputs.yaml",
}
_MULTIPART = types_pb2.BlobType.MULTIPART


def inputs(
    objects: files.Objects,
    literals: literals_pb2.LiteralMap,
    folder: Path,
    *,
    shown: PurePosixPath,
    document_format: tasks_pb2.DataLoadingConfig.LiteralMapFormat = tasks_pb2.DataLoadingConfig.JSON,
    with_files: bool = True,
) -> None:
    """Write all inputs into a folder, which the container sees as `shown`. Raises CopilotError.

    Without files, those of the store stay there, and the documents have their URIs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer = _Writer(objects, with_files)
    document: dict[str, Any] = {}
    seen = literals_pb2.LiteralMap()
    for name in sorted(literals.literals):
        try:
            place = files.inside(folder, name)
            document[name], literal = writer.write(literals.literals[name], place, shown / name)
        except errors.Untransferable as exc:
            raise errors.Untransferable(f"the input {name!r}: {exc}") from exc
        seen.literals[name].CopyFrom(literal)
    (folder / PROTO).write_bytes(seen.SerializeToString())
    if document_format in _DOCUMENTS:
        text = json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True)
        (folder / _DOCUMENTS[document_format]).write_text(text + "\n", encoding="utf-8")


class _Writer:
    """Writes literals; every method gives the value for the document and the literal with local paths."""

    def __init__(self, objects: files.Objects, with_files: bool) -> None:
        self._objects = objects
        self._with_files = with_files

    def write(
        self, literal: literals_pb2.Literal, path: Path, shown: PurePosixPath
    ) -> tuple[Any, literals_pb2.Literal]:
        match literal.WhichOneof("value"):
            case "scalar":
                return self._scalar(literal.scalar, path, shown)
            case "collection":
                items = [(str(i), item) for i, item in enumerate(literal.collection.literals)]
                written = self._folder(items, path, shown)
                result = literals_pb2.Literal()
                result.collection.SetInParent()
                result.collection.literals.extend(local for _, local in written.values())
                return [value for value, _ in written.values()], result
            case "map":
                written = self._folder(sorted(literal.map.literals.items()), path, shown)
                result = literals_pb2.Literal()
                result.map.SetInParent()
                for name, (_, local) in written.items():
                    result.map.literals[name].CopyFrom(local)
                return {name: value for name, (value, _) in written.items()}, result
            case "offloaded_metadata":
                return self.write(self._offloaded(literal.offloaded_metadata.uri), path, shown)
            case _:
                raise errors.Untransferable("it holds nothing")

    def _folder(
        self, items: Iterable[tuple[str, literals_pb2.Literal]], path: Path, shown: PurePosixPath
    ) -> dict[str, tuple[Any, literals_pb2.Literal]]:
        path.mkdir(parents=True, exist_ok=True)
        return {name: self.write(item, files.inside(path, name), shown / name) for name, item in items}

    def _scalar(
        self, scalar: literals_pb2.Scalar, path: Path, shown: PurePosixPath
    ) -> tuple[Any, literals_pb2.Literal]:
        local = literals_pb2.Literal(scalar=scalar)
        match scalar.WhichOneof("value"):
            case "blob":
                is_folder = scalar.blob.metadata.type.dimensionality == _MULTIPART
                local.scalar.blob.uri = self._fetch(scalar.blob.uri, path, shown, folder=is_folder)
                return str(local.scalar.blob.uri), local
            case "schema":
                local.scalar.schema.uri = self._fetch(scalar.schema.uri, path, shown, folder=True)
                return str(local.scalar.schema.uri), local
            case "structured_dataset":
                uri = self._fetch(scalar.structured_dataset.uri, path, shown, folder=True)
                local.scalar.structured_dataset.uri = uri
                return uri, local
            case "union":
                value, inner = self.write(scalar.union.value, path, shown)
                local.scalar.union.value.CopyFrom(inner)
                return value, local
            case _:
                path.write_bytes(values.text_of(scalar))
                return values.document_of(scalar), local

    def _fetch(self, uri: str, path: Path, shown: PurePosixPath, *, folder: bool) -> str:
        """Where the container finds it."""
        if not self._with_files:
            path.write_text(uri, encoding="utf-8")
            return uri
        if folder:
            files.fetch_folder(self._objects, uri, path)
        else:
            files.fetch(self._objects, uri, path)
        return str(shown)

    def _offloaded(self, uri: str) -> literals_pb2.Literal:
        with errors.of_store():
            data = self._objects.get(uri)
        try:
            return literals_pb2.Literal.FromString(data)
        except message.DecodeError as exc:
            raise errors.Untransferable(f"{uri} holds no literal: {exc}") from exc
