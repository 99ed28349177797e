"""Everything that is wrong in a cluster, the cause before what follows from it."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.appliance.diagnosis import crashes, facts, images, nodes, scheduling, starting, workloads
from sandbox.appliance.diagnosis.facts import Facts, Object
from sandbox.appliance.diagnosis.troubles import Trouble
from sandbox.appliance.findings import Finding, Verdict

_LOOKS = (nodes.look, workloads.look, images.look, crashes.look, scheduling.look, starting.look)
_SHOWN = 3
_NODES = "Nodes"
_PODS = "Pods"


def examine(known: Facts, *, own: str = "flyte") -> list[Finding]:
    """One finding for each trouble; those of many objects with one cause are one. Empty: all is well.

    What is wrong with nodes or in the namespace `own` is bad: the sandbox itself suffers. Elsewhere it is a
    warning: it is a task's.
    """
    groups: dict[tuple[str, str, str], list[Trouble]] = {}
    for trouble in (trouble for look in _LOOKS for trouble in look(known)):
        alike = (trouble.what, trouble.cause, trouble.remedy)
        key = alike if trouble.shared else (*alike[:2], facts.name(trouble.about))
        groups.setdefault(key, []).append(trouble)
    found = [_finding(group, own) for group in groups.values()]
    return sorted(found, key=lambda finding: finding.verdict is not Verdict.BAD)


def _finding(group: list[Trouble], own: str) -> Finding:
    first = group[0]
    subjects = [trouble.about for trouble in group]
    return Finding(
        title=_title(first.about),
        verdict=Verdict.BAD if any(_matters(one, own) for one in subjects) else Verdict.WARNING,
        detail=f"{_names(subjects)} {first.what}: {first.cause}",
        remedy=first.remedy,
    )


def _title(subject: Object) -> str:
    return _NODES if "namespace" not in subject["metadata"] else _PODS


def _matters(subject: Object, own: str) -> bool:
    return subject["metadata"].get("namespace") in (None, own)


def _names(subjects: Iterable[Object]) -> str:
    names = list(dict.fromkeys(facts.name(one) for one in subjects))
    shown, rest = names[:_SHOWN], len(names) - _SHOWN
    if rest > 0:
        return f"{', '.join(shown)} and {rest} more:" if rest > 1 else f"{', '.join(shown)} and 1 more:"
    return ", ".join(shown)
