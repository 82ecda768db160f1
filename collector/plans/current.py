"""The plans of this moment, for a process that goes on while they are read again."""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView

from collector.plans.types import Plan


class Plans(Mapping[str, Plan]):
    """Plans by id. Who holds one of these sees those that were read last; what it gives out is of one moment.

    Any thread may look. Empty in a process that does nothing with plans.
    """

    def __init__(self, plans: Mapping[str, Plan] | None = None) -> None:
        """Begin with these."""
        self._plans = dict(plans or {})

    def __getitem__(self, name: str) -> Plan:
        """One plan; raises KeyError."""
        return self._plans[name]

    def __iter__(self) -> Iterator[str]:
        """Their ids."""
        return iter(self._plans)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._plans)

    def values(self) -> ValuesView[Plan]:
        """The plans."""
        return self._plans.values()

    def items(self) -> ItemsView[str, Plan]:
        """Ids and plans."""
        return self._plans.items()

    def take_over(self, plans: Mapping[str, Plan]) -> None:
        """Others from now on."""
        self._plans = dict(plans)
