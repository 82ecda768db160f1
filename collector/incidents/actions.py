"""What to do first, suggested from what failed. Pure: a table, of which the first row that fits is taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from collector.incidents.incident import By, Cause
from collector.plans.types import Text

Fault = Literal["path", "ipv6", "dns", "web", "radio"]


@dataclass(frozen=True, slots=True)
class Clues:
    """What is known when somebody has to act; None: not known.

    `domain`: whose part of the way fails, by the newest `path` report. `contract`: whether the line gives what was
    bought (the verdict of that question). `subscription_low`: what was bought is below the target. `doubts`: what the
    site's reports are doubted for. `medium`: how the device is connected. `weak_signal`: of a mobile line. `faults`:
    which other measurements fail. `silent`: for want of status, or of reports. `group`: what failing sites share.
    """

    cause: Cause
    domain: str | None = None
    contract: Literal["met", "below"] | None = None
    subscription_low: bool = False
    doubts: frozenset[str] = frozenset()
    medium: str | None = None
    weak_signal: bool | None = None
    faults: frozenset[Fault] = frozenset()
    silent: Literal["status", "reports"] | None = None
    group: By | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what must hold (a set: one of these; of sets of clues: it is among them), what to do."""

    needs: Mapping[str, object]
    text: Text

    def fits(self, clues: Clues) -> bool:
        """Whether all that must hold does."""
        return all(_holds(getattr(clues, name), wanted) for name, wanted in self.needs.items())


def _holds(found: object, wanted: object) -> bool:
    if isinstance(found, frozenset):
        return wanted in found
    return found in wanted if isinstance(wanted, frozenset) else found == wanted


def first_action(clues: Clues) -> Text:
    """What to do first."""
    return next(row.text for row in TABLE if row.fits(clues))


_SLOW: Final = frozenset({"below_target", "below_contract", "collapse"})

TABLE: Final[tuple[Row, ...]] = (
    Row(
        {"group": "peer"},
        Text(
            vi="Kiểm tra máy chủ đo trước (điện, đường truyền, tải); chưa cần gọi các điểm.",
            en="Check the measurement peer first (power, line, load); leave the sites alone until then.",
        ),
    ),
    Row(
        {"group": "commune", "cause": "silent"},
        Text(
            vi="Hỏi xã xem có mất điện không, rồi mới gọi nhà mạng.",
            en="Ask the commune whether the power is out before calling any provider.",
        ),
    ),
    Row(
        {"group": frozenset({"provider_commune", "provider"})},
        Text(
            vi="Gọi đầu mối kỹ thuật của nhà mạng, gửi kèm danh sách điểm; báo một lần cho tất cả.",
            en="Call the provider's technical contact with the list of sites: one call for all of them.",
        ),
    ),
    Row(
        {"group": frozenset({"commune", "province"})},
        Text(
            vi="Hỏi xem trên địa bàn có mất điện hoặc sự cố truyền dẫn không, rồi kiểm tra máy chủ đo và máy chủ nhận.",
            en="Ask about power or transmission trouble in the area, then check the peer and the broker.",
        ),
    ),
    Row(
        {"cause": "silent", "silent": "reports"},
        Text(
            vi="Thiết bị vẫn kết nối nhưng không đo: xem trạng thái bằng lệnh linkgauge-agent status, kiểm tra "
            "máy chủ đo và hạn mức dữ liệu.",
            en="The device is connected but does not measure: look at linkgauge-agent status, the peer, and the data "
            "allowance.",
        ),
    ),
    Row(
        {"cause": "silent", "medium": "cellular"},
        Text(
            vi="Gọi điểm: thiết bị có điện không, đèn có sáng không, SIM còn hạn và còn dung lượng không.",
            en="Call the site: does the box have power, are its lights on, is the SIM paid for and not used up?",
        ),
    ),
    Row(
        {"cause": "silent"},
        Text(
            vi="Gọi điểm: có điện không, thiết bị có sáng đèn không, dây mạng có cắm không; sau đó mới gọi nhà mạng.",
            en="Call the site: is there power, are the box's lights on, is its cable in? Only then call the provider.",
        ),
    ),
    Row(
        {"domain": "lan"},
        Text(
            vi="Lỗi trong mạng nội bộ của điểm: kiểm tra bộ định tuyến, dây và Wi-Fi tại chỗ trước khi gọi nhà mạng.",
            en="The site's own network fails: check router, cable and Wi-Fi there before calling the provider.",
        ),
    ),
    Row(
        {"domain": "access", "medium": "cellular"},
        Text(
            vi="Đường truyền di động của điểm có lỗi: kiểm tra SIM, ăng-ten và vùng phủ, rồi gọi nhà mạng.",
            en="The site's mobile line fails: check SIM, antenna and coverage, then call the provider.",
        ),
    ),
    Row(
        {"domain": "access"},
        Text(
            vi="Đường truyền đến nhà mạng có lỗi: khởi động lại modem, rồi gọi nhà mạng kèm kết quả đo đường đi.",
            en="The line to the provider fails: restart the modem, then call the provider and quote the path report.",
        ),
    ),
    Row(
        {"domain": "provider"},
        Text(
            vi="Lỗi trong mạng của nhà mạng: gọi nhà mạng và cho biết kết quả đo đường đi.",
            en="The provider's network fails: call the provider and quote the path report.",
        ),
    ),
    Row(
        {"domain": "destination"},
        Text(
            vi="Chỉ máy chủ đo không trả lời: kiểm tra máy chủ đo trước, chưa cần gọi nhà mạng.",
            en="Only the peer does not answer: check the peer first, and leave the provider alone.",
        ),
    ),
    Row(
        {"cause": "outage", "faults": "dns"},
        Text(
            vi="Tên miền không phân giải được: kiểm tra máy chủ DNS mà điểm đang dùng.",
            en="Names cannot be looked up: check the DNS server that the site uses.",
        ),
    ),
    Row(
        {"cause": "outage"},
        Text(
            vi="Gọi điểm xem Internet có dùng được không; nếu không, khởi động lại modem rồi gọi nhà mạng.",
            en="Call the site: does the Internet work there? If not, restart the modem, then call the provider.",
        ),
    ),
    Row(
        {"cause": frozenset({"below_target"}), "subscription_low": True, "contract": "met"},
        Text(
            vi="Đường truyền đạt hợp đồng nhưng gói cước thấp hơn chỉ tiêu: xem xét nâng gói cước, không phải báo lỗi.",
            en="The line gives what was bought, and that is below the target: consider a larger subscription; there is "
            "no fault to report.",
        ),
    ),
    Row(
        {"cause": frozenset({"below_target"}), "subscription_low": True, "contract": None},
        Text(
            vi="Gói cước thấp hơn chỉ tiêu nên đường truyền tốt đến đâu cũng không thể đạt: xem xét nâng gói cước "
            "trước. Chưa biết đường truyền có đạt hợp đồng hay không.",
            en="Less was bought than the target, so that the best line could not meet it: consider a larger "
            "subscription first. Whether the line gives what was bought is not known yet.",
        ),
    ),
    Row(
        {"cause": _SLOW, "contract": "below"},
        Text(
            vi="Đường truyền không đạt hợp đồng: gửi nhà mạng kết quả đo kèm tốc độ đã ký và yêu cầu khắc phục.",
            en="The line does not give what was bought: send the provider these results beside the contracted rate.",
        ),
    ),
    Row(
        {"cause": _SLOW, "weak_signal": True},
        Text(
            vi="Tín hiệu di động yếu: đổi chỗ thiết bị hoặc lắp ăng-ten ngoài, rồi đo lại.",
            en="The mobile signal is weak: move the box or fit an outdoor antenna, and measure again.",
        ),
    ),
    Row(
        {"cause": _SLOW, "doubts": "wifi_bound"},
        Text(
            vi="Nhiều lần đo bị Wi-Fi giới hạn: nối thiết bị đo bằng dây rồi đo lại.",
            en="Many runs are limited by Wi-Fi: connect the box by cable and measure again.",
        ),
    ),
    Row(
        {"cause": _SLOW, "doubts": "cross_traffic"},
        Text(
            vi="Đường truyền thường bận khi đo: hỏi điểm xem ai đang dùng nhiều, và đo thêm ngoài giờ.",
            en="The line is often busy during runs: ask the site who uses it much, and measure outside hours too.",
        ),
    ),
    Row(
        {"cause": _SLOW, "doubts": "nic_bound"},
        Text(
            vi="Cổng mạng của thiết bị đo giới hạn tốc độ: đổi dây hoặc cổng mạng.",
            en="The box's network port limits the speed: change its cable or port.",
        ),
    ),
    Row(
        {"cause": _SLOW, "doubts": "cpu_bound"},
        Text(
            vi="Thiết bị đo quá yếu cho tốc độ này: thay thiết bị trước khi kết luận về đường truyền.",
            en="The box is too slow for this line: replace it before saying anything about the line.",
        ),
    ),
    Row(
        {"cause": "collapse"},
        Text(
            vi="Khởi động lại modem và đo lại; nếu vẫn chậm, gọi nhà mạng kèm các kết quả này.",
            en="Restart the modem and measure again; if it is still slow, call the provider with these results.",
        ),
    ),
    Row(
        {},
        Text(
            vi="So với gói cước đã ký, kiểm tra modem và dây tại điểm, rồi gửi kết quả cho nhà mạng.",
            en="Compare with the subscription, check modem and cables at the site, then send the provider the results.",
        ),
    ),
)
