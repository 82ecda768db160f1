"""One session with a broker, from CONNECT to the end, as decisions without I/O: bytes in, bytes and words out.

The order is fixed: log in, subscribe, and only then publish. Messages of QoS 1 are acknowledged as soon as they have
been passed on, in one write per piece of the stream; what became of them is the business of whoever heard them.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from collector.mqtt.packets import (
    CONNACK,
    DISCONNECT_BYTES,
    PINGREQ_BYTES,
    PUBACK,
    REFUSED,
    SUBACK,
    Answer,
    BrokerError,
    Login,
    Message,
    Outgoing,
    Parser,
    Skipped,
    connect,
    publish,
    subscribe,
)

TICKS: Final = 4
"""So often per keepalive time `tick` must be called; a broker silent for as many ticks in a row is lost."""
WINDOW: Final = 100
PACKET_LIMIT: Final = 1024 * 1024
_SUBSCRIPTION: Final = 0xFFFF  # its packet id; messages have smaller ones
_REFUSALS: Final = {
    1: "it does not speak MQTT 3.1.1",
    2: "it refuses our client id; set another broker.client_id, or none",
    3: "it says that it is not available",
    4: "wrong user name or password; see broker.username and broker.password_file",
    5: "it does not let this user in; see broker.username, and its list of users",
}


class Line(Protocol):
    """Where bytes go. `writable` is False while the broker reads too slowly."""

    @property
    def writable(self) -> bool:
        """Whether more should be sent now."""
        ...

    def send(self, data: bytes) -> None:
        """Send soon and in order; never blocks."""
        ...


class Listener(Protocol):
    """Who is told. Nothing here may block or raise."""

    def heard(self, messages: Sequence[Message], skipped: Sequence[Skipped]) -> None:
        """Messages, in the order of their arrival."""
        ...

    def agreed(self) -> None:
        """Every subscription is confirmed: from now on one may publish."""
        ...

    def room(self) -> None:
        """Publishing may have become possible again, or something of QoS 1 was confirmed."""
        ...


class Conversation:
    """For one connection. Every method that takes something of the broker raises BrokerError when that ends it."""

    def __init__(self, login: Login, filters: Sequence[tuple[str, int]], listener: Listener, line: Line) -> None:
        self._login = login
        self._filters = filters
        self._listener = listener
        self._line = line
        self._parser = Parser(PACKET_LIMIT)
        self._accepted = False
        self._agreed = False
        self._waiting: dict[int, Outgoing] = {}
        self._last_id = 0
        self._quiet = 0

    @property
    def ready(self) -> bool:
        """Whether one may publish now: agreed, the line takes more, and not too much of QoS 1 is unconfirmed."""
        return self._agreed and self._line.writable and len(self._waiting) < WINDOW

    @property
    def unconfirmed(self) -> Sequence[Outgoing]:
        """What was published with QoS 1 and not confirmed, oldest first."""
        return list(self._waiting.values())

    def begin(self) -> None:
        """Log in, once the line is open."""
        self._line.send(connect(self._login))

    def feed(self, data: bytes) -> None:
        """Take bytes of the broker."""
        self._quiet = 0
        taken = self._parser.feed(data)
        for answer in taken.answers:
            self._take(answer)
        if taken.messages or taken.skipped:
            if not self._accepted:
                raise BrokerError("the broker sent messages before it let us in; is it a broker?")
            self._listener.heard(taken.messages, taken.skipped)
        if taken.acknowledgements:
            self._line.send(bytes(taken.acknowledgements))

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Send messages in one write, when `ready`; one that no packet can hold is left out."""
        self._line.send(b"".join(map(self._written, messages)))

    def tick(self) -> None:
        """Let time pass: `TICKS` times per keepalive.

        Counted in ticks and not in seconds, so that a process that was itself stopped does not blame the broker.
        """
        self._quiet += 1
        if self._quiet > TICKS:
            raise BrokerError(f"the broker has not answered for {self._login.keepalive_s} s")
        if self._accepted and self._quiet % 2:
            self._line.send(PINGREQ_BYTES)

    def end(self) -> None:
        """Say goodbye."""
        self._agreed = False
        if self._accepted:
            self._line.send(DISCONNECT_BYTES)

    def _written(self, message: Outgoing) -> bytes:
        try:
            if not message.qos:
                return publish(message)
            packet_id = self._next_id()
            data = publish(message, packet_id)
        except BrokerError:
            return b""
        self._waiting[packet_id] = message
        return data

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % (_SUBSCRIPTION - 1) + 1
            if self._last_id not in self._waiting:
                return self._last_id

    def _take(self, answer: Answer) -> None:
        if answer.kind == CONNACK and not self._accepted:
            self._let_in(answer.body[1])
        elif answer.kind == CONNACK or not self._accepted:
            raise BrokerError("the broker answered out of turn; is it a broker?")
        elif answer.kind == SUBACK and not self._agreed:
            self._subscribed(answer.body)
        elif answer.kind == PUBACK:
            self._waiting.pop(int.from_bytes(answer.body, "big"), None)
            self._listener.room()

    def _let_in(self, code: int) -> None:
        if code:
            raise BrokerError(f"refused by the broker: {_REFUSALS.get(code, f'code {code}')}")
        self._accepted = True
        self._line.send(subscribe(_SUBSCRIPTION, self._filters))

    def _subscribed(self, body: bytes) -> None:
        codes = body[2:]
        if len(codes) != len(self._filters):
            raise BrokerError("the broker confirmed other subscriptions than ours; is it a broker?")
        for (name, _), code in zip(self._filters, codes, strict=True):
            if code >= REFUSED:
                raise BrokerError(f"the broker does not let this user read {name}; see its access list")
        self._agreed = True
        self._listener.agreed()
