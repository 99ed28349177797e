"""The sandbox's cluster in the user's kubeconfig: merged as a context, and taken out again.

The file belongs to the user: what is not ours keeps its text, with comments and order. Edits are made to
the text, at the places that the YAML parser tells; only a section in flow style (`clusters: [{…}]`) is
written anew. kubectl's own lock is taken (a file beside it that must not exist), and the file is replaced
in one step. Which context was the current one before is noted in ours, so that it can come back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from sandbox.appliance.node.container import Node
from sandbox.appliance.node.distributions import get
from sandbox.appliance.node.engine import Engine
from sandbox.appliance.node.errors import NodeError
from sandbox.appliance.node.execution import check
from sandbox.appliance.node.specification import PREFIX
from sandbox.appliance.state import write_atomically

_SECTIONS = ("clusters", "contexts", "users")
_CURRENT = "current-context"
_PREVIOUS = "previous-context"
_LOCK_SECONDS = 10.0


class KubeconfigUnusable(NodeError):
    """The user's kubeconfig can't be read or written."""


def of_node(engine: Engine, node: Node) -> dict[str, Any]:
    """The administrator's kubeconfig, for use on the host. Raises NodeError while there is none."""
    path = get(node.spec.distribution).kubeconfig
    document = yaml.safe_load(check(engine, node, ["cat", path]).text)
    return for_host(document, context(node.spec.resource), node.spec.ports.kubernetes)


def for_host(document: dict[str, Any], name: str, port: int) -> dict[str, Any]:
    """One cluster, user and context of that name, dialled through the published port."""
    cluster = {**document["clusters"][0]["cluster"], "server": f"https://127.0.0.1:{port}"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": document["users"][0]["user"]}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        _CURRENT: name,
    }


def context(resource: str) -> str:
    """The name of a sandbox's context: that of its container."""
    return resource


def files(environ: Mapping[str, str] | None = None) -> list[Path]:
    """The user's kubeconfigs, as kubectl looks for them."""
    environ = os.environ if environ is None else environ
    named = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if named:
        return named
    home = environ.get("HOME")
    return [Path(home) / ".kube" / "config"] if home else []


def write(document: dict[str, Any], environ: Mapping[str, str] | None = None) -> Path | None:
    """Merge a cluster, user and context into the user's kubeconfig, and make the context the current one.
    Returns the file; None without a home directory. Raises KubeconfigUnusable."""
    found = files(environ)
    if not found:
        return None
    _edit(found[0], lambda text: merged(text, document))
    return found[0]


def remove(name: str, environ: Mapping[str, str] | None = None) -> list[Path]:
    """Take them out of every kubeconfig of the user. Returns those that had them."""
    changed = []
    for path in files(environ):
        if path.exists() and name in path.read_text(encoding="utf-8"):
            _edit(path, lambda text: without(text, name))
            changed.append(path)
    return changed


def merged(text: str, document: dict[str, Any]) -> str:
    """A kubeconfig's text with the entries of `document` in place of those of the same names."""
    name = document[_CURRENT]
    text = _in_blocks(text)
    before = current(text)
    if before == name:
        before = _noted(text, name)
    entries = {section: dict(document[section][0]) for section in _SECTIONS}
    if before:
        note = {"name": PREFIX, "extension": {_PREVIOUS: before}}
        inner = {**entries["contexts"]["context"], "extensions": [note]}
        entries["contexts"] = {**entries["contexts"], "context": inner}
    if not _load(text):
        head = {"apiVersion": "v1", "kind": "Config"}
        body = {section: [entry] for section, entry in entries.items()}
        return text + yaml.safe_dump({**head, **body, _CURRENT: name}, sort_keys=False)
    for section, entry in entries.items():
        text = _add(_drop(text, section, name), section, entry)
    return _set_current(text, name)


def without(text: str, name: str) -> str:
    """A kubeconfig's text without the entries of that name. What was current before is current again."""
    if not _load(text):
        return text
    text = _in_blocks(text)
    if current(text) == name:
        before = _noted(text, name)
        known = {str(one.get("name")) for one in _load(text).get("contexts") or ()}
        text = _set_current(text, before if before in known else "")
    for section in _SECTIONS:
        text = _drop(text, section, name)
    return text


def current(text: str) -> str:
    """The current context; empty without one."""
    return str(_load(text).get(_CURRENT) or "")


def _noted(text: str, name: str) -> str:
    """The context that was current before ours, as ours says."""
    for entry in _load(text).get("contexts") or ():
        if entry.get("name") == name:
            for extension in (entry.get("context") or {}).get("extensions") or ():
                if extension.get("name") == PREFIX:
                    return str((extension.get("extension") or {}).get(_PREVIOUS) or "")
    return ""


def _in_blocks(text: str) -> str:
    """A file that is one flow (JSON is one) written anew: there are no lines to keep."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if isinstance(root, yaml.MappingNode) and root.flow_style and root.value:
        return yaml.safe_dump(_load(text), sort_keys=False, allow_unicode=True)
    return text


def _load(text: str) -> dict[str, Any]:
    document = yaml.safe_load(text)
    return document if isinstance(document, dict) else {}


def _value(text: str, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Key and value of the document's mapping, as the parser saw them."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next(((found, value) for found, value in pairs if found.value == key), None)


def _is_block(value: yaml.Node) -> bool:
    return isinstance(value, yaml.SequenceNode) and not value.flow_style and bool(value.value)


def _drop(text: str, section: str, name: str) -> str:
    """Without the entry of that name in a section."""
    found = _value(text, section)
    items = _load(text).get(section) or []
    kept = [item for item in items if item.get("name") != name]
    if found is None or len(kept) == len(items):
        return text
    key, value = found
    if not kept or not _is_block(value):
        return _replace_section(text, key, value, kept)
    lines = text.splitlines(keepends=True)
    for node, item in reversed(list(zip(value.value, items, strict=True))):
        if item.get("name") == name:
            del lines[node.start_mark.line : _last_line(node) + 1]
    return "".join(lines)


def _add(text: str, section: str, entry: dict[str, Any]) -> str:
    """With the entry at the end of a section."""
    found = _value(text, section)
    if found is None:
        return f"{_ended(text)}{section}:\n{_items([entry], 0)}"
    key, value = found
    if not _is_block(value):
        return _replace_section(text, key, value, [*(_load(text).get(section) or ()), entry])
    lines = _ended(text).splitlines(keepends=True)
    lines.insert(_last_line(value) + 1, _items([entry], value.start_mark.column))
    return "".join(lines)


def _replace_section(text: str, key: yaml.Node, value: yaml.Node, items: list[dict[str, Any]]) -> str:
    """Write a section anew."""
    written = f":\n{_items(items, 0)}" if items else ": []\n"
    if _is_block(value):
        end = len("".join(text.splitlines(keepends=True)[: _last_line(value) + 1]))
        return text[: key.end_mark.index] + written + text[end:]
    return text[: key.end_mark.index] + written.rstrip("\n") + text[value.end_mark.index :]


def _set_current(text: str, name: str) -> str:
    found = _value(text, _CURRENT)
    line = yaml.safe_dump({_CURRENT: name}).rstrip("\n")
    if found is None:
        return f"{_ended(text)}{line}\n"
    key, value = found
    return text[: key.start_mark.index] + line + text[max(value.end_mark.index, key.end_mark.index + 1) :]


def _items(items: list[dict[str, Any]], indent: int) -> str:
    written = yaml.safe_dump(items, sort_keys=False, width=1 << 20)
    return "".join(" " * indent + line for line in written.splitlines(keepends=True))


def _last_line(node: yaml.Node) -> int:
    """The last line with text of a node: a block's own end mark is where the next one begins."""
    if isinstance(node, yaml.ScalarNode):
        multiline = node.style in ("|", ">")
        return int(node.end_mark.line) - (1 if multiline else 0)
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.line)
    last = node.value[-1]
    return _last_line(last[1] if isinstance(last, tuple) else last)


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _edit(path: Path, change: Any) -> None:
    real = Path(os.path.realpath(path))
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        with _locked(real):
            text = real.read_text(encoding="utf-8") if real.exists() else ""
            mode = real.stat().st_mode & 0o777 if real.exists() else 0o600
            write_atomically(real, change(text).encode())
            real.chmod(mode)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as exc:
        raise KubeconfigUnusable(
            f"the kubeconfig {path} can't be changed", str(exc), "Mend it, or start with --no-kubeconfig."
        ) from exc


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = path.with_name(path.name + ".lock")
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            descriptor = os.open(lock, os.O_CREAT | os.O_EXCL, 0o600)
            break
        except FileExistsError:
            if time.monotonic() >= deadline:
                raise KubeconfigUnusable(
                    f"the kubeconfig {path} is locked",
                    f"{lock} is there: kubectl or another sandbox writes it, or died while it did",
                    "Remove the lock if nothing writes, and try again.",
                ) from None
            time.sleep(0.05)
    try:
        yield
    finally:
        os.close(descriptor)
        lock.unlink()
