"""What a Flyte user does to control how tasks run: secrets, priorities, overrides, checkpoints.

Tasks that take `journal` append one line to that file, so that a test can count how often they really ran.
"""

import os
import typing

from flytekit import Secret, current_context, task, workflow


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
