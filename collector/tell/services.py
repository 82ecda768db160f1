"""Everything that Apprise can reach but mail: chats, SMS, tickets. Blocks in a thread of each route's own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from collector.errors import UsageError
from collector.tell.answer import Answer, Parcel
from collector.tell.mail import PATIENCE
from collector.tell.message import Message
from collector.tell.plugin import plugin_of
from collector.tell.route import Route

_FAULTS: Final = (OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)  # of a hundred plugins
_SHORT: Final = 320  # a service that takes no more letters gets the short form


def service_of(route: Route) -> Any:  # noqa: ANN401 - Apprise's plugins are its own affair
    """Apprise's plugin for an address; raises UsageError for one that it does not know. Slow at the first time."""
    plugin = plugin_of(route.url)
    if plugin is None:
        raise UsageError(f"tell.routes {route.name}: Apprise knows no such address; see its list of services")
    return plugin


@dataclass(frozen=True, slots=True)
class Service:
    """One route. Apprise says only whether it went well; what a service answered it keeps to itself."""

    route: Route
    plugin: Any
    compose: Callable[[Parcel], Message]
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="apprise"))

    async def send(self, parcel: Parcel) -> Answer:
        """Hand it to the service once."""
        running = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE * self.route.timeout_s):
                return await running.run_in_executor(self.thread, self._notify, self.compose(parcel))
        except TimeoutError:
            return Answer("unreached", "timeout")

    def close(self) -> None:
        """Let the thread end."""
        self.thread.shutdown(wait=False, cancel_futures=True)

    def _notify(self, message: Message) -> Answer:
        from apprise import NotifyFormat

        is_short = int(getattr(self.plugin, "body_maxlen", 0) or 0) <= _SHORT
        body, title = (message.short, "") if is_short else (message.text, message.subject)
        try:
            taken = self.plugin.notify(body=body, title=title, body_format=NotifyFormat.TEXT)
        except _FAULTS as error:
            return Answer("refused", f"fault in Apprise: {type(error).__name__}")
        return Answer("confirmed", "accepted") if taken else Answer("refused", "not accepted by the service")
