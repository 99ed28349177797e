"""From what a page knows to HTML. Everything is escaped unless a template says otherwise, and none does."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sandbox.console import memory, scopes, times, urls
from sandbox.console.settings import ConsoleSettings

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
REFRESH_HEADER = "x-console-refresh"
"""Set by the script of an open page: only the changing part is wanted."""


class Renderer:
    """Renders templates; thread-safe."""

    def __init__(self, settings: ConsoleSettings) -> None:
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters.update(words=times.words, iso=times.iso, moment=times.plain, size=memory.size)
        environment.filters["short"] = scopes.short
        environment.globals.update(urls=urls, settings=settings, assets=_asset_version())
        environment.globals["ui"] = environment.get_template("ui.html").module
        self._environment = environment

    def page(
        self, request: Request, template: str, context: Mapping[str, Any], *, status: int = 200
    ) -> Response:
        """The whole page, or only what changes when an open page asks for news."""
        loaded = self._environment.get_template(template)
        variables = {"request": request, "project": "", "domain": "", "section": "", "refresh": 0, **context}
        if REFRESH_HEADER in request.headers:
            body = "".join(loaded.blocks["main"](loaded.new_context(variables)))
        else:
            body = loaded.render(variables)
        tag = '"' + hashlib.blake2s(body.encode(), digest_size=12).hexdigest() + '"'
        headers = {"etag": tag, "vary": REFRESH_HEADER}
        if request.headers.get("if-none-match") == tag and status == 200:
            return Response(status_code=304, headers=headers)
        return HTMLResponse(body, status_code=status, headers=headers)


def _asset_version() -> str:
    """Changes when an asset does, so that assets may be cached for good."""
    digest = hashlib.blake2s(digest_size=6)
    for path in sorted(ASSETS.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()
