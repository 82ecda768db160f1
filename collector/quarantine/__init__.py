"""Payloads that can never be accepted as they are: kept on disk, looked at, and judged again after a mend."""

from collector.quarantine.holding import Held, Quarantine, Search, listing, path_from_url

__all__ = ["Held", "Quarantine", "Search", "listing", "path_from_url"]
