"""Steps of a boot or a build as lines with times; a running clock on a terminal, one line a step elsewhere.
"""

from __future__ import annotations

import threading
import time

from sandbox.appliance.progress import StepTiming
from sandbox.cli.terminal import Terminal

_TELL_EVERY = 15.0
"""Seconds between two lines about one step where lines can't be written over."""


class Steps:
    """A `Progress` for people."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._open: list[tuple[str, float]] = []
        self._lock = threading.Lock()
        self._doing = ""
        self._told = 0.0
        self._clock = _Clock(self._tick) if terminal.live else None

    def __enter__(self) -> Steps:
        if self._clock:
            self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._clock:
            self._clock.stop()
        with self._lock:
            self._terminal.erase()

    def step_started(self, name: str, title: str) -> None:
        with self._lock:
            self._open.append((title, time.monotonic()))
            self._doing, self._told = "", time.monotonic()
        self._tick()

    def working(self, message: str) -> None:
        with self._lock:
            self._doing = message
            due = time.monotonic() - self._told >= _TELL_EVERY
            if due and not self._terminal.live and self._open:
                self._told = time.monotonic()
                self._terminal.line(f"  {self._terminal.symbol('…', '.')} {self._open[-1][0]}: {message}")
        self._tick()

    def step_finished(self, step: StepTiming) -> None:
        sign = self._terminal.style(self._terminal.symbol("✓", "ok"), "green")
        self._close(step, sign, step.detail)

    def step_failed(self, step: StepTiming, error: Exception) -> None:
        sign = self._terminal.style(self._terminal.symbol("✗", "failed"), "red")
        self._close(step, sign, "failed")

    def note(self, message: str) -> None:
        with self._lock:
            self._terminal.erase()
            sign = self._terminal.style(self._terminal.symbol("•", "note"), "yellow")
            self._terminal.paragraph(f"  {sign} ", message, indent=4)

    def _close(self, step: StepTiming, sign: str, detail: str) -> None:
        with self._lock:
            depth = max(0, len(self._open) - 1)
            if self._open:
                self._open.pop()
            self._terminal.erase()
            title = "  " * depth + step.title
            seconds = self._terminal.style(f"{step.seconds:>7.2f} s", "dim")
            room = self._terminal.width - 40
            shown = detail if len(detail) <= room else detail[: max(0, room - 1)] + "…"
            self._terminal.line(f"  {sign} {title:<22}{seconds}  {shown}".rstrip())

    def _tick(self) -> None:
        with self._lock:
            if self._open:
                title, since = self._open[-1]
                depth = len(self._open) - 1
                text = f"  {self._terminal.symbol('…', '.')} {'  ' * depth + title:<22}"
                self._terminal.overwrite(f"{text}{time.monotonic() - since:>7.1f} s  {self._doing}")


class _Clock:
    """Calls a function ten times a second until it is stopped."""

    def __init__(self, tick: object) -> None:
        self._tick = tick
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(0.1):
            if callable(self._tick):
                self._tick()
