"""Adding to pod specs, which are nested dictionaries of Kubernetes' JSON. Pure.

`merge` lays one pod spec over another as Flyte does (`MergeOverlayPodSpecOntoBase`): what the overlay says
wins, lists are joined, containers of the same name are merged.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

_BY_NAME = ("containers", "initContainers")


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """A new pod spec. Containers that only the overlay has are added at the end."""
    merged: dict[str, Any] = _over(base, overlay, skip=_BY_NAME)
    for word in _BY_NAME:
        if base.get(word) or overlay.get(word):
            merged[word] = _named(base.get(word) or (), overlay.get(word) or ())
    return merged


def add(target: dict[str, Any], word: str, item: Mapping[str, Any]) -> None:
    """Append to a list that may not be there."""
    target[word] = [*(target.get(word) or ()), dict(item)]


def require_nodes(spec: dict[str, Any], expressions: Sequence[Mapping[str, Any]]) -> None:
    """Run only on nodes whose labels meet all these, whichever of the spec's own terms they meet."""
    affinity = spec.setdefault("affinity", {}).setdefault("nodeAffinity", {})
    required = affinity.setdefault("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = required.setdefault("nodeSelectorTerms", [])
    if not terms:
        terms.append({})
    for term in terms:
        term["matchExpressions"] = [*(term.get("matchExpressions") or ()), *map(dict, expressions)]


def _over(base: Any, overlay: Any, skip: Sequence[str] = ()) -> Any:
    if isinstance(base, Mapping) and isinstance(overlay, Mapping):
        merged = {key: copy.deepcopy(value) for key, value in base.items() if key not in skip}
        for key, value in overlay.items():
            if key not in skip:
                merged[key] = _over(merged.get(key), value)
        return merged
    if isinstance(base, Sequence) and isinstance(overlay, Sequence) and not isinstance(base, str):
        return [*copy.deepcopy(list(base)), *copy.deepcopy(list(overlay))]
    return copy.deepcopy(base if overlay in (None, "", {}, []) else overlay)


def _named(base: Sequence[Mapping[str, Any]], overlay: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    over = {one.get("name"): one for one in overlay}
    known = {one.get("name") for one in base}
    merged = [_over(one, over.get(one.get("name"), {})) for one in base]
    return [*merged, *(copy.deepcopy(dict(one)) for one in overlay if one.get("name") not in known)]
