"""The `sandbox` command itself: finds the command's module, and turns errors into exit codes.

Exit codes: 0 it worked, 1 it failed (one message with cause and remedy), 2 the command line is wrong, 130
interrupted.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from sandbox.cli.lazy import Command, LazyGroup

COMMANDS = {
    "start": Command("sandbox.cli.start", "Start the sandbox; ready means that a workflow ran."),
    "stop": Command("sandbox.cli.stop", "Stop the sandbox; its data stays."),
    "pause": Command("sandbox.cli.pause", "Freeze a sandbox in a container."),
    "resume": Command("sandbox.cli.resume", "Let a paused sandbox go on."),
    "list": Command("sandbox.cli.list", "List all sandboxes of this machine."),
    "status": Command("sandbox.cli.status", "Show components, addresses, memory and disk."),
    "teardown": Command("sandbox.cli.teardown", "Stop the sandbox and remove it."),
    "logs": Command("sandbox.cli.logs", "Show what a component or a task printed."),
    "exec": Command("sandbox.cli.exec", "Run a command as a client of the sandbox."),
    "build": Command("sandbox.cli.build", "Make an image's environment from a project."),
    "register": Command("sandbox.cli.register", "Register tasks, workflows and launch plans."),
    "create": Command("sandbox.cli.create", "Create a project."),
    "config": Command("sandbox.cli.config", "Show or write the client config."),
    "secret": Command("sandbox.cli.secret", "Set, list or delete secrets that tasks ask for."),
    "quota": Command("sandbox.cli.quota", "Limit how much of a project runs at once."),
    "doctor": Command("sandbox.cli.doctor", "Look whether this machine is fit for a sandbox."),
    "console": Command("sandbox.cli.console", "Open the console in a browser."),
    "deploy": Command("sandbox.cli.deploy", "Bring the control plane onto a Kubernetes cluster."),
    "undeploy": Command("sandbox.cli.undeploy", "Remove it from there."),
    "manifests": Command("sandbox.cli.manifests", "Show what a sandbox puts on Kubernetes."),
    "images": Command("sandbox.cli.images", "List, save and load the images of sandboxes in containers."),
    "bundle": Command("sandbox.cli.bundle", "Write all that support needs into one archive."),
    "debug": Command("sandbox.cli.debug", "Look at the engine's decisions, and replay them."),
    "version": Command("sandbox.cli.version", "Show versions."),
    "completion": Command("sandbox.cli.completion", "Print the shell's completion script."),
}


@click.group(
    cls=LazyGroup,
    commands_by_name=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="New here? `sandbox start`, then `pyflyte run --remote FILE.py WORKFLOW` in your project.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show tracebacks.")
@click.pass_context
def cli(context: click.Context, verbose: bool) -> None:
    """A complete Flyte backend on this machine."""
    context.meta["sandbox.verbose"] = verbose


def main(arguments: list[str] | None = None) -> None:
    """The console script."""
    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(run(words))


def run(words: list[str]) -> int:
    """Run one command line; returns the exit code."""
    try:
        result: Any = cli.main(args=words, prog_name="sandbox", standalone_mode=False)
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except click.Abort:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone: `sandbox logs | head`
        return 141
    except Exception as exc:
        return _failed(exc, words)
    return result if isinstance(result, int) else 0


def _failed(exc: Exception, words: list[str]) -> int:
    """The one place where an error meets a person."""
    from sandbox.cli import failures  # noqa: PLC0415  only now: a command that works needs none of it

    return failures.report(exc, words)
