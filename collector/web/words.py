"""Vietnamese and English: catalogues read from .po at start, and numbers, times and ages in each language's form."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_datetime, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, get_decimal_symbol
from babel.support import Translations

from collector.web.senses import Fact

Language = Literal["vi", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
DEFAULT: Final[Language] = "vi"
NOTHING: Final = "\N{EN DASH}"


@lru_cache
def catalogue(language: Language) -> Translations:
    """The messages of a language. Sentences in English stand in the code; en.po holds the words for codes."""
    compiled = BytesIO()
    with (files("collector.web") / "locale" / f"{language}.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return Translations(compiled)


@lru_cache
def _locale(language: Language) -> Locale:
    """Numbers and times of a long list would read their language's name anew each, a third of the page's time."""
    return Locale.parse(language)


@lru_cache(maxsize=16_384)
def _number(language: Language, value: float, digits: int) -> str:
    """Most numbers of a list were there for its last reader too, and each takes as long as its row's template."""
    return format_decimal(value, format="#,##0." + "0" * digits if digits else "#,##0", locale=_locale(language))


def choose(asked: str | None, remembered: str | None, accepted: str) -> Language:
    """The language of a page: asked for in the URL, remembered in a cookie, first in the browser's list, Vietnamese."""
    for wish in (asked, remembered, accepted.strip()[:2].lower()):
        for language in LANGUAGES:
            if wish == language:
                return language
    return DEFAULT


@dataclass(frozen=True, slots=True)
class Words:
    """Everything a template needs to speak one language; times come in UTC and go out in the province's zone."""

    language: Language
    zone: ZoneInfo

    def say(self, message: str, **values: object) -> str:
        """Translate a message and fill in its {names}."""
        translated = catalogue(self.language).gettext(message)
        return translated.format(**values) if values else translated

    def fact(self, fact: Fact) -> str:
        """Say what a report found."""
        values = {name: self.number(v) if isinstance(v, float) else v for name, v in fact.values.items()}
        return self.say(fact.message, **values)

    def number(self, value: float | None, digits: int = 1) -> str:
        """A number with the language's separators; a dash when there is none. Rounded as in what the judge writes."""
        if value is None:
            return NOTHING
        return _number(self.language, round(float(value), digits), digits)

    def comma(self, label: str) -> str:
        """A label such as 0.5 with the language's decimal sign."""
        return label.replace(".", get_decimal_symbol(_locale(self.language)))

    def time(self, at: datetime | None, style: str = "dd/MM/yyyy HH:mm") -> str:
        """A moment in the province's zone; a dash when there is none."""
        return format_datetime(at.astimezone(self.zone), style, locale=_locale(self.language)) if at else NOTHING

    def age(self, at: datetime | None, now: datetime) -> str:
        """How long ago, in words."""
        if at is None:
            return NOTHING
        passed = max(now - at, timedelta(0))
        if passed < timedelta(seconds=5):
            return self.say("just now")
        return format_timedelta(-passed, add_direction=True, locale=_locale(self.language))

    def offset(self, at: datetime) -> timedelta:
        """The zone's distance from UTC at that moment."""
        return at.astimezone(self.zone).utcoffset() or timedelta(0)

    def listing(self, codes: Sequence[str]) -> str:
        """Several codes of the contract's vocabulary, in words."""
        return ", ".join(self.say(code) for code in codes)
