"""What a survey says to the person who walks, in English and Vietnamese. Texts only."""

from typing import Final

from agent import words
from agent.words import Language


def say(key: str, tongue: Language) -> str:
    """Give the text for a key of the survey, else what the agent says for it everywhere."""
    pair = _WORDS.get(key)
    if pair is None:
        return words.say(key, tongue)
    return pair[0] if tongue == "en" else pair[1]


_WORDS: Final[dict[str, tuple[str, str]]] = {
    "survey": ("Survey", "Khảo sát sóng"),
    "mark:excellent": ("excellent", "rất tốt"),
    "mark:good": ("good", "tốt"),
    "mark:fair": ("fair", "vừa"),
    "mark:weak": ("weak", "yếu"),
    "mark:none": ("none", "mất sóng"),
    "mark:unknown": ("not known", "chưa rõ"),
    "technology:gsm": ("2G", "2G"),
    "technology:umts": ("3G", "3G"),
    "technology:lte": ("4G", "4G"),
    "technology:nr_nsa": ("5G (on 4G)", "5G (dựa trên 4G)"),
    "technology:nr_sa": ("5G", "5G"),
    "field:nr_rsrp_dbm": ("5G level", "Mức 5G"),
    "field:rsrp_dbm": ("4G level", "Mức 4G"),
    "field:rscp_dbm": ("3G level", "Mức 3G"),
    "field:rssi_dbm": ("RSSI", "RSSI"),
    "generation:nr_rsrp_dbm": ("5G", "5G"),
    "generation:rsrp_dbm": ("4G", "4G"),
    "generation:rscp_dbm": ("3G", "3G"),
    "generation:rssi_dbm": ("RSSI", "RSSI"),
    "environment:walking": ("walking", "đi bộ"),
    "environment:driving": ("driving", "đi xe"),
    "environment:indoor": ("indoor", "trong nhà"),
    "registration:searching": ("searching for a network", "đang tìm mạng"),
    "registration:denied": ("the network refuses this SIM", "mạng từ chối SIM này"),
    "registration:idle": ("on no network", "chưa vào mạng"),
    "state:failed": ("the modem does not work", "modem không hoạt động"),
    "state:locked": ("the SIM is locked", "SIM bị khoá"),
    "state:disabled": ("the modem is switched off", "modem đang tắt"),
    "cell": ("cell {}", "ô {}"),
    "waiting_modem": ("waiting for the modem", "đang chờ modem"),
    "no_level": ("no level", "không có mức sóng"),
    "no_position": ("no position", "không có vị trí"),
    "no_position:why": ("no position: {}", "không có vị trí: {}"),
    "old_position": ("the position is {} s old", "vị trí đã cũ {} giây"),
    "frozen_position": (
        "the position has not changed for {} samples: does the receiver still work?",
        "vị trí không đổi trong {} mẫu: bộ thu còn hoạt động không?",
    ),
    "satellite_time": ("dated by satellite time", "ghi giờ theo vệ tinh"),
    "no_time": ("no time yet: samples will be dated later", "chưa có giờ: mẫu sẽ được ghi giờ sau"),
    "disk": ("NOT KEPT: {}", "KHÔNG LƯU ĐƯỢC: {}"),
    "counts": ("{} samples, {} with position", "{} mẫu, {} có vị trí"),
    "next_stop": ("next: {}, {} {}", "tiếp theo: {}, {} {}"),
    "at_stop": ("here: {}", "tại: {}"),
    "stops": ("{} of {} places reached", "đã tới {} trên {} điểm"),
    "testing": ("speed test runs: stay here", "đang đo tốc độ: hãy đứng yên"),
    "tested": ("last speed test: {}", "lần đo tốc độ cuối: {}"),
    "keys": ("q: end", "q: kết thúc"),
    "keys:test": ("t: speed test  q: end", "t: đo tốc độ  q: kết thúc"),
    "you": ("you", "bạn"),
    "walk": ("Walk", "Chuyến đi"),
    "samples": ("Samples", "Số mẫu"),
    "way": ("Way", "Quãng đường"),
    "way:value": ("{} in {}", "{} trong {}"),
    "levels": ("{} best, {} median, {} worst dBm", "cao nhất {}, trung vị {}, thấp nhất {} dBm"),
    "classes": ("Classes", "Phân loại"),
    "network": ("Network", "Mạng"),
    "tests": ("Speed tests", "Đo tốc độ"),
    "places": ("Places", "Điểm dừng"),
    "not_kept": ("{} samples were NOT kept: the disk refused", "{} mẫu KHÔNG được lưu: đĩa từ chối"),
    "modem_lost": ("the modem could not be asked {} times", "{} lần không hỏi được modem"),
    "delivery": ("Delivery", "Gửi dữ liệu"),
    "delivery:service": (
        "the agent's service on this device sends them; linkgauge-agent status shows the queue",
        "dịch vụ trên thiết bị sẽ gửi; xem hàng đợi bằng linkgauge-agent status",
    ),
    "delivery:done": ("everything has its receipt", "tất cả đã có biên nhận"),
    "delivery:undated": (
        "kept; waiting for the time: connect a network, then linkgauge-agent survey --upload",
        "đã lưu; đang chờ giờ: nối mạng rồi chạy linkgauge-agent survey --upload",
    ),
    "delivery:later": (
        "{} reports wait on this device; with a network: linkgauge-agent survey --upload",
        "{} báo cáo đang chờ trên thiết bị; khi có mạng: linkgauge-agent survey --upload",
    ),
    "delivery:unregistered": (
        "the collector does not know this agent yet; the reports wait on this device",
        "máy chủ chưa biết thiết bị này; báo cáo đang chờ trên thiết bị",
    ),
    "delivery:trouble": ("{}; everything is kept on this device", "{}; mọi thứ vẫn lưu trên thiết bị"),
    "uploading": ("sending {} reports to {}; Ctrl-C leaves it for later", "đang gửi {} báo cáo tới {}; Ctrl-C để sau"),
    "way:N": ("north", "bắc"),
    "way:NE": ("north-east", "đông bắc"),
    "way:E": ("east", "đông"),
    "way:SE": ("south-east", "đông nam"),
    "way:S": ("south", "nam"),
    "way:SW": ("south-west", "tây nam"),
    "way:W": ("west", "tây"),
    "way:NW": ("north-west", "tây bắc"),
}
