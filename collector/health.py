"""What machines ask of a collector: is it alive, is it ready and if not why, and its numbers."""

from typing import Final

from aiohttp import web

from collector.metrics import Metrics, Readiness

_METRICS: Final = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


def add_routes(app: web.Application, metrics: Metrics, readiness: Readiness) -> None:
    """Add /healthz, /readyz and /metrics."""

    async def healthz(request: web.Request) -> web.Response:
        del request
        return web.json_response({"status": "alive"})

    async def readyz(request: web.Request) -> web.Response:
        del request
        reasons = dict(readiness.reasons)
        words = {"status": "not ready" if reasons else "ready", "reasons": reasons}
        return web.json_response(words, status=503 if reasons else 200)

    async def numbers(request: web.Request) -> web.Response:
        del request
        return web.Response(body=metrics.exposition(), headers=_METRICS)

    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", numbers)])
