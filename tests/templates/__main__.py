"""Serialises the tasks of `jobs` as pyflyte does, into the files of this folder.

It runs in an environment of the plugins: `python -m tests.templates`.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
from google.protobuf import json_format

from tests.templates import jobs

_SETTINGS = SerializationSettings(
    image_config=ImageConfig.auto(img_name="mine:v1"),
    project="flytesnacks",
    domain="development",
    version="v1",
)


def main() -> None:
    """One file a task."""
    for job in jobs.ALL:
        template = get_serializable(OrderedDict(), _SETTINGS, job).template.to_flyte_idl()
        template.ClearField("interface")
        template.metadata.runtime.ClearField("version")
        written = json.dumps(json_format.MessageToDict(template), indent=1, sort_keys=True)
        name = job.task_function.__name__
        Path(__file__).with_name(f"{name}.json").write_text(written + "\n")


main()
