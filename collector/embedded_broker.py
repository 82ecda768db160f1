"""The embedded broker for a single machine: amqtt on loopback. It may forget everything: receipts make that safe."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from collector.config import BROKER_PORTS, BrokerSettings, broker_url, is_loopback
from collector.errors import StoreUnavailable, UsageError

_NOISY: Final = ("amqtt", "transitions")


@asynccontextmanager
async def running(settings: BrokerSettings) -> AsyncIterator[None]:
    """Listen at the broker's URL while the context is open.

    Raises:
        UsageError: the address can be reached from other machines; anybody could publish there.
        StoreUnavailable: the port is taken.
    """
    from amqtt.broker import Broker  # type: ignore[import-untyped]  # ships no types
    from amqtt.contexts import BrokerConfig, ListenerConfig  # type: ignore[import-untyped]  # ships no types
    from amqtt.errors import AMQTTError, BrokerError  # type: ignore[import-untyped]  # ships no types

    url = broker_url(settings)
    host, port = url.hostname or "", url.port or BROKER_PORTS[url.scheme]
    if not is_loopback(host):
        raise UsageError(f"broker.url: the embedded broker listens on loopback only, not on {host}")
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    broker = Broker(BrokerConfig(listeners={"default": ListenerConfig(bind=bind)}, plugins=plugins))
    try:
        await broker.start()
    except (AMQTTError, BrokerError) as error:  # a port that is taken is the latter, which is none of the former
        raise StoreUnavailable(f"embedded broker on {bind}: {error.__cause__ or error}") from error
    try:
        yield
    finally:
        await broker.shutdown()
