"""Volumes for claims of the default storage class: a folder each, on the node's own volume.

What rancher's local-path provisioner is to k3s, with the same class name. The scheduler decides on which node
the pod of a claim will run and notes that on the claim; the controller of that node makes the folder and the
volume. A volume whose claim is gone is removed with its folder, unless it is to be retained.
"""

from __future__ import annotations

import re
import shutil
import time
import urllib.error
from pathlib import Path
from typing import Any

from node.api import Api
from node.settings import STATE, Settings

CLASS = "local-path"
PROVISIONER = "flyte-sandbox/local-path"
FOLDER = STATE / "volumes"
_PATIENCE = 2.0
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_CLAIMS = "/api/v1/persistentvolumeclaims"
_VOLUMES = "/api/v1/persistentvolumes"
_SELECTED = "volume.kubernetes.io/selected-node"
_BY = "pv.kubernetes.io/provisioned-by"
_ON = "flyte-sandbox/node"
"""Whose folder it is."""
_LOOK_SECONDS = 10
"""A volume is released a moment after its claim went: so long, at most, until that is seen."""


def main() -> None:
    """For ever."""
    settings = Settings.read()
    api = Api(settings, "volumes")
    prepared = False
    while True:
        try:
            prepared = prepared or _create_class(api)
            claims, version = api.list(_CLAIMS)
            volumes, _ = api.list(_VOLUMES)
            look(api, settings.name, claims, volumes)
            api.wait_for_change(_CLAIMS, version, _LOOK_SECONDS)
        except OSError as error:
            print(f"volumes: the API server was not reached, or refused: {error}", flush=True)
            time.sleep(_PATIENCE)


def look(api: Api, node: str, claims: list[dict[str, Any]], volumes: list[dict[str, Any]]) -> None:
    """Make what is missing on this node, remove what is no longer wanted."""
    there = {volume["metadata"]["name"] for volume in volumes}
    for claim in claims:
        if is_ours(claim, node) and volume_name(claim) not in there:
            folder = FOLDER / folder_name(claim)
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)  # whatever user the pod runs as
            api.request("POST", _VOLUMES, volume_of(claim, node, folder))
            print(f"made the volume {folder}", flush=True)
    for volume in volumes:
        if is_over(volume, node):
            folder = Path(volume["spec"]["hostPath"]["path"])
            if folder.parent == FOLDER:
                shutil.rmtree(folder, ignore_errors=True)
            api.request("DELETE", f"{_VOLUMES}/{volume['metadata']['name']}")
            print(f"removed the volume {folder}", flush=True)


def is_ours(claim: dict[str, Any], node: str) -> bool:
    """Whether the claim waits for a volume on this node."""
    notes = claim["metadata"].get("annotations") or {}
    return (
        claim["spec"].get("storageClassName") == CLASS
        and claim.get("status", {}).get("phase") == "Pending"
        and not claim["spec"].get("volumeName")
        and not claim["metadata"].get("deletionTimestamp")
        and notes.get(_SELECTED) == node
    )


def is_over(volume: dict[str, Any], node: str) -> bool:
    """Whether the volume, of this node, has lost its claim and is to go with it."""
    return (
        (volume["metadata"].get("annotations") or {}).get(_BY) == PROVISIONER
        and volume.get("status", {}).get("phase") == "Released"
        and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        and not volume["metadata"].get("deletionTimestamp")
        and (volume["metadata"].get("annotations") or {}).get(_ON) == node
    )


def volume_name(claim: dict[str, Any]) -> str:
    return f"pvc-{claim['metadata']['uid']}"


def folder_name(claim: dict[str, Any]) -> str:
    """Told apart by its end, read by its beginning."""
    about = f"{claim['metadata']['namespace']}_{claim['metadata']['name']}"
    return f"{re.sub('[^a-zA-Z0-9_.-]', '-', about)}_{claim['metadata']['uid']}"


def volume_of(claim: dict[str, Any], node: str, folder: Path) -> dict[str, Any]:
    """The object of the API."""
    metadata = claim["metadata"]
    selector = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(claim), "annotations": {_BY: PROVISIONER, _ON: node}},
        "spec": {
            "accessModes": claim["spec"]["accessModes"],
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "hostPath": {"path": str(folder), "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [selector]}]}},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": CLASS,
        },
    }


def _create_class(api: Api) -> bool:
    """Have the class. Returns True."""
    wanted = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    try:
        api.request("POST", _CLASSES, wanted)
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise
    return True
