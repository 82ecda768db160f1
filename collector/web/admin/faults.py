"""What the readers of files find wrong, in the reader's language: their sentences are English, with values in between.

Each sentence stands here as a message with {places}; one that is not known is shown as it is. Pure.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

MESSAGES: Final = (
    "{text} is not allowed (a-z, 0-9 and -, at most 63, beginning with a letter or digit); did you mean {near}?",
    "{text} is not allowed (a-z, 0-9 and -, at most 63, beginning with a letter or digit)",
    "{text} is not allowed; did you mean {near}? (allowed: {words})",
    "{text} is not allowed (allowed: {words})",
    "is {count} characters long; at most {limit} are allowed",
    "holds a line break or another control character",
    "{text} begins with {sign}, which a spreadsheet would run as a formula",
    "{text} is not a number (write {near})",
    "{text} is not a number",
    "{text} is out of range ({low} to {high})",
    "{text} is not a whole number; write thousands without a point",
    "{text} is no day of these times; leave it empty if it is open",
    "{text} is not a day as YYYY-MM-DD (write {near})",
    "{t} is not a day as YYYY-MM-DD: a spreadsheet's number for {near}? Write {same}, or format the column as a date",
    "{text} is not a day as YYYY-MM-DD",
    "is empty, and is needed: the province's code",
    "is empty, and is needed",
    "is empty",
    "latitude and longitude are given together or not at all",
    "{text} is out of range ({low} to {high}); latitude and longitude are swapped",
    "the same figure stands in {place} already",
    "{text} stands in {place} already",
    "the file is empty; expected the columns {words}",
    "the file has {count} lines; at most {limit} are read: split it",
    "unknown column {text}; did you mean {near}?",
    "unknown column {text} (known: {words})",
    "column {text} stands there {count} times",
    "column {text} is missing",
    "a value too many ({text}); is a comma in a name not quoted?",
    "a formula without a stored value; paste the value itself",
    "the spreadsheet's error {text}; paste the value itself",
    "not UTF-8; save the file as 'CSV UTF-8'",
    "not valid CSV ({why})",
    "not a readable XLSX file ({why})",
    "the XLSX file unpacks to more than {limit} MB: split it",
    "the sheet goes on below row {limit}: delete what stands there, or split it",
    "more than {limit} columns; delete what stands to the right of the table",
    "this is a spreadsheet of the old kind (XLS) or a locked one; save it as XLSX or CSV UTF-8",
    "this is no table; choose a CSV or XLSX file",
    "{text} may be {words}: write the code",
    "{text} may be {words}: write the path",
    "{text} is not known in {place}, but in {heir}, which that became: write province {same}",
    "{text} is not known in {place} (communes of before July 2025 are imported: place import); did you mean {near}?",
    "{text} is not known in {place} (communes of before July 2025 are imported: place import)",
    "{text} is not known in {place} (elsewhere it is named by its path, province/code); did you mean {near}?",
    "{text} is not known in {place} (elsewhere it is named by its path, province/code)",
    "{text} is not known in {place}, filed as given; did you mean {near}?",
    "{text} is not known in {place}, filed as given",
    "{text} is not known, filed as given; did you mean {near}?",
    "{text} is not known, filed as given",
    "{text} is not known; did you mean {near}?",
    "{text} is not known",
    "{text} may be {words} in {place}; filed as given, write one of these codes",
    "{text} in {place} has the code {near}; filed as {given}",
    "{text}: since {day} part of {words}; filed as given, shown as current too",
    "{text}: ended on {day}, unknown in what; filed as given, shown as current too",
    "{text}: latitude and longitude are swapped",
    "{text}: is not in Viet Nam",
    "{count} households of {people} people",
    "{day} lies before {first}",
    "a province has none",
    "{text} overlaps {other}",
    "there are successors, but no valid_until: from when?",
    "{text} would become itself: there is no {same} on {day}",
    "{text} is not there on {day} ({words})",
    "{text} is not there {day}, but {words}",
    "{text} is a {level}; a {other} lies in a {home}",
    "period {text} ends before it begins",
    "{text} is no period; write {words}",
    "no indicator {text} is known; did you mean {near}?",
    "no indicator {text} is known",
    "{text} is measured here; published speeds are {words}",
    "plan {plan} promises nothing of {text}; leave plan empty and name the area instead",
    "{text} is no area; write province or province/commune, such as bac-giang/tan-moc",
    "{text} has not begun yet",
    "{text}: write 1 for done, 0 for not done",
    "{text} is counted in {unit}, not in {other}",
    "{text} percent; a spreadsheet keeps a cell that shows 95 % as 0.95",
)
_PLACE: Final = re.compile(r"\\\{(\w+)\\\}")
_LONGEST: Final = 600


@lru_cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The sentences as patterns, in order: the longer form of a sentence before the shorter one."""
    return tuple(
        (re.compile(_PLACE.sub(r"(?P<\1>.+?)", re.escape(message)), re.DOTALL), message) for message in MESSAGES
    )


def told(said: str, say: Callable[..., str]) -> str:
    """A fault in the language that `say` speaks; what nothing fits stays as it is."""
    if len(said) > _LONGEST:
        return said[:_LONGEST] + " …"
    for pattern, message in _patterns():
        found = pattern.fullmatch(said)
        if found:
            values = {name: _placed(value, say) for name, value in found.groupdict().items()}
            return say(message, **values) if values else say(message)
    return say(said)


def _placed(value: str, say: Callable[..., str]) -> str:
    """A value; where it is a line of the file, in the reader's words."""
    number = value.removeprefix("line ")
    return say("line {line}", line=number) if number != value and number.isdecimal() else value
