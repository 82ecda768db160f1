"""Styles, modules, charts and icons: read once, compressed once, kept by browsers for a year.

Their address carries a hash of the whole tree. A new release is a new address, and modules that import each other by
relative paths stay in one release.
"""

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from aiohttp import web

FOLDER: Final = Path(str(files("collector.web") / "static"))
VENDOR: Final = "vendor/"
"""What `deploy/assets/build` makes; a checkout where nobody ran it has none of it."""
FOREVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
_TEXT: Final = ("text/", "application/json", "image/svg+xml")
_WORTH_BYTES: Final = 512
"""Smaller files do not get smaller on the wire."""
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json",
                 ".png": "image/png", ".woff2": "font/woff2"}  # fmt: skip
"""Those that pages need; a machine's own table may call a module text/plain, and browsers then refuse it."""


@dataclass(frozen=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    kind: str

    @cached_property
    def mark(self) -> str:
        """What its content is known by."""
        return sha256(self.body).hexdigest()[:16]

    @cached_property
    def compressed(self) -> bytes | None:
        """Its gzip form; None where that is not worth it."""
        if len(self.body) < _WORTH_BYTES or not self.kind.startswith(_TEXT):
            return None
        return gzip.compress(self.body, mtime=0)


@dataclass(frozen=True)
class Assets:
    """Every file of the tree by its path. Calling it gives a path's address: the template global `static`."""

    files: Mapping[str, Asset] = field(repr=False)

    @cached_property
    def mark(self) -> str:
        """A hash of all names and contents, 16 hex digits."""
        whole = sha256()
        for path, asset in sorted(self.files.items()):
            whole.update(f"{path}\0{asset.mark}\0".encode())
        return whole.hexdigest()[:16]

    def __call__(self, path: str) -> str:
        """Give the address of a file; raises KeyError for one that is not there and that no build makes."""
        if path not in self.files and not path.startswith(VENDOR):
            raise KeyError(path)
        return f"/static/{self.mark}/{path}"

    def has(self, path: str) -> bool:
        """Whether a file is there: what a build makes may be missing."""
        return path in self.files

    def find(self, path: str) -> tuple[Asset | None, bool]:
        """Give the file that an address below `/static/` means, and whether the address is this release's own."""
        mark, _, rest = path.partition("/")
        if mark == self.mark:
            return self.files.get(rest), True
        return self.files.get(path) or self.files.get(rest), False


def read(folder: Path = FOLDER) -> Assets:
    """Read the tree, without hidden files. Sync: once, at start."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in inside.parts):
            kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
            found[inside.as_posix()] = Asset(path.read_bytes(), kind)
    return Assets(found)


def add_routes(app: web.Application, assets: Assets) -> None:
    """Add `/static/…`, and the icon that browsers ask for where a page cannot name its own, beside raw reports."""

    async def answer(request: web.Request) -> web.Response:
        asset, own = assets.find(request.match_info["path"])
        if asset is None:
            raise web.HTTPNotFound
        return _sent(request, asset, FOREVER if own else ASK_AGAIN)

    async def icon(request: web.Request) -> web.Response:
        return _sent(request, assets.files["icon.svg"], ASK_AGAIN)

    app.add_routes([web.get("/static/{path:.+}", answer), web.get("/favicon.ico", icon)])


def _sent(request: web.Request, asset: Asset, keeping: str) -> web.Response:
    headers = {"Cache-Control": keeping, "ETag": f'W/"{asset.mark}"', "Vary": "Accept-Encoding"}
    if any(known.value in (asset.mark, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    body = asset.body
    if asset.compressed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = asset.compressed
    text = asset.kind.startswith(_TEXT)
    return web.Response(body=body, headers=headers, content_type=asset.kind, charset="utf-8" if text else None)
