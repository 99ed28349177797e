"""What can go wrong in the store, and how the errors of its libraries become ours.

```
StoreError
├── NotFound                  a row that was named does not exist
│   └── ObjectNotFound        an object that was named does not exist
├── AlreadyExists             the name is taken
├── Conflict                  a guarded change found another state
├── InvalidRequest            the caller asked for something that makes no sense
│   ├── FilterError           a filter that does not parse or names an unknown field
│   ├── SortError             a sort key that does not exist
│   ├── TokenError            a page token that is not ours
│   └── InvalidUri            not an object's address
└── Unavailable               try again later; nothing is wrong with the request
    ├── DatabaseUnavailable
    │   └── Contended         a transaction lost against another one; nothing of it was done
    └── ObjectStoreUnavailable
```

The class docstring is the default message. Foreign errors become these in one place for each library:
psycopg2's and SQLAlchemy's in `database_errors`, minio's and urllib3's in `s3_objects`, the disk's in
`directory_objects`.
"""

from __future__ import annotations

import inspect


class StoreError(Exception):
    """The store failed."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or ""))


class NotFound(StoreError):
    """It does not exist."""


class ObjectNotFound(NotFound):
    """There is no such object."""


class AlreadyExists(StoreError):
    """It exists already."""


class Conflict(StoreError):
    """Another change came first: read again and decide anew."""


class InvalidRequest(StoreError):
    """The request makes no sense to the store."""


class FilterError(InvalidRequest):
    """The filter can't be understood."""


class SortError(InvalidRequest):
    """There is no such sort key."""


class TokenError(InvalidRequest):
    """The page token was not given out by this service."""


class InvalidUri(InvalidRequest):
    """Not an object's address: s3://bucket/key is expected."""


class Unavailable(StoreError):
    """It can't be reached now; try again in a moment."""


class DatabaseUnavailable(Unavailable):
    """The database can't be reached now; try again in a moment."""


class Contended(DatabaseUnavailable):
    """Others were at the same rows at the same time; try again."""


class ObjectStoreUnavailable(Unavailable):
    """The object store can't be reached now; try again in a moment."""
