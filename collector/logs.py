"""How log lines look: text for people, JSON lines for machines, without a second timestamp under systemd.

Code says `LOG.warning("store.refused reports=%d error=%s", 3, error)`: the event's name first, then its fields. As text
that is the line; as JSON the fields stand by themselves. One event is one line: what others have put into a value
cannot begin a new one. What looks like a password in an address is blotted out, should one ever come here.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

Format = Literal["text", "json"]
_EVENT: Final = re.compile(r"^[a-z_0-9]+(\.[a-z_0-9]+)+(?=[\s:;]|$)")
_FIELD: Final = re.compile(r"\b([a-z_][a-z_0-9]*)=(%[-#0 +]*\d*(?:\.\d+)?[sdrfag])")
_PLACE: Final = re.compile(r"%(?:%|[-#0 +]*\d*(?:\.\d+)?[sdrfag])")
_SECRET: Final = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+@")
_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_TEXT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
_BARE: Final = "%(levelname)s %(name)s %(message)s"


def begin(level: str, form: Format) -> None:
    """Send all logs of this process to standard error in this form, from this level on."""
    under_systemd = is_journal(os.environ)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines(_BARE if under_systemd else _TEXT))
    if under_systemd and form == "text":
        handler.setFormatter(Prioritised(_BARE))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)  # which of its plug-ins it loads is no news to an operator


def is_journal(environment: Mapping[str, str], number: int = 2) -> bool:
    """Whether what is written to this file number goes to systemd's journal, which stamps each line by itself."""
    try:
        found = os.fstat(number)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class TextLines(logging.Formatter):
    """As logging's own, one line an event; a traceback follows in lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """As logging.Formatter: the line, without what would begin another one."""
        return _plain(super().formatMessage(record))


class Prioritised(TextLines):
    """For the journal: each line begins with its priority, as sd-daemon(3) describes."""

    def format(self, record: logging.LogRecord) -> str:
        """As logging.Formatter."""
        prefix = next((f"<{number}>" for level, number in _PRIORITIES if record.levelno >= level), "<7>")
        return "\n".join(prefix + line for line in super().format(record).splitlines())


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, event, message, fields, and exception when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """As logging.Formatter."""
        message = record.getMessage()
        event = _EVENT.match(message)
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:23] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": event.group() if event else record.name,
            "message": _plain(message),
            "fields": {name: _value(value) for name, value in fields_of(record).items()},
        }
        if record.exc_info:
            line["exception"] = _blotted(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """The values that stand in a message as `name=%s`, by name; foreign messages have none."""
    template, values = record.msg, record.args
    if not isinstance(template, str) or not isinstance(values, tuple):
        return {}
    names = {match.start(2): match.group(1) for match in _FIELD.finditer(template)}
    places = [match.start() for match in _PLACE.finditer(template) if match.group() != "%%"]
    return {names[place]: value for place, value in zip(places, values, strict=False) if place in names}


def _value(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return _plain(str(value))


def _plain(text: str) -> str:
    """One line, whatever somebody has put into it."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in _blotted(text).replace("\n", " "))


def _blotted(text: str) -> str:
    return _SECRET.sub(r"\1:***@", text) if "://" in text else text
