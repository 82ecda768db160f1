"""The routes of a configuration, checked; their secrets are read from files here."""

from collections.abc import Sequence
from datetime import time
from typing import Final
from urllib.parse import urlsplit

from collector.config import CollectorConfig, RouteSettings, TellSettings, secret
from collector.errors import UsageError
from collector.tell.route import Kind, Route, Wanted, kind_and_url, places_of, plains
from collector.tell.silences import GRAFANA, Keeper

IMPLICIT: Final = "webhook"
"""The route of `judge.webhook_url`."""
_USUAL_PER_HOUR: Final = 30


def routes_of(config: CollectorConfig) -> list[Route]:
    """All routes; raises UsageError for one that cannot be used, or a secret that cannot be read."""
    _check(config)
    routes = [_route(settings, config.tell) for settings in config.tell.routes]
    judge = config.judge
    if judge.webhook_url is not None:
        kind, url = kind_and_url(judge.webhook_url, "judge.webhook_url")
        if kind != "webhook":
            raise UsageError("judge.webhook_url: not a web address; write https://HOST/PATH")
        implicit = Route(
            name=IMPLICIT,
            kind="webhook",
            url=url,
            wanted=Wanted(severity="notice"),
            timeout_s=judge.webhook_timeout_s,
            retry_first_s=judge.webhook_retry_first_s,
            retry_max_s=judge.webhook_retry_max_s,
        )
        routes.append(implicit)
    names = [route.name for route in routes]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"tell.routes: {name!r} is there twice; give every route a name of its own")
    return routes


def keepers_of(config: CollectorConfig, routes: Sequence[Route]) -> list[Keeper]:
    """Who may know of silences: each Alertmanager, and Grafana where it is configured."""
    tell = config.tell
    keepers = [
        Keeper(f"alertmanager {_host(route.url)}", route.url) for route in routes if route.kind == "alertmanager"
    ]
    if tell.grafana_url is not None:
        token = secret(tell.grafana_token, tell.grafana_token_file, "tell.grafana_token_file")
        url = tell.grafana_url.rstrip("/") + GRAFANA
        keepers.append(Keeper(f"grafana {_host(url)}", url, token))
    return keepers


def public_url_of(config: CollectorConfig) -> str:
    """Where people find our pages, without a slash at its end."""
    return (config.web.public_url or f"http://{config.web.listen}").rstrip("/")


def heartbeat_url_of(config: CollectorConfig) -> str | None:
    """What is called while judging goes on."""
    return secret(config.tell.heartbeat_url, config.tell.heartbeat_url_file, "tell.heartbeat_url_file")


def _check(config: CollectorConfig) -> None:
    tell = config.tell
    for key, url in (("web.public_url", config.web.public_url), ("tell.grafana_url", tell.grafana_url)):
        _check_web_address(url, key)
    if tell.heartbeat_url is not None and tell.heartbeat_url_file is not None:
        raise UsageError("tell.heartbeat_url: set it or heartbeat_url_file, not both")
    _check_web_address(heartbeat_url_of(config), "tell.heartbeat_url")
    if tell.retry_max_s < tell.retry_first_s:
        raise UsageError("tell.retry_max_s: must not be below tell.retry_first_s")
    if tell.hold_s < 2 * tell.repost_s:
        raise UsageError("tell.hold_s: must be at least twice tell.repost_s, or alerts end between two posts")


def _check_web_address(url: str | None, key: str) -> None:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise UsageError(f"{key}: not a web address; write https://HOST")


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _route(settings: RouteSettings, tell: TellSettings) -> Route:
    place = f"tell.routes {settings.name}"
    kind, url = _address(settings, place)
    if settings.when == "daily" and kind == "alertmanager":
        raise UsageError(f"{place}: Alertmanager is told what goes on, not a digest; take `when` away")
    is_daily = settings.when == "daily"
    return Route(
        name=settings.name,
        kind=kind,
        url=url,
        secret=secret(None, settings.secret_file, f"{place}.secret_file"),
        language=settings.language,
        daily=time.fromisoformat(settings.at) if is_daily else None,
        wanted=_wanted(settings, "notice" if is_daily else "warning"),
        per_hour=settings.per_hour or (_USUAL_PER_HOUR if kind in {"mail", "apprise"} else None),
        remind_s=settings.remind_s,
        timeout_s=tell.timeout_s,
        retry_first_s=tell.retry_first_s,
        retry_max_s=tell.retry_max_s,
    )


def _address(settings: RouteSettings, place: str) -> tuple[Kind, str]:
    if (settings.to is None) == (settings.to_file is None):
        raise UsageError(f"{place}: set to or to_file, and not both")
    key = f"{place}.to" if settings.to is not None else f"{place}.to_file"
    to = secret(settings.to, settings.to_file, key)
    kind, url = kind_and_url((to or "").strip(), key)
    if settings.to is not None and urlsplit(url).password is not None:
        raise UsageError(f"{key}: no password in the file; put the whole address into a file of its own, as to_file")
    return kind, url


def _wanted(settings: RouteSettings, usual: str) -> Wanted:
    return Wanted(
        severity=settings.severity or usual,
        causes=plains(settings.causes),
        provinces=places_of(settings.provinces),
        communes=places_of(settings.communes),
        kinds=plains(settings.kinds),
        providers=plains(settings.providers),
        plans=plains(settings.plans),
    )
