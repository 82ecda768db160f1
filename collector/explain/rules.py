"""How each detector decides, in words and with its numbers, so that its steps can be worked out again. Pure."""

from datetime import timedelta
from typing import Final

from collector.chain.course import Detector, Spacing
from collector.detect import collapse, outage, shortfall
from collector.plans.types import Text


def rule_of(detector: Detector, spacing: Spacing) -> Text:
    """How a detector decides."""
    if detector == "collapse":
        return _COLLAPSE
    if detector == "outage":
        return _OUTAGE
    ref, weak, strong = shortfall.REF, shortfall.WEAK, shortfall.STRONG
    hours, days = spacing.shortfall / timedelta(hours=1), shortfall.FORGET.days
    return Text(
        vi=f"Mỗi kết quả cộng trọng số nhân (s - {_vi(ref)}) vào bằng chứng, s = -ln(kết quả/mức) giới hạn "
        f"từ -{_vi(strong)} đến +{_vi(weak)}; bằng chứng không xuống dưới 0; khi đạt mức cần thì mở sự cố. Sau đó tính "
        f"lại từ 0 với s = +ln(kết quả/mức); khi đạt mức cần thì sự cố kết thúc. Trọng số là 1, nhỏ hơn nếu kết quả "
        f"trước đó cách chưa đến {_vi(hours)} giờ. Mức cần là {_vi(shortfall.NEEDS)}, cao hơn nếu kết quả của điểm dao "
        f"động nhiều hoặc sự cố vừa kết thúc. Sau {days} ngày không có kết quả, bằng chứng bị bỏ.",
        en=f"Each result adds weight x (s - {ref:g}) to the evidence, where s = -ln(value/mark), kept within "
        f"-{strong:g} and +{weak:g}. The evidence is never below 0; when it reaches what it needs, an incident opens. "
        f"Then it begins at 0 with s = +ln(value/mark); when it reaches what it needs, the incident is over. The "
        f"weight is 1, and less if the result before was nearer than {hours:.3g} h. Needed is {shortfall.NEEDS:g}, "
        f"and more where results scatter widely, or soon after an incident. After {days} days without results the "
        "evidence is void.",
    )


def _vi(number: float) -> str:
    return f"{number:.3g}".replace(".", ",")


_WITHIN: Final = collapse.WITHIN.days
_COLLAPSE: Final = Text(
    vi=f"Kết quả yếu: dưới {_vi(collapse.FAR)} của mức và dưới {_vi(collapse.FAR)} của mức thường ngày (trung vị của "
    f"tối đa {collapse.MOST} kết quả trước {collapse.LOOK} kết quả mới nhất, cần ít nhất {collapse.ENOUGH}). Mở sự cố "
    f"khi kết quả mới nhất yếu và ít nhất {collapse.AGREE} trong {collapse.LOOK} kết quả mới nhất, trong {_WITHIN} "
    f"ngày, đều yếu. Kết thúc khi {collapse.AGREE} trong {collapse.LOOK} kết quả mới nhất đạt {_vi(collapse.BACK)} của "
    "số nhỏ hơn trong hai mức.",
    en=f"A result is weak below {collapse.FAR:g} of the mark and below {collapse.FAR:g} of what is usual (the median "
    f"of up to {collapse.MOST} results before the newest {collapse.LOOK}; at least {collapse.ENOUGH} are needed). An "
    f"incident opens when the newest is weak and so are at least {collapse.AGREE} of the newest {collapse.LOOK}, "
    f"within {_WITHIN} days. It is over when {collapse.AGREE} of the newest {collapse.LOOK} reach {collapse.BACK:g} of "
    "the smaller of the two.",
)
_SPAN: Final = round(outage.SPAN / timedelta(minutes=1))
_OUTAGE: Final = Text(
    vi=f"Mỗi lần đo liên tiếp mất hết cộng ln(1/p) vào bằng chứng, p là tỷ lệ mất hết thường thấy của điểm (ban đầu "
    f"coi là 0,5 %). Mở sự cố khi bằng chứng đạt {_vi(outage.SURE)}, với ít nhất {outage.AGREE} lần trong ít nhất "
    f"{_SPAN} phút. Một lần đo độ trễ hoặc tốc độ kết nối được thì tính lại từ đầu. Kết thúc khi {outage.BACK} lần đo "
    "độ trễ hoặc tốc độ liên tiếp kết nối được.",
    en=f"Each report in a row that lost everything adds ln(1/p) to the evidence, where p is the share of such reports "
    f"that is usual at this site (0.5 % until more is known). An incident opens at {outage.SURE:.3g}, with at least "
    f"{outage.AGREE} losses over at least {_SPAN} min. One latency or speed report that gets through ends the row. "
    f"It is over when {outage.BACK} latency or speed reports in a row get through.",
)
