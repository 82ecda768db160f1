"""What the agent says to people about how a loaded line answers, in English and Vietnamese. Texts only."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "loaded:stamp": ("small packets under load {}", "gói nhỏ khi tải {}"),
    "loaded:tcp": ("new connections under load {}", "kết nối mới khi tải {}"),
    "loaded_lost": ("{} of them lost", "mất {}"),
    "rpm": ("answers under load: {}, {} round trips a minute", "phản hồi khi tải: {}, {} lượt khứ hồi/phút"),
    "rpm:poor": ("poor", "kém"),
    "rpm:fair": ("fair", "tạm được"),
    "rpm:good": ("good", "tốt"),
    "rpm:excellent": ("excellent", "rất tốt"),
    "rpm_means:poor": (
        "calls and lessons break up while somebody downloads or uploads",
        "gọi và học trực tuyến bị ngắt quãng khi có người tải dữ liệu",
    ),
    "rpm_means:fair": (
        "calls lag while somebody downloads or uploads",
        "cuộc gọi bị trễ khi có người tải dữ liệu",
    ),
    "rpm_means:good": (
        "calls go on well while somebody downloads or uploads",
        "gọi và học trực tuyến vẫn tốt khi có người tải dữ liệu",
    ),
    "rpm_means:excellent": (
        "nobody notices when somebody downloads or uploads",
        "không ai nhận ra khi có người tải dữ liệu",
    ),
    "rpm_sure:low": ("from a short run", "đo trong thời gian ngắn"),
    "rpm_sure:medium": ("not settled", "chưa ổn định"),
}
