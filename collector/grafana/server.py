"""One Grafana: what it answers as JSON, and what it refuses in one plain line. Blocks; never shows the token."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import SplitResult, urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaServerError, GrafanaTimeoutError
from niquests.exceptions import ConnectTimeout, ReadTimeout, RequestException, SSLError

from collector.errors import CollectorError, UsageError

Json = dict[str, Any]
Ask = Callable[[Any], Any]
"""A call of the library, which says nothing of its types, on its `GrafanaApi`."""
TIMEOUT_S: Final = 15.0
_OLDEST: Final = (9, 4)
_LIKE: Final = "https://grafana.example:3000"
_PORTS: Final = {"http": 80, "https": 443}


class GrafanaError(CollectorError):
    """Grafana refused one thing, or cannot be used. `hopeless`: asking for anything else would end the same way."""

    def __init__(self, message: str, *, status: int | None = None, hopeless: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.hopeless = hopeless


@dataclass(frozen=True, slots=True)
class Version:
    """A Grafana's version; `words` as it says it. One that hides it counts as new."""

    words: str
    numbers: tuple[int, int]

    @property
    def locks_policies(self) -> bool:
        """Whether it would take the tree of policies away from its people when a program writes it: 9.4 does."""
        return self.numbers < (9, 5)


class Server:
    """A Grafana by its URL and token; `ca`: a file of certificates to trust instead of the system's.

    Raises:
        UsageError: the URL is none.
    """

    def __init__(self, url: str, token: str, *, ca: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        parts = _parts(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        path = parts.path.strip("/")
        self.words = f"{parts.scheme}://{host}:{parts.port or _PORTS[parts.scheme]}{f'/{path}' if path else ''}"
        self._timeout_s = timeout_s
        self._api = GrafanaApi(
            token,
            host=host,
            port=parts.port,
            protocol=parts.scheme,
            url_path_prefix=f"{path}/" if path else "",
            verify=ca or True,
            timeout=timeout_s,
        )

    def __enter__(self) -> Self:
        """Hold its connections until the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go of its connections."""
        self._api.client.s.close()

    def version(self) -> Version:
        """Which Grafana this is; raises GrafanaError when it is none, or one that is too old."""
        said = self._ask(lambda api: api.client.GET("/health"))
        if not isinstance(said, dict) or "database" not in said:
            raise GrafanaError(f"{self.words} is no Grafana: it answers otherwise; is the URL right?", hopeless=True)
        found = re.match(r"(\d+)\.(\d+)", str(said.get("version", "")))
        if found is None:
            return Version("of hidden version", (99, 0))
        numbers = int(found[1]), int(found[2])
        if numbers < _OLDEST:
            raise GrafanaError(f"{self.words} is Grafana {said['version']}; 9.4 or newer is needed", hopeless=True)
        return Version(str(said["version"]), numbers)

    def read(self, ask: Ask) -> Any:  # noqa: ANN401 - JSON of any shape
        """What Grafana answers; None for what is not there. Raises GrafanaError."""
        try:
            return self._ask(ask)
        except GrafanaError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def change(self, ask: Ask) -> None:
        """Have Grafana change something; raises GrafanaError."""
        self._ask(ask)

    def _ask(self, ask: Ask) -> Any:  # noqa: ANN401 - JSON of any shape
        try:
            return ask(self._api)
        except (GrafanaTimeoutError, ConnectTimeout, ReadTimeout) as error:
            raise GrafanaError(f"{self.words} gave no answer in {self._timeout_s:g} s", hopeless=True) from error
        except GrafanaException as error:
            raise self._refused(error) from error
        except RequestException as error:
            raise GrafanaError(f"{self.words} {_unreached(error)}", hopeless=True) from error
        except ValueError as error:
            raise GrafanaError(f"{self.words} answers with something that is no JSON", hopeless=True) from error

    def _refused(self, error: GrafanaException) -> GrafanaError:
        status, said = error.status_code, _said(error)
        if status == HTTPStatus.UNAUTHORIZED:
            return GrafanaError(
                f"{self.words} does not accept the token (401): make a service account token with the role Admin",
                status=status,
                hopeless=True,
            )
        if status == HTTPStatus.FORBIDDEN:
            return GrafanaError(f"the token may not do this (403): {said}; give its account the role Admin", status=403)
        if isinstance(error, GrafanaServerError):
            return GrafanaError(f"Grafana has a fault of its own ({status}): {said}; see its log", status=status)
        if isinstance(error, GrafanaClientError):
            return GrafanaError(f"Grafana refuses ({status}): {said}", status=status)
        return GrafanaError(f"{self.words}: {said}", hopeless=True)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in _PORTS and parts.hostname and parts.port != 0
    except ValueError as error:
        raise UsageError(f"--url: no address ({error}); it looks like {_LIKE}") from error
    if not is_sound or parts.query or parts.fragment:
        raise UsageError(f"--url: not the address of a Grafana; it looks like {_LIKE}")
    if parts.username is not None:
        raise UsageError("--url: holds a user; give a service account token with --token-file instead")
    return parts


def _said(error: GrafanaException) -> str:
    response = error.response
    words = response.get("message") or response.get("error") if isinstance(response, dict) else None
    return " ".join(str(words or error.message).split())[:300]


def _unreached(error: RequestException) -> str:
    """Why there was no answer, and what to do; the library's own words hold addresses of objects, and no advice."""
    words = str(error)
    if isinstance(error, SSLError):
        why = re.search(r"certificate verify failed(?:: ([^()\"']*))?", words)
        if why is not None:
            return (
                f"has a certificate that is not trusted ({(why[1] or why[0]).strip()}); name its authority: --ca FILE"
            )
        return "speaks no TLS that we know; is its address http:// instead of https://?"
    if "NameResolution" in words or "getaddrinfo" in words:
        return "cannot be reached: its name is not known; is the URL right?"
    why = re.search(r"\[Errno -?\d+\] ([A-Za-z ]+)", words)
    return f"cannot be reached: {why[1].strip() if why else 'no connection'}; is it running, and is the URL right?"
