"""What answers in the far namespace: DNS, a TCP listener on port 4443 and our peer's reflector on 8862."""

import asyncio
import contextlib

from agent.peer.service import PeerSettings, serve
from tests.agent.net.dns_responder import IPV4, IPV6, responding


async def main() -> None:
    async with contextlib.AsyncExitStack() as stack:
        for address in (IPV4, IPV6):
            await stack.enter_async_context(responding(address, 53))
        for host in ("0.0.0.0", "::"):  # noqa: S104 - alone in a namespace
            server = await asyncio.start_server(lambda _, writer: writer.close(), host, 4443)
            await stack.enter_async_context(server)
        settings = PeerSettings(listen=(), stamp="*:8862")
        await serve(settings, ready=lambda _: print("ready", flush=True))  # noqa: T201 - what the test waits for


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
