"""A JSON webhook: the incident itself, the delivery's id, and a signature if there is a secret.

A receiver may get a delivery twice, when this process or the network broke between its answer and our record: the
header `Idempotency-Key` (and `delivery` in the body) is the same then. To verify a signature, with the route's secret:

    expected = "sha256=" + hmac.new(secret, timestamp + b"." + body, hashlib.sha256).hexdigest()
    hmac.compare_digest(expected, request.headers["X-Linkgauge-Signature"])

where `timestamp` is the header `X-Linkgauge-Timestamp` (Unix seconds; refuse one that is minutes old) and `body` the
exact bytes.
"""

import hashlib
import hmac
from dataclasses import dataclass

import msgspec

from collector.tell.answer import Answer, Parcel
from collector.tell.posting import Post, Wire, post
from collector.tell.route import Route


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver."""

    route: Route
    wire: Wire

    async def send(self, parcel: Parcel) -> Answer:
        """POST it once."""
        body = body_of(parcel)
        headers = {"Idempotency-Key": parcel.id}
        if self.route.secret is not None:
            timestamp = str(int(self.wire.clock().timestamp()))
            headers["X-Linkgauge-Timestamp"] = timestamp
            headers["X-Linkgauge-Signature"] = signature(self.route.secret.encode(), timestamp, body)
        return await post(self.wire, Post(self.route.url, body, headers), timeout_s=self.route.timeout_s)


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """What proves that a body comes from who knows the secret, and when it was sent."""
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def body_of(parcel: Parcel) -> bytes:
    """The bytes to post, the same at every attempt: an incident as the contract shows it, and whose delivery it is."""
    letters = [msgspec.json.decode(body) for body in parcel.bodies]
    told: dict[str, object] = {"delivery": parcel.id}
    if parcel.kind in {"news", "reminder"}:
        told = {**letters[0], **told}
        if parcel.kind == "reminder":
            told["reminder"] = True
    elif parcel.kind == "summary":
        told["incidents"] = letters
    elif parcel.kind == "digest":
        told["digest"] = letters[0]
    else:
        told["test"] = True
    return msgspec.json.encode(told)
