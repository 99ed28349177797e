"""Profiles are data: what can be booted, and by which steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.appliance import profiles
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


@pytest.mark.parametrize("name", ["demo", "sandbox", "cluster"])
def test_a_profile_that_can_not_be_booted_says_so_and_names_one_that_can(name: str) -> None:
    with pytest.raises(ProfileUnavailable) as failed:
        profiles.choose(name, "sandbox")
    assert name in failed.value.what
    assert "--profile embedded" in failed.value.remedy


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
        for name in profile.steps:
            assert boot.STEPS[name].TITLE
            assert callable(boot.STEPS[name].execute)
