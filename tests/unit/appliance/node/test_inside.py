"""The pure parts of what runs in the debian node."""

from __future__ import annotations

import gzip
import io
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from node import cgroups, controllers, dns, images, routes, runtime, volumes  # type: ignore[import-not-found]
from node.settings import Settings  # type: ignore[import-not-found]

MOUNTS = """\
86 85 0:46 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755
87 86 0:29 / /sys/fs/cgroup/cpu ro,nosuid,relatime - cgroup cgroup rw,cpu
88 86 0:30 / /sys/fs/cgroup/memory rw,nosuid shared:12 - cgroup cgroup rw,memory
89 86 0:31 / /sys/fs/cgroup ro,nosuid master:1 shared:12 - cgroup2 cgroup rw
90 85 0:32 / /proc/bus ro - proc proc rw
"""


def test_control_groups_that_cannot_be_written_to_are_found() -> None:
    assert cgroups.mounts(MOUNTS) == ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"]


@pytest.mark.parametrize(("effective", "expected"), [("000001fffeffffff", False), ("000001ffffffffff", True)])
def test_the_missing_capability_is_noticed(tmp_path: Path, effective: str, expected: bool) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tx\nCapPrm:\t0\nCapEff:\t{effective}\n")
    assert (runtime.flags(status) == []) is expected


def _service(name: str, address: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": name}, "spec": {"clusterIP": address, **spec}}


def test_services_have_their_own_address_and_headless_ones_those_of_their_pods() -> None:
    subset = {
        "addresses": [{"ip": "10.42.0.2", "hostname": "db-0"}, {"ip": "10.42.0.3"}],
        "notReadyAddresses": [{"ip": "10.42.0.4", "hostname": "db-2"}],
    }
    names = ("db", "early")
    endpoints = [{"metadata": {"namespace": "n", "name": name}, "subsets": [subset]} for name in names]
    services = [
        _service("web", "10.43.0.9"),
        _service("db", "None"),
        _service("early", "None", publishNotReadyAddresses=True),
        _service("elsewhere", "", type="ExternalName"),
        _service("empty", "None"),
    ]
    lines = [line.replace(".n.svc.cluster.local", "") for line in dns.lines(services, endpoints)]
    assert lines == [
        "10.43.0.9 web",
        "10.42.0.2 db",
        "10.42.0.2 db-0.db",
        "10.42.0.3 db",
        "10.42.0.2 early",
        "10.42.0.2 db-0.early",
        "10.42.0.3 early",
        "10.42.0.4 early",
        "10.42.0.4 db-2.early",
    ]


def _node(name: str, pods: str | None, address: str | None) -> dict[str, Any]:
    addresses = [{"type": "Hostname", "address": name}]
    addresses += [{"type": "InternalIP", "address": address}] if address else []
    return {"metadata": {"name": name}, "spec": {"podCIDR": pods}, "status": {"addresses": addresses}}


def test_routes_lead_to_the_pods_of_all_other_nodes() -> None:
    nodes = [
        _node("a", "10.42.0.0/24", "172.18.0.2"),
        _node("b", "10.42.1.0/24", "172.18.0.3"),
        _node("c", None, "172.18.0.4"),
        _node("d", "10.42.3.0/24", None),
    ]
    assert routes.wanted(nodes, "a") == {"10.42.1.0/24": "172.18.0.3"}
    assert [routes.lacks_range(nodes, name) for name in "abcx"] == [False, False, True, False]


def _claim(**changes: Any) -> dict[str, Any]:
    claim: dict[str, Any] = {
        "metadata": {
            "namespace": "n",
            "name": "data",
            "uid": "u-1",
            "annotations": {"volume.kubernetes.io/selected-node": "a"},
        },
        "spec": {
            "storageClassName": "local-path",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
        "status": {"phase": "Pending"},
    }
    for path, value in changes.items():
        section, _, key = path.partition("_")
        claim[section][key] = value
    return claim


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (_claim(), True),
        (_claim(spec_storageClassName="other"), False),
        (_claim(spec_volumeName="pv"), False),
        (_claim(status_phase="Bound"), False),
        (_claim(metadata_deletionTimestamp="now"), False),
        (_claim(metadata_annotations={"volume.kubernetes.io/selected-node": "a-node-1"}), False),
        (_claim(metadata_annotations={}), False),
    ],
)
def test_claims_wait_for_the_node_of_their_pod(claim: dict[str, Any], expected: bool) -> None:
    assert volumes.is_ours(claim, "a") is expected


def test_a_released_volume_goes_only_on_its_own_node() -> None:
    volume = {**volumes.volume_of(_claim(), "a", Path("/v/x")), "status": {"phase": "Released"}}
    assert volumes.is_over(volume, "a")
    assert not volumes.is_over(volume, "a-node-1")
    assert not volumes.is_over({**volume, "status": {"phase": "Bound"}}, "a")
    kept = {**volume, "spec": {**volume["spec"], "persistentVolumeReclaimPolicy": "Retain"}}
    assert not volumes.is_over(kept, "a")


def test_names_of_claims_make_safe_folders() -> None:
    claim = _claim(metadata_name="../../etc")
    assert "/" not in volumes.folder_name(claim)


def test_a_ca_bundle_takes_the_place_of_the_archives_own(tmp_path: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in (("./etc/ssl/certs/ca-certificates.crt", b"old"), ("./bin/x", b"program")):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("./bin/y")
        link.type, link.linkname = tarfile.LNKTYPE, "./bin/x"
        archive.addfile(link)
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(plain.getvalue()))
    target = tmp_path / "b.tar"
    with target.open("wb") as file:
        images.copy_with_bundle(packed, b"much newer", file)
    with tarfile.open(target) as copied:
        contents = {m.name: copied.extractfile(m).read() for m in copied if m.isreg()}  # type: ignore[union-attr]
        assert contents == {"./etc/ssl/certs/ca-certificates.crt": b"much newer", "./bin/x": b"program"}
        assert copied.getmember("./bin/y").islnk()
        assert copied.getmember("./bin/x").mode == 0o755


def test_each_node_has_its_own_range_of_pods() -> None:
    nodes = [Settings(name="x", number=number, server="s", names=(), ca_bundle=None) for number in (0, 1, 7)]
    assert len({node.pods for node in nodes}) == 3
    assert nodes[0].is_server
    assert not nodes[1].is_server


def test_a_controller_that_fails_ends_the_process_that_all_share(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise KeyError("metadata")

    monkeypatch.setattr(controllers, "ALL", (threading.Event().wait, broken))
    assert controllers.main() == 1
    assert "KeyError: 'metadata'" in capsys.readouterr().out
