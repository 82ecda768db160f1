"""The E-model against what the recommendations print, and against its own shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.latency.e_model import CODECS, Codec, delay_impairment, equipment_impairment, mos, r_factor

PERFECT = Codec(0.0, 25.1)


def test_the_default_rating_is_that_of_g_107() -> None:
    """G.107, Table 2: with all parameters at their defaults R = 93.2; Annex B gives 4.41 for it."""
    assert r_factor(mouth_to_ear_ms=0, loss_ratio=0, codec=PERFECT) == 93.2
    assert mos(93.2) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(("rating", "score"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_the_scores_of_annex_b(rating: float, score: float) -> None:
    """G.107, Table B.1: the lower limits of user satisfaction."""
    assert mos(rating) == pytest.approx(score, abs=0.01)  # the table says 4.03 for 80, its own formula 4.024


def test_the_ends_of_the_scale() -> None:
    assert (mos(0), mos(-3), mos(100), mos(120)) == (1, 1, 4.5, 4.5)


@pytest.mark.parametrize(
    ("delay_ms", "idd"),
    [
        (0, 0),
        (100, 0),
        # 7-28 by hand: X = 1 at 200 ms, so 25 (2^(1/6) - 3 (1 + 1/729)^(1/6) + 2)
        (200, 3.0443),
        # X = 2 at 400 ms: 25 (65^(1/6) - 3 (1 + 64/729)^(1/6) + 2)
        (400, 24.0701),
        # X = 3 at 800 ms: 25 (730^(1/6) - 3 * 2^(1/6) + 2)
        (800, 40.8325),
    ],
)
def test_what_delay_costs(delay_ms: float, idd: float) -> None:
    assert delay_impairment(delay_ms) == pytest.approx(idd, abs=0.001)


@pytest.mark.parametrize(
    ("codec", "loss_ratio", "cost"),
    [
        ("g711_plc", 0.0, 0.0),
        ("g711_plc", 0.01, 95 / 26.1),
        ("g711", 0.01, 95 / 5.3),
        ("g729a", 0.0, 11.0),
        ("g729a", 0.19, 11 + 84 / 2),  # where the loss equals Bpl, half of what is left to lose is lost
        ("gsm_efr", 0.10, 5 + 90 / 2),
    ],
)
def test_what_a_codec_and_loss_cost(codec: str, loss_ratio: float, cost: float) -> None:
    """7-29 with Ie and Bpl of G.113, Table I.4."""
    assert equipment_impairment(loss_ratio, CODECS[codec]) == pytest.approx(cost)


def test_loss_in_bursts_costs_more_than_random_loss() -> None:
    random_loss, bursts = (equipment_impairment(0.02, PERFECT, ratio) for ratio in (1.0, 2.0))
    assert bursts == pytest.approx(95 * 2 / (1 + 25.1))
    assert bursts > random_loss


@given(st.floats(0, 5000), st.floats(0, 1), st.sampled_from(sorted(CODECS)), st.floats(0, 10))
def test_a_worse_line_is_never_rated_better(delay_ms: float, loss: float, codec: str, more: float) -> None:
    rating = r_factor(mouth_to_ear_ms=delay_ms, loss_ratio=loss, codec=CODECS[codec])
    assert 0 <= rating <= 93.2
    assert r_factor(mouth_to_ear_ms=delay_ms + more, loss_ratio=loss, codec=CODECS[codec]) <= rating + 1e-9
    worse = min(1.0, loss + more / 100)
    assert r_factor(mouth_to_ear_ms=delay_ms, loss_ratio=worse, codec=CODECS[codec]) <= rating + 1e-9
    assert 1 <= mos(rating) <= 4.5
