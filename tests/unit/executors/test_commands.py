"""Fast commands are taken apart as flytekit itself reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sandbox.executors.process import runner
from sandbox.executors.process.runner import entry

INNER = ["pyflyte-execute", "--inputs", "i", "--resolver", "r", "--", "task-module", "m"]
TOLD = ["--dynamic-addl-distro", "s3://b/c.tar.gz", "--dynamic-dest-dir", "/root"]


@pytest.mark.parametrize(
    "options",
    [
        ["--additional-distribution", "s3://b/c.tar.gz", "--dest-dir", "/root", "--"],
        ["--dest-dir=/root", "--additional-distribution=s3://b/c.tar.gz", "--"],
        ["--dest-dir", "/root", "--additional-distribution", "s3://b/c.tar.gz"],
    ],
)
def test_a_fast_command_becomes_its_inner_command_that_knows_its_code(options: list[str]) -> None:
    fast = entry.split_fast(["/env/bin/pyflyte-fast-execute", *options, *INNER])
    assert fast is not None
    assert (fast.distribution, fast.destination) == ("s3://b/c.tar.gz", "/root")
    assert fast.command == [*INNER[:3], *TOLD, *INNER[3:]]


def test_a_fast_command_without_a_distribution_is_just_its_inner_command() -> None:
    fast = entry.split_fast(["pyflyte-fast-execute", "--", *INNER])
    assert fast == (None, None, INNER)


def test_other_commands_are_not_fast() -> None:
    assert entry.split_fast(INNER) is None
    assert entry.split_fast([]) is None


def test_the_runner_imports_nothing_of_the_control_plane(tmp_path: Path) -> None:
    here = Path(runner.__file__).parent
    for source in here.glob("*.py"):
        assert "import sandbox" not in source.read_text()
        assert "from sandbox" not in source.read_text()


def test_the_runners_files_are_python_3_8() -> None:
    python = Path.home() / ".pyenv/versions/3.8.18/bin/python"
    if not python.exists():
        pytest.skip("no Python 3.8 here")
    here = Path(runner.__file__).parent
    program = "import ast, sys; [ast.parse(open(name).read()) for name in sys.argv[1:]]"
    sources = [str(source) for source in here.glob("*.py")]
    assert subprocess.run([str(python), "-c", program, *sources], check=False).returncode == 0
