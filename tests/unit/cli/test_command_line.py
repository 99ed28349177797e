"""The command line without a sandbox: help, mistakes, errors, tables, speed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.appliance.errors import ApplianceError
from sandbox.appliance.progress import StepTiming
from sandbox.appliance.status import ComponentStatus, Health
from sandbox.cli import failures, main, status, tables, units
from sandbox.cli.progress import Steps
from sandbox.cli.terminal import Terminal


@pytest.fixture(autouse=True)
def _own_home(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SANDBOX_HOME", f"{tmp_path}/sandboxes")
    monkeypatch.setenv("HOME", f"{tmp_path}/home")
    return


@pytest.mark.parametrize(
    "name", [*main.COMMANDS, "register files", "create project", "secret set", "secret list"]
)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*name.split(), "--help"]) == 0
    assert f"Usage: sandbox {name}" in capsys.readouterr().out


def test_help_shows_every_command_without_importing_any() -> None:
    code = (
        "import sys\nfrom sandbox.cli import main\nmain.run(['--help'])\n"
        "heavy = {'grpc', 'rich', 'docker', 'kubernetes', 'sqlalchemy', 'flyteidl', 'sandbox.appliance'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout
    assert all(name in done.stdout for name in main.COMMANDS)


def test_an_unknown_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["statsu"]) == 2
    assert "Did you mean 'status'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["stop"],
        ["logs"],
        ["config"],
        ["console"],
        ["exec", "--", "true"],
        ["build", ".", "--tag", "x"],
        ["register", "files", "x.tgz"],
        ["create", "project", "--id", "x"],
        ["teardown"],
    ],
)
def test_without_a_sandbox_commands_say_how_to_start_one(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(words) == 1
    said = capsys.readouterr().err
    assert "There is no sandbox named 'sandbox'" in said
    assert "sandbox start" in said
    assert "Traceback" not in said


def test_an_error_has_a_traceback_only_with_v(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["status", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_error_is_an_object_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["status", "-o", "json"]) == 1
    told = json.loads(capsys.readouterr().out)["error"]
    assert told["type"] == "NotFound"
    assert told["remedy"]


def test_flags_behind_the_dashes_belong_to_the_other_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["exec", "--", "program", "-v", "-o", "json"]) == 1
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert told.out == ""


def test_a_file_keeps_its_own_letters_in_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    failures.report(ApplianceError("package.tgz does not exist", "", ""), [])
    failures.report(ApplianceError("can't do it", "", ""), [])
    assert capsys.readouterr().err == "Error  package.tgz does not exist.\nError  Can't do it.\n"


def test_a_command_to_type_names_the_sandbox_inside_its_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["status", "--name", "other"]) == 1
    assert "`sandbox start --name other`." in capsys.readouterr().err


def test_a_flag_is_not_broken_at_its_hyphens() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    terminal.width = 40
    terminal.paragraph("Remedy ", "Choose another port, please, with --object-store-port NUMBER.", indent=7)
    assert "--object-store-port" in stream.getvalue()


def test_a_narrow_terminal_gets_fewer_columns_instead_of_broken_lines() -> None:
    part = ComponentStatus(
        name="postgres",
        title="PostgreSQL",
        health=Health.HEALTHY,
        pid=12345,
        version="18",
        port=30001,
        memory=22 << 20,
        processes=3,
        uptime=61.0,
        restarts=0,
        detail="",
        log=Path("postgres.log"),
    )
    for width, columns in ((200, 7), (60, 6), (50, 5), (10, 4)):
        text = tables.fitting(status._HEADERS, [status._row(part)], width=width, least=4)
        lines = text.splitlines()
        assert lines[1].count("|") == columns + 1
        assert width == 10 or all(len(line) <= width for line in lines)


def test_a_defect_asks_to_be_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures.report(ZeroDivisionError("division by zero"), []) == 1
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err


def test_a_file_of_somebody_else_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    failures.report(PermissionError(13, "Permission denied", "/x/y"), [])
    assert "/x/y" in capsys.readouterr().err


def test_wrong_flags_of_start_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["start", "--env", "no-equals-sign"]) == 2
    assert main.run(["start", "--port", "70000"]) == 2
    assert main.run(["start", "--profile", "nosuch"]) == 2
    assert main.run(["start", "--connector", "--no-connector"]) == 2
    capsys.readouterr()


def test_a_table_looks_like_flytectls() -> None:
    table = tables.render(("Name", "Status"), [("a_1.pb", "Success")], width=100)
    assert table == (
        " -------- --------- \n"
        "| NAME   | STATUS  |\n"
        " -------- --------- \n"
        "| a_1.pb | Success |\n"
        " -------- --------- "
    )


def test_a_table_folds_its_widest_column_into_the_terminal() -> None:
    table = tables.render(("Name", "Info"), [("a", "word " * 40)], width=60)
    assert max(len(line) for line in table.splitlines()) <= 60
    assert table.count("word") == 40


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (327155712, "312 MiB"), (5 * 2**30, "5.0 GiB")])
def test_sizes_read_well(count: int, text: str) -> None:
    assert units.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.21, "4.2 s"), (200, "3 min"), (18720, "5 h 12 min"), (183600, "2 d 3 h")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


class Screen(io.StringIO):
    """A terminal."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_that_want_them() -> None:
    assert "\x1b" in Terminal(Screen(), {"TERM": "xterm"}).style("x", "red")
    assert Terminal(Screen(), {"TERM": "xterm", "NO_COLOR": "1"}).style("x", "red") == "x"
    assert Terminal(io.StringIO(), {}).style("x", "red") == "x"


def test_steps_are_plain_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with Steps(Terminal(stream, {})) as steps:
        steps.step_started("a", "First")
        steps.step_started("b", "Inner")
        steps.step_finished(StepTiming("b", "Inner", 0.5, "detail"))
        steps.step_finished(StepTiming("a", "First", 1.25))
        steps.step_started("c", "Last")
        steps.step_failed(StepTiming("c", "Last", 0.1), ApplianceError("x", "y", "z"))
    lines = stream.getvalue().splitlines()
    assert [line.split() for line in lines] == [
        ["ok", "Inner", "0.50", "s", "detail"],
        ["ok", "First", "1.25", "s"],
        ["failed", "Last", "0.10", "s", "failed"],
    ]
    assert "\x1b" not in stream.getvalue()
