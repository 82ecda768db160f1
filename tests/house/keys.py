"""Every leaf key of a settings struct."""

from collections.abc import Iterator
from typing import get_args, get_type_hints

import msgspec


def keys_of(kind: type) -> Iterator[str]:
    """Yield the names of all keys of a struct and of the tables below it."""
    for name, hint in get_type_hints(kind).items():
        tables = [
            part for part in (hint, *get_args(hint)) if isinstance(part, type) and issubclass(part, msgspec.Struct)
        ]
        if tables:
            for table in tables:
                yield from keys_of(table)
        elif not name.startswith("__"):
            yield name
