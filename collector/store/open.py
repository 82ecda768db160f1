"""A store by its URL.

`sqlite:///var/lib/linkgauge/series.db` · `influxdb1://H:P/DB` · `influxdb2://H:P/BUCKET?org=ORG` · `influxdb3://H:P/DB`.
`influxdb1+https://…` and so on speak TLS. A user and password may stand in an `influxdb1` URL (`user:password@`);
a token comes from the configuration's secret (for `influxdb1`
it may be `user:password`). `influxdb1` also serves openGemini.
"""

from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from collector.errors import UsageError
from collector.store.influx import InfluxStore, Server, basic
from collector.store.influx2 import Influx2Store
from collector.store.sqlite import SqliteStore
from collector.store.store import Store

TIMEOUT_S: Final = 10.0
_PORTS: Final = {1: 8086, 2: 8086, 3: 8181}
_SCHEMES: Final = {f"influxdb{version}": version for version in _PORTS}
_KNOWN: Final = "sqlite:///PATH, influxdb1://H:P/DB, influxdb2://H:P/BUCKET?org=ORG or influxdb3://H:P/DB"


def store_from_url(url: str, *, token: str | None = None, timeout_s: float = TIMEOUT_S) -> Store:
    """The store that a URL names, not yet opened; an answer, or a lock, later than `timeout_s` counts as none.

    Raises:
        UsageError: in one line that does not repeat a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise UsageError(f"store.url: not a URL ({error}); it looks like {_KNOWN}") from error
    scheme, _, transport = parts.scheme.partition("+")
    if scheme == "sqlite" and not transport:
        return _sqlite(parts, timeout_s)
    version = _SCHEMES.get(scheme)
    if version is None or transport not in ("", "https"):
        raise UsageError(f"store.url: unknown scheme {parts.scheme or '(none)'!r}; it looks like {_KNOWN}")
    name = unquote(parts.path.strip("/"))
    if not parts.hostname or not name or "/" in name or parts.fragment:
        raise UsageError(f"store.url: needs a host and one database name; it looks like {_KNOWN}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    base = f"{transport or 'http'}://{host}:{port or _PORTS[version]}"
    server = Server(base, name, version, timeout_s, _credentials(version, parts, token))
    query = _query(parts, {"org"} if version == 2 else set())  # noqa: PLR2004 - InfluxDB's major version
    if "org" not in query:
        return _without_org(server)
    if token is None:
        raise UsageError("store.token: InfluxDB 2 needs one; give it in LINKGAUGE_STORE_TOKEN or store.token_file")
    return Influx2Store(server, org=query["org"], token=token)


def _without_org(server: Server) -> Store:
    if server.version in (1, 3):
        return InfluxStore(server)
    raise UsageError("store.url: InfluxDB 2 needs its organization: influxdb2://H:P/BUCKET?org=ORG")


def _sqlite(parts: SplitResult, timeout_s: float) -> Store:
    path = unquote(parts.path)
    if parts.netloc or not path.startswith("/") or path.endswith("/") or parts.query:
        raise UsageError("store.url: sqlite needs the absolute path of a file: sqlite:///var/lib/linkgauge/series.db")
    return SqliteStore(Path("/" + path.lstrip("/")), busy_s=timeout_s)


def _credentials(version: int, parts: SplitResult, token: str | None) -> str | None:
    if parts.username is not None:
        if version != 1:
            raise UsageError(f"store.url: influxdb{version} wants a token, not a user; see store.token_file")
        return basic(unquote(parts.username), unquote(parts.password or ""))
    if token is None:
        return None
    if not token.isprintable() or not token.isascii():
        raise UsageError("store.token: holds characters that no token has; is the file the right one?")
    user, colon, password = token.partition(":")
    if version == 1 and colon:
        return basic(user, password)
    return f"{'Token' if version == 2 else 'Bearer'} {token}"  # noqa: PLR2004 - InfluxDB's major version


def _query(parts: SplitResult, known: set[str]) -> dict[str, str]:
    query = dict(parse_qsl(parts.query))
    unknown = sorted(query.keys() - known)
    if unknown:
        raise UsageError(f"store.url: unknown option {unknown[0]!r}; it looks like {_KNOWN}")
    return query
