"""Tasks that connectors run, and the connectors: a job that is followed, a call, a program."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List

from flyteidl.core.execution_pb2 import TaskExecution, TaskLog
from flytekit import FlyteContextManager, PythonFunctionTask, map_task, reference_task, task, workflow
from flytekit.configuration import SerializationSettings
from flytekit.core.base_task import PythonTask, TaskMetadata
from flytekit.core.context_manager import ExecutionState
from flytekit.core.interface import Interface
from flytekit.extend import TaskPlugins
from flytekit.extend.backend.base_connector import (
    AsyncConnectorBase,
    AsyncConnectorExecutorMixin,
    ConnectorRegistry,
    Resource,
    ResourceMeta,
    SyncConnectorBase,
    SyncConnectorExecutorMixin,
)
from flytekit.extend.backend.utils import get_connector_secret
from flytekit.sensor.file_sensor import FileSensor


@dataclass
class JobMeta(ResourceMeta):
    folder: str
    name: str
    x: int
    how: str


class JobConnector(AsyncConnectorBase):
    """A job is a few lines in `<folder>/journal`; what it does is said by its input `how`."""

    name = "Job Connector"

    def __init__(self):
        super().__init__(task_type_name="test-job", metadata_type=JobMeta)

    def create(self, task_template, output_prefix, inputs, task_execution_metadata, **kwargs):
        given = {name: literal.scalar.primitive.value for name, literal in inputs.literals.items()}
        execution = task_execution_metadata.task_execution_id
        name = "{} {}".format(execution.node_execution_id.node_id, execution.retry_attempt)
        meta = JobMeta(given["folder"], name, given["x"], given["how"])
        _note(meta, "created")
        if meta.how == "take long to begin" and name.endswith(" 0"):
            time.sleep(20)
        if meta.how == "refuse to begin":
            raise ValueError("no job for {}".format(meta.x))
        return meta

    def get(self, resource_meta, **kwargs):
        meta = resource_meta
        links = [TaskLog(name="Job page", uri="https://jobs.example/{}".format(meta.x))]
        told = {"log_links": links, "custom_info": {"job": meta.name, "x": meta.x}}
        if meta.how == "wait" and not (Path(meta.folder) / "done").exists():
            return Resource(phase=TaskExecution.RUNNING, message="step 1 of 2", **told)
        if meta.how == "fail":
            return Resource(phase=TaskExecution.FAILED, message="the job broke", **told)
        if meta.how == "fail once" and meta.name.endswith(" 0"):
            return Resource(phase=TaskExecution.RETRYABLE_FAILED, message="the job slipped", **told)
        if meta.how == "raise":
            raise ValueError("who is {}?".format(meta.name))
        return Resource(phase=TaskExecution.SUCCEEDED, outputs={"y": meta.x * 2}, **told)

    def delete(self, resource_meta, **kwargs):
        _note(resource_meta, "deleted")


def _note(meta, word):
    with open(os.path.join(meta.folder, "journal"), "a") as journal:
        journal.write("{} {}\n".format(word, meta.name))


class JobTask(AsyncConnectorExecutorMixin, PythonTask):
    def __init__(self, name, **kwargs):
        interface = Interface(inputs={"folder": str, "x": int, "how": str}, outputs={"y": int})
        super().__init__(task_type="test-job", name=name, task_config=None, interface=interface, **kwargs)


class CallConnector(SyncConnectorBase):
    name = "Call Connector"

    def __init__(self):
        super().__init__(task_type_name="test-call")

    def do(self, task_template, output_prefix, inputs=None, **kwargs):
        x = inputs.literals["x"].scalar.primitive.value
        if x < 0:
            return Resource(phase=TaskExecution.FAILED, message="{} is negative".format(x))
        greeting = task_template.custom["greeting"] if x else get_connector_secret("secret-greeting")
        text = greeting + " " + str(x)
        return Resource(phase=TaskExecution.SUCCEEDED, outputs={"o0": text}, custom_info={"length": len(text)})


class CallTask(SyncConnectorExecutorMixin, PythonTask):
    def __init__(self, name, **kwargs):
        interface = Interface(inputs={"x": int}, outputs={"o0": str})
        super().__init__(task_type="test-call", name=name, task_config=None, interface=interface, **kwargs)

    def get_custom(self, settings: SerializationSettings) -> Dict[str, str]:
        return {"greeting": "hello"}


@dataclass
class Program:
    """Marks a `@task` that the program connector runs."""

    variables: Dict[str, str] = field(default_factory=dict)


@dataclass
class ProgramMeta(ResourceMeta):
    pid: int
    folder: str


class ProgramConnector(AsyncConnectorBase):
    """Runs the command of the task's container as a process beside itself."""

    name = "Program Connector"

    def __init__(self):
        super().__init__(task_type_name="test-program", metadata_type=ProgramMeta)
        self._processes = {}

    def create(self, task_template, output_prefix, inputs, task_execution_metadata, **kwargs):
        given = task_execution_metadata.environment_variables
        words = [*task_template.container.command, *task_template.container.args]
        words[0] = os.path.join(os.path.dirname(sys.executable), words[0])
        folder = tempfile.mkdtemp(prefix="connector-")
        if "--dest-dir" in words:  # where the code goes: the container's folder is none of this machine's
            words[words.index("--dest-dir") + 1] = folder
        environment = dict(os.environ, **given)
        environment["PATH"] = os.path.dirname(sys.executable) + ":" + os.environ.get("PATH", "")
        process = subprocess.Popen(words, env=environment)
        self._processes[process.pid] = process
        return ProgramMeta(process.pid, folder)

    def get(self, resource_meta, **kwargs):
        code = self._processes[resource_meta.pid].poll()
        if code is None:
            return Resource(phase=TaskExecution.RUNNING)
        shutil.rmtree(resource_meta.folder, ignore_errors=True)
        if code != 0:
            return Resource(phase=TaskExecution.FAILED, message="exit code {}".format(code))
        return Resource(phase=TaskExecution.SUCCEEDED)

    def delete(self, resource_meta, **kwargs):
        self._processes[resource_meta.pid].kill()


class ProgramTask(AsyncConnectorExecutorMixin, PythonFunctionTask[Program]):
    def __init__(self, task_config, task_function, **kwargs):
        super().__init__(task_config, task_function, task_type="test-program", **kwargs)

    def execute(self, **kwargs):
        state = FlyteContextManager.current_context().execution_state
        if state is not None and state.mode is ExecutionState.Mode.TASK_EXECUTION:
            return PythonFunctionTask.execute(self, **kwargs)
        return super().execute(**kwargs)


TaskPlugins.register_pythontask_plugin(Program, ProgramTask)
for connector in (JobConnector(), CallConnector(), ProgramConnector()):
    ConnectorRegistry.register(connector, override=True)

job = JobTask("workflows.connectors.job")
call = CallTask("workflows.connectors.call")
retried_job = JobTask("workflows.connectors.retried_job", metadata=TaskMetadata(retries=1))
cached_job = JobTask("workflows.connectors.cached_job", metadata=TaskMetadata(cache=True, cache_version="1"))
sensor = FileSensor("workflows.connectors.sensor")


@task(task_config=Program())
def double(x: int) -> int:
    if x < 0:
        raise ValueError("{} is negative".format(x))
    return x * 2


@task(task_config=Program())
def increment(x: int) -> int:
    return x + 1


@workflow
def jobs(folder: str, x: int, how: str) -> int:
    return job(folder=folder, x=x, how=how)


@workflow
def retried_jobs(folder: str, x: int, how: str) -> int:
    return retried_job(folder=folder, x=x, how=how)


@workflow
def cached_jobs(folder: str, x: int, how: str) -> int:
    return cached_job(folder=folder, x=x, how=how)


class NobodysTask(PythonTask):
    """No connector serves its type."""

    def __init__(self, name):
        super().__init__(task_type="test-nobody", name=name, task_config=None, interface=Interface())


nobodys = NobodysTask("workflows.connectors.nobodys")


@workflow
def nobody():
    nobodys()


@workflow
def calls(x: int) -> str:
    return call(x=x)


@workflow
def sensed(path: str, x: int) -> int:
    seen = sensor(path=path)
    answer = increment(x=x)
    seen >> answer
    return answer


@workflow
def programs(x: int) -> int:
    return double(x=x)


@reference_task(project="flytesnacks", domain="development", name="workflows.connectors.call", version="v1")
def registered_call(x: int) -> str:
    ...


@workflow
def mapped_calls(xs: List[int]) -> List[str]:
    return map_task(registered_call)(x=xs)
