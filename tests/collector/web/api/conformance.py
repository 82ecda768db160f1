"""The API against its own document: schemathesis asks everything that the document allows, and much that it does not.

`python -m tests.collector.web.api.conformance N` asks N times as often as the test does.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
import schemathesis
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok

from collector.ingest import Rejected
from collector.quarantine import Quarantine
from collector.web.app import make_app
from collector.web.sources import Sources
from tests.collector.web.house import NOW, province

SEED = 20261122
EXAMPLES = 2
ENDLESS = "/api/v1/live"
LINE = 8000
KNOWN: dict[str, Any] = {"site": "th-huu-lung", "plan": "lang-son-2025", "report": "r-0", "number": 1}


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[str, Sources]]:
    """The province with a quarantine, over real HTTP; its address."""
    async with province(folder) as house:
        held = Quarantine(folder / "quarantine.db", limit_bytes=10**6, limit_count=100)
        held.open()
        held.put(
            [Rejected(f"linkgauge/v1/a{n}/report", f"a{n}", "malformed", "no JSON", b"\xff{}") for n in range(3)],
            at=NOW,
        )
        sources = replace(house.sources, quarantine=lambda: held, ask=lambda _, __: None)
        server = TestServer(make_app(sources))
        await server.start_server(shutdown_timeout=0.3)
        try:
            yield str(server.make_url("")), sources
        finally:
            await server.close()
            held.close()


def tried(address: str, known: Mapping[str, Any], *, examples: int = EXAMPLES) -> Counter[str]:
    """How often each operation was asked and what it answered; raises at the first answer that is not as documented."""
    with requests.Session() as session:
        document = session.get(f"{address}/api/v1/openapi.json", timeout=5).json()
        config = SchemathesisConfig(seed=SEED)
        config.projects.default.generation.allow_extra_parameters = False
        schema = schemathesis.openapi.from_dict(document, config=config)
        found: Counter[str] = Counter()
        for result in schema.get_all_operations():
            operation = result.ok() if isinstance(result, Ok) else None
            assert operation is not None, "the document describes it wrongly"
            if operation.path == ENDLESS:
                continue
            named = {name: value for name, value in known.items() if f"{{{name}}}" in operation.path}
            for mode in GenerationMode:
                for fixed in ({}, named) if named else ({},):
                    strategy = operation.as_strategy(mode, path_parameters=fixed or None)
                    found += _asked(strategy, address, session, examples)
    return found


def _asked(strategy: SearchStrategy[Any], address: str, session: requests.Session, examples: int) -> Counter[str]:
    found: Counter[str] = Counter()

    @seed(SEED)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: Case[Any]) -> None:
        if case.meta is not None and case.meta.generation.mode.is_positive:
            _meaningful(case)
        # Sent by ourselves: schemathesis counts the connections of a urllib3 that another package has replaced.
        wanted = case.as_transport_kwargs(base_url=address)
        answer = session.request(**wanted, timeout=10, allow_redirects=False)
        if len(answer.request.url or "") > LINE:
            assert answer.status_code == 400, "refused before any application sees it"
        else:
            case.validate_response(answer)
        found[f"{case.method} {case.operation.path} {answer.status_code}"] += 1

    with suppress(Unsatisfiable):  # of an address without parameters nothing can be wrong
        ask()
    return found


def _meaningful(case: Case[Any]) -> None:
    """Mend what no schema can tell: cursors are opaque, periods end, sites have agents of their own."""
    case.query.pop("cursor", None)
    if "period" in case.query:
        case.query["period"] = "2026-10"
    if isinstance(case.body, dict):
        case.body.pop("agent", None)  # who stands at a site no schema knows
    if isinstance(case.body, dict) and "numbers" in case.body:
        numbers = case.body["numbers"]
        assert isinstance(numbers, list)
        case.body["numbers"] = [int(str(number).split(".")[0]) for number in numbers]  # 17.0 is whole in schemas only


async def tour(folder: Path, *, examples: int = EXAMPLES) -> Counter[str]:
    """All of it on the tests' province."""
    async with served(folder) as (address, sources):
        (incident,) = sources.casebook.search()
        return await asyncio.to_thread(tried, address, KNOWN | {"incident": incident.id}, examples=examples)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        tally = asyncio.run(tour(Path(place), examples=EXAMPLES * int(sys.argv[1])))
    sys.stdout.writelines(f"{count:6} {what}\n" for what, count in sorted(tally.items()))
    sys.stdout.write(f"{tally.total()} cases\n")
