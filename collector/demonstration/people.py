"""What made-up people do: who answers which incident, and when work is planned. Pure; names are nobody's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.incidents.acts import Action
from collector.incidents.incident import Cause, Incident
from collector.incidents.maintenance import Window

AFTER: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody decides something on an incident of a cause, once it has stood for `AFTER`; `ago` before the origin."""

    ago: timedelta
    cause: Cause
    action: Action
    who: str
    note: str


ACTS: Final[Sequence[Act]] = (
    Act(timedelta(days=70), "below_target", "acknowledge", "Nguyễn Thị Hạnh",
        "Đã báo nhà cung cấp, hẹn kiểm tra tuyến cáp trong tuần."),
    Act(timedelta(days=55), "below_contract", "acknowledge", "Lương Văn Dũng",
        "Đã gửi công văn đề nghị nâng tốc độ đúng hợp đồng."),
    Act(timedelta(days=41), "below_target", "note", "Hoàng Minh Tuấn",
        "Trường xác nhận: giờ học buổi sáng mạng rất chậm."),
    Act(timedelta(days=30), "below_contract", "note", "Lương Văn Dũng",
        "Nhà cung cấp trả lời: chờ thay thiết bị đầu cuối."),
    Act(timedelta(days=8, hours=22), "outage", "acknowledge", "Phạm Thu Trang",
        "Máy chủ đo của tỉnh mất điện, đang chuyển nguồn dự phòng."),
    Act(timedelta(days=6), "below_target", "silence", "Nông Đức Mạnh",
        "Biết rồi: hợp đồng mới có hiệu lực từ tháng sau."),
    Act(timedelta(days=2, hours=20), "silent", "acknowledge", "Nguyễn Thị Hạnh",
        "Cả thung lũng mất điện do mưa lũ; điện lực báo sửa trong tuần."),
    Act(timedelta(days=1), "collapse", "acknowledge", "Trần Quốc Bảo", "Đã mở phiếu xử lý với VNPT, mã 2214."),
    Act(timedelta(hours=5), "outage", "note", "Trần Quốc Bảo", "Nhà cung cấp đang tìm điểm đứt cáp."),
)  # fmt: skip


def due(acts: Sequence[Act], origin: datetime, at: datetime) -> list[Act]:
    """Those whose time has come by then."""
    return [act for act in acts if origin - act.ago <= at]


def chosen(act: Act, incidents: Sequence[Incident], at: datetime) -> Incident | None:
    """The incident that somebody decides on: of this cause, active, untouched; one of many sites before others."""
    found = [
        one for one in incidents
        if one.cause == act.cause and one.active and one.state == "open" and one.updated <= at
    ]  # fmt: skip
    return max(found, key=lambda one: (one.group is not None, one.opened), default=None)


def work(origin: datetime) -> list[Window]:
    """Planned work: one that is over, one that goes on now, one to come."""
    return [
        Window(extent="provider", name="FPT", starts=origin - timedelta(days=33),
               ends=origin - timedelta(days=33, hours=-5),
               who="Lương Văn Dũng", note="FPT nâng cấp thiết bị truy nhập"),
        Window(extent="commune", name="bo-ha", starts=origin - timedelta(hours=3), ends=origin + timedelta(hours=30),
               who="Hoàng Minh Tuấn", note="Di dời cột, chuyển tuyến cáp quang"),
        Window(extent="commune", name="loc-ninh", starts=origin + timedelta(days=4),
               ends=origin + timedelta(days=4, hours=6), who="Trần Quốc Bảo", note="Bảo trì trạm BTS"),
    ]  # fmt: skip
