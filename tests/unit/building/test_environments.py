"""Environments: which are found, reused, adopted and refused. Nothing is installed here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.appliance import environments
from sandbox.appliance.building import installer
from sandbox.appliance.building.errors import InstallFailed, ProjectUnusable
from sandbox.appliance.building.installer import Outcome
from sandbox.appliance.state import SandboxState


@pytest.fixture
def state(tmp_path: Path) -> SandboxState:
    found = SandboxState.locate("a", at=tmp_path / "state")
    found.create()
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


class Uv:
    """Stands in for the one seam to uv: makes the files that uv would make, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, packages: tuple[str, ...]) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.packages = packages
        monkeypatch.setattr(installer, "run", self.run)

    def run(self, arguments: tuple[str, ...], **_: object) -> Outcome:
        self.calls.append(tuple(arguments))
        if arguments[0] == "venv":
            venv = Path(arguments[-1])
            (venv / "bin").mkdir(parents=True)
            (venv / "bin" / "python").touch()
        elif arguments[0] == "pip":
            site = (
                Path(arguments[arguments.index("--python") + 1]).parents[1] / "lib/python3.11/site-packages"
            )
            for package in self.packages:
                (site / f"{package}.dist-info").mkdir(parents=True, exist_ok=True)
        return Outcome(tuple(arguments), 0, "", "")


def test_the_executor_finds_what_a_build_made(
    project: Path, state: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    Uv(monkeypatch, ("flytekit-1.16.0",))
    (project / "requirements.txt").write_text("flytekit\n")
    (project / "code.py").write_text("x = 1\n")
    built = environments.build(project, "team/model:v1", state)
    data = json.loads((state.images / "team%2Fmodel%3Av1" / "environment.json").read_text())
    assert data == {
        "tag": "team/model:v1",
        "python": str(built.environment.python),
        "root": str(built.environment.root),
        "env": {},
    }
    assert (Path(data["root"]) / "code.py").read_text() == "x = 1\n"
    assert environments.find("team/model:v1", state) == built.environment


def test_the_same_requirements_are_installed_once(
    project: Path, state: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = Uv(monkeypatch, ("flytekit-1.16.0",))
    (project / "requirements.txt").write_text("flytekit\n")
    first = environments.build(project, "a:1", state)
    made = len(uv.calls)
    second = environments.build(project, "b:1", state)
    assert (first.reused, second.reused) == (False, True)
    assert len(uv.calls) == made
    assert first.environment.python == second.environment.python
    (project / "requirements.txt").write_text("flytekit\npandas\n")
    assert not environments.build(project, "a:1", state).reused


def test_a_change_in_an_included_file_makes_another_environment(
    project: Path, state: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    Uv(monkeypatch, ("flytekit-1.16.0",))
    (project / "requirements.txt").write_text("-r base.txt\n")
    (project / "base.txt").write_text("flytekit\n")
    environments.build(project, "a:1", state)
    (project / "base.txt").write_text("flytekit>=1\n")
    assert not environments.build(project, "a:1", state).reused


def test_an_old_flytekit_gets_what_its_time_had(
    project: Path, state: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = Uv(monkeypatch, ("flytekit-1.1.0", "numpy-1.24.4"))
    (project / "requirements.txt").write_text("flytekit==1.1.0\n")
    built = environments.build(project, "a:1", state)
    assert uv.calls[-1][-2:] == ("setuptools<70", "numpy<1.24")
    assert len(built.notes) == 2


def test_what_a_project_pins_itself_is_not_repaired(
    project: Path, state: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = Uv(monkeypatch, ("flytekit-1.1.0", "numpy-1.24.4", "setuptools-65.0"))
    (project / "requirements.txt").write_text("flytekit==1.1.0\nnumpy==1.24.4\n")
    assert environments.build(project, "a:1", state).notes == ()
    assert [call for call in uv.calls if "numpy<1.24" in call] == []


def test_an_environment_without_flytekit_is_refused_and_nothing_is_left(
    project: Path, state: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    Uv(monkeypatch, ("pandas-2.0.0",))
    (project / "requirements.txt").write_text("pandas\n")
    with pytest.raises(InstallFailed, match="flytekit is not among its packages"):
        environments.build(project, "a:1", state)
    assert [path for path in state.environments.iterdir() if path.is_dir()] == []
    assert environments.find("a:1", state) is None


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("error: No solution found when resolving dependencies", "Change the versions"),
        ("error: Failed to fetch: x\n  dns error", "Check the network"),
        ("error: Failed to build `x==1`", "has no wheel"),
        ("error: No space left on device", "Free some disk space"),
    ],
)
def test_uvs_own_words_are_shown_with_a_remedy(
    project: Path, state: SandboxState, monkeypatch: pytest.MonkeyPatch, words: str, remedy: str
) -> None:
    monkeypatch.setattr(installer, "run", lambda arguments, **_: Outcome(tuple(arguments), 1, "", words))
    (project / "requirements.txt").write_text("x\n")
    with pytest.raises(InstallFailed) as caught:
        environments.build(project, "a:1", state)
    assert caught.value.cause == words
    assert remedy in caught.value.remedy


def test_a_project_without_requirements_has_nothing_to_build(project: Path, state: SandboxState) -> None:
    with pytest.raises(ProjectUnusable, match=r"neither a requirements\.txt"):
        environments.build(project, "a:1", state)
    assert environments.prepare_source(project, state) is None


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path, state: SandboxState) -> None:
    with pytest.raises(ProjectUnusable, match="does not exist"):
        environments.build(tmp_path / "gone", "a:1", state)


@pytest.mark.parametrize("tag", ["sandbox-canary", "", "-x", "a b", "a" * 300])
def test_an_impossible_tag_is_refused(project: Path, state: SandboxState, tag: str) -> None:
    with pytest.raises(ProjectUnusable, match="can't be an image's tag"):
        environments.build(project, tag, state)


def test_the_projects_own_environment_is_used_as_it_is(project: Path, state: SandboxState) -> None:
    site = project / ".venv" / "lib" / "python3.11" / "site-packages"
    (site / "flytekit-1.16.0.dist-info").mkdir(parents=True)
    (project / ".venv" / "bin").mkdir()
    (project / ".venv" / "bin" / "python").touch()
    (project / ".venv" / "pyvenv.cfg").write_text("version_info = 3.11.7\n")
    built = environments.prepare_source(project, state)
    assert built is not None
    assert built.environment.python == project / ".venv" / "bin" / "python"
    assert built.environment.root == project
    assert built.python_version == "3.11.7"
    assert environments.find("default", state) == built.environment
