"""What a card says of answers under load, in both languages."""

import pytest

from agent.card_loaded import grade, lines
from agent.wire.results import Direction, Responsiveness, Spread
from agent.words import Language

LOADED = Direction(
    mbps=100.0,
    loaded_latency_ms=Spread(min=20.0, median=38.14, p95=61.02),
    loaded_latency_method="stamp",
    loaded_loss_ratio=0.005,
    responsiveness=Responsiveness(rpm=812.4, formula="ippm09_http1", confidence="low"),
)


@pytest.mark.parametrize(
    ("rpm", "word"),
    [(0, "poor"), (299.9, "poor"), (300, "fair"), (999, "fair"), (1000, "good"), (6000, "excellent")],
)
def test_grades_are_the_drafts(rpm: float, word: str) -> None:
    assert grade(rpm) == word


ENGLISH = (
    "small packets under load 38.1 ms (p95 61.0) · 0.5% of them lost\n"
    "answers under load: fair, 812 round trips a minute · calls lag while somebody downloads or uploads"
    " · from a short run"
)
VIETNAMESE = (
    "gói nhỏ khi tải 38.1 ms (p95 61.0) · mất 0.5%\n"
    "phản hồi khi tải: tạm được, 812 lượt khứ hồi/phút · cuộc gọi bị trễ khi có người tải dữ liệu"
    " · đo trong thời gian ngắn"
)


@pytest.mark.parametrize(("tongue", "said"), [("en", ENGLISH), ("vi", VIETNAMESE)])
def test_in_both_languages(tongue: Language, said: str) -> None:
    assert "\n".join(lines(LOADED, tongue)) == said


def test_what_was_not_measured_is_not_said() -> None:
    assert lines(Direction(mbps=1.0), "en") == []
    assert lines(Direction(responsiveness=Responsiveness(tcp_ms=[1.0])), "en") == []
    without_p95 = Direction(loaded_latency_ms=Spread(median=5.0), loaded_latency_method="tcp")
    assert lines(without_p95, "en") == ["new connections under load 5.0 ms"]
    sure = Direction(responsiveness=Responsiveness(rpm=7000.0, confidence="high"))
    assert lines(sure, "en")[0].endswith("nobody notices when somebody downloads or uploads")
