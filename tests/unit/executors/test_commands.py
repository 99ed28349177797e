"""Fast commands are taken apart as flytekit itself reads them."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import click
import pytest

from sandbox.executors.process import runner
from sandbox.executors.process.runner import arguments, entry

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


@click.command("pyflyte-like")
@click.option("--inputs", required=True)
@click.option("--checkpoint-path", required=False)
@click.option("--max-concurrency", type=int, required=False)
@click.option("--test", is_flag=True)
@click.argument("resolver-args", type=click.UNPROCESSED, nargs=-1)
def pyflyte_like(**parameters: object) -> None:
    """A command with every kind of parameter that flytekit's have."""
    click.echo(json.dumps(parameters))


@pytest.mark.parametrize(
    "words",
    [
        ["--inputs", "i"],
        ["--inputs", "i", "--", "task-module", "--m", "-x"],
        ["--checkpoint-path", "--", "--inputs", "", "task-module", "--", "m", "--", "n"],
        ["first", "--inputs", "i", "--inputs", "j", "second"],
    ],
)
def test_plain_command_lines_are_read_as_click_reads_them(words: list[str]) -> None:
    arguments.learn(pyflyte_like)
    shape = arguments.shape(pyflyte_like)
    assert shape is not None
    assert arguments.read(shape, words) == pyflyte_like.make_context("pyflyte-like", list(words)).params


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--checkpoint-path", "c"],
        ["--inputs"],
        ["--inputs=i"],
        ["--inputs", "i", "--test"],
        ["--inputs", "i", "--max-concurrency", "3"],
        ["--inputs", "i", "--unknown", "u"],
        ["--help"],
    ],
)
def test_other_command_lines_are_left_to_click(words: list[str]) -> None:
    arguments.learn(pyflyte_like)
    shape = arguments.shape(pyflyte_like)
    assert shape is not None
    assert arguments.read(shape, words) is None


def test_a_prepared_command_runs_with_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    arguments.learn(pyflyte_like)
    command = copy.copy(pyflyte_like)
    arguments.prepare(command, ["--inputs", "i", "--", "task-module", "m"])
    with pytest.raises(SystemExit) as stop:
        command.main(["what is", "prepared", "counts"])
    assert stop.value.code == 0
    assert json.loads(capsys.readouterr().out) == {
        "inputs": "i",
        "checkpoint_path": None,
        "max_concurrency": None,
        "test": False,
        "resolver_args": ["task-module", "m"],
    }
