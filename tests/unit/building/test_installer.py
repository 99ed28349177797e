"""uv with a person's own package index settings."""

from __future__ import annotations

from pathlib import Path

from sandbox.appliance.building import installer


def test_what_pip_was_told_by_variables_is_handed_on(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PIP_INDEX_URL": "index", "PIP_CONFIG_FILE": "/dev/null"}
    assert installer.environment(environ)["UV_DEFAULT_INDEX"] == "index"


def test_what_uv_was_told_itself_wins(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "PIP_INDEX_URL": "pips",
        "UV_INDEX_URL": "uvs",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    given = installer.environment(environ)
    assert "UV_DEFAULT_INDEX" not in given
    assert given["UV_INDEX_URL"] == "uvs"


def test_what_stands_in_pips_config_file_is_handed_on(tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = main\n[install]\nextra-index-url =\n  one\n  two\n")
    given = installer.environment({"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(config)})
    assert given["UV_DEFAULT_INDEX"] == "main"
    assert given["UV_INDEX"] == "one two"


def test_a_folder_of_wheels_that_is_gone_is_left_out(tmp_path: Path) -> None:
    there = tmp_path / "wheels"
    there.mkdir()
    environ = {"HOME": "/", "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": f"{there} {tmp_path / 'gone'}"}
    assert installer.environment(environ)["UV_FIND_LINKS"] == str(there)


def test_the_python_that_runs_this_program_does_not_leak_into_the_one_that_is_made() -> None:
    given = installer.environment({"PYTHONDONTWRITEBYTECODE": "1", "VIRTUAL_ENV": "/x", "PYTHONPATH": "/y"})
    assert not {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "PYTHONPATH"} & set(given)
