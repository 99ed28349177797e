"""Tasks of Dask, Ray and Spark plugins, each in an environment of its own that the sandbox builds."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from flytekit.remote import FlyteRemote

from tests.acceptance.engine.test_workflows import output
from tests.sandboxes import DOMAIN, PROJECT, Sandbox

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]

_JOBS = Path(__file__).parents[2] / "workflows" / "plugins"
_REQUIREMENTS = {
    "dask": ("flytekitplugins-dask", "distributed"),
    "ray": ("flytekitplugins-ray",),
    "spark": ("flytekitplugins-spark", "pyspark"),
}


def registered(sandbox: Sandbox, folder: Path, plugin: str) -> str:
    """The version under which the plugin's workflow is there, with an environment that was built for it."""
    shutil.copy(_JOBS / f"{plugin}_jobs.py", folder)
    flytekit = f"flytekit=={importlib.metadata.version('flytekit')}"
    needed = [flytekit, "setuptools", *_REQUIREMENTS[plugin]]
    (folder / "requirements.txt").write_text("\n".join(needed) + "\n")
    tag = f"{plugin}-jobs:v1"
    built = sandbox.run("build", str(folder), "--tag", tag, "--name", sandbox.name, "-o", "json", timeout=800)
    python = Path(json.loads(built.stdout)["python"])
    environ = sandbox.environ | {"FLYTECTL_CONFIG": str(sandbox.client_config)}
    environ.pop("PYTHONPATH", None)
    command = [
        "register",
        "-p",
        PROJECT,
        "-d",
        DOMAIN,
        "--image",
        tag,
        "--version",
        "v1",
        f"{plugin}_jobs.py",
    ]
    subprocess.run(
        [str(python.with_name("pyflyte")), *command], cwd=folder, env=environ, check=True, capture_output=True
    )
    return "v1"


@pytest.mark.parametrize("plugin", ["dask", "ray", "spark"])
def test_a_plugins_task_has_its_cluster_on_this_machine(
    remote: FlyteRemote, sandbox: Sandbox, tmp_path: Path, plugin: str
) -> None:
    if plugin == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs a Java runtime: apt install default-jre-headless")
    version = registered(sandbox, tmp_path, plugin)
    plan = remote.fetch_launch_plan(name=f"{plugin}_jobs.sum_of_squares", version=version)
    execution = remote.execute(plan, inputs={"n": 10})
    ended = remote.wait(execution, timeout=timedelta(seconds=500), poll_interval=timedelta(milliseconds=100))
    assert output(ended, int) == 285
