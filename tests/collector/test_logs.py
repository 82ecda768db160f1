"""Log lines: what machines read of them, and what nobody may put into them."""

import json
import logging
import os
from pathlib import Path

import pytest

from collector.logs import JsonLines, Prioritised, TextLines, fields_of, is_journal


def record(message: str, *values: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("collector.x", level, "x.py", 1, message, values, None)


def line(message: str, *values: object) -> dict[str, object]:
    told = JsonLines().format(record(message, *values))
    assert "\n" not in told
    found: dict[str, object] = json.loads(told)
    return found


def test_an_event_and_its_fields_stand_by_themselves() -> None:
    told = line("store.refused reports=%d of=%d s=%.1f error=%s; tried again", 3, 20, 1.25, "no route")
    assert (told["event"], told["level"], told["logger"]) == ("store.refused", "warning", "collector.x")
    assert told["fields"] == {"reports": 3, "of": 20, "s": 1.25, "error": "no route"}
    assert told["message"] == "store.refused reports=3 of=20 s=1.2 error=no route; tried again"


def test_values_that_stand_elsewhere_and_foreign_lines_do_no_harm() -> None:
    assert line("incident.%s id=%s 100%%", "open", 7)["fields"] == {"id": 7}
    assert line("incident.%s id=%s", "open", 7)["event"] == "incident.open"
    foreign = line("Executing <Task> took 0.2 seconds")
    assert (foreign["event"], foreign["fields"]) == ("collector.x", {})
    assert fields_of(record("a.b x=%(x)s", {"x": 1})) == {}


@pytest.mark.parametrize("form", [TextLines("%(levelname)s %(message)s"), JsonLines()])
def test_what_agents_send_begins_no_new_line_and_commands_no_terminal(form: logging.Formatter) -> None:
    told = form.format(record("intake.fault topic=%s", "a\nERROR all is lost\x1b[2J\r"))
    assert "\n" not in told
    assert "\x1b" not in told
    assert "\r" not in told


@pytest.mark.parametrize("form", [TextLines("%(message)s"), JsonLines()])
def test_a_password_in_an_address_is_blotted_out(form: logging.Formatter) -> None:
    told = form.format(record("part.fails why=%s", "postgresql://lan:geheim@db/x refused"))
    assert "geheim" not in told
    assert "lan:***@db" in told


def test_a_traceback_comes_whole() -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("x")
    trace = (caught.type, caught.value, caught.tb)
    found = logging.LogRecord("x", logging.ERROR, "x.py", 1, "pipeline.fault reports=%d", (2,), trace)
    told = json.loads(JsonLines().format(found))
    assert "ValueError: invalid literal" in told["exception"]
    lines = Prioritised("%(message)s").format(found).splitlines()
    assert lines[0] == "<3>pipeline.fault reports=2"
    assert all(one.startswith("<3>") for one in lines)


def test_the_journal_is_known_by_its_file_alone(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        found = os.fstat(out.fileno())
        stream = f"{found.st_dev}:{found.st_ino}"
        assert is_journal({"JOURNAL_STREAM": stream}, out.fileno())
        assert not is_journal({"JOURNAL_STREAM": f"{stream}1"}, out.fileno())
        assert not is_journal({}, out.fileno())
    assert not is_journal({"JOURNAL_STREAM": stream}, 9999)
