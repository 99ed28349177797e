"""What machines ask: health, who am I, and the REST paths that are not served yet."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.console import context, errors

UNIMPLEMENTED = 12
"""The gRPC code, as Flyte's REST gateway writes it into its errors."""


def healthcheck(request: Request) -> Response:
    """200 when the control plane can do its work, 503 with the reason when it can't or doesn't answer."""
    console = context.of(request)
    try:
        console.admin.check_health()
    except errors.ConsoleError as exc:
        return JSONResponse({"status": "unavailable", "reason": exc.message}, status_code=503)
    return JSONResponse({"status": "ok", "version": console.settings.version})


def me(request: Request) -> Response:
    """Nobody signs in to a sandbox: an anonymous user, in the shape of Flyte's `UserInfoResponse`."""
    fields = ("subject", "name", "preferred_username", "given_name", "family_name", "email", "picture")
    return JSONResponse(dict.fromkeys(fields, ""))


def rest(request: Request) -> Response:
    """`/api/v1/…`: an honest answer in the gateway's own shape."""
    message = "This sandbox serves gRPC on this port; the REST gateway is not there yet."
    return JSONResponse({"error": message, "code": UNIMPLEMENTED, "message": message, "details": []}, 501)
