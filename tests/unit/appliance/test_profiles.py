"""Profiles are data: what can be booted, and by which steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.appliance import docker_socket, profiles
from sandbox.appliance.boxed import boot as boxed_boot
from sandbox.appliance.embedded import boot
from sandbox.appliance.errors import ProfileUnavailable, UsageError


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a sandbox nor Docker."""
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")


def test_nothing_asked_for_is_embedded_and_says_why() -> None:
    choice = profiles.choose(None, "sandbox")
    assert choice.profile is profiles.EMBEDDED
    assert "embedded" in choice.reason


def test_the_profile_of_a_foreign_cluster_is_not_started_but_deployed() -> None:
    with pytest.raises(ProfileUnavailable) as failed:
        profiles.choose("cluster", "sandbox")
    assert "sandbox deploy" in failed.value.remedy
    assert "--profile embedded" in failed.value.remedy


@pytest.mark.parametrize("name", ["demo", "sandbox"])
def test_a_name_that_another_profile_has_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine" / "postgres").mkdir(parents=True)
    with pytest.raises(UsageError, match="with the profile embedded"):
        profiles.choose(name, "mine")


def test_without_docker_it_is_embedded_and_says_that_docker_is_missing() -> None:
    choice = profiles.choose(None, "sandbox")
    assert choice.profile is profiles.EMBEDDED
    assert "Docker can't be reached" in choice.reason


@pytest.mark.parametrize(
    ("image", "archive", "profile"),
    [
        ("flyte-sandbox/node-debian", True, "sandbox"),
        ("flyte-sandbox/node-debian", False, "embedded"),
        ("other", True, "embedded"),
    ],
)
def test_with_docker_the_sandbox_is_chosen_only_where_it_boots_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, image: str, archive: bool, profile: str
) -> None:
    monkeypatch.setattr(docker_socket, "reachable", lambda: True)
    monkeypatch.setattr(docker_socket, "has_image", lambda wanted: wanted.startswith(image))
    if archive:
        (tmp_path / ".images").mkdir()
        (tmp_path / ".images" / "control-plane-1.tar").touch()
    choice = profiles.choose(None, "sandbox")
    assert choice.profile.name == profile
    assert "Docker is reachable" in choice.reason


def test_an_unknown_profile_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match="embedded, demo, sandbox, cluster"):
        profiles.choose("kubernetes", "sandbox")


@pytest.mark.parametrize("word", ["sandbox.json", "postgres"])
def test_a_sandbox_that_is_there_or_left_its_data_keeps_its_profile(tmp_path: Path, word: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / word).touch()
    choice = profiles.choose(None, "mine")
    assert choice.profile is profiles.EMBEDDED
    assert "'mine' has it" in choice.reason


def test_every_step_of_a_bootable_profile_is_a_module_with_a_title() -> None:
    for profile in profiles.PROFILES.values():
        assert bool(profile.steps) is profile.bootable
        steps = boxed_boot.STEPS if profile.boxed else boot.STEPS
        for name in profile.steps:
            assert steps[name].TITLE
            assert callable(steps[name].execute)
