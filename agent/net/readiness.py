"""Waiting for a socket of one's own, where asyncio's own calls would hide what the kernel says of a packet."""

import asyncio
import socket


async def ready(sock: socket.socket, *, write: bool) -> None:
    """Wait until the non-blocking socket can be read or written; whatever ends the wait, nothing stays registered."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    add(sock, event.set)
    try:
        await event.wait()
    finally:
        remove(sock)
