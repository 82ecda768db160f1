"""The fleet as files that a collector's registry reads: sites, and which agent stands at which."""

import csv
from pathlib import Path
from typing import Final

from agent.errors import UsageError
from agent.simulate.plan import agent_id
from agent.simulate.site import SimSite, site_of

COLUMNS: Final = (
    "id", "name", "kind", "area", "province", "commune", "village", "latitude", "longitude", "access", "provider",
    "contract_down_mbps", "contract_up_mbps", "plan",
)  # fmt: skip


def write(path: Path, *, agents: int, seed: int) -> Path:
    """Write the sites to `path` and the agents beside it; gives the second name. Site and agent bear the same id."""
    beside = path.with_name(f"{path.stem}.agents.csv")
    sites = [site_of(seed, number) for number in range(agents)]
    _write(path, COLUMNS, [_row(site) for site in sites])
    _write(beside, ("agent", "site"), [[agent_id(site.number)] * 2 for site in sites])
    return beside


def _row(site: SimSite) -> list[str]:
    values: dict[str, object] = {name: getattr(site, name) for name in COLUMNS if hasattr(site, name)}
    values |= {
        "id": agent_id(site.number),
        "contract_down_mbps": f"{site.down_mbps:g}",
        "contract_up_mbps": f"{site.up_mbps:g}",
    }
    return [str(values.get(name, "")) for name in COLUMNS]


def _write(path: Path, header: tuple[str, ...], rows: list[list[str]]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
