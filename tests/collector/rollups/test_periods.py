"""Totals from roll-ups are those of the raw values."""

import itertools
import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.rollups.periods import stretches, totals
from tests.collector.rollups.rig import HOUR, NOW, ZONE, House, speed

MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them naive


@given(MOMENTS, st.timedeltas(timedelta(hours=1), timedelta(days=800)))
def test_a_period_is_cut_without_gap_into_few_stretches(start: datetime, length: timedelta) -> None:
    found = list(stretches(start, start + length, ZONE))
    assert found[0][1] <= start < found[0][1] + timedelta(days=1)
    assert found[-1][2] - timedelta(days=1) < start + length <= found[-1][2]
    assert all(one[2] == other[1] for one, other in itertools.pairwise(found))
    assert len([one for one in found if one[0] == "day"]) <= 2


async def test_totals_of_months_and_days_are_exact(house: House) -> None:
    dice = random.Random(3)  # noqa: S311 - a test wants the same numbers
    values = {NOW - timedelta(days=100) + 9 * HOUR * place: dice.uniform(50, 120) for place in range(250)}
    await house.measured("throughput", {at: speed(mbps) for at, mbps in values.items()})
    await house.settle()
    period = (datetime(2026, 8, 20, 17, tzinfo=UTC), datetime(2026, 11, 15, 17, tzinfo=UTC))
    found = await totals(house.store, "throughput", "download_mbps", period, zone=ZONE)
    inside = [mbps for at, mbps in values.items() if period[0] <= at < period[1]]
    one = found["th1"]
    assert (one.n, one.least, one.most) == (len(inside), min(inside), max(inside))
    assert one.mean == pytest.approx(math.fsum(inside) / len(inside), rel=1e-12)
    assert one.share is not None
    (month,) = (await house.series("throughput_month"))[:1]
    mark = float(month.fields["download_mbps_target"])
    assert one.share == sum(mbps >= mark for mbps in inside) / len(inside)
    assert await totals(house.store, "throughput", "upload_mbps", period, zone=ZONE) == {}
