"""What people ask of a sandbox's manifests by the flags of `start`: kept in the cluster itself, so that the
next start holds to it.

A flag's meaning depends on the field that it sets, so flags are kept as they were written, in their order:
what is said later wins, in one start as over several. They may be passwords, hence a Secret; it lies beside
Kubernetes' own, where no start, no task and no role of the control plane looks.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.appliance.manifests import cluster as clusters
from sandbox.appliance.manifests import reading
from sandbox.appliance.manifests.cluster import Cluster
from sandbox.appliance.options import StartOptions

PATH = "/api/v1/namespaces/kube-system/secrets/flyte-sandbox-wishes"
_KEY = "wishes.json"
_MANAGER = {"fieldManager": "flyte-sandbox", "force": "true"}
_FLAG, _MAP = "set", "values"


@dataclass(frozen=True, slots=True)
class Wish:
    """One flag, or one values file."""

    flag: str = ""
    """`a.b=c`; empty: `content` it is."""
    content: Mapping[str, Any] | None = None

    @property
    def layer(self) -> Mapping[str, Any]:
        """As `reading.values` takes it; raises ValuesInvalid."""
        return self.content if self.content is not None else reading.flag(self.flag)

    @property
    def subject(self) -> str:
        """Two of the same: the later one is all that counts."""
        if self.content is not None:
            return json.dumps(self.content, sort_keys=True, default=str)
        return self.flag.partition("=")[0]

    def to_json(self) -> dict[str, Any]:
        return {_MAP: self.content} if self.content is not None else {_FLAG: self.flag}


def asked(options: StartOptions) -> tuple[Wish, ...]:
    """What a start is told. Raises ValuesInvalid for a file that can't be read."""
    flags: dict[str, Any] = {}
    if options.env:
        flags["tasks"] = {"env": dict(options.env)}
    if options.connectors.elsewhere is not None:
        flags["connectors"] = list(options.connectors.elsewhere)
    return (
        *([Wish(content=flags)] if flags else ()),
        *(Wish(content=reading.read(path)) for path in options.values),
        *(Wish(flag=text) for text in options.settings),
    )


def together(before: Iterable[Wish], now: Iterable[Wish]) -> tuple[Wish, ...]:
    """Those of earlier starts, and what this one says over them."""
    ordered: dict[str, Wish] = {}
    for wish in (*before, *now):
        ordered.pop(wish.subject, None)
        ordered[wish.subject] = wish
    return tuple(ordered.values())


def kept(cluster: Cluster) -> tuple[Wish, ...]:
    """Those of earlier starts."""
    found = clusters.find(cluster, PATH)
    if found is None:
        return ()
    document = json.loads(base64.b64decode(found["data"][_KEY]))
    return tuple(Wish(flag=each.get(_FLAG, ""), content=each.get(_MAP)) for each in document)


def keep(cluster: Cluster, wishes: Iterable[Wish]) -> None:
    """Have the next start find them."""
    document = json.dumps([wish.to_json() for wish in wishes], default=str)
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": PATH.rpartition("/")[2], "namespace": "kube-system"},
        "data": {_KEY: base64.b64encode(document.encode()).decode()},
    }
    cluster.ask("PATCH", PATH, query=_MANAGER, body=body, content_type=clusters.APPLY)
