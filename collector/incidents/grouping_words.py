"""What is said of sites that fail together, in both languages. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from collector.incidents.actions import Clues, first_action
from collector.incidents.incident import By, Cause, Finding, Group, Severity
from collector.plans.types import Text

_SEVERITY: Final[Mapping[Cause, Severity]] = {"outage": "critical", "silent": "critical", "collapse": "critical"}
_TROUBLE: Final[Mapping[Cause, Text]] = {
    "outage": Text(vi="mất kết nối", en="reach nothing"),
    "silent": Text(vi="không gửi tín hiệu", en="are not heard"),
    "collapse": Text(vi="tốc độ sụt mạnh", en="have lost most of their speed"),
    "below_target": Text(vi="dưới chỉ tiêu", en="are below their target"),
    "below_contract": Text(vi="dưới mức hợp đồng", en="are below their contract"),
}
_GROUP: Final[Mapping[By, Text]] = {
    "peer": Text(vi="đo với máy chủ {name}", en="measured against the peer {name}"),
    "provider_commune": Text(vi="của nhà mạng và địa bàn {name}", en="of provider and commune {name}"),
    "provider": Text(vi="của nhà mạng {name}", en="of the provider {name}"),
    "commune": Text(vi="ở xã {name}", en="in the commune {name}"),
    "province": Text(vi="ở tỉnh {name}", en="in the province {name}"),
}
_PEER: Final = Text(
    vi="Lỗi có thể ở chính máy chủ đo, không phải ở các điểm.",
    en="The peer itself may be the fault, and not the sites.",
)


def finding_of(cause: Cause, group: Group, *, k: int, n: int, since: datetime) -> Finding:
    """What is said of `k` of a group's `n` measured sites that fail together."""
    where, trouble = _GROUP[group.by], _TROUBLE[cause]
    vi = f"{k}/{n} điểm {where.vi.format(name=group.name)} cùng {trouble.vi}"
    en = f"{k} of {n} sites {where.en.format(name=group.name)} {trouble.en} at the same time"
    more = _PEER if group.by == "peer" else None
    summary = Text(vi=f"{vi}. {more.vi}", en=f"{en}. {more.en}") if more else Text(vi=f"{vi}.", en=f"{en}.")
    evidence = {"k": k, "n": n, "since": since}
    action = first_action(Clues(cause, group=group.by))
    return Finding(_SEVERITY.get(cause, "warning"), summary, evidence, action)
