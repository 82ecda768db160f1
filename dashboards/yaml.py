"""Plain data as YAML, block style, strings quoted as JSON quotes them: a reader of 1.1 or 1.2 sees the same. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS: Final = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def dumped(data: Mapping[str, Any], head: str = "") -> str:
    """A mapping as a YAML document; `head` stands above it as comments."""
    comments = "".join(f"# {line}\n" if line else "#\n" for line in head.splitlines())
    return comments + "\n".join(_block(data, "")) + "\n"


def _block(data: Any, indent: str) -> Iterator[str]:  # noqa: ANN401 - any JSON value may come
    if isinstance(data, Mapping) and data:
        for key, value in data.items():
            yield from _member(f"{indent}{_key(key)}:", value, indent)
    elif isinstance(data, Sequence) and not isinstance(data, str) and data:
        for value in data:
            lines = list(_block(value, f"{indent}  "))
            yield f"{indent}- {lines[0].lstrip()}"
            yield from lines[1:]
    else:
        yield f"{indent}{json.dumps(data, ensure_ascii=False)}"


def _member(start: str, value: Any, indent: str) -> Iterator[str]:  # noqa: ANN401 - any JSON value may come
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str) and value:
        yield start
        yield from _block(value, f"{indent}  ")
    else:
        yield f"{start} {json.dumps(value, ensure_ascii=False)}"


def _key(key: str) -> str:
    return key if _PLAIN.fullmatch(key) and key.lower() not in _WORDS else json.dumps(key, ensure_ascii=False)
