"""Where alerts go: contact points and notification policies. Pure data.

Each way stands in a file of its own, outside `provisioning/alerting/`: Grafana does not start with a contact point
whose address is not set, and a provisioned policy tree replaces the one that people made. Copy the one that you want.
"""

from collections.abc import Mapping
from typing import Any, Final

Json = dict[str, Any]

NAME: Final = "linkgauge"
"""Name of the contact point; its uid is `linkgauge-` and the way."""
MATCHER: Final = ("product", "=", "linkgauge")
GROUP_BY: Final = ("province", "cause")
TIMES: Final[Mapping[str, str]] = {"group_wait": "1m", "group_interval": "10m", "repeat_interval": "1d"}
ENVIRONMENT: Final[Mapping[str, str]] = {
    "webhook": "LINKGAUGE_ALERT_WEBHOOK",
    "email": "LINKGAUGE_ALERT_EMAIL",
    "alertmanager": "LINKGAUGE_ALERT_ALERTMANAGER",
}
"""Way → the environment variable that holds its address."""
_KINDS: Final[Mapping[str, tuple[str, Mapping[str, str | bool]]]] = {
    "webhook": ("webhook", {"url": "{address}", "httpMethod": "POST"}),
    "email": ("email", {"addresses": "{address}", "singleEmail": True}),
    "alertmanager": ("prometheus-alertmanager", {"url": "{address}"}),
}


def receiver(way: str, address: str) -> Json:
    """One receiver of the contact point, with its address (or what stands for it)."""
    kind, settings = _KINDS[way]
    filled = {name: address if value == "{address}" else value for name, value in settings.items()}
    return {"uid": f"{NAME}-{way}", "type": kind, "settings": filled, "disableResolveMessage": False}


def route() -> Json:
    """The branch of the policy tree that takes our alerts: one message for each province and cause."""
    return {
        "receiver": NAME,
        "object_matchers": [list(MATCHER)],
        "group_by": list(GROUP_BY),
        **TIMES,
    }
