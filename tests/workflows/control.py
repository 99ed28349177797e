"""What a Flyte user does to control how tasks run: secrets, priorities, overrides, checkpoints.

Tasks that take `journal` append one line to that file, so that a test can count how often they really ran.
"""

import datetime
import os
import signal
import sys
import time
import typing

from flytekit import Deck, Resources, Secret, current_context, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException


def _note(journal: str, line: str) -> None:
    with open(journal, "a") as file:
        file.write(line + "\n")


# --- secrets -------------------------------------------------------------------------------------------------


@task(
    secret_requests=[
        Secret(group="db", key="password"),
        Secret(group="Db", key="User", mount_requirement=Secret.MountType.ENV_VAR),
        Secret(group="tls", key="cert", mount_requirement=Secret.MountType.FILE),
    ]
)
def read_secrets() -> typing.List[str]:
    secrets = current_context().secrets
    path = secrets.get_secrets_file("tls", "cert")
    return [secrets.get("db", "password"), secrets.get("Db", "User"), secrets.get("tls", "cert"), path]


@workflow
def reads_secrets() -> typing.List[str]:
    return read_secrets()


@task(secret_requests=[Secret(group="nowhere", key="to_be_found")])
def want_missing_secret(journal: str) -> str:
    _note(journal, "ran")
    return "never"


@workflow
def wants_missing_secret(journal: str) -> str:
    return want_missing_secret(journal=journal)


@task
def see_environment(names: typing.List[str]) -> typing.List[str]:
    return [os.environ.get(name, "") for name in names]


@workflow
def sees_environment(names: typing.List[str]) -> typing.List[str]:
    return see_environment(names=names)


# --- how long, how often, where ------------------------------------------------------------------------------


@task
def linger(journal: str, name: str, seconds: float) -> str:
    _note(journal, f"start {name}")
    time.sleep(seconds)
    _note(journal, f"end {name}")
    return name


@workflow
def lingers(journal: str, name: str, seconds: float) -> str:
    return linger(journal=journal, name=name, seconds=seconds)


@task
def gather(names: typing.List[str]) -> str:
    return ",".join(names)


@workflow
def crowd(journal: str, seconds: float) -> str:
    return gather(names=[linger(journal=journal, name=f"c{n}", seconds=seconds) for n in range(12)])


@task(timeout=datetime.timedelta(seconds=1))
def dawdle(journal: str, seconds: float) -> str:
    _note(journal, "start")
    time.sleep(seconds)
    return "in time"


@workflow
def runs_too_long(journal: str) -> str:
    return dawdle(journal=journal, seconds=60.0)


@workflow
def has_time_enough(journal: str) -> str:
    return dawdle(journal=journal, seconds=1.5).with_overrides(timeout=datetime.timedelta(seconds=30))


@task(interruptible=True)
def be_interrupted(journal: str) -> str:
    """Killed as a machine that goes away kills, until it is told that it is safe."""
    safe = os.environ["FLYTE_INTERRUPTIBLE"]
    _note(journal, safe)
    if safe == "true":
        os.kill(os.getpid(), signal.SIGKILL)
    return safe


@workflow
def survives_interruptions(journal: str) -> str:
    return be_interrupted(journal=journal)


@task
def stumble(journal: str) -> str:
    attempt = os.environ["FLYTE_ATTEMPT_NUMBER"]
    _note(journal, f"attempt {attempt}")
    if int(attempt) < 2:
        raise FlyteRecoverableException("not yet")
    return attempt


@workflow
def stumbles_twice(journal: str) -> str:
    return stumble(journal=journal).with_overrides(retries=2, name="a name of its own")


@task
def compute(journal: str, x: int) -> int:
    _note(journal, f"computed {x}")
    return x * x


@workflow
def computes_once(journal: str, x: int) -> int:
    return compute(journal=journal, x=x).with_overrides(cache=True, cache_version="1.0")


@task(retries=2, enable_deck=True)
def count_to_nine(journal: str) -> int:
    """Fails at three and at six; each attempt goes on where the one before it stopped."""
    checkpoint = current_context().checkpoint
    begin = int(checkpoint.read() or b"0")
    _note(journal, f"from {begin}")
    for number in range(begin, 9):
        checkpoint.write(str(number + 1).encode())
        if number + 1 in (3, 6):
            raise FlyteRecoverableException(f"stopped at {number + 1}")
    Deck("Counted", "<b>nine</b>")
    return 9


@workflow
def counts_to_nine(journal: str) -> int:
    return count_to_nine(journal=journal)


@task(requests=Resources(cpu="1", mem="64Mi"), limits=Resources(cpu="1", mem="64Mi"))
def use_memory(mebibytes: int) -> int:
    return len(bytearray(os.urandom(1024)) * 1024 * mebibytes)


@workflow
def uses_memory_that_is_granted(mebibytes: int) -> int:
    return use_memory(mebibytes=mebibytes).with_overrides(limits=Resources(cpu="1", mem="2Gi"))


@task
def see_python() -> str:
    return sys.executable


@workflow
def runs_elsewhere() -> str:
    return see_python().with_overrides(container_image="elsewhere:v1")
