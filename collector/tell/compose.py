"""From a parcel to the message that a person gets. Pure."""

from dataclasses import replace

import msgspec

from collector.tell.answer import Parcel
from collector.tell.message import Message, Reader, message_of, summary_of, test_of


def composed(parcel: Parcel, reader: Reader) -> Message:
    """Put a parcel in words."""
    if parcel.kind == "digest":
        return msgspec.json.decode(parcel.bodies[0], type=Message)
    if parcel.kind == "test":
        return test_of(reader)
    news = parcel.spoken or parcel.news
    if parcel.kind == "summary":
        return summary_of(news, reader)
    return message_of(news[0], replace(reader, names=parcel.names), reminder=parcel.kind == "reminder")
