"""What a catalog request must say before it goes to the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from flyteidl.datacatalog import datacatalog_pb2 as pb

from sandbox.catalog.errors import InvalidArgument
from sandbox.store import artifacts, listing

_DEFAULT_LIMIT = 100


def present(value: str, field: str) -> str:
    """A text that may not be empty."""
    if not value:
        raise InvalidArgument(f"missing {field}")
    return value


def dataset_name(dataset: pb.DatasetID) -> artifacts.DatasetName:
    """A dataset's complete name. (`DatasetID.org` has no meaning here, as in Flyte's open source catalog.)"""
    return artifacts.DatasetName(
        project=present(dataset.project, "project of the dataset"),
        domain=present(dataset.domain, "domain of the dataset"),
        name=present(dataset.name, "name of the dataset"),
        version=present(dataset.version, "version of the dataset"),
    )


def unique_partition_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """A dataset's partition keys."""
    twice = sorted(key for key, count in Counter(keys).items() if count > 1)
    if twice:
        raise InvalidArgument(f"invalid partition keys: {', '.join(twice)} occur more than once")
    return tuple(keys)


def partitions(keys: Sequence[str], given: Iterable[pb.Partition]) -> Mapping[str, str]:
    """An artifact's partitions: exactly one value for each key of its dataset."""
    values = {partition.key: present(partition.value, "partition value") for partition in given}
    if set(values) != set(keys):
        raise InvalidArgument(
            f"partition key mismatch: the dataset has {sorted(keys)}, the artifact {sorted(values)}"
        )
    return values


def page(options: pb.PaginationOptions | None) -> listing.Listing:
    """Which page of a list is wanted; the newest come first unless the request says otherwise."""
    if options is None:
        return listing.Listing(limit=_DEFAULT_LIMIT, sort=listing.SortBy("created_at"))
    descending = options.sortOrder == pb.PaginationOptions.DESCENDING
    return listing.Listing(
        limit=options.limit or _DEFAULT_LIMIT,
        token=options.token.strip(),
        sort=listing.SortBy("created_at", descending),
    )
