"""Templates of cluster resources, as Flyte has them: YAML with `{{ variable }}` in it. Pure, but for reading.

A template is parsed first and filled then, so a value can be nothing but a text in the place where its
variable stands, whatever is in it. A field whose value is only an empty variable is left out: so one template
serves projects with a quota and without. An object that gets no name is left out as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_MARK = "variable-{}-here"
_MARKED = re.compile(r"variable-([A-Za-z_][A-Za-z0-9_]*)-here")
_NOTHING = object()


class BadTemplate(ValueError):
    """A template can't be used; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Template:
    """One file: some objects with variables in them."""

    name: str
    objects: tuple[Object, ...]


def read(directory: Path) -> tuple[Template, ...]:
    """All `*.yaml` and `*.yml` there, in the order of their names. Raises BadTemplate."""
    try:
        files = sorted(path for path in directory.iterdir() if path.suffix in (".yaml", ".yml"))
        return tuple(parse(path.name, path.read_text()) for path in files)
    except OSError as exc:
        raise BadTemplate(f"the templates in {directory} can't be read: {exc}") from exc
    except UnicodeDecodeError as exc:
        raise BadTemplate(f"a template in {directory} is no text: {exc}") from exc


def parse(name: str, text: str) -> Template:
    """A template from its text. Raises BadTemplate."""
    marked = _VARIABLE.sub(lambda found: _MARK.format(found[1]), text)
    if "{{" in marked:
        raise BadTemplate(f"{name}: only plain variables stand in double braces, as in {{{{ namespace }}}}")
    try:
        found = [document for document in yaml.safe_load_all(marked) if document is not None]
    except yaml.YAMLError as exc:
        raise BadTemplate(f"{name} is no YAML: {exc}") from exc
    for document in found:
        if not isinstance(document, dict) or not document.get("apiVersion") or not document.get("kind"):
            raise BadTemplate(f"{name}: each document needs apiVersion and kind")
        if not isinstance(document.get("metadata"), dict) or not document["metadata"].get("name"):
            raise BadTemplate(f"{name}: the {document['kind']} needs a name in its metadata")
    return Template(name, tuple(found))


def fill(template: Template, values: Mapping[str, str]) -> list[Object]:
    """The objects with the variables' values. Raises BadTemplate for a variable without one."""
    filled = []
    for document in template.objects:
        found = _fill(document, values, template.name)
        if isinstance(found, dict) and found.get("metadata", {}).get("name"):
            filled.append(found)
    return filled


def _fill(value: Any, values: Mapping[str, str], name: str) -> Any:
    if isinstance(value, dict):
        pairs = ((_text(str(key), values, name), _fill(inner, values, name)) for key, inner in value.items())
        return {key: inner for key, inner in pairs if inner is not _NOTHING}
    if isinstance(value, list):
        return [found for inner in value if (found := _fill(inner, values, name)) is not _NOTHING]
    if not isinstance(value, str):
        return value
    filled = _text(value, values, name)
    return _NOTHING if not filled and _MARKED.search(value) else filled


def _text(text: str, values: Mapping[str, str], name: str) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            known = ", ".join(sorted(values))
            raise BadTemplate(f"{name}: nothing sets the variable {found[1]!r}; there are: {known}")
        return values[found[1]]

    return _MARKED.sub(value, text)
