"""Pods that could not even be created, claims without volumes, quotas without room."""

from __future__ import annotations

import re

from sandbox.appliance.diagnosis.facts import Facts, Object
from sandbox.appliance.diagnosis.troubles import Trouble
from sandbox.executors import quantities

_OWNERS = ("ReplicaSet", "StatefulSet", "Job", "DaemonSet")
_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>.+?), used: (?P<used>.+?), limited: (?P<limit>.+)"
)
_UNSET = re.compile(r"failed quota: (?P<name>[^:]+): must specify (?P<what>.+)")
_ACCOUNT = re.compile(r'service account (?P<name>\S+): serviceaccount "')
_WEBHOOK = re.compile(r'failed calling webhook "(?P<name>[^"]+)"')
_WHAT = "can't make its pods"


def look(known: Facts) -> list[Trouble]:
    """What is wrong with each of them."""
    found: dict[str, Trouble] = {}
    for kind in _OWNERS:
        for event in known.recent(kind):
            subject = event["involvedObject"]
            if event.get("reason") == "FailedCreate" and subject.get("uid") not in found:
                found[subject.get("uid", "")] = _uncreated(
                    {"metadata": subject}, str(event.get("message", ""))
                )
    claims = [_unbound(known, claim) for claim in known.claims if _phase(claim) == "Pending"]
    return [*found.values(), *claims, *(one for quota in known.quotas for one in _used_up(quota))]


def _phase(found: Object) -> str:
    return str((found.get("status") or {}).get("phase", ""))


def _uncreated(owner: Object, message: str) -> Trouble:
    quota, unset = _QUOTA.search(message), _UNSET.search(message)
    account, webhook = _ACCOUNT.search(message), _WEBHOOK.search(message)
    if quota:
        cause = (
            f"the quota {quota['name']} has no room: {quota['asked']} asked for, {quota['used']} used, "
            f"{quota['limit']} allowed"
        )
        return Trouble(
            owner, _WHAT, cause, "It goes on when others end; or raise the quota: `sandbox quota set`."
        )
    if unset:
        cause = f"under the quota {unset['name']}, every container has to say its {unset['what']}"
        return Trouble(owner, _WHAT, cause, "Set them in the task, or a LimitRange in the namespace.")
    if account:
        cause = f"there is no service account {account['name']}"
        namespace, _, name = account["name"].rpartition("/")
        where = f" --namespace {namespace}" if namespace else ""
        return Trouble(owner, _WHAT, cause, f"Create it: `kubectl create serviceaccount {name}{where}`.")
    if webhook:
        cause = f"the webhook {webhook['name']}, which looks at every new pod, does not answer"
        return Trouble(owner, _WHAT, cause, "See `sandbox status` for flyte-pod-webhook, and `sandbox logs`.")
    return Trouble(owner, _WHAT, message.removeprefix("Error creating: "), "Look with `kubectl describe`.")


def _unbound(known: Facts, claim: Object) -> Trouble:
    said = next((str(event.get("message", "")) for event in known.about(claim)), "")
    missing = re.search(r'storageclass\S* "([^"]+)" not found', said)
    if missing:
        cause = f"there is no storage class {missing[1]!r}"
        remedy = "Name one that there is (`kubectl get storageclass`): `--set storage.className=NAME`."
        return Trouble(claim, "is a claim without a volume", cause, remedy)
    cause = said or "nothing has made a volume for it"
    return Trouble(claim, "is a claim without a volume", cause, "See `kubectl get storageclass,pv`.")


def _used_up(quota: Object) -> list[Trouble]:
    status = quota.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    full = []
    for resource, limit in hard.items():
        try:
            if quantities.to_number(str(used.get(resource, "0"))) >= quantities.to_number(str(limit)) > 0:
                full.append(f"{resource}: {used[resource]} of {limit}")
        except ValueError:
            continue
    if not full:
        return []
    remedy = "Tasks wait until others end; raise it with `sandbox quota set`."
    return [Trouble(quota, "is a quota that is used up", "; ".join(sorted(full)), remedy, shared=False)]
