"""What `collector.toml` may say: every key with its type, its bounds and its default.

deploy/collector/collector.toml documents each of them. No secret stands in the file itself: passwords and tokens
come by path. Reading files is the only I/O.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from agent.wire.results import Positive
from agent.wire.settings import PREFIX, SettingsError, load
from collector.errors import UsageError

DEFAULT_PATH: Final = Path("/etc/linkgauge/collector.toml")
BROKER_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}

Role = Literal["ingest", "judge", "web", "broker", "peer"]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=31_622_400)]
Number = Annotated[int, msgspec.Meta(ge=1)]
Bytes = Annotated[int, msgspec.Meta(ge=1024)]


class _Section(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the file."""


class BrokerSettings(_Section, frozen=True, kw_only=True):
    """[broker]: where agents' messages arrive. With the role `broker` we listen there ourselves, on loopback only."""

    url: str = "mqtt://127.0.0.1:1883"
    group: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}$")] | None = None
    client_id: str | None = None
    username: str | None = None
    password: str | None = None
    password_file: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    keepalive_s: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 30
    connect_timeout_s: Seconds = 10
    reconnect_first_s: Seconds = 1
    reconnect_max_s: Seconds = 60
    queue_messages: Number = 20_000
    queue_bytes: Bytes = 64 * 1024 * 1024
    outbox_messages: Number = 10_000
    events: bool | None = None


class IngestSettings(_Section, frozen=True, kw_only=True):
    """[ingest]: what one agent may send, so that no single one takes the others' time."""

    agent_rate: Bytes = 1024 * 1024  # bytes a second; a message or report counts as 1024 at least
    agent_burst: Bytes = 8 * 1024 * 1024


class StoreSettings(_Section, frozen=True, kw_only=True):
    """[store]: the time series, and how reports are gathered for one write."""

    url: str = "sqlite:///var/lib/linkgauge/series.db"
    token: str | None = None
    token_file: str | None = None
    timeout_s: Seconds = 10
    check_s: Seconds = 10
    batch_reports: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 2000
    batch_bytes: Bytes = 4 * 1024 * 1024
    batch_s: Positive = 0.25
    retry_first_s: Seconds = 0.5
    retry_max_s: Seconds = 30


class RegistrySettings(_Section, frozen=True, kw_only=True):
    """[registry]: sites and agents, and how soon a change there is noticed."""

    url: str = "sqlite:///var/lib/linkgauge/registry.db"
    password: str | None = None
    password_file: str | None = None
    poll_s: Seconds = 1
    timeout_s: Seconds = 10
    pool: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    migrate: bool = True


class ArchiveSettings(_Section, frozen=True, kw_only=True):
    """[archive]: exact bytes of accepted reports; kept for ever unless `keep_days` is set."""

    url: str = "file:///var/lib/linkgauge/archive"
    level: Annotated[int, msgspec.Meta(ge=1, le=19)] = 1
    seal: bool = True
    seal_level: Annotated[int, msgspec.Meta(ge=1, le=19)] = 9
    writer: Annotated[str, msgspec.Meta(pattern="^(?![0-9]{4}$)[A-Za-z0-9_-]{1,64}$")] | None = None
    keep_days: Annotated[int, msgspec.Meta(ge=31)] | None = None


class QuarantineSettings(_Section, frozen=True, kw_only=True):
    """[quarantine]: payloads that can never be accepted; by default a file beside the archive's folder."""

    url: str | None = None
    limit_bytes: Bytes = 64 * 1024 * 1024
    limit_count: Number = 10_000
    replay_s: Seconds = 2


class ResendSettings(_Section, frozen=True, kw_only=True):
    """[resend]: asking agents again for reports that the archive misses."""

    grace_s: Seconds = 120
    max_s: Seconds = 3600
    waiting_agents: Number = 10_000
    waiting_ranges: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1000


class LedgerSettings(_Section, frozen=True, kw_only=True):
    """[ledger]: what became of what was planned: stored, late, missing and why."""

    flush_s: Seconds = 1
    late_s: Seconds = 900
    completeness_s: Seconds = 300


class FleetSettings(_Section, frozen=True, kw_only=True):
    """[fleet]: how far back the state of agents is read from the store at the start."""

    recent_s: Seconds = 7 * 86400


class WebSettings(_Section, frozen=True, kw_only=True):
    """[web]: where the page and the health pages listen."""

    listen: str = "127.0.0.1:8600"
    health: str = ""
    zone: str = "Asia/Ho_Chi_Minh"
    public_url: str | None = None
    outlines: str | None = None
    demonstration: bool = False


class PlansSettings(_Section, frozen=True, kw_only=True):
    """[plans]: where further plans are, beside those that come with the program."""

    folder: str | None = None


class JudgeSettings(_Section, frozen=True, kw_only=True):
    """[judge]: how often sites are judged, when an agent counts as silent, and where incidents are told."""

    every_s: Seconds = 60
    lease_s: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 4
    silent_status_s: Seconds = 600
    silent_reports: Number = 3
    spacing_s: Seconds = 7200
    webhook_url: str | None = None
    webhook_timeout_s: Seconds = 10
    webhook_retry_first_s: Seconds = 5
    webhook_retry_max_s: Seconds = 3600


class RouteSettings(_Section, frozen=True, kw_only=True):
    """One [[tell.routes]]: where incidents are told, which ones, and when. What is not named is not filtered."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]
    to: str | None = None
    to_file: str | None = None
    secret_file: str | None = None
    language: Literal["vi", "en"] = "vi"
    when: Literal["now", "daily"] = "now"
    at: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "07:30"
    severity: Literal["notice", "warning", "critical"] | None = None
    causes: list[str] = msgspec.field(default_factory=list)
    provinces: list[str] = msgspec.field(default_factory=list)
    communes: list[str] = msgspec.field(default_factory=list)
    kinds: list[str] = msgspec.field(default_factory=list)
    providers: list[str] = msgspec.field(default_factory=list)
    plans: list[str] = msgspec.field(default_factory=list)
    per_hour: Number | None = None
    remind_s: Annotated[float, msgspec.Meta(ge=60, le=31_622_400)] | None = None


class TellSettings(_Section, frozen=True, kw_only=True):
    """[tell]: who is told of incidents, and how patiently."""

    poll_s: Seconds = 1
    timeout_s: Seconds = 10
    retry_first_s: Seconds = 5
    retry_max_s: Seconds = 3600
    give_up_s: Seconds = 7 * 86_400
    keep_days: Number = 90
    repost_s: Seconds = 60
    hold_s: Seconds = 900
    silences_s: Seconds = 15
    grafana_url: str | None = None
    grafana_token: str | None = None
    grafana_token_file: str | None = None
    heartbeat_url: str | None = None
    heartbeat_url_file: str | None = None
    heartbeat_s: Seconds = 60
    heartbeat_fail: bool = False
    routes: list[RouteSettings] = msgspec.field(default_factory=list)


class RollupSettings(_Section, frozen=True, kw_only=True):
    """[rollups]: how often hours, days and months that are still open are computed, and what may not be any more."""

    hour_s: Seconds = 300
    day_s: Seconds = 3600
    month_s: Seconds = 86_400
    late_s: Seconds = 60
    every_s: Seconds = 15
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.25
    raw_days: Annotated[int, msgspec.Meta(ge=62)] | None = None


class PeerSettings(_Section, frozen=True, kw_only=True):
    """[peer]: the measurement peer that the role `peer` runs as a process of its own."""

    listen: str = "127.0.0.1:8080"  # empty: not at all
    listen_tls: str | None = None
    cert: str | None = None
    key: str | None = None
    stamp: str = "127.0.0.1:8862"
    max_tests: Number | None = None
    pace_mbps: Annotated[float, msgspec.Meta(gt=0)] | None = None


class LogSettings(_Section, frozen=True, kw_only=True):
    """[log]: how much is said on standard error, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


def _usual_roles() -> list[Role]:
    return ["ingest", "judge", "web"]


class CollectorConfig(_Section, frozen=True, kw_only=True):
    """The whole file."""

    roles: list[Role] = msgspec.field(default_factory=_usual_roles)
    broker: BrokerSettings = BrokerSettings()
    ingest: IngestSettings = IngestSettings()
    store: StoreSettings = StoreSettings()
    registry: RegistrySettings = RegistrySettings()
    archive: ArchiveSettings = ArchiveSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    resend: ResendSettings = ResendSettings()
    ledger: LedgerSettings = LedgerSettings()
    fleet: FleetSettings = FleetSettings()
    web: WebSettings = WebSettings()
    plans: PlansSettings = PlansSettings()
    judge: JudgeSettings = JudgeSettings()
    tell: TellSettings = TellSettings()
    rollups: RollupSettings = RollupSettings()
    peer: PeerSettings = PeerSettings()
    log: LogSettings = LogSettings()


# Keys that only the environment may set.
_SECRETS: Final = (("broker", "password"), ("store", "token"), ("registry", "password"), ("tell", "grafana_token"))
# What a running collector can take over from a changed file; everything else needs a restart.
_RELOADABLE: Final[dict[str, frozenset[str]]] = {
    "broker": frozenset({"reconnect_first_s", "reconnect_max_s"}),
    "store": frozenset({"batch_reports", "batch_bytes", "batch_s", "retry_first_s", "retry_max_s"}),
    "registry": frozenset({"poll_s"}),
    "archive": frozenset({"keep_days", "seal", "seal_level"}),
    "quarantine": frozenset({"limit_bytes", "limit_count", "replay_s"}),
    "resend": frozenset({"grace_s", "max_s"}),
    "ledger": frozenset({"flush_s", "late_s", "completeness_s"}),
    "rollups": frozenset({"hour_s", "day_s", "month_s", "late_s", "every_s", "share", "raw_days"}),
    "log": frozenset({"level"}),
}


def read(path: Path, environment: Mapping[str, str]) -> CollectorConfig:
    """Read and check a configuration file; raises UsageError in one plain line that names the file."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{path}: cannot read the configuration: {why}; name another file with --config") from error
    return parse(text, environment, name=str(path))


def parse(text: str, environment: Mapping[str, str], *, name: str) -> CollectorConfig:
    """Read and check a configuration text; raises UsageError in one plain line that starts with `name`."""
    try:
        _check_secrets(load(text, CollectorConfig, {}))
        config = load(text, CollectorConfig, environment)
        check(config)
    except (SettingsError, UsageError) as error:
        raise UsageError(f"{name}: {error}") from error
    return config


def with_roles(config: CollectorConfig, roles: list[Role]) -> CollectorConfig:
    """Give the configuration of a process that has these roles instead; raises UsageError as `read`."""
    config = msgspec.structs.replace(config, roles=roles)
    check(config)
    return config


def check(config: CollectorConfig) -> None:
    """Refuse what no single key shows: raises UsageError."""
    if not config.roles:
        raise UsageError('roles: name at least one, for example ["ingest", "judge", "web"]')
    url = broker_url(config.broker)
    _check_broker(config.broker)
    _check_registry(config.registry)
    if "broker" in config.roles:
        _check_embedded(config.broker, url)
    if "peer" in config.roles and not (config.peer.listen or config.peer.listen_tls or config.peer.stamp):
        raise UsageError("peer.listen: set it, listen_tls or stamp, or take the role peer away")
    address(config.web.listen, "web.listen")
    if config.web.health:
        address(config.web.health, "web.health")
    try:
        ZoneInfo(config.web.zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"web.zone: {config.web.zone!r} is not a time zone, for example Asia/Ho_Chi_Minh") from error
    if config.store.retry_max_s < config.store.retry_first_s:
        raise UsageError("store.retry_max_s: must not be below store.retry_first_s")
    if config.resend.max_s < config.resend.grace_s:
        raise UsageError("resend.max_s: must not be below resend.grace_s")


def taken_over(old: CollectorConfig, new: CollectorConfig) -> CollectorConfig:
    """Give the running configuration with what can change while running taken from a new one."""
    sections = {
        name: msgspec.structs.replace(getattr(old, name), **{key: getattr(getattr(new, name), key) for key in keys})
        for name, keys in _RELOADABLE.items()
    }
    return msgspec.structs.replace(old, **sections)


def needs_restart(old: CollectorConfig, new: CollectorConfig) -> list[str]:
    """Name the keys that differ and that only a restart takes over."""
    names: list[str] = []
    for section in old.__struct_fields__:
        before, after = getattr(old, section), getattr(new, section)
        if isinstance(before, list):
            names += [section] if before != after else []
            continue
        free = _RELOADABLE.get(section, frozenset())
        keys = [key for key in before.__struct_fields__ if getattr(before, key) != getattr(after, key)]
        names += [f"{section}.{key}" for key in keys if key not in free]
    return names


def broker_url(broker: BrokerSettings) -> SplitResult:
    """Split the broker's URL; raises UsageError when it is none."""
    try:
        url = urlsplit(broker.url)
        port = url.port
        (url.hostname or "").encode("idna")
    except ValueError as error:
        raise UsageError(f"broker.url: {broker.url!r} is not a URL: {error}") from error
    if url.scheme not in BROKER_PORTS or not url.hostname or port == 0:
        raise UsageError(
            f"broker.url: {broker.url!r} is not a broker; write mqtt://, mqtts://, ws:// or wss:// and HOST:PORT"
        )
    return url


def address(text: str, key: str) -> tuple[str, int]:
    """Split `HOST:PORT` or `[V6]:PORT`; raises UsageError that names the key."""
    host, _, port = text.rpartition(":")
    try:
        host.strip("[]").encode("idna")
    except UnicodeError:
        host = ""
    if not host or not port.isdecimal():
        raise UsageError(f"{key}: {text!r} is not HOST:PORT, for example 127.0.0.1:8600")
    if int(port) > 65535:  # noqa: PLR2004 - the highest port
        raise UsageError(f"{key}: {text!r}: a port is at most 65535")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether a name or address can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def secret(value: str | None, path: str | None, key: str) -> str | None:
    """Give a secret from the environment or its file, without the newline at its end.

    Raises:
        UsageError: the file that `key` names cannot be read.
    """
    if value is not None or path is None:
        return value
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{key}: cannot read {path}: {error}") from error


def _check_secrets(file: CollectorConfig) -> None:
    for section, key in _SECRETS:
        if getattr(getattr(file, section), key) is not None:
            raise UsageError(
                f"{section}.{key}: no secret in the file; use {section}.{key}_file, or the environment: "
                f"{PREFIX}{section.upper()}_{key.upper()}"
            )


def _check_registry(registry: RegistrySettings) -> None:
    if "://" in registry.url and urlsplit(registry.url).password is not None:
        raise UsageError(
            "registry.url: no password in the address; use registry.password_file, or the environment: "
            f"{PREFIX}REGISTRY_PASSWORD"
        )


def _check_embedded(broker: BrokerSettings, url: SplitResult) -> None:
    if url.scheme != "mqtt" or not is_loopback(url.hostname or ""):
        raise UsageError(
            "broker.url: the embedded broker asks for no password, so it listens on loopback only, "
            f"not on {url.netloc}; write mqtt://127.0.0.1:1883, or take Mosquitto for other machines"
        )
    if broker.group is not None:
        raise UsageError(
            "broker.group: the embedded broker cannot share reports out among several processes, and would give them "
            "to none; take the group away, or run Mosquitto"
        )


def _check_broker(broker: BrokerSettings) -> None:
    url = broker_url(broker)
    if url.username is not None or url.password is not None:
        raise UsageError("broker.url: no user or password in the address; use broker.username and broker.password_file")
    if (broker.cert is None) != (broker.key is None):
        raise UsageError("broker.cert and broker.key: set both or none")
    if (broker.password_file or broker.password) and broker.username is None:
        raise UsageError("broker.password_file: needs broker.username too")
    if broker.reconnect_max_s < broker.reconnect_first_s:
        raise UsageError("broker.reconnect_max_s: must not be below broker.reconnect_first_s")
