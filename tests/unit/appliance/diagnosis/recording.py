"""A cluster with every trouble at once, as its API server described it.

`recorded.json` is of a real one (1.20): pods that can't start, crash, wait, don't leave; a node that was said
to have no disk left, and then fell silent. Left out is what nobody reads; the name of a registry is changed.
"""

from __future__ import annotations

import copy
import functools
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.appliance.diagnosis import examination
from sandbox.appliance.diagnosis.facts import Facts, Place
from sandbox.appliance.findings import Finding

NAMESPACE = "p-diagnosis"
NOW = datetime(2026, 11, 22, 10, 49, 20, tzinfo=UTC)


@functools.cache
def _read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("recorded.json").read_text())
    return found


def everything() -> Facts:
    """All that was recorded."""
    read = copy.deepcopy(_read())
    logs = {Place(NAMESPACE, name, "main"): text for name, text in read.pop("logs").items()}
    return Facts(now=NOW, logs=logs, **read)


def pod(name: str) -> dict[str, Any]:
    """One of the pods, by its name's beginning."""
    (found,) = [one for one in everything().pods if one["metadata"]["name"].startswith(name)]
    return dict(found)


def only(*names: str) -> Facts:
    """These pods as they were recorded, in a cluster that is well otherwise."""
    known = everything()
    well = [node for node in known.nodes if node["metadata"]["name"] == "sandbox"]
    return replace(
        known,
        pods=[pod(name) for name in names],
        nodes=well,
        claims=(),
        quotas=(),
        events=[event for event in known.events if event["involvedObject"]["kind"] == "Pod"],
    )


def the_finding(known: Facts) -> Finding:
    """The one that there is."""
    (found,) = examination.examine(known)
    return found
