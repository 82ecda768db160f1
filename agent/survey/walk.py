"""What is known of a walk while it lasts: what the session writes, and the screen shows. No I/O."""

from dataclasses import dataclass, field
from typing import Final, Literal

from agent.survey.level import mark_of
from agent.survey.route import Route, Stop
from agent.survey.tally import Tally
from agent.survey.track import Place, Track
from agent.wire.failure import Failure
from agent.wire.results import Radio

Environment = Literal["walking", "driving", "indoor"]
ENVIRONMENTS: Final[tuple[Environment, ...]] = ("walking", "driving", "indoor")
"""How the samples are taken: a house and a car shield, so what is heard in them is no measure of the street."""

OLD_S: Final = 5.0
FROZEN: Final = 20


@dataclass(slots=True)
class Walk:
    """One walk. `trouble`: why the modem cannot be asked now; `disk`: why the last sample was not kept."""

    id: str
    agent: str
    environment: Environment | None = None
    route: Route = field(default_factory=Route)
    tests: bool = False
    track: Track = field(default_factory=Track)
    tally: Tally = field(default_factory=Tally)
    radio: Radio | None = None
    stop: Stop | None = None
    trouble: Failure | None = None
    disk: str | None = None
    testing: bool = False
    tested: str | None = None
    undated: bool = False
    by_satellites: bool = False

    def take(self, radio: Radio, *, at: float) -> None:
        """Take in a sample, at a moment in monotonic seconds."""
        self.radio, self.trouble = radio, None
        self.tally.add(radio)
        here = place_of(radio)
        if here is not None:
            self.track.add(here, mark_of(radio), at=at, accuracy_m=radio.accuracy_m)


def place_of(radio: Radio) -> Place | None:
    """Give where a sample was taken, if that is known."""
    if radio.latitude is None or radio.longitude is None:
        return None
    return Place(radio.latitude, radio.longitude)
