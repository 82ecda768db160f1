"""Tables to keep name their columns as programs do, the same in both languages."""

import re
from pathlib import Path

from tests.collector.web.house import province

TABLES = (
    "/?", "/incidents?", "/fleet?", "/fleet?table=doubts&", "/fleet?table=early&", "/completeness?", "/plans?",
    "/plans/lang-son-2025?", "/plans/lang-son-2025?table=communes&", "/quarantine?", "/pipe?", "/pipe?table=rates&",
)  # fmt: skip


async def test_every_table_has_machine_names_above_its_columns(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        for address in TABLES:
            heads = set()
            for language in ("vi", "en"):
                answer = await it.client.get(f"{address}format=csv&lang={language}")
                assert (answer.status, answer.content_type) == (200, "text/csv"), address
                heads.add((await answer.read()).decode("utf-8-sig").splitlines()[0])
            (head,) = heads
            assert all(re.fullmatch("[a-z0-9_]+", name) for name in head.split(",")), (address, head)
