"""Values → manifests: Jinja2 templates, one file a component, the same text for the same values.

Templates whose name begins with an underscore are macros of the others. An unknown name in a
template is an error.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
import yaml

import sandbox
from sandbox.appliance import assets
from sandbox.appliance.manifests import configuration, defaults
from sandbox.appliance.manifests.discovery import CURRENT, ApiVersions
from sandbox.appliance.manifests.errors import TemplateBroken
from sandbox.appliance.manifests.values import Values

SUFFIX = ".yaml.j2"
PART_OF = "flyte-sandbox"
"""Of the label `app.kubernetes.io/part-of`; also who manages the objects and their fields."""

Object = Mapping[str, Any]
"""A Kubernetes object as parsed YAML."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """What was rendered: component → the text of its manifest, empty ones left out."""

    texts: Mapping[str, str]

    def objects(self) -> list[Object]:
        """All objects, in the order of the files."""
        return [document for text in self.texts.values() for document in parse(text)]


def render(values: Values, versions: ApiVersions = CURRENT) -> Manifests:
    """Render a profile's manifests; raises TemplateBroken."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(assets.manifests()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["json"] = lambda value: json.dumps(value, sort_keys=True)
    environment.filters["base64"] = lambda value: base64.b64encode(value.encode()).decode()
    config = configuration.server(values)
    environment.globals.update(
        values=values,
        versions=versions,
        config=json.dumps({"server": config}, indent=2),
        cluster_templates=configuration.cluster_templates(values),
        settings=configuration,
        checksum=_checksum(values, config),
        credentials=_digest(_credentials(values)),
        migration=_digest([_checksum(values, config), dataclasses.asdict(values.migrate), _images(values)]),
        version=sandbox.__version__,
        part_of=PART_OF,
    )
    texts = {}
    for name in defaults.names(values):
        try:
            text = environment.get_template(name + SUFFIX).render()
        except jinja2.TemplateError as exc:
            raise TemplateBroken(
                f"the manifest {name} can't be rendered",
                f"{type(exc).__name__}: {exc}",
                "Report it with the values that you used.",
            ) from exc
        if any(parse(text)):
            texts[name] = text.strip() + "\n"
    return Manifests(texts)


def parse(text: str) -> list[Object]:
    """The documents of a YAML text, empty ones left out."""
    return [document for document in yaml.load_all(text, _LOADER) if document]


def _checksum(values: Values, config: Mapping[str, Any]) -> str:
    """Changes when pods have to be replaced because what they read at their start has changed."""
    return _digest(
        [
            config,
            _credentials(values),
            values.ca_bundle,
            configuration.cluster_templates(values),
        ]
    )


def _credentials(values: Values) -> list[str]:
    return [values.database_url, values.object_store.access_key, values.object_store.secret_key]


def _images(values: Values) -> list[Any]:
    return [values.image(values.images.control_plane), dataclasses.asdict(values.images), sandbox.__version__]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it is there: a tenth of the time."""
