"""The daily digest in words: what is open by severity, what has come and gone, who is silent or watched. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from typing import Final

from collector.tell import wording
from collector.tell.message import Message, Reader, subject_of
from collector.tell.news import About, News, severity_rank
from collector.tell.place import Called, about_called, news_called
from collector.tell.route import Language, Wanted
from collector.tell.wording import moment, named, one_line, say

_LONGEST: Final = 50  # lines of one section
_SHORT: Final = 160
Section = tuple[str, list[str]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one site stands by its plan's download speed. `watched`: weak of late, and no incident."""

    about: About
    outcome: str
    watched: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """What a digest is made of. `changed`: everything that has changed since `since`, whatever its state.

    `quiet`, `maintained`: how many are active besides that nobody is told of.
    """

    since: datetime
    at: datetime
    active: Sequence[News]
    changed: Sequence[News]
    sites: Sequence[Standing] = ()
    quiet: int = 0
    maintained: int = 0

    def wanted(self, wanted: Wanted) -> "Day":
        """The part of it that a route is told; nothing that late data opened or somebody maintains."""

        def ours(news: Sequence[News]) -> list[News]:
            return [each for each in news if each.is_tellable and wanted.takes(each)]

        sites = [site for site in self.sites if wanted.covers(site.about)]
        held = [each for each in self.active if not each.is_tellable and wanted.takes(each)]
        maintained = sum(bool(each.maintenance) for each in held)
        return replace(
            self,
            active=ours(self.active),
            changed=ours(self.changed),
            sites=sites,
            quiet=len(held) - maintained,
            maintained=maintained,
        )

    def called(self, called: Called) -> "Day":
        """The same with places by their names."""
        active, changed = ([news_called(each, called) for each in news] for news in (self.active, self.changed))
        sites = [replace(site, about=about_called(site.about, called)) for site in self.sites]
        return replace(self, active=active, changed=changed, sites=sites)


def digest_of(day: Day, reader: Reader) -> Message:
    """Tell a day; an empty one says that all is well, or what goes on that nobody need act on."""
    language = reader.language
    local = day.at.astimezone(reader.zone)
    title = say(wording.DIGEST, language, day=f"{local:%d/%m/%Y}" if language == "vi" else f"{local:%Y-%m-%d}")
    since = moment(day.since, reader.zone, language)
    opened = [news for news in day.changed if news.opened >= day.since]
    resolved = [news for news in day.changed if news.resolved is not None and news.resolved >= day.since]
    if day.active or opened or resolved:
        numbers = {"active": len(day.active), "opened": len(opened), "resolved": len(resolved)}
        counts = say(wording.COUNTS, language, **numbers)
    else:
        counts = _nothing(day, language, since)
    sections = _open_now(day.active, reader)
    sections += _section(say(wording.OPENED, language, since=since), [subject_of(each, reader) for each in opened])
    sections += _section(say(wording.RESOLVED, language, since=since), [subject_of(each, reader) for each in resolved])
    sections += _section(say(wording.WATCHED, language), [_where(site.about) for site in day.sites if site.watched])
    sections += _section(say(wording.SCOREBOARD, language), _score(day.sites, reader))
    page = f"{reader.public_url}/incidents"
    return Message(
        subject=f"{title}: {counts}",
        text=_text(counts, [(head, _cut(lines, reader)) for head, lines in sections], page),
        html=_html(counts, [(head, _cut(lines, reader)) for head, lines in sections], page),
        short=one_line(f"{title}: {counts}", _SHORT),
    )


def _nothing(day: Day, language: Language, since: str) -> str:
    held = ((wording.KNOWN_QUIETLY, day.quiet), (wording.IN_MAINTENANCE, day.maintained))
    known = ", ".join(say(words, language, n=n) for words, n in held if n)
    if known:
        return say(wording.NOTHING_TO_DO, language, known=known, since=since)
    return say(wording.ALL_WELL, language, since=since)


def _open_now(active: Sequence[News], reader: Reader) -> list[Section]:
    sections = list[Section]()
    spoken = [news for news in active if news.cause != "silent"]
    for severity in ("critical", "warning", "notice"):
        ours = [news for news in spoken if severity_rank(news.severity) == severity_rank(severity)]
        head = say(wording.OPEN_NOW, reader.language, severity=named(wording.SEVERITIES, severity, reader.language))
        sections += _section(head, [_since(news, reader) for news in ours])
    silent = [_since(news, reader) for news in active if news.cause == "silent"]
    return sections + _section(say(wording.SILENT_NOW, reader.language), silent)


def _since(news: News, reader: Reader) -> str:
    since = moment(news.opened, reader.zone, reader.language)
    return f"{subject_of(news, reader)}, {say(wording.SINCE, reader.language).lower()} {since}"


def _where(place: About) -> str:
    return ", ".join(one_line(part, 60) for part in (place.province, place.commune, place.name) if part)


def _score(sites: Sequence[Standing], reader: Reader) -> list[str]:
    """Of each plan how many sites meet it; a site without a plan is none's."""
    plans: dict[str, Counter[str]] = {}
    for site in sites:
        if site.about.plan:
            plans.setdefault(site.about.plan, Counter())[site.outcome] += 1
    return [
        say(
            wording.SCORE,
            reader.language,
            plan=one_line(plan),
            met=count["met"],
            below=count["below"],
            open=count["inconclusive"],
            n=count.total(),
        )
        for plan, count in plans.items()
    ]


def _section(head: str, lines: list[str]) -> list[Section]:
    return [(f"{head} ({len(lines)})", sorted(lines))] if lines else []


def _cut(lines: list[str], reader: Reader) -> list[str]:
    more = len(lines) - _LONGEST
    return lines if more <= 0 else [*lines[:_LONGEST], say(wording.MORE, reader.language, n=more)]


def _text(counts: str, sections: Sequence[Section], page: str) -> str:
    parts = [counts, *("\n".join([head, *(f"- {line}" for line in lines)]) for head, lines in sections), page]
    return "\n\n".join(parts) + "\n"


def _html(counts: str, sections: Sequence[Section], page: str) -> str:
    parts = [
        f"<p><b>{escape(head)}</b></p><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
        for head, lines in sections
    ]
    link = f'<p><a href="{escape(page)}">{escape(page)}</a></p>'
    return f"<!doctype html><html><body><p>{escape(counts)}</p>{''.join(parts)}{link}</body></html>"
