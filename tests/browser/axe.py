"""What axe finds wrong with a page: contrast, names, roles, targets, order."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

SCRIPT: Final = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
TAGS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
GRAVE: Final = ("serious", "critical")
_RUN: Final = """
axe.run(document, {runOnly: %s, resultTypes: ["violations"], preload: false, iframes: false}).then((found) =>
  found.violations.flatMap(({id, impact, nodes}) =>
    nodes.map((node) => [impact, `${id}: ${node.target.join(" ")}: ${node.failureSummary.replace(/\\s+/g, " ")}`])))
"""


LOOKS: Final = ("color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block")
"""The rules that colours and the window's size decide; what the markup decides is the same in any."""


async def faults(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """Give the serious and critical faults of WCAG 2.2 AA, each with its rule, its element, and what to mend.

    All rules, or only some.

    The script comes in as a debugger's does: our own policy lets no other in, and stays on.
    """
    if not SCRIPT.exists():
        raise FileNotFoundError("axe is not there: run 'sh deploy/assets/build tests'")
    session = await page.context.new_cdp_session(page)
    try:
        await session.send("Runtime.evaluate", {"expression": SCRIPT.read_text("utf-8")})
        found = await session.send(
            "Runtime.evaluate",
            {"expression": _RUN % (list(rules) or list(TAGS)), "awaitPromise": True, "returnByValue": True},
        )
    finally:
        await session.detach()
    rows: list[list[Any]] = found["result"]["value"]
    return [said for impact, said in rows if impact in GRAVE]
