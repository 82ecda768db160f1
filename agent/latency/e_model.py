"""How a call would sound, from its delay and loss: the E-model (ITU-T G.107, 06/2015), the rest at its defaults. Pure.

    R = 93.2 - Idd - Ie,eff

93.2 is the rating that G.107 gives for its default parameters. Idd (7-27, 7-28) is what the absolute delay costs, with
the default sensitivity (sT = 1, mT = 100 ms); echo is taken to be cancelled, as video-conferencing programs do. Ie,eff
(7-29) is what the codec and lost packets cost, with the codec's own figures of G.113, Appendix I. MOS is that of
Annex B. Codecs of conferencing rooms (Opus) conceal loss better, but have no figures there: so this is a lower bound.
"""

import math
from dataclasses import dataclass
from typing import Final

DEFAULT_R: Final = 93.2
_SENSIBLE_MS: Final = 100.0
_DELAY_WEIGHT: Final = 25.0
_WORST_EQUIPMENT: Final = 95.0
_BEST_MOS: Final = 4.5


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec as G.113, Appendix I has it: what it costs by itself (Ie), and how well it bears random loss (Bpl)."""

    impairment: float
    robustness: float


CODECS: Final = {
    "g711_plc": Codec(0.0, 25.1),
    "g711": Codec(0.0, 4.3),
    "g729a": Codec(11.0, 19.0),
    "gsm_efr": Codec(5.0, 10.0),
}
"""`g711_plc` conceals lost packets (G.711, Appendix I); `g711` does not; `g729a` is G.729 A with VAD."""


def r_factor(*, mouth_to_ear_ms: float, loss_ratio: float, codec: Codec, burst_ratio: float = 1.0) -> float:
    """Give the rating, 0 (worst) to 93.2.

    `burst_ratio`: how much longer runs of lost packets are than they would be by chance (G.107's BurstR; 1: random).
    """
    rating = DEFAULT_R - delay_impairment(mouth_to_ear_ms) - equipment_impairment(loss_ratio, codec, burst_ratio)
    return min(DEFAULT_R, max(0.0, rating))


def delay_impairment(mouth_to_ear_ms: float) -> float:
    """Give Idd; nothing up to 100 ms."""
    if mouth_to_ear_ms <= _SENSIBLE_MS:
        return 0.0
    doublings = math.log2(mouth_to_ear_ms / _SENSIBLE_MS)
    return _DELAY_WEIGHT * (_sixth(doublings) - 3 * _sixth(doublings / 3) + 2)


def equipment_impairment(loss_ratio: float, codec: Codec, burst_ratio: float = 1.0) -> float:
    """Give Ie,eff."""
    percent = 100 * loss_ratio
    lost = percent / (percent / max(1.0, burst_ratio) + codec.robustness)
    return codec.impairment + (_WORST_EQUIPMENT - codec.impairment) * lost


def mos(rating: float) -> float:
    """Give the mean opinion score (1 bad to 4.5) that belongs to a rating."""
    if rating <= 0:
        return 1.0
    if rating >= 100:  # noqa: PLR2004 - the end of the scale
        return _BEST_MOS
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def _sixth(value: float) -> float:
    return float((1 + value**6) ** (1 / 6))
