"""JSON schemas of data classes: does a producer's structure give a consumer every field that it reads?

Flytekit puts a data class's JSON schema into the metadata of its literal type. A larger class may be passed
where a smaller one is expected (a child where its parent is), never the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]


def is_supertype(wanted: Schema, source: Schema) -> bool:
    """Whether `source` has every field of `wanted`, with the same type; more fields do no harm."""
    return _Comparison(wanted, source).provides(wanted, source)


class _Comparison:
    """One comparison: the two documents that `$ref`s point into, and the pairs already under way."""

    def __init__(self, wanted: Schema, source: Schema) -> None:
        self._wanted_root = wanted
        self._source_root = source
        self._under_way: set[tuple[str, str]] = set()

    def provides(self, wanted: Any, source: Any) -> bool:
        wanted, source = _object(wanted), _object(source)
        pair = (str(wanted.get("$ref", "")), str(source.get("$ref", "")))
        if any(pair):
            if pair in self._under_way:
                return True  # a recursive class: this pair is being compared further up
            self._under_way.add(pair)
        wanted = _resolve(wanted, self._wanted_root)
        source = _resolve(source, self._source_root)
        wanted_variants, source_variants = _variants(wanted), _variants(source)
        if wanted_variants or source_variants:
            # A plain field is not read as an optional one, nor the other way round: Flyte refuses it.
            both = bool(wanted_variants and source_variants)
            return both and self._each_fits(wanted_variants, source_variants)
        return (
            _same_type(wanted, source)
            and self._has_properties(wanted, source)
            and self._items_fit(wanted, source)
            and _enum_fits(wanted, source)
        )

    def _each_fits(self, wanted: Sequence[Schema], source: Sequence[Schema]) -> bool:
        return all(any(self.provides(w, s) for w in wanted) for s in source)

    def _has_properties(self, wanted: Schema, source: Schema) -> bool:
        have = _object(source.get("properties"))
        return all(
            name in have and self.provides(schema, have[name])
            for name, schema in _object(wanted.get("properties")).items()
        )

    def _items_fit(self, wanted: Schema, source: Schema) -> bool:
        for keyword in ("items", "additionalProperties"):
            theirs, ours = wanted.get(keyword), source.get(keyword)
            if isinstance(theirs, Mapping) and isinstance(ours, Mapping) and not self.provides(theirs, ours):
                return False
        return True


def _resolve(schema: Schema, root: Schema) -> Schema:
    """Follow a `$ref` within the document: `#/definitions/Foo`, `#/$defs/Foo`."""
    for _ in range(16):  # a chain of references is short, unless it is a circle
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        target: Any = root
        for part in filter(None, reference[1:].split("/")):
            target = target.get(part) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            break
        schema = target
    return schema


def _variants(schema: Schema) -> list[Schema]:
    kinds = schema.get("type")
    if isinstance(kinds, Sequence) and not isinstance(kinds, str):
        return [{**schema, "type": kind} for kind in kinds]
    listed = schema.get("anyOf") or schema.get("oneOf")
    return [_object(item) for item in listed] if isinstance(listed, list) else []


def _same_type(wanted: Schema, source: Schema) -> bool:
    return "type" not in wanted or wanted["type"] == source.get("type")


def _enum_fits(wanted: Schema, source: Schema) -> bool:
    allowed, values = wanted.get("enum"), source.get("enum")
    if not isinstance(allowed, list):
        return True
    return isinstance(values, list) and all(value in allowed for value in values)


def _object(value: Any) -> Schema:
    """A schema; anything else, as `true` or a slip, says nothing."""
    return value if isinstance(value, Mapping) else {}
