"""How an error looks to the person at the keyboard: what failed, the cause, the remedy; a traceback only
with -v."""

from __future__ import annotations

import json
import sys
import traceback

from sandbox.appliance.errors import ApplianceError
from sandbox.cli.terminal import Terminal


def report(exc: Exception, words: list[str]) -> int:
    """Tell about the error on stderr, and with `-o json` as an object on stdout too; returns the exit code.
    """
    words = words[: words.index("--")] if "--" in words else words  # behind it are another program's
    if any(word in ("-v", "--verbose") for word in words):
        traceback.print_exception(exc, file=sys.stderr)
    error = exc if isinstance(exc, ApplianceError) else _unforeseen(exc)
    if _wants_json(words):
        told = {
            "what": error.what,
            "cause": error.cause,
            "remedy": error.remedy,
            "type": type(error).__name__,
        }
        print(json.dumps({"error": told}, indent=2))
    _print(error, Terminal(sys.stderr))
    return 1


def _print(error: ApplianceError, terminal: Terminal) -> None:
    what = error.what
    if what.partition(" ")[0].replace("'", "").isalpha():  # a file's name or a flag keeps its own letters
        what = what[:1].upper() + what[1:]
    terminal.line(f"{terminal.style('Error', 'red', 'bold')}  {what}.")
    for label, text in (("Cause", error.cause), ("Remedy", error.remedy)):
        if text:
            terminal.paragraph(terminal.style(f"{label:<7}", "bold"), text, indent=7)


def _unforeseen(exc: Exception) -> ApplianceError:
    if isinstance(exc, PermissionError):
        return ApplianceError(
            f"{exc.filename or 'a file'} can't be used",
            exc.strerror or str(exc),
            "Change its permissions, or set SANDBOX_HOME to a directory of your own.",
        )
    if isinstance(exc, OSError):
        return ApplianceError("the system refused", str(exc), "Look at the machine with `sandbox doctor`.")
    cause = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
    return ApplianceError(
        "the sandbox has a defect here", cause, "Run the command again with -v, and report what it says."
    )


def _wants_json(words: list[str]) -> bool:
    pairs = zip(words, [*words, ""][1:], strict=True)
    return any(
        (first in ("-o", "--output") and second == "json") or first in ("-ojson", "--output=json")
        for first, second in pairs
    )
