"""A store by its URL.

`sqlite:///var/lib/linkgauge/series.db` · `influxdb1://H:P/DB` · `influxdb2://H:P/BUCKET?org=ORG` · `influxdb3://H:P/DB`.
`influxdb1+https://…` and so on speak TLS. A user and password may stand in an `influxdb1` URL (`user:password@`);
a token comes from the configuration's secret (for `influxdb1`
it may be `user:password`). `influxdb1` also serves openGemini. `?raw=NAME` (1.x, 2.x) keeps raw measurements under a
retention policy of their own: see `keeping`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from collector.errors import UsageError
from collector.store.influx import InfluxStore, Server, basic
from collector.store.influx2 import Influx2Store
from collector.store.keeping import POLICY
from collector.store.shelf import InfluxShelf, Shelf, SqliteShelf
from collector.store.sqlite import SqliteStore
from collector.store.store import Store

TIMEOUT_S: Final = 10.0
_PORTS: Final = {1: 8086, 2: 8086, 3: 8181}
_SCHEMES: Final = {f"influxdb{version}": version for version in _PORTS}
_OPTIONS: Final[dict[int, set[str]]] = {1: {"raw"}, 2: {"org", "raw"}, 3: set()}
_KNOWN: Final = "sqlite:///PATH, influxdb1://H:P/DB, influxdb2://H:P/BUCKET?org=ORG or influxdb3://H:P/DB"


@dataclass(frozen=True, slots=True)
class Place:
    """What a store's URL names: a file, or a database on a server; `org` and `token` are InfluxDB 2's."""

    path: Path | None = None
    server: Server | None = None
    org: str | None = None
    token: str | None = field(default=None, repr=False)

    @property
    def words(self) -> str:
        """The place as an operator names it, without secrets."""
        return self.server.words if self.server is not None else str(self.path)


def store_from_url(url: str, *, token: str | None = None, timeout_s: float = TIMEOUT_S) -> Store:
    """The store that a URL names, not yet opened; an answer, or a lock, later than `timeout_s` counts as none.

    Raises:
        UsageError: in one line that does not repeat a password.
    """
    place = place_from_url(url, token=token, timeout_s=timeout_s)
    if place.server is None:
        return SqliteStore(place.path or Path(), busy_s=timeout_s)
    if place.org is None:
        return InfluxStore(place.server)
    return Influx2Store(place.server, org=place.org, token=place.token or "")


def shelf_from_url(url: str, *, token: str | None = None, timeout_s: float = TIMEOUT_S) -> Shelf:
    """The same store, to be read from end to end; raises UsageError."""
    place = place_from_url(url, token=token, timeout_s=timeout_s)
    return (
        InfluxShelf(place.server) if place.server is not None else SqliteShelf(place.path or Path(), busy_s=timeout_s)
    )


def place_from_url(url: str, *, token: str | None = None, timeout_s: float = TIMEOUT_S) -> Place:
    """What a store's URL names; raises UsageError."""
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise UsageError(f"store.url: not a URL ({error}); it looks like {_KNOWN}") from error
    scheme, _, transport = parts.scheme.partition("+")
    if scheme == "sqlite" and not transport:
        return Place(path=_file(parts))
    version = _SCHEMES.get(scheme)
    if version is None or transport not in ("", "https"):
        raise UsageError(f"store.url: unknown scheme {parts.scheme or '(none)'!r}; it looks like {_KNOWN}")
    name = unquote(parts.path.strip("/"))
    if not parts.hostname or not name or "/" in name or parts.fragment:
        raise UsageError(f"store.url: needs a host and one database name; it looks like {_KNOWN}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    query = _query(parts, _OPTIONS[version])
    server = Server(
        f"{transport or 'http'}://{host}:{port or _PORTS[version]}",
        name,
        version,
        timeout_s,
        _credentials(version, parts, token),
        _policy(query.get("raw", "")),
    )
    if version != 2:  # noqa: PLR2004 - InfluxDB's major version
        return Place(server=server)
    if "org" not in query:
        raise UsageError("store.url: InfluxDB 2 needs its organization: influxdb2://H:P/BUCKET?org=ORG")
    if token is None:
        raise UsageError("store.token: InfluxDB 2 needs one; give it in LINKGAUGE_STORE_TOKEN or store.token_file")
    return Place(server=server, org=query["org"], token=token)


def _policy(name: str) -> str:
    if name and not POLICY.fullmatch(name):
        raise UsageError(f"store.url: raw={name!r} is no name of a retention policy: letters, digits and _")
    return name


def _file(parts: SplitResult) -> Path:
    path = unquote(parts.path)
    if parts.netloc or not path.startswith("/") or path.endswith("/") or parts.query:
        raise UsageError("store.url: sqlite needs the absolute path of a file: sqlite:///var/lib/linkgauge/series.db")
    return Path("/" + path.lstrip("/"))


def _credentials(version: int, parts: SplitResult, token: str | None) -> str | None:
    if parts.username is not None:
        if version != 1:
            raise UsageError(f"store.url: influxdb{version} wants a token, not a user; see store.token_file")
        user = unquote(parts.username)
        return basic(user, _password(user, parts, token))
    if token is None:
        return None
    if not token.isprintable() or not token.isascii():
        raise UsageError("store.token: holds characters that no token has; is the file the right one?")
    user, colon, password = token.partition(":")
    if version == 1 and colon:
        return basic(user, password)
    return f"{'Token' if version == 2 else 'Bearer'} {token}"  # noqa: PLR2004 - InfluxDB's major version


def _password(user: str, parts: SplitResult, token: str | None) -> str:
    """The password of the address, else the secret, which may be `user:password` as well; raises UsageError."""
    if parts.password is not None:
        return unquote(parts.password)
    if token is None:
        raise UsageError(
            f"store.url: user {user!r} needs a password; give it in store.token_file or LINKGAUGE_STORE_TOKEN"
        )
    return token.removeprefix(f"{user}:")


def _query(parts: SplitResult, known: set[str]) -> dict[str, str]:
    query = dict(parse_qsl(parts.query))
    unknown = sorted(query.keys() - known)
    if unknown:
        raise UsageError(f"store.url: unknown option {unknown[0]!r}; it looks like {_KNOWN}")
    return query
