"""Posted forms: plain `application/x-www-form-urlencoded`, bounded in size."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from sandbox.console import errors

MAX_FORM = 4 * 1024 * 1024
MAX_FIELDS = 2000

Form = Mapping[str, str]


async def read_form(request: Request) -> Form:
    """The fields by name; of a repeated one the last. Raises Refused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise errors.Refused("A form was expected.", status=415, remedy="Use the form on the page.")
    body = bytearray()
    async for piece in request.stream():
        body.extend(piece)
        if len(body) > MAX_FORM:
            raise errors.Refused(
                f"The form is larger than {MAX_FORM // 1024 // 1024} MiB.",
                status=413,
                remedy="Launch it with the SDK.",
            )
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as exc:
        raise errors.Refused("The form can't be read.", remedy="Reload the page and send it again.") from exc
