"""Is a captive portal in the way? Then nothing that was measured says anything of the line."""

from agent.ipv6.connections import OURS, is_portal
from agent.ipv6.notes import Notes
from agent.net.captive_portal import Finding, detect
from agent.net.resolve import Family
from agent.wire.failure import Failure, Reason, Stage


async def ask(notes: Notes) -> None:
    """Ask pages with known answers, over IPv4 where there is any: portals mostly know nothing else."""
    settings = notes.ground.settings
    if not settings.portal_urls or notes.stays_here:
        return
    family: Family = "ipv4" if notes.default.get("ipv4") else "ipv6"
    notes.portal = await detect(settings.portal_urls, timeout_s=settings.timeout_s, family=family)


async def look_at_answers(notes: Notes) -> None:
    """Take what came in the peer's place for a portal as well, and write down what both found."""
    if notes.ground.url.engine in OURS and not (notes.portal and notes.portal.portal):
        taken = [answer for answer in notes.exchanges.values() if is_portal(answer)]
        if taken:
            where = taken[0].location or f"HTTP {taken[0].status} in the peer's place"
            notes.portal = Finding(portal=True, url=where[:200], how="page")
    if notes.portal is None or notes.portal.portal is None:
        return
    found = Failure(Stage.PEER, Reason.CAPTIVE_PORTAL, notes.portal.url)
    notes.check("captive_portal", found if notes.portal.portal else None)
