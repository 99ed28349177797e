"""Data in and out past the control plane: signed URLs, and literals by their flyte:// name."""

from __future__ import annotations

import base64
import secrets
import string
from datetime import timedelta

from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import identifier_pb2, literals_pb2
from flyteidl.service import dataproxy_pb2
from google.protobuf import duration_pb2

from sandbox.admin import errors, flyte_urls, node_executions, task_executions, times
from sandbox.admin.context import AdminContext
from sandbox.store.object_info import ObjectInfo

MD5_LENGTH = 16
GENERATED_NAME_LENGTH = 20
MD5_HEADER = "Content-MD5"
MD5_METADATA_HEADER = "x-amz-meta-flyteContentMD5"
_MD5_METADATA = "flytecontentmd5"


def create_upload_location(
    context: AdminContext, request: dataproxy_pb2.CreateUploadLocationRequest
) -> dataproxy_pb2.CreateUploadLocationResponse:
    """CreateUploadLocation: under the file's hash, or under the folder that the request names."""
    if not request.content_md5 and not request.filename_root:
        raise errors.InvalidRequest("content_md5 or filename_root is a required parameter")
    if request.content_md5 and len(request.content_md5) != MD5_LENGTH:
        raise errors.InvalidRequest(
            f"content_md5 has {len(request.content_md5)} bytes: an MD5 digest has {MD5_LENGTH}"
        )
    lifetime = _lifetime(context, request.expires_in if request.HasField("expires_in") else None)
    uri = _upload_uri(context, request)
    if request.filename_root and request.filename:
        _refuse_other_content(uri, context.objects.head(uri), request.content_md5)
    signed = context.presigner.put(uri, lifetime, _upload_headers(request))
    return dataproxy_pb2.CreateUploadLocationResponse(
        signed_url=signed.url,
        native_url=uri,
        expires_at=times.timestamp(signed.expires_at),
        headers=signed.headers,
    )


def create_download_location(
    context: AdminContext, request: dataproxy_pb2.CreateDownloadLocationRequest
) -> dataproxy_pb2.CreateDownloadLocationResponse:
    """CreateDownloadLocation: a signed URL for any object."""
    if not request.native_url:
        raise errors.missing("native_url")
    lifetime = _lifetime(context, request.expires_in if request.HasField("expires_in") else None)
    signed = context.presigner.get(request.native_url, lifetime)
    return dataproxy_pb2.CreateDownloadLocationResponse(
        signed_url=signed.url, expires_at=times.timestamp(signed.expires_at)
    )


def create_download_link(
    context: AdminContext, request: dataproxy_pb2.CreateDownloadLinkRequest
) -> dataproxy_pb2.CreateDownloadLinkResponse:
    """CreateDownloadLink: a signed URL for a node's deck."""
    if request.artifact_type != dataproxy_pb2.ARTIFACT_TYPE_DECK:
        raise errors.InvalidRequest(f"invalid artifact type [{request.artifact_type}]: only decks have links")
    if request.WhichOneof("source") is None:
        raise errors.missing("source")
    lifetime = _lifetime(context, request.expires_in if request.HasField("expires_in") else None)
    links = _deck_links(context, request.node_execution_id, lifetime)
    return dataproxy_pb2.CreateDownloadLinkResponse(
        signed_url=links.signed_url, expires_at=links.expires_at, pre_signed_urls=links
    )


def get_data(context: AdminContext, request: dataproxy_pb2.GetDataRequest) -> dataproxy_pb2.GetDataResponse:
    """GetData: what a flyte:// URL names."""
    url = flyte_urls.parse(request.flyte_url)
    node = node_executions.identifier(url.execution, url.node)
    if url.kind == flyte_urls.DECK:
        if url.attempt is not None:
            raise errors.InvalidRequest(
                "deck type cannot be specified with a retry attempt, just use the node instead"
            )
        links = _deck_links(context, node, context.settings.max_url_lifetime)
        return dataproxy_pb2.GetDataResponse(pre_signed_urls=links)
    literals = _literals(context, node, url)
    if not url.name:
        return dataproxy_pb2.GetDataResponse(literal_map=literals)
    if url.name not in literals.literals:
        known = ", ".join(sorted(literals.literals)) or "none"
        raise errors.InvalidRequest(
            f"name [{url.name}] not found in node {url.node} of execution {url.execution}: there are {known}"
        )
    return dataproxy_pb2.GetDataResponse(literal=literals.literals[url.name])


def _upload_uri(context: AdminContext, request: dataproxy_pb2.CreateUploadLocationRequest) -> str:
    folder = request.filename_root or base64.b32encode(request.content_md5).decode()
    name = request.filename or _random_name()
    parts = [context.settings.upload_prefix.rstrip("/"), request.project, request.domain, folder, name]
    return "/".join(part.strip("/") for part in parts if part.strip("/"))


def _random_name() -> str:
    alphabet = string.ascii_lowercase + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(GENERATED_NAME_LENGTH))


def _upload_headers(request: dataproxy_pb2.CreateUploadLocationRequest) -> dict[str, str]:
    """What the client must send; it learns of it from the answer."""
    if not request.content_md5:
        return {}
    digest = base64.b64encode(request.content_md5).decode()
    headers = {MD5_HEADER: digest}
    if request.add_content_md5_metadata:
        headers[MD5_METADATA_HEADER] = digest
    return headers


def _refuse_other_content(uri: str, existing: ObjectInfo | None, content_md5: bytes) -> None:
    """A named file may be uploaded again with the same content, not with another."""
    if existing is None:
        return
    known = {existing.md5, _hex(existing.metadata.get(_MD5_METADATA, ""))} - {None, ""}
    if content_md5.hex() not in known:
        raise errors.AlreadyRegistered(
            f"file already exists at location [{uri}], specify a matching hash if you wish to rewrite"
        )


def _hex(digest: str) -> str:
    try:
        return base64.b64decode(digest, validate=True).hex()
    except ValueError:
        return ""


def _lifetime(context: AdminContext, asked: duration_pb2.Duration | None) -> timedelta:
    longest = context.settings.max_url_lifetime
    if asked is None:
        return longest
    lifetime: timedelta = asked.ToTimedelta()
    if not timedelta(0) < lifetime <= longest:
        raise errors.InvalidRequest(
            f"expiresIn [{lifetime}] is not possible: a signed URL lives for more than 0 seconds, "
            f"at most {longest}"
        )
    return lifetime


def _deck_links(
    context: AdminContext, node: identifier_pb2.NodeExecutionIdentifier, lifetime: timedelta
) -> dataproxy_pb2.PreSignedURLs:
    deck_uri = node_executions.get_closure(context, node).deck_uri
    if not deck_uri or not context.objects.exists(deck_uri):
        raise errors.EntityNotFound(
            f"no deckUrl found for node {node.node_id} of {node.execution_id.name}: the task writes no deck "
            "(enable_deck=True does), or hasn't finished"
        )
    signed = context.presigner.get(deck_uri, lifetime)
    return dataproxy_pb2.PreSignedURLs(signed_url=[signed.url], expires_at=times.timestamp(signed.expires_at))


def _literals(
    context: AdminContext, node: identifier_pb2.NodeExecutionIdentifier, url: flyte_urls.FlyteUrl
) -> literals_pb2.LiteralMap:
    if url.attempt is None:
        node_request = node_execution_pb2.NodeExecutionGetDataRequest(id=node)
        node_data = node_executions.get_data(context, node_request)
        return node_data.full_inputs if url.kind == flyte_urls.INPUTS else node_data.full_outputs
    attempt = identifier_pb2.TaskExecutionIdentifier(node_execution_id=node, retry_attempt=url.attempt)
    task_request = task_execution_pb2.TaskExecutionGetDataRequest(id=attempt)
    task_data = task_executions.get_data(context, task_request)
    return task_data.full_inputs if url.kind == flyte_urls.INPUTS else task_data.full_outputs
