"""Every page there is, with an address to look at it: tests and pictures walk this list."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

EXAMPLES: Final[Mapping[str, str]] = {
    "site": "th-huu-lung",
    "plan": "lang-son-2025",
    "agent": "a-th-huu-lung",
    "kind": "sites",
}
"""What stands for a variable part of an address in the tests' small province."""
NO_PAGES: Final = (
    "/api/v1/", "/static/", "/favicon.ico", "/metrics", "/healthz", "/readyz",  # for programs
    "/sites/{site}/row", "/wrong",  # parts of a page
    "/admin/template/", "/admin/drafts/",  # files, and what only an import makes
)  # fmt: skip


def pages(app: web.Application, examples: Mapping[str, str] = EXAMPLES) -> dict[str, str]:
    """Address by name, of all routes that answer a GET with a page; raises KeyError for a part without an example."""
    found = {}
    for resource in app.router.resources():
        address = resource.canonical
        if address.startswith(NO_PAGES) or not any(route.method == "GET" for route in resource):
            continue
        name = address.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "overview"
        found[name] = address.format_map(examples)
    return found
