"""Which of n sorted samples bound a quantile, whatever their distribution. Pure and exact.

Of n independent samples the number that lie below the true p-quantile is binomial(n, p). So the r-th smallest sample
is above it with probability P(B ≤ r-1), and the u-th smallest below it with P(B ≥ u): each tail gets half of what the
confidence leaves. Ties only raise the coverage. Sums are made in floats, good to about twelve digits; where that
leaves open which side of the tail a rank is on, the binomial is summed again in integers.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Final

CONFIDENCE: Final = Fraction(95, 100)

_OPEN: Final = 1e-9  # relative: floats decide nothing that is nearer to the limit than this
_NOTHING: Final = 1e-30  # of the greatest term: what is smaller changes no tail that anybody asks for


@lru_cache(maxsize=65536)
def quantile_ranks(n: int, share: Fraction, confidence: Fraction = CONFIDENCE) -> tuple[int, int] | None:
    """The narrowest ranks r ≤ u, from 1, for which [x(r), x(u)] covers the quantile; None if one has no such rank."""
    tail = (1 - confidence) / 2
    low, high = _lower_rank(n, share, tail), _lower_rank(n, 1 - share, tail)
    return (low, n + 1 - high) if low and high else None


def _lower_rank(n: int, share: Fraction, tail: Fraction) -> int:
    """The greatest r with P(binomial(n, share) ≤ r-1) ≤ tail; 0 when there is none."""
    terms = list(_terms(n, float(share)))
    limit = math.fsum(term for _, term in terms) * float(tail)
    below, rank = 0.0, terms[0][0]
    for k, term in terms:
        below += term
        if abs(below - limit) <= _OPEN * limit:
            if not _at_most(n, share, k, tail):
                break
        elif below > limit:
            break
        rank = k + 1
    return rank


def _terms(n: int, share: float) -> Iterator[tuple[int, float]]:
    """Each k with its probability over the greatest one's, ascending, without the negligible ones."""
    mode = min(int((n + 1) * share), n)
    odds = share / (1 - share)
    down, k, term = [], mode, 1.0
    while k > 0 and term > _NOTHING:
        term *= k / ((n - k + 1) * odds)
        k -= 1
        down.append((k, term))
    yield from reversed(down)
    k, term = mode, 1.0
    while k <= n and term > _NOTHING:
        yield k, term
        term *= (n - k) * odds / (k + 1)
        k += 1


def _at_most(n: int, share: Fraction, k: int, tail: Fraction) -> bool:
    """Whether P(binomial(n, share) ≤ k) ≤ tail, in integers."""
    hit, miss = share.numerator, share.denominator - share.numerator
    whole: int = share.denominator**n
    term: int = miss**n
    below = term
    for i in range(k):
        term = term * (n - i) * hit // ((i + 1) * miss)
        below += term
    return below <= tail * whole
