"""The sandbox's entries in a kubeconfig that belongs to somebody: theirs keeps every character."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.appliance.node import kubeconfig
from sandbox.appliance.node.kubeconfig import KubeconfigUnusable

OURS: dict[str, Any] = kubeconfig.for_host(
    {
        "clusters": [
            {"name": "x", "cluster": {"server": "https://1.2.3.4:6443", "certificate-authority-data": "QQ=="}}
        ],
        "users": [{"name": "y", "user": {"client-certificate-data": "Qg==", "client-key-data": "Qw=="}}],
    },
    "flyte-sandbox",
    6443,
)
THEIRS = """\
# my clusters
apiVersion: v1
kind: Config
preferences: {}
clusters:
# the good one
- cluster:
    server: https://work.example:6443   # ask Ada
    certificate-authority-data: |
      AAAA
      BBBB
  name: work
current-context: work  # do not change
contexts:
  - context:
      cluster: work
      user: ada
    name: work
# people
users:
- name: ada
  user:
    token: "secret"

"""


def test_a_fresh_file_has_our_context_alone() -> None:
    text = kubeconfig.merged("", OURS)
    assert yaml.safe_load(text) == {**OURS, "contexts": OURS["contexts"]}


def test_another_ones_entries_comments_and_order_stay() -> None:
    text = kubeconfig.merged(THEIRS, OURS)
    remarks = [line.partition("#")[2] for line in THEIRS.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in text.splitlines() if "#" in line] == remarks
    found = yaml.safe_load(text)
    assert [one["name"] for one in found["clusters"]] == ["work", "flyte-sandbox"]
    assert [one["name"] for one in found["contexts"]] == ["work", "flyte-sandbox"]
    assert [one["name"] for one in found["users"]] == ["ada", "flyte-sandbox"]
    assert found["current-context"] == "flyte-sandbox"
    assert found["clusters"][0]["cluster"]["certificate-authority-data"] == "AAAA\nBBBB\n"


def test_taking_ours_out_again_leaves_what_was_there() -> None:
    assert kubeconfig.without(kubeconfig.merged(THEIRS, OURS), "flyte-sandbox") == THEIRS


def test_merging_twice_is_merging_once() -> None:
    once = kubeconfig.merged(THEIRS, OURS)
    assert kubeconfig.merged(once, OURS) == once
    assert kubeconfig.without(once, "flyte-sandbox") == THEIRS


def test_a_context_that_the_user_chose_meanwhile_stays_current() -> None:
    text = kubeconfig.merged(THEIRS, OURS).replace("current-context: flyte-sandbox", "current-context: other")
    assert kubeconfig.current(kubeconfig.without(text, "flyte-sandbox")) == "other"


def test_a_context_that_is_gone_does_not_come_back() -> None:
    text = kubeconfig.merged(THEIRS, OURS)
    text = kubeconfig.without(text.replace("name: work", "name: renamed"), "flyte-sandbox")
    assert kubeconfig.current(text) == ""


@pytest.mark.parametrize("empty", ["clusters: []\n", "clusters: null\n", "clusters:\n", "clusters: {}\n", ""])
def test_sections_that_are_empty_in_any_way_take_entries(empty: str) -> None:
    text = kubeconfig.merged(f"apiVersion: v1\n{empty}kind: Config", OURS)
    found = yaml.safe_load(text)
    assert found["clusters"] == OURS["clusters"]
    assert found["kind"] == "Config"


def test_a_file_in_json_is_understood() -> None:
    theirs = '{"apiVersion": "v1", "clusters": [{"name": "a", "cluster": {}}], "contexts": [], "users": []}\n'
    found = yaml.safe_load(kubeconfig.merged(theirs, OURS))
    assert [one["name"] for one in found["clusters"]] == ["a", "flyte-sandbox"]
    assert found["contexts"] == OURS["contexts"]


NAMES = st.lists(st.sampled_from(["a", "b", "c-d", "e.f", "0", "true", "ü"]), unique=True)


@settings(max_examples=25)
@given(clusters=NAMES, users=NAMES, flow=st.booleans(), indent=st.sampled_from([0, 2]))
def test_any_kubeconfig_is_the_same_after_ours_came_and_went(
    clusters: list[str], users: list[str], flow: bool, indent: int
) -> None:
    document = {
        "clusters": [
            {"name": name, "cluster": {"server": "https://x", "l": ["1", "2"]}} for name in clusters
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in clusters],
        "users": [{"name": name, "user": {"exec": {"args": ["a", "b"]}}} for name in users],
        "current-context": clusters[0] if clusters else "",
    }
    text = "# first\n"
    for key, value in document.items():
        body = yaml.safe_dump(value, default_flow_style=flow).removesuffix("...\n")
        block = isinstance(value, list) and value and not flow
        text += (
            f"{key}:\n" + "".join(" " * indent + line for line in body.splitlines(True))
            if block
            else (f"{key}: {body}")
        )
    merged = kubeconfig.merged(text, OURS)
    for section in ("clusters", "users"):
        assert yaml.safe_load(merged)[section] == [*document[section], *OURS[section]]  # type: ignore[misc]
    assert yaml.safe_load(kubeconfig.without(merged, "flyte-sandbox")) == document


def test_the_first_of_several_files_is_written_and_keeps_its_mode(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "config", tmp_path / "b"
    second.write_text(THEIRS)
    environ = {"KUBECONFIG": f"{first}:{second}", "HOME": str(tmp_path)}
    assert kubeconfig.write(OURS, environ) == first
    assert first.stat().st_mode & 0o777 == 0o600
    assert second.read_text() == THEIRS
    first.chmod(0o640)
    kubeconfig.write(OURS, environ)
    assert first.stat().st_mode & 0o777 == 0o640
    assert kubeconfig.remove("flyte-sandbox", environ) == [first]
    assert "flyte-sandbox" not in first.read_text()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text(THEIRS)
    link = tmp_path / "config"
    link.symlink_to(real)
    kubeconfig.write(OURS, {"KUBECONFIG": str(link)})
    assert link.is_symlink()
    assert "flyte-sandbox" in real.read_text()


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(THEIRS)
    documents = [kubeconfig.for_host(OURS, f"flyte-sandbox-{number}", number) for number in range(8)]
    environ = {"KUBECONFIG": str(path)}
    threads = [threading.Thread(target=kubeconfig.write, args=(one, environ)) for one in documents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {one["name"] for one in yaml.safe_load(path.read_text())["clusters"]}
    assert names == {"work", *(f"flyte-sandbox-{number}" for number in range(8))}
    assert not path.with_name("config.lock").exists()


def test_a_file_that_is_no_yaml_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("a: [\n")
    with pytest.raises(KubeconfigUnusable, match="--no-kubeconfig"):
        kubeconfig.write(OURS, {"KUBECONFIG": str(path)})
    assert path.read_text() == "a: [\n"
    assert not path.with_name("config.lock").exists()


def test_without_a_home_nothing_is_written() -> None:
    assert kubeconfig.write(OURS, {}) is None
    assert kubeconfig.remove("flyte-sandbox", {}) == []
