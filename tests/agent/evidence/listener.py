"""Listen on TCP ports of every address until ended; says "ready"."""

import selectors
import socket
import sys


def main(ports: list[int]) -> None:
    with selectors.DefaultSelector() as selector:
        for port in ports:
            sock = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
            selector.register(sock, selectors.EVENT_READ)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            for key, _ in selector.select():
                key.fileobj.accept()[0].close()  # type: ignore[union-attr]


if __name__ == "__main__":
    main([int(port) for port in sys.argv[1:]])
