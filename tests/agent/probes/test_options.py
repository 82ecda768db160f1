import pytest

from agent.errors import UsageError
from agent.probes.options import check_names, number, whole_number


def test_known_names_pass_and_others_are_named() -> None:
    check_names("web", {"a": "1"}, ("a", "b"))
    with pytest.raises(UsageError, match="web has no option 'c'; it has a, b"):
        check_names("web", {"c": "1"}, ("b", "a"))


def test_numbers() -> None:
    assert number("web", {}, "x", bounds=(0, 1), default=0.5) == 0.5
    assert number("web", {"x": "0.25"}, "x", bounds=(0, 1), default=0.5) == 0.25
    assert whole_number("web", {"x": "3"}, "x", bounds=(0, 9), default=1) == 3


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-inf", "1.01", "-1", "1e9", "0x1", "1_0"])
def test_what_is_no_number_within_bounds_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="web option x: expected a number from 0 to 1"):
        number("web", {"x": text}, "x", bounds=(0, 1), default=0.5)


def test_half_a_packet_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="whole number"):
        whole_number("web", {"x": "2.5"}, "x", bounds=(0, 9), default=1)
