"""In which language a dashboard speaks. Pure.

Grafana cannot translate a dashboard, so each exists twice, once in each language, as separate files with separate uids.
Titles in both languages at once would make every panel's head twice as long, and nobody reads both.
"""

from collections.abc import Callable
from typing import Final, Literal

Language = Literal["vi", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("vi", "en")
Say = Callable[[str, str], str]
"""Of a text in Vietnamese and in English, the one that is wanted."""


def speaker(language: Language) -> Say:
    """What says things in a language."""
    return (lambda vi, en: vi) if language == "vi" else (lambda vi, en: en)  # noqa: ARG005 - one of two


def uid(name: str, language: Language) -> str:
    """The fixed uid of a dashboard in a language; Vietnamese is the one without a suffix."""
    return f"linkgauge-{name}" if language == "vi" else f"linkgauge-{name}-{language}"
