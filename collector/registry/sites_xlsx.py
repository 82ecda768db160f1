"""The sites table as a spreadsheet file; the rules of its content are those of `sites_csv`."""

from collections.abc import Iterable

from collector.registry.sheet_file import read_xlsx, xlsx
from collector.registry.site import Site
from collector.registry.sites_csv import rows_of

__all__ = ["read_xlsx", "write_xlsx"]


def write_xlsx(sites: Iterable[Site]) -> bytes:
    """One sheet `sites`; ids and numbers as text, so that no spreadsheet turns them into dates."""
    return xlsx(rows_of(sites), title="sites")
