"""What a target promises, in words. Pure."""

from typing import Final

from collector.plans.types import Target, Text, Unit

_UNITS: Final[dict[Unit, Text]] = {
    "Mbps": Text(vi="Mbit/s", en="Mbit/s"),
    "percent": Text(vi="%", en="%"),
    "per_100_people": Text(vi="trên 100 dân", en="per 100 people"),
    "per_person": Text(vi="trên một người", en="per person"),
    "GB": Text(vi="GB", en="GB"),
    "km": Text(vi="km", en="km"),
    "count": Text(vi="", en=""),
    "done": Text(vi="", en=""),
}
_PROMISES: Final = {
    "value": Text(vi="", en=""),
    "minimum": Text(vi="tối thiểu ", en="at least "),
    "average": Text(vi="trung bình ", en="on average "),
    "reach": Text(vi="có thể đạt đến ", en="can reach "),
    "national_average": Text(vi="", en=""),
}
_COMPARISONS: Final = {
    "at_least": Text(vi="", en=""),
    "more_than": Text(vi="trên ", en="more than "),
    "at_most": Text(vi="không quá ", en="at most "),
    "about": Text(vi="khoảng ", en="about "),
    "done": Text(vi="", en=""),
}


def promised(target: Target) -> Text:
    """What is promised and to how many: `at least 200 Mbit/s for 100 % of urban households`."""
    what = _amount(target)
    if target.audience is None:
        return what
    share = f"{wide(target.share, 'percent').vi} " if target.share else ""
    share_en = f"{wide(target.share, 'percent').en} of " if target.share else ""
    return Text(vi=f"{what.vi}, cho {share}{target.audience.vi}", en=f"{what.en}, for {share_en}{target.audience.en}")


def wide(value: float, unit: Unit, upper: float | None = None) -> Text:
    """A value or range with its unit: `28,5 %`, `75-100 per 100 people`."""
    words = _UNITS[unit]
    number = f"{value:.12g}" if upper is None else f"{value:.12g}-{upper:.12g}"
    return Text(vi=f"{number.replace('.', ',')} {words.vi}".rstrip(), en=f"{number} {words.en}".rstrip())


def _amount(target: Target) -> Text:
    if target.reference is not None:
        return Text(vi="xấp xỉ trung bình của cả nước", en="about the national average")
    if target.value is None:
        return Text(vi="hoàn thành", en="done")
    promise, comparison = _PROMISES[target.promise], _COMPARISONS[target.comparison]
    amount = wide(target.value, target.unit, target.upper)
    return Text(vi=f"{promise.vi}{comparison.vi}{amount.vi}", en=f"{promise.en}{comparison.en}{amount.en}")
