"""What can go wrong on the collector's side, whose fault it is, and what the operator can do.

CollectorError        one plain line: what, why, what to do
├── UsageError        wrong usage, configuration or input file; exit code 2
├── StoreUnavailable  the time series cannot be reached or is overloaded: try again, give no receipt
├── StoreFull         the time series has no room: defer the reports, tell the operator
├── RegistryUnavailable  the registry's database cannot be used now: try again later
├── BrokerUnavailable  there is no way to the broker now: try again later
└── PointsRefused     the time series will never take these points as they are
"""

from collections.abc import Sequence


class CollectorError(Exception):
    """One plain line for stderr: what failed, why, and what the operator can do."""

    exit_code = 1


class UsageError(CollectorError):
    """Wrong usage, configuration or input file."""

    exit_code = 2


class StoreUnavailable(CollectorError):  # noqa: N818 - a state of the world, named as operators say it
    """The time series cannot be reached, or asks us to wait: `retry_after_s`, 0 when it names no time."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreFull(CollectorError):  # noqa: N818 - a state of the world, named as operators say it
    """The time series has no room left."""


class RegistryUnavailable(CollectorError):  # noqa: N818 - a state of the world, named as operators say it
    """The registry's database cannot be opened, is locked for too long, or has no room."""


class BrokerUnavailable(CollectorError):  # noqa: N818 - a state of the world, named as operators say it
    """There is no way to the broker from this process right now."""


class PointsRefused(CollectorError):  # noqa: N818 - a state of the world, named as operators say it
    """Some points were refused for good; every other point of the batch is durable."""

    def __init__(self, message: str, indices: Sequence[int]) -> None:
        super().__init__(message)
        self.indices = tuple(indices)
