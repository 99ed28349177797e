"""Starts the runner: `python <this directory> <the runner's own directory> <descriptor of its socket>`.

This file is run by path, by whatever Python the task's environment has, so it makes the directory it lies in
known as a package under a private name: nothing of the control plane can be imported from here, and nothing
that lies here can shadow a user's module.
"""

from __future__ import annotations

import importlib.util
import os
import sys

PACKAGE = "_flyte_sandbox_runner"


def load_package() -> None:
    """Make this directory importable as `_flyte_sandbox_runner`."""
    here = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(here, "__init__.py"), submodule_search_locations=[here]
    )
    if spec is None or spec.loader is None:
        raise SystemExit(f"the runner's files are not at {here}")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]


if __name__ == "__main__":
    load_package()
    importlib.import_module(PACKAGE + ".server").main(sys.argv[1], int(sys.argv[2]))
