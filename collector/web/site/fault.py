"""What was promised, what was bought and what arrives, side by side, and who has to act. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from collector.judge.verdict import INDICATOR, Verdict

Whose = Literal[
    "contract", "contract_and_provider", "provider", "reserve", "unknown_contract", "unclear", "met", "met_but_short",
    "device", "waiting", "silent",
]  # fmt: skip
_HALF: Final = 0.5
_CALM: Final = ("met", "waiting", "device", None)
"""What asks nobody for more than is asked for when nothing comes any more."""


@dataclass(frozen=True, slots=True)
class Held:
    """Download speed in Mbit/s: the plan's mark, the contract's rate, and the median that was measured of `n`.

    `whose`: who has to act, or what is said instead; None: nothing was promised.
    """

    plan: float | None
    contract: float | None
    measured: float | None
    n: int
    whose: Whose | None

    @property
    def highest(self) -> float:
        """What a bar as wide as all the room stands for."""
        return max(value for value in (self.plan, self.contract, self.measured, 1.0) if value is not None)


def held(
    plan: Verdict | None,
    others: Sequence[Verdict],
    *,
    contract: float | None,
    median: float | None,
    n: int,
    silent: bool = False,
) -> Held:
    """Put the three numbers together. `plan`: on the plan's download speed; `others`: the rest of what is said.

    `silent`: nothing is heard from there now, so that nobody can lean back however good it was before.
    """
    bought = next((one for one in others if one.question == "contract" and one.indicator == INDICATOR), None)
    mark = plan.mark if plan is not None and plan.target is not None else None
    whose = _whose(plan if mark is not None else None, bought, contract)
    return Held(mark, contract, median, n, "silent" if silent and whose in _CALM else whose)


def _whose(plan: Verdict | None, bought: Verdict | None, contract: float | None) -> Whose | None:
    if plan is None or plan.mark is None:
        return "provider" if bought is not None and bought.verdict == "below" else None
    short = contract is not None and contract < plan.mark
    if plan.verdict == "below":
        return _below(bought, contract, short=short)
    if plan.verdict == "met":
        return "met_but_short" if bought is not None and bought.verdict == "below" else "met"
    if short:
        return "contract"
    doubted = max(plan.doubted.values(), default=0)  # one result may have several doubts
    return "device" if doubted > (plan.n + doubted) * _HALF else "waiting"


def _below(bought: Verdict | None, contract: float | None, *, short: bool) -> Whose:
    if contract is None:
        return "unknown_contract"
    delivered = bought.verdict if bought is not None else "inconclusive"
    if short:
        return "contract_and_provider" if delivered == "below" else "contract"
    return {"below": "provider", "met": "reserve"}.get(delivered, "unclear")  # type: ignore[return-value]  # words of `Whose`
