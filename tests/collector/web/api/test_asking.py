"""What may be asked: one clear word about what is wrong, made from the same type as the document."""

from typing import Annotated, Literal

import msgspec
import pytest

from collector.errors import UsageError
from collector.web.api.asking import Wrong, asked, parameters, says
from collector.web.api.table import OPERATIONS


def even(text: str) -> int:
    if int(text) % 2:
        raise UsageError(f"{text} is odd; write 2, 4, 6")
    return int(text)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    site: Annotated[str, says("Mã", "The id", pattern="^[a-z]+$", examples=["th"])]
    limit: Annotated[int, says("Số mục", "How many", ge=1, le=20)] = 5
    state: Literal["open", "shut"] | None = None
    full: bool | None = None
    pair: Annotated[str, says("Số chẵn", "An even number", check=even, max_length=4)] | None = None


def ask(*query: tuple[str, str], site: str = "th") -> Wish:
    return asked(Wish, "/sites/{site}", {"site": site}, query)


def test_what_is_given_is_converted_and_the_rest_is_usual() -> None:
    assert ask() == Wish(site="th")
    found = ask(("limit", "20"), ("state", "shut"), ("full", "true"), ("pair", "24"))
    assert found == Wish(site="th", limit=20, state="shut", full=True, pair="24")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("limit", "0", "limit: it cannot be '0'; write a whole number from 1 to 20"),
        ("limit", "1.0", "a whole number"),
        ("limit", "null", "a whole number"),
        ("limit", "٣", "a whole number"),
        ("limit", "9" * 5000, "a whole number"),
        ("limit", "", "a whole number"),
        ("state", "opne", "write one of open, shut"),
        ("state", "null", "write one of open, shut"),
        ("full", "perhaps", "write true or false"),
        ("pair", "3", "3 is odd; write 2, 4, 6"),
        ("pair", "2\x00", "control characters"),
        ("limti", "3", "did you mean limit?"),
        ("zzz", "3", "there are state, full, pair, limit"),
        ("site", "other", "there is no such parameter"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(name: str, text: str, words: str) -> None:
    with pytest.raises(Wrong) as wrong:
        ask((name, text))
    assert words in str(wrong.value)
    assert (wrong.value.status, wrong.value.parameter) == (400, name)
    assert len(str(wrong.value)) < 200, "a long question gets no long answer"


def test_a_parameter_is_given_once_and_what_must_be_given_is() -> None:
    with pytest.raises(Wrong, match="limit: it is given twice"):
        ask(("limit", "3"), ("limit", "3"))
    with pytest.raises(Wrong, match="site: it is missing; such as th"):
        asked(Wish, "/sites", {}, [])


def test_a_path_that_cannot_be_is_not_found() -> None:
    with pytest.raises(Wrong) as wrong:
        ask(site="TH")
    assert wrong.value.status == 404


def test_every_parameter_of_the_table_is_explained_in_both_languages() -> None:
    for operation in OPERATIONS:
        for one in parameters(operation.asks, operation.path):
            assert one.said.vi != one.name, (operation.name, one.name)
            assert one.said.vi != one.said.en
            assert one.allowed
