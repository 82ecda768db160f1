"""`tell list` and `tell test` against real receivers."""

import asyncio
from pathlib import Path

import pytest

from collector.__main__ import main
from tests.collector.tell.rig import House, Receiver, house, until
from tests.collector.tell.test_telling import webhook


def configured(folder: Path, routes: str) -> str:
    path = folder / "collector.toml"
    path.write_text(f'[registry]\nurl = "sqlite://{folder}/registry.db"\n{routes}', "utf-8")
    return str(path)


async def run(*arguments: str) -> int:
    return await asyncio.to_thread(main, arguments)


async def test_a_route_is_tried_and_the_record_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receiver = Receiver()
    async with receiver.listening():
        routes = webhook(f"{receiver.url}/hook?token=s3cret")
        config = configured(tmp_path, routes)
        one: House = house(tmp_path, routes)
        one.record("s1")
        async with one.running():
            await until(lambda: one.states() == ["sent"])
        assert await run("tell", "test", "hook", "--config", config) == 0
        assert capsys.readouterr().out == f"hook ({receiver.url}) has taken the test message: status_200\n"
        assert receiver.got[1]["test"] is True
        receiver.answers = [403]
        assert await run("tell", "test", "hook", "--config", config) == 1
        assert f"hook ({receiver.url}) has not taken the test message: status_403" in capsys.readouterr().err
        assert await run("tell", "list", "--config", config) == 0
        shown = capsys.readouterr().out
    assert shown.startswith(f"route hook: {receiver.url}, at once, vi, from warning up\n")
    assert [line.split("\t")[4] for line in shown.splitlines()[2:]] == ["expired", "sent", "sent"]
    assert "s3cret" not in shown
    assert await run("tell", "list", "--state", "held", "--config", config) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    one.close()


async def test_mistakes_are_one_plain_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path, "")
    assert await run("tell", "test", "noc", "--config", config) == 2
    assert "there is no route 'noc'; those of the configuration: none" in capsys.readouterr().err
    assert await run("tell", "list", "--config", config) == 0
    assert capsys.readouterr().out.startswith("no routes: nobody is told of anything")
    config = configured(tmp_path, f'{webhook("http://127.0.0.1:8080/hook")}\nwhen = "weekly"')
    assert await run("tell", "list", "--config", config) == 2
    assert "tell.routes[0].when: expected one of now, daily, got 'weekly'" in capsys.readouterr().err
    config = configured(tmp_path, f'{webhook("http://127.0.0.1:8080/hook")}\nseverity = "grave"')
    assert await run("tell", "list", "--config", config) == 2
    assert "expected one of notice, warning, critical, got 'grave'" in capsys.readouterr().err
    config = configured(tmp_path, webhook("http://127.0.0.1:8080/hook"))
    assert await run("tell", "list", "--config", config) == 0
    assert capsys.readouterr().out.startswith("route hook: http://127.0.0.1:8080, at once")
    assert await run("tell", "list", "--route", "nosuch", "--config", config) == 2
    assert "there is no route 'nosuch'; those of the configuration: hook" in capsys.readouterr().err
