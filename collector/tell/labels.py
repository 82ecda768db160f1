"""An incident as Alertmanager knows alerts: labels that stay the same as long as it lasts, and annotations. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from collector.tell.message import page_of
from collector.tell.news import News
from collector.tell.wording import one_line

WATCHDOG: Final = "LinkgaugeWatchdog"


def labels_of(news: News) -> dict[str, str]:
    """What identifies an alert, and what silences and routes match. Empty ones are left out, as Alertmanager does."""
    place, group = news.place, news.group
    labels = {
        "alertname": news.cause,
        "severity": news.severity,
        "incident": news.id,
        "site": news.site,
        "site_kind": place.kind,
        "province": place.province,
        "commune": place.commune,
        "provider": place.provider,
        "plan": place.plan,
        "group": f"{group.by}:{group.name}" if group is not None else None,
        "job": "linkgauge",
    }
    return {name: one_line(value, 200) for name, value in labels.items() if value}


def alert_of(news: News, *, until: datetime, public_url: str) -> dict[str, Any]:
    """An alert as POST /api/v2/alerts takes it; it is over for Alertmanager from `until`."""
    annotations = {
        "summary": one_line(news.summary.vi, 400),
        "summary_en": one_line(news.summary.en, 400),
        "site_name": one_line(news.name),
        "state": news.state,
    }
    if news.first_action is not None:
        annotations["first_action"] = one_line(news.first_action.vi, 400)
        annotations["first_action_en"] = one_line(news.first_action.en, 400)
    if news.last is not None and news.last.note:
        annotations["note"] = one_line(news.last.note, 400)
    return _alert(labels_of(news), annotations, since=news.opened, until=until, page=page_of(news, public_url))


def watchdog_of(*, since: datetime, until: datetime, public_url: str) -> dict[str, Any]:
    """The alert that always fires while judging goes on: who stops hearing it knows that nothing is judged."""
    annotations = {
        "summary": "linkgauge đang hoạt động; cảnh báo này mất đi khi việc đánh giá dừng lại",
        "summary_en": "linkgauge is judging; this alert ends when it does not",
    }
    labels = {"alertname": WATCHDOG, "severity": "none", "job": "linkgauge"}
    return _alert(labels, annotations, since=since, until=until, page=public_url)


def _alert(
    labels: Mapping[str, str], annotations: Mapping[str, str], *, since: datetime, until: datetime, page: str
) -> dict[str, Any]:
    return {
        "labels": dict(labels),
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": min(since, until).isoformat(),
        "endsAt": until.isoformat(),
        "generatorURL": page,
    }
