"""Cursors: where a list goes on, as text that others need not read. Pure.

A cursor names the last thing that was given, not how many came before it: what is added or goes meanwhile neither
repeats nor hides another. A forged one is at worst another place in the same list.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec

from collector.web.api.asking import Wrong

T = TypeVar("T")
K = TypeVar("K")
LONGEST: Final = 600


def written(name: str, key: object) -> str:
    """The cursor of the list `name` after what has this key."""
    return urlsafe_b64encode(msgspec.json.encode([name, key])).rstrip(b"=").decode()


def read(name: str, cursor: str | None, key: type[K]) -> K | None:
    """The key that a cursor of this list holds, None without one; raises Wrong for what is none."""
    if cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        named, found = msgspec.json.decode(raw, type=tuple[str, Any])
        known = msgspec.convert(found, key)
    except (ValueError, RecursionError):  # msgspec's and base64's errors are ValueErrors
        named, known = None, None
    if named != name or known is None:
        raise Wrong("cursor", "this is no cursor of this list", "it is what the answer before gave as next")
    return known


def page(name: str, found: Iterable[T], limit: int, key: Callable[[T], object]) -> tuple[list[T], str | None]:
    """The first so many, and the cursor of what follows them, if anything does."""
    items = list(islice(found, limit + 1))
    if len(items) <= limit:
        return items, None
    return items[:limit], written(name, key(items[limit - 1]))
