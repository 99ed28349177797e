"""Profiles are data: what can be booted, and by which steps."""

from __future__ import annotations

import pytest

from sandbox.appliance import boot, profiles
from sandbox.appliance.errors import ProfileUnavailable, UsageError


def test_nothing_asked_for_is_embedded_and_says_why() -> None:
    choice = profiles.choose(None)
    assert choice.profile is profiles.EMBEDDED
    assert "embedded" in choice.reason


@pytest.mark.parametrize("name", ["demo", "sandbox", "cluster"])
def test_a_profile_that_can_not_be_booted_says_so_and_names_one_that_can(name: str) -> None:
    with pytest.raises(ProfileUnavailable) as failed:
        profiles.choose(name)
    assert name in failed.value.what
    assert "--profile embedded" in failed.value.remedy


def test_an_unknown_profile_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match="embedded, demo, sandbox, cluster"):
        profiles.choose("kubernetes")


def test_every_step_of_a_bootable_profile_is_a_module_with_a_title() -> None:
    for profile in profiles.PROFILES.values():
        assert bool(profile.steps) is profile.bootable
        for name in profile.steps:
            assert boot.STEPS[name].TITLE
            assert callable(boot.STEPS[name].execute)
