"""The regularised incomplete beta function, its inverse, and what is read from it. Pure.

I_x(a, b) by the continued fraction of DiDonato and Morris's kind (modified Lentz), which converges in about √max(a, b)
steps on the side of the mean where it is used; the inverse by Newton's method that a bisection holds within bounds.
Good to about twelve digits for a + b up to 200,000.
"""

import math
from fractions import Fraction
from functools import lru_cache
from typing import Final

_STEPS: Final = 20_000
_ROUNDS: Final = 200
_TINY: Final = 1e-300
_EXACT: Final = 1e-15


def beta_share(x: float, a: float, b: float) -> float:
    """I_x(a, b): the probability that a beta(a, b) variable is at most x."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = x * (1 - x) * _density(x, a, b)
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1 - x, b, a) / b


def beta_point(share: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = share."""
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(_ROUNDS):
        off = beta_share(x, a, b) - share
        low, high = (x, high) if off < 0 else (low, x)
        slope = _density(x, a, b)
        step = x - off / slope if slope > 0 else low
        nearer = step if low < step < high else (low + high) / 2
        if abs(nearer - x) <= _EXACT * nearer:
            return nearer
        x = nearer
    return x


@lru_cache(maxsize=4096)
def student_point(freedom: int, confidence: Fraction) -> float:
    """The t beyond which Student's distribution has the rest of the confidence, half on each side."""
    y = beta_point(float(confidence), 0.5, freedom / 2)
    return math.sqrt(freedom * y / (1 - y))


def _density(x: float, a: float, b: float) -> float:
    if x <= 0.0 or x >= 1.0:
        return 0.0
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        turn = 1.0
        for term in (even, odd):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            turn = c * d
            value *= turn
        if abs(turn - 1.0) < _EXACT:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
