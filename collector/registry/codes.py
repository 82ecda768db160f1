"""What an id, a code or a name may look like, and what was probably meant when it does not. Pure."""

import difflib
import re
import unicodedata
from collections.abc import Collection
from typing import Final

CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
CODE_RULE: Final = "a-z, 0-9 and -, at most 63, beginning with a letter or digit"
_FORMULA: Final = ("=", "+", "-", "@")


def code_fault(text: str) -> str | None:
    """Why a text is no id or code, with the nearest that would be; None when it is one."""
    if CODE.fullmatch(text):
        return None
    near = nearest_code(text)
    return f"{text!r} is not allowed ({CODE_RULE})" + (f"; did you mean {near!r}?" if near else "")


def nearest_code(text: str) -> str:
    """The code that a text would be without marks, capitals and spaces; empty when nothing is left."""
    plain = unicodedata.normalize("NFKD", text.replace("Đ", "D").replace("đ", "d"))
    letters = "".join(character for character in plain if not unicodedata.combining(character)).lower()
    return re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:63]


def name_fault(text: str, *, limit: int) -> str | None:
    """Why a text is no name; None when it is one."""
    if len(text) > limit:
        return f"is {len(text)} characters long; at most {limit} are allowed"
    if any(unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn"} for character in text):
        return "holds a line break or another control character"
    if text.startswith(_FORMULA):
        return f"{text!r} begins with {text[0]!r}, which a spreadsheet would run as a formula"
    return None


def choice_fault(text: str, allowed: Collection[str], *, shown: str = "") -> str | None:
    """Why a text is none of the allowed words, with the nearest; None when it is one. `shown`: what is said of them."""
    if text in allowed:
        return None
    near = nearest(text, allowed)
    return (
        f"{text!r} is not allowed"
        + (f"; did you mean {near}?" if near else "")
        + f" (allowed: {shown or ' '.join(allowed)})"
    )


def nearest(text: str, allowed: Collection[str]) -> str | None:
    """The allowed word most like a text, if one is like it at all."""
    wanted = text.strip().lower().replace(" ", "_")
    held = [word for word in allowed if len(wanted) > 1 and (wanted in word.split("_") or word in wanted.split("_"))]
    words = held or difflib.get_close_matches(wanted, allowed, n=1, cutoff=0.6)
    return words[0] if words else None
