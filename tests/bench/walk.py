"""Whether every page of a running collector answers: `python -m tests.bench.walk http://127.0.0.1:8600`.

It follows every link from the first page: each site, incident and plan; and of addresses with a query so many of each
kind (`--each 12`), in both languages by turns. It says what answered otherwise than 200, which pages do not say that
they show a demonstration although others do (`--demonstration`), and which were slowest. `--most` ends it sooner.
"""

import argparse
import html
import re
import sys
import time
import urllib.error
import urllib.request
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

LANGUAGES: Final = ("vi", "en")
BANNER: Final = 'class="demonstration"'
_SLOWEST: Final = 10
_LINK: Final = re.compile(r'\b(?:href|src)="([^"]*)"')
_ENDLESS: Final = "/api/v1/live"
_TIMEOUT_S: Final = 60


@dataclass(slots=True)
class Walk:
    """A walk from `/` of a collector at `base`. `each`: addresses with a query of one kind; `most`: pages in all."""

    base: str
    each: int = 12
    most: int | None = None
    faults: list[str] = field(default_factory=list)
    took: dict[str, float] = field(default_factory=dict)
    unmarked: list[str] = field(default_factory=list)
    _kinds: Counter[tuple[str, tuple[str, ...]]] = field(default_factory=Counter)
    _known: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Look at them all."""
        waiting = deque(["/"])
        while waiting and (self.most is None or len(self.took) < self.most):
            address = waiting.popleft()
            body = self._look(address)
            waiting.extend(self._new(address, body))

    def _look(self, address: str) -> str:
        """Its text if it is a page; what is wrong with it is noted."""
        language = LANGUAGES[len(self.took) % len(LANGUAGES)]
        asked = urllib.request.Request(f"{self.base}{address}", headers={"Accept-Language": language})  # noqa: S310 - as named by who runs it
        began = time.monotonic()
        try:
            with urllib.request.urlopen(asked, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the same
                page = answer.headers.get_content_type() == "text/html"
                body: str = answer.read().decode("utf-8", "replace")
        except (urllib.error.URLError, TimeoutError) as error:
            self.faults.append(f"{address} ({language}): {error}")
            page, body = False, ""
        self.took[address] = time.monotonic() - began
        if page and BANNER not in body:
            self.unmarked.append(address)
        return body if page else ""

    def _new(self, address: str, body: str) -> Iterator[str]:
        for link in _LINK.findall(body):
            whole = urldefrag(urljoin(f"{self.base}{address}", html.unescape(link)))[0]
            found = whole.removeprefix(self.base)
            if found in self._known or not whole.startswith(f"{self.base}/") or found.startswith(_ENDLESS):
                continue
            self._known.add(found)
            if self._is_wanted(found):
                yield found

    def _is_wanted(self, address: str) -> bool:
        parts = urlsplit(address)
        names = tuple(sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}))
        if not names:
            return True
        kind = (re.sub(r"(?<=\w)/[^/]+", "/*", parts.path, count=1), names)
        self._kinds[kind] += 1
        return self._kinds[kind] <= self.each


def main() -> int:
    """Walk, and say what was found; 1 when something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--most", type=int)
    parser.add_argument("--demonstration", action="store_true")
    asked = parser.parse_args()
    walk = Walk(asked.url.rstrip("/"), each=asked.each, most=asked.most)
    walk.run()
    unmarked = walk.unmarked if asked.demonstration else []
    for line in (*walk.faults, *(f"{address}: does not say that it is a demonstration" for address in unmarked)):
        sys.stdout.write(f"{line}\n")
    slowest = sorted(walk.took.items(), key=lambda one: -one[1])[:_SLOWEST]
    sys.stdout.write("".join(f"{took:7.2f} s  {address}\n" for address, took in slowest))
    sys.stdout.write(f"{len(walk.took)} pages, {len(walk.faults)} wrong\n")
    return 1 if walk.faults or unmarked else 0


if __name__ == "__main__":
    sys.exit(main())
