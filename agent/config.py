"""What `agent.toml` may say: every key with its type, its bounds and its default.

deploy/agent/agent.toml documents each of them. No secret stands in the file itself: passwords and keys come by path.
What a peer's URL may be is not known down here: the check for it is passed in. Reading a file is the only I/O.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from agent.errors import UsageError
from agent.wire.results import Positive
from agent.wire.settings import SettingsError, load
from agent.wire.topics import AGENT_ID

DEFAULT_PATH: Final = Path("/etc/linkgauge/agent.toml")
DIRECTION_S: Final = 10.0
"""The most that one direction of a throughput run takes, whatever `max_seconds` says (agent.speed.limits)."""
AROUND_S: Final = 15.0
"""What a throughput run may need besides: names, finding a server, connecting, a look at the line before."""
BROKER_SCHEMES: Final = ("mqtt", "mqtts", "ws", "wss")

Seconds = Annotated[float, msgspec.Meta(gt=0, le=31_622_400)]
Number = Annotated[int, msgspec.Meta(ge=1)]
Bytes = Annotated[int, msgspec.Meta(ge=1024)]


class _Section(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the file."""


class AgentSettings(_Section, frozen=True, kw_only=True):
    """[agent]: who this device is, and where it keeps what must survive a power cut."""

    id: str
    data: str = "/var/lib/linkgauge-agent"
    machine_id_file: str = "/etc/machine-id"


class BrokerSettings(_Section, frozen=True, kw_only=True):
    """[broker]: where reports go, and every timer of their delivery (contract, "MQTT")."""

    url: str
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    username: str | None = None
    password_file: str | None = None
    client_id: str | None = None
    keepalive_s: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 60
    connect_timeout_s: Seconds = 20
    reconnect_first_s: Seconds = 1
    reconnect_max_s: Seconds = 300
    status_s: Seconds = 60
    batch_s: Positive = 0.2
    resend_first_s: Seconds = 60
    resend_max_s: Seconds = 3600
    defer_s: Seconds = 3600
    boot_jitter_s: Positive = 30
    window_reports: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100
    window_bytes: Annotated[int, msgspec.Meta(ge=65536, le=262144)] = 262144
    slow_window_bytes: Annotated[int, msgspec.Meta(ge=65536, le=262144)] = 65536
    slow_mbps: Positive = 1
    array_reports: Annotated[int, msgspec.Meta(ge=1, le=50)] = 50
    silent_arrays: Number = 3
    stop_s: Seconds = 1.5


class PeerSettings(_Section, frozen=True, kw_only=True):
    """[peer]: the far ends to measure against; several that fit a kind take turns, slot by slot."""

    urls: list[str]
    ca: str | None = None


class KindSettings(_Section, frozen=True, kw_only=True):
    """[schedule.KIND]: when one kind runs, and what one run may cost.

    Once at a random instant in each slot of `every_s`. `first_runs` extra runs follow each start of the service,
    `first_every_s` apart and at most `first_max_seconds` and `first_max_bytes` big, so that a new installation shows
    something at once. `deadline_s` ends a run that hangs; `max_seconds` and `max_bytes` are the probe's own budget
    (throughput: of each direction, so that a run takes and costs up to twice as much). `family` both: slot by slot in
    turn, so that each has its own series and what fails in one is a report of its own.
    """

    enabled: bool = True
    every_s: Annotated[float, msgspec.Meta(ge=1, le=31_622_400)]
    deadline_s: Seconds
    max_seconds: Seconds | None = None
    max_bytes: Bytes | None = None
    family: Literal["auto", "ipv4", "ipv6", "both"] = "auto"
    peer: str | None = None
    options: dict[str, str] = {}
    first_runs: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    first_every_s: Seconds = 20
    first_max_seconds: Seconds | None = None
    first_max_bytes: Bytes | None = None


class ThroughputSettings(KindSettings, frozen=True, kw_only=True):
    """[schedule.throughput]: six a day keep the cost of data bearable and still give 180 samples a month."""

    every_s: Annotated[float, msgspec.Meta(ge=1, le=31_622_400)] = 14400
    deadline_s: Seconds = 90


class LatencySettings(KindSettings, frozen=True, kw_only=True):
    """[schedule.latency]: cheap, so every five minutes."""

    every_s: Annotated[float, msgspec.Meta(ge=1, le=31_622_400)] = 300
    deadline_s: Seconds = 60


class Ipv6Settings(KindSettings, frozen=True, kw_only=True):
    """[schedule.ipv6]: changes seldom, breaks silently: hourly."""

    every_s: Annotated[float, msgspec.Meta(ge=1, le=31_622_400)] = 3600
    deadline_s: Seconds = 60


class DnsSettings(KindSettings, frozen=True, kw_only=True):
    """[schedule.dns]: small questions, and a resolver that fails is felt at once: every fifteen minutes."""

    every_s: Annotated[float, msgspec.Meta(ge=1, le=31_622_400)] = 900
    deadline_s: Seconds = 60


class WebSettings(KindSettings, frozen=True, kw_only=True):
    """[schedule.web]: some hundred kilobytes a page: hourly."""

    every_s: Annotated[float, msgspec.Meta(ge=1, le=31_622_400)] = 3600
    deadline_s: Seconds = 120


class PathSettings(KindSettings, frozen=True, kw_only=True):
    """[schedule.path]: ways change seldom, and a run is a few hundred small packets: every four hours."""

    every_s: Annotated[float, msgspec.Meta(ge=1, le=31_622_400)] = 14400
    deadline_s: Seconds = 60


class RadioSettings(KindSettings, frozen=True, kw_only=True):
    """[schedule.radio]: off, because most boxes have no modem; where there is one, every ten minutes."""

    enabled: bool = False
    every_s: Annotated[float, msgspec.Meta(ge=1, le=31_622_400)] = 600
    deadline_s: Seconds = 30


class ScheduleSettings(_Section, frozen=True, kw_only=True):
    """[schedule]: one table a kind."""

    throughput: ThroughputSettings = ThroughputSettings()
    latency: LatencySettings = LatencySettings()
    ipv6: Ipv6Settings = Ipv6Settings()
    dns: DnsSettings = DnsSettings()
    web: WebSettings = WebSettings()
    path: PathSettings = PathSettings()
    radio: RadioSettings = RadioSettings()

    def kinds(self) -> dict[str, KindSettings]:
        """Name every kind that is switched on, with its settings."""
        every = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: kind for name, kind in every.items() if kind.enabled}


class SpoolSettings(_Section, frozen=True, kw_only=True):
    """[spool]: how much of the disk reports may take, and how long receipted ones stay."""

    limit_bytes: Annotated[int, msgspec.Meta(ge=1024 * 1024)] = 64 * 1024 * 1024
    keep_days: Annotated[float, msgspec.Meta(gt=0, le=3660)] = 30


class LimitSettings(_Section, frozen=True, kw_only=True):
    """[limits]: how the service behaves at its edges.

    `month_bytes`: once speed tests and web pages of a month (UTC) have moved so much, those wait for the next one; a
    run that began before may go beyond it by its own bytes.
    """

    stop_s: Seconds = 3
    retry_s: Seconds = 60
    late_s: Positive = 120
    requests: Number = 10
    status_file_s: Seconds = 300
    survey_s: Seconds = 30
    month_bytes: Bytes | None = None


class AgentConfig(_Section, frozen=True, kw_only=True):
    """The whole file."""

    agent: AgentSettings
    broker: BrokerSettings
    peer: PeerSettings
    schedule: ScheduleSettings = ScheduleSettings()
    spool: SpoolSettings = SpoolSettings()
    limits: LimitSettings = LimitSettings()


CheckPeer = Callable[[str], object]


def read(path: Path, environment: Mapping[str, str], *, check_peer: CheckPeer) -> AgentConfig:
    """Read and check a configuration file; raises UsageError in one plain line that names the file.

    `check_peer` is given each peer URL and raises UsageError for one that cannot be used (agent.net.peer_url.parse).
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{path}: cannot read the configuration: {why}; name another file with --config") from error
    return parse(text, environment, name=str(path), check_peer=check_peer)


def parse(text: str, environment: Mapping[str, str], *, name: str, check_peer: CheckPeer) -> AgentConfig:
    """Read and check a configuration text; raises UsageError in one plain line that starts with `name`."""
    try:
        config = load(text, AgentConfig, environment)
    except SettingsError as error:
        raise UsageError(f"{name}: {error}") from error
    try:
        _check_id(config.agent.id)
        _check_broker(config.broker)
        _check_peers(config.peer, check_peer)
        _check_schedule(config.schedule, check_peer)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    return config


def _check_id(agent: str) -> None:
    if not re.fullmatch(AGENT_ID, agent) or agent == "collector":
        raise UsageError(
            f'agent.id: "{agent}" is not an agent id; use 1 to 63 of a-z, 0-9 and -, not "collector" and not - first'
        )


def _check_broker(broker: BrokerSettings) -> None:
    try:
        url = urlsplit(broker.url)
        port = url.port
    except ValueError as error:
        raise UsageError(f'broker.url: "{broker.url}" is not a URL: {error}') from error
    if url.scheme not in BROKER_SCHEMES or not url.hostname or port == 0:
        raise UsageError(
            f'broker.url: "{broker.url}" is not a broker; write mqtt://, mqtts://, ws:// or wss:// and HOST:PORT'
        )
    if url.username is not None or url.password is not None:
        raise UsageError("broker.url: no user or password in the address; use broker.username and broker.password_file")
    if (broker.cert is None) != (broker.key is None):
        raise UsageError("broker.cert and broker.key: set both or none")
    if broker.password_file is not None and broker.username is None:
        raise UsageError("broker.password_file: needs broker.username too")
    if broker.resend_max_s < broker.resend_first_s:
        raise UsageError("broker.resend_max_s: must not be below broker.resend_first_s")
    if broker.reconnect_max_s < broker.reconnect_first_s:
        raise UsageError("broker.reconnect_max_s: must not be below broker.reconnect_first_s")


def _check_peers(peer: PeerSettings, check_peer: CheckPeer) -> None:
    if not peer.urls:
        raise UsageError('peer.urls: name at least one peer, for example "msak+wss://peer.example:4443"')
    for url in peer.urls:
        _check_peer(url, "peer.urls", check_peer)


def _check_peer(url: str, key: str, check_peer: CheckPeer) -> None:
    try:
        check_peer(url)
    except UsageError as error:
        raise UsageError(f"{key}: {error}") from error


def _check_both_ways(name: str, kind: ThroughputSettings) -> None:
    """What the file itself says of seconds must fit; what only the default says is a caution (agent.peers)."""
    most = max(kind.max_seconds or 0, kind.first_max_seconds or 0)
    taken = min(most, DIRECTION_S)
    if 2 * taken > kind.deadline_s:
        raise UsageError(
            f"schedule.{name}.deadline_s: two directions of {taken:g} s do not fit into {kind.deadline_s:g} s;"
            f" allow {2 * taken + AROUND_S:g} s, or set max_seconds lower"
        )


def _check_schedule(schedule: ScheduleSettings, check_peer: CheckPeer) -> None:
    for name, kind in schedule.kinds().items():
        if isinstance(kind, ThroughputSettings):
            _check_both_ways(name, kind)
        elif kind.max_seconds is not None and kind.max_seconds > kind.deadline_s:
            raise UsageError(f"schedule.{name}.max_seconds: must not be above schedule.{name}.deadline_s")
        if kind.peer is not None:
            _check_peer(kind.peer, f"schedule.{name}.peer", check_peer)
