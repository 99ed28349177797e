"""`sandbox debug replay`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from sandbox.appliance import debugging
from sandbox.appliance.errors import UsageError
from sandbox.cli import options, tables
from sandbox.cli.terminal import Terminal
from sandbox.propeller import histories, moments
from sandbox.propeller.core import events
from sandbox.propeller.core.state import State, picture, snapshot
from sandbox.propeller.histories import History

_HEADERS = ("Node", "Kind", "Phase", "Attempts", "Began", "Started", "Ended", "Note")


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--at", type=click.IntRange(min=0), metavar="N", help="Stop after N events.")
@click.option("--until", metavar="TIME", help="Stop before the first event later than that (ISO, UTC).")
@click.option(
    "--diff", nargs=2, type=click.IntRange(min=0), metavar="N M", help="What changed between two events."
)
@click.option("--events", "list_events", is_flag=True, help="List the events with their numbers.")
@options.output("table", "json")
@options.verbose
def command(
    file: Path,
    at: int | None,
    until: str | None,
    diff: tuple[int, int] | None,
    list_events: bool,
    output: str,
) -> int:
    """Replay a history that `sandbox debug history` wrote, by the engine's own core.

    \b
    sandbox debug replay FILE              the state at the end; is it what it was, byte for byte?
    sandbox debug replay FILE --at 12      the state after twelve events
    sandbox debug replay FILE --diff 12 13 what the thirteenth changed
    sandbox debug replay FILE --events     which events there are
    """
    history = debugging.read(str(file), file.read_text())
    if diff is not None:
        _print_difference(history, *diff)
        return 0
    if list_events:
        for line in _event_lines(history, 0, len(history.events)):
            click.echo(line)
        return 0
    count = _until(history, until) if until is not None else at
    state = histories.fold(history, count)
    if output == "json":
        options.print_json(picture(state))
    else:
        _print_state(history, state, len(history.events) if count is None else count)
    return _verdict(history) if count is None else 0


def _verdict(history: History) -> int:
    terminal = Terminal(sys.stderr)
    differences = histories.verify(history)
    if not differences:
        terminal.line(f"The state is the recorded one, byte for byte: SHA-256 {history.digest}.")
        return 0
    terminal.line(terminal.style("The state is not the recorded one.", "red", "bold"))
    terminal.line(f"Version {history.version} recorded it. Recorded → now:")
    for difference in differences:
        terminal.line(f"  {difference}")
    return 1


def _until(history: History, text: str) -> int:
    try:
        limit = moments.micros(text)
    except ValueError as exc:
        raise UsageError(f"{text!r} is no time", str(exc), "Write it as 2026-01-31T12:00:00.5Z.") from exc
    times = [events.decode(payload).at for payload in history.events]
    return next((place for place, time in enumerate(times) if time > limit), len(times))


def _print_state(history: History, state: State, count: int) -> None:
    click.echo(
        f"{state.parameters.execution} {state.phase.name} after {count} of {len(history.events)} events"
    )
    if 0 < count <= len(history.events):
        click.echo(next(iter(_event_lines(history, count - 1, count))))
    facts = [f"{state.slots_used} slots used", f"{len(state.waiting)} nodes waiting for one"]
    if state.failure is not None:
        facts.append(f"failure {state.failure.code}: {state.failure.message}")
    if state.abort_cause is not None:
        facts.append(f"to be aborted: {state.abort_cause}")
    click.echo("; ".join(facts))
    rows = [
        (
            one.node,
            one.kind,
            one.phase,
            one.attempts,
            *(_seconds(at) for at in (one.began, one.started, one.ended)),
            one.note,
        )
        for one in moments.nodes(state)
    ]
    click.echo(tables.render(_HEADERS, rows, width=Terminal(sys.stdout).width))
    click.echo(f"{len(rows)} of {len(state.nodes)} nodes began")


def _print_difference(history: History, first: int, second: int) -> None:
    for line in _event_lines(history, min(first, second), max(first, second)):
        click.echo(line)
    before, after = (json.loads(snapshot(histories.fold(history, place))) for place in (first, second))
    for difference in moments.differences(before, after) or ["nothing differs"]:
        click.echo(f"  {difference}")


def _event_lines(history: History, first: int, last: int) -> list[str]:
    """Events `first + 1` … `last`, each named as the state after it names its node."""
    state = histories.fold(history, first)
    lines = []
    for place, payload in enumerate(history.events[first:last], first + 1):
        event = events.decode(payload)
        state = histories.advance(history, state, event)
        lines.append(f"{place:>5}  {moments.iso_time(event.at)}  {moments.in_words(event, state)}")
    return lines


def _seconds(at: float | None) -> str:
    return "" if at is None else f"+{at:.3f}"
