"""The composition root: the roles that the configuration names, in one process, until it is told to stop.

What cannot be reached at the start is said once, shown in /readyz and /metrics, and tried again: a collector that
is up shows what is wrong better than one that is not.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from collector import config, tending
from collector.config import CollectorConfig
from collector.errors import UsageError
from collector.parts import Parts
from collector.plans.load import load_plans
from collector.roles import Process

LOG: Final = logging.getLogger(__name__)
Reload = Callable[[], CollectorConfig]


async def serve(
    settings: CollectorConfig, *, ready: Callable[[str], None] | None = None, reload: Reload | None = None
) -> None:
    """Run all configured roles until cancelled; then finish what is in hand, at most 2 s.

    `ready` is called once, with the page's address (empty without the role `web`), when everything has been started.
    `reload` reads the configuration anew on SIGHUP, and the plans are read again; a bad file is said, and all stays.

    Raises:
        UsageError: something that no trying again can mend, such as an archive that another collector writes.
    """
    try:
        await _Service(settings).run(ready or (lambda _: None), reload)
    except ExceptionGroup as errors:
        plain: Exception | None = errors.subgroup(UsageError)
        while isinstance(plain, ExceptionGroup):
            plain = plain.exceptions[0]
        if plain is None:
            raise
        raise plain from errors


class _Current:
    """The configuration of this moment; the plans of this moment are in the parts."""

    def __init__(self, settings: CollectorConfig) -> None:
        self.settings = settings

    def take_over(self, reload: Reload, parts: Parts) -> None:
        """Read the configuration and the plans again; a bad file changes nothing but the metric that says so."""
        metrics = parts.metrics
        try:
            new = reload()
            plans = load_plans(self.settings.plans.folder) if parts.plans else {}
        except UsageError as error:
            metrics.reload_failures.inc()
            metrics.config_bad.set(1)
            LOG.error("config.reload_failed error=%s; the old one stays", "; ".join(str(error).splitlines()))  # noqa: TRY400 - told in one line
            return
        metrics.config_bad.set(0)
        for key in config.needs_restart(self.settings, new):
            LOG.warning("config.needs_restart key=%s", key)
        self.settings = config.taken_over(self.settings, new)
        parts.plans.take_over(plans)
        logging.getLogger().setLevel(self.settings.log.level.upper())
        LOG.info("config.reloaded")


class _Service:
    def __init__(self, settings: CollectorConfig) -> None:
        self.current = _Current(settings)
        self.process = Process(lambda: self.current.settings)

    async def run(self, ready: Callable[[str], None], reload: Reload | None) -> None:
        """Start everything, wait for the end, and leave nothing open."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.process.close)
            await tending.open_archive(self.process.parts)
            address = await stack.enter_async_context(self._page())
            async with asyncio.TaskGroup() as group:
                for name, work in self.process.tasks():
                    group.create_task(work, name=name)
                with self._reloading(reload):
                    try:
                        ready(address)
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        await self.process.flush()
                        raise

    @contextlib.asynccontextmanager
    async def _page(self) -> AsyncIterator[str]:
        """Serve what this process serves over HTTP, if anything; gives the page's address."""
        parts, is_page = self.process.parts, "web" in self.process.roles
        if not is_page and not parts.settings().web.health:
            yield ""
            return
        from collector import page

        async with page.serving(parts) if is_page else page.serving_health(parts) as address:
            yield address if is_page else ""

    @contextlib.contextmanager
    def _reloading(self, reload: Reload | None) -> Iterator[None]:
        if reload is None:
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.current.take_over, reload, self.process.parts)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
