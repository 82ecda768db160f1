"""The configuration: the smallest that works, the example that documents everything, and one bad file per fault."""

import re
from pathlib import Path

import msgspec
import pytest

from collector.config import CollectorConfig, RouteSettings, needs_restart, parse, read, secret, taken_over
from collector.errors import UsageError

EXAMPLE = Path(__file__).parents[2] / "deploy" / "collector" / "collector.toml"
SMALLEST = """
roles = ["ingest", "judge", "web"]
[broker]
url = "mqtt://127.0.0.1:1883"
[store]
url = "sqlite:///var/lib/linkgauge/series.db"
[registry]
url = "sqlite:///var/lib/linkgauge/registry.db"
[archive]
url = "file:///var/lib/linkgauge/archive"
[web]
listen = "127.0.0.1:8600"
"""
NEVER_IN_FILES = {"broker.password", "store.token", "registry.password", "tell.grafana_token"}


def test_smallest_of_the_contract_is_the_default() -> None:
    assert parse(SMALLEST, {}, name="x") == CollectorConfig() == parse("", {}, name="x")


def test_example_says_the_defaults_and_documents_every_key() -> None:
    text = EXAMPLE.read_text("utf-8")
    assert parse(text, {}, name="example") == CollectorConfig()
    section, found = "", {"roles"}
    for line in text.splitlines():
        if match := re.fullmatch(r"#?\[?\[([\w.]+)\]\]?", line):
            section = match[1]
        elif match := re.match(r"#?(\w+) = ", line):
            found.add(f"{section}.{match[1]}" if section else match[1])
    assert found == keys() - NEVER_IN_FILES


def test_example_holds_good_with_every_commented_key_on() -> None:
    text = re.sub(r"^#(\w+ = |\[\[)", r"\1", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    config = parse(text, {}, name="example")
    assert config.broker.group == "collector"
    assert config.archive.keep_days == 3660
    assert config.tell.routes[0].name == "noc"


def keys() -> set[str]:
    config = CollectorConfig()
    names = {"roles"}
    for section in config.__struct_fields__[1:]:
        names |= {f"{section}.{key}" for key in getattr(config, section).__struct_fields__}
    names |= {f"tell.routes.{key}" for key in RouteSettings.__struct_fields__}
    return names - {"tell.routes"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[stor]\nurl = "x"', "unknown key stor; did you mean store?"),
        ("[store]\nbatch_sec = 1", "unknown key store.batch_sec; did you mean store.batch_s?"),
        ("roles = []", "roles: name at least one"),
        ('roles = ["cook"]', "roles"),
        ("[store]\nbatch_reports = 50000", "store.batch_reports"),
        ('[broker]\nurl = "http://x"', "broker.url"),
        ('[broker]\nurl = "mqtt://u:p@x"', "no user or password in the address"),
        ('[broker]\nurl = "mqtt://x:99999"', "broker.url"),
        ('[broker]\nurl = "mqtt://a..b"', "broker.url"),
        ('[web]\nlisten = "a..b:8600"', "web.listen"),
        ('[broker]\ncert = "x"', "set both or none"),
        ('[broker]\npassword_file = "x"', "needs broker.username"),
        ('[broker]\npassword = "x"', "no secret in the file"),
        ('[store]\ntoken = "x"', "LINKGAUGE_STORE_TOKEN"),
        ("[broker]\nreconnect_first_s = 90", "broker.reconnect_max_s"),
        ("[store]\nretry_first_s = 90", "store.retry_max_s"),
        ("[resend]\ngrace_s = 9000", "resend.max_s"),
        ('roles = ["broker"]\n[broker]\nurl = "mqtt://0.0.0.0:1883"', "loopback only"),
        ('roles = ["broker"]\n[broker]\nurl = "mqtts://127.0.0.1:1883"', "loopback only"),
        ('roles = ["broker", "ingest"]\n[broker]\ngroup = "collector"', "cannot share reports out"),
        ('[web]\nlisten = "8600"', "web.listen"),
        ('[web]\nzone = "Mars/Olympus"', "web.zone"),
        ('roles = ["peer"]\n[peer]\nlisten = ""\nstamp = ""', "peer.listen"),
        ('[registry]\nurl = "postgresql://u:p@x/y"', "registry.url: no password in the address"),
        ('[registry]\npassword = "x"', "LINKGAUGE_REGISTRY_PASSWORD"),
        ('[web]\nhealth = "8611"', "web.health"),
        ("roles = [", "not valid TOML"),
    ],
)
def test_bad_file_is_one_line_that_names_file_and_key(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=r"^c\.toml: ") as caught:
        parse(text, {}, name="c.toml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the configuration"):
        read(tmp_path / "none.toml", {})


def test_environment_overrides_and_carries_secrets(tmp_path: Path) -> None:
    environment = {"LINKGAUGE_STORE_TOKEN": "t", "LINKGAUGE_ROLES": "web,judge", "LINKGAUGE_STORE_BATCH_S": "2"}
    config = parse(SMALLEST, environment, name="x")
    assert (config.store.token, config.roles, config.store.batch_s) == ("t", ["web", "judge"], 2.0)
    file = tmp_path / "token"
    file.write_text("from file\n")
    assert secret(None, str(file), "store.token_file") == "from file"
    assert secret("env", str(file), "store.token_file") == "env"
    with pytest.raises(UsageError, match=r"store\.token_file"):
        secret(None, str(tmp_path / "none"), "store.token_file")


def test_reload_takes_over_what_it_can_and_names_what_it_cannot() -> None:
    old = CollectorConfig()
    new = parse('roles=["web"]\n[store]\nbatch_s = 3\nurl = "sqlite:///x"\n[log]\nlevel = "debug"', {}, name="x")
    assert needs_restart(old, new) == ["roles", "store.url"]
    merged = taken_over(old, new)
    assert (merged.store.batch_s, merged.log.level) == (3.0, "debug")
    assert (merged.store.url, merged.roles) == (old.store.url, old.roles)
    assert needs_restart(old, msgspec.structs.replace(old)) == []
