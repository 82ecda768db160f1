"""Imports: a file is uploaded, what it would do is shown, and exactly that is done once somebody agrees to it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import BodyPartReader, web
from sqlalchemy import Connection

from collector.errors import RegistryUnavailable, UsageError
from collector.registry.difference import Change
from collector.registry.journal import record
from collector.registry.sheet import SheetError
from collector.web import csv_table, rendering
from collector.web.admin import columns, desk
from collector.web.admin.desk import Desk
from collector.web.admin.drafts import Draft
from collector.web.admin.faults import told
from collector.web.admin.intake import KINDS, MAX_BYTES, Kind, Round, StaleError, bring, weigh
from collector.web.admin.preview import mark_of

_DRAINED: Final = 4 * MAX_BYTES
"""So much of a file that is too large is still read, so that its sender hears why and not only that the line broke."""
_CHUNK: Final = 1 << 18
_UPLOAD_S: Final = 600.0
_SEE_OTHER: Final = 303


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came, or why it did not."""

    name: str = ""
    data: bytes = b""
    fault: str | None = None


def add_routes(app: web.Application, at_desk: Desk) -> None:
    """Add the pages of imports."""
    kinds = "|".join(KINDS)
    app.add_routes(
        [
            web.get(f"/admin/import/{{kind:{kinds}}}", desk.at(at_desk, _form)),
            web.post(f"/admin/import/{{kind:{kinds}}}", desk.at(at_desk, _upload, changes=True)),
            web.get("/admin/drafts/{token}", desk.at(at_desk, _shown)),
            web.get("/admin/drafts/{token}/errors", desk.at(at_desk, _errors)),
            web.post("/admin/drafts/{token}", desk.at(at_desk, _decided, changes=True)),
        ]
    )


async def _form(request: web.Request, _: Desk) -> web.Response:
    return _asked(request, _kind(request))


def _asked(request: web.Request, kind: Kind, fault: str | None = None, status: int = 200) -> web.Response:
    """The form that asks for a file, with what is wrong with the last one beside its field."""
    answer = desk.page(
        request, "admin_import.html", kind=kind, columns=columns.of(kind), fault=fault, limit=MAX_BYTES // 10**6
    )
    answer.set_status(status)
    return answer


async def _upload(request: web.Request, at_desk: Desk) -> web.Response:
    kind = _kind(request)
    async with at_desk.incoming:
        upload = await _received(request)
        if upload.fault:
            return _asked(request, kind, upload.fault, 400)
        try:
            return await _compared(at_desk, kind, upload)
        except OSError:
            return _asked(
                request, kind, "There is no room for the file on this machine. Make room, then try again.", 507
            )


async def _compared(at_desk: Desk, kind: Kind, upload: Upload) -> web.Response:
    """The preview of a file that came; raises OSError when it cannot be kept."""
    async with at_desk.heavy:
        preview = await asyncio.to_thread(weigh, kind, upload.data, _weighing(at_desk))
        now = at_desk.sources.now()
        token = await asyncio.to_thread(at_desk.drafts.put, kind, upload.name, upload.data, preview, at=now)
    return web.Response(status=_SEE_OTHER, headers={"Location": f"/admin/drafts/{token}"})


async def _received(request: web.Request) -> Upload:
    """The file of a form. What is not a form with one is said; nothing of it goes anywhere but memory."""
    if not request.content_type.startswith("multipart/"):
        return Upload(fault="Choose a file first.")
    try:
        async with asyncio.timeout(_UPLOAD_S):
            async for part in await request.multipart():
                if isinstance(part, BodyPartReader) and part.name == "file":
                    return await _file(part)
    except desk.TORN:
        return Upload(fault="The upload was broken off. Try again.")
    return Upload(fault="Choose a file first.")


async def _file(part: BodyPartReader) -> Upload:
    kept: list[bytes] = []
    size = 0
    while chunk := await part.read_chunk(_CHUNK):
        size += len(chunk)
        if size <= MAX_BYTES:
            kept.append(chunk)
        elif size > _DRAINED:
            break
    if size > MAX_BYTES:
        return Upload(fault="The file is larger than 10 MB. Split it, or save it as XLSX, which is smaller.")
    if not size:
        return Upload(fault="Choose a file first." if not part.filename else "The file is empty.")
    name = "".join(letter for letter in part.filename or "" if letter.isprintable())[-100:]
    return Upload(name, b"".join(kept))


async def _shown(request: web.Request, at_desk: Desk) -> web.Response:
    token, draft = _draft(request, at_desk)
    if draft is None:
        return _gone(request)
    return _page(request, token, draft)


def _page(request: web.Request, token: str, draft: Draft, *, fault: str | None = None, who: str = "") -> web.Response:
    answer = desk.page(
        request,
        "admin_preview.html",
        draft=draft,
        kind=draft.kind,
        found=draft.preview,
        token=token,
        fault=fault,
        who=who,
    )
    answer.set_status(200 if fault is None else 400)
    return answer


async def _errors(request: web.Request, at_desk: Desk) -> web.Response:
    """Every fault as a table, to mend the file beside it."""
    _, draft = _draft(request, at_desk)
    if draft is None:
        return _gone(request)
    heading = [("line", "Line"), ("cell", "Cell"), ("column", "Column"), ("error", "What to do")]
    words = rendering.words_of(request)
    faults = draft.preview.faults
    said = await asyncio.to_thread(lambda: [told(fault.what, words.say) for fault in faults])
    rows = [(fault.line, fault.cell, fault.column, what) for fault, what in zip(faults, said, strict=True)]
    demonstration = at_desk.sources.demonstration
    return csv_table.answer(f"{draft.kind}-errors", heading, rows, words=words, demonstration=demonstration)


async def _decided(request: web.Request, at_desk: Desk) -> web.Response:
    """Do exactly what was shown, or forget the file."""
    token, draft = _draft(request, at_desk)
    if draft is None:
        return _gone(request)
    form = await desk.form_of(request)
    if form.get("act") == "forget":
        at_desk.drafts.forget(token)
        return web.Response(status=_SEE_OTHER, headers={"Location": f"/admin/{draft.kind}"})
    who, fault = desk.name_in(form.get("who"))
    if fault:
        return _page(request, token, draft, fault=fault, who=who)
    if form.get("mark") != draft.preview.mark or not draft.preview.may:
        return _again(token)
    async with at_desk.heavy:
        return await _bring(request, at_desk, token, who)


async def _bring(request: web.Request, at_desk: Desk, token: str, who: str) -> web.Response:
    """Bring the file in; if that would no longer do what was shown, show what it would do now."""
    draft = at_desk.drafts.get(token, at=at_desk.sources.now())
    data = await asyncio.to_thread(at_desk.drafts.data, token)
    if draft is None or data is None:  # somebody was faster: a second click, another tab
        return _gone(request)
    by, kind = _bringing(at_desk, draft, who), draft.kind
    try:
        await asyncio.to_thread(bring, kind, data, by)
    except (StaleError, SheetError):
        at_desk.drafts.renew(token, await asyncio.to_thread(weigh, kind, data, _weighing(at_desk)))
        return _again(token)
    except RegistryUnavailable:
        return _page(request, token, draft, fault="The database cannot be reached right now. Try again.", who=who)
    except UsageError as error:  # the database refuses a value
        return _page(request, token, draft, fault=str(error), who=who)
    at_desk.drafts.forget(token)
    counts = f"added={draft.preview.added_count}&changed={draft.preview.changed_count}"
    return desk.back(f"/admin/{kind}?done=import&{counts}", who)


def _weighing(at_desk: Desk) -> Round:
    now = at_desk.sources.now()
    return Round(at_desk.office, at_desk.sources.plans, now, now.astimezone(at_desk.sources.zone))


def _bringing(at_desk: Desk, draft: Draft, who: str) -> Round:
    """A round that does what was agreed to and nothing else, and records whose act it was."""
    by = _weighing(at_desk)
    author = desk.author(who, draft.name)

    def seal(connection: Connection, changes: Sequence[Change]) -> None:
        if mark_of(changes) != draft.preview.mark:
            raise StaleError
        record(connection, author, draft.kind, changes, now=by.now)

    return replace(by, who=who, seal=seal)


def _again(token: str) -> web.Response:
    return web.Response(status=_SEE_OTHER, headers={"Location": f"/admin/drafts/{token}"})


def _gone(request: web.Request) -> web.Response:
    words = rendering.words_of(request)
    answer = desk.page(
        request,
        "admin_refused.html",
        title=words.say("This preview is no more"),
        detail=words.say(
            "A preview is kept for half an hour, and not across a restart. Nothing was imported by it; "
            "look under Changes whether somebody has confirmed it, or choose the file again."
        ),
    )
    answer.set_status(410)
    return answer


def _draft(request: web.Request, at_desk: Desk) -> tuple[str, Draft | None]:
    token = request.match_info["token"]
    return token, at_desk.drafts.get(token, at=at_desk.sources.now())


def _kind(request: web.Request) -> Kind:
    return next(kind for kind in KINDS if kind == request.match_info["kind"])
