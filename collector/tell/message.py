"""A letter in words: subject, plain text, HTML and a short form. Pure.

What a site is called and what people note is not trusted: it stays on its line, and HTML shows it as it is. Subjects
begin with the place, so that sorted by subject a mailbox has each site's messages together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from html import escape
from typing import Final
from urllib.parse import quote

from collector.plans.types import Text
from collector.tell import wording
from collector.tell.news import News
from collector.tell.route import Language
from collector.tell.wording import amount, moment, named, number, one_line, say

_CHILDREN: Final = 20
_SHORT: Final = 160
_RULES: Final = "rules"
Line = tuple[Text, str]


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready to be sent. `short`: at most 160 letters."""

    subject: str
    text: str
    html: str
    short: str


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom: the language, the zone of times, and where pages are (`public_url`, without a slash at its end).

    `names`: what sites are called, by their ids.
    """

    language: Language
    zone: tzinfo
    public_url: str
    names: Mapping[str, str] = field(default_factory=dict)


def page_of(news: News, public_url: str) -> str:
    """The page that shows it, and where people say what they do about it."""
    return f"{public_url}/incidents/{quote(news.id, safe='')}"


def _short_page(news: News, public_url: str) -> str:
    return f"{public_url}/sites/{quote(news.site, safe='')}" if news.site else f"{public_url}/incidents"


def message_of(news: News, reader: Reader, *, reminder: bool = False) -> Message:
    """Tell one incident as it was at its transition."""
    language = reader.language
    subject = subject_of(news, reader, reminder=reminder)
    lines = [(say(label, language), value) for label, value in _lines(news, reader)]
    summary, page = one_line(say(news.summary, language), 400), page_of(news, reader.public_url)
    text = "\n".join([summary, "", *(f"{label}: {value}" for label, value in lines), "", page, ""])
    return Message(
        subject, text, _html(summary, lines, page), _short(news, reader, _short_page(news, reader.public_url))
    )


def summary_of(news: Sequence[News], reader: Reader) -> Message:
    """Tell many in one message, each in a line or two, in the order in which they came."""
    title = say(wording.SUMMARY, reader.language, n=len(news))
    parts = [(subject_of(each, reader), one_line(say(each.summary, reader.language), 400)) for each in news]
    page = f"{reader.public_url}/incidents"
    text = "\n".join([title, "", *(f"- {subject}\n  {said}" for subject, said in parts), "", page, ""])
    return Message(title, text, _html(title, parts, page), _cut(f"{title}: {page}"))


def test_of(reader: Reader) -> Message:
    """The message that a person asks for to see whether a route works."""
    title, words = say(wording.TEST_TITLE, reader.language), say(wording.TEST, reader.language)
    text = f"{words}\n\n{reader.public_url}\n"
    return Message(title, text, _html(words, [], reader.public_url), _cut(words))


def subject_of(news: News, reader: Reader, *, reminder: bool = False) -> str:
    """One line: where, what, and how it stands."""
    language = reader.language
    place = news.place
    where = ", ".join(one_line(part, 60) for part in (place.province, place.commune, _name(news, language)) if part)
    words = [named(wording.STATES, news.state, language), named(wording.SEVERITIES, news.severity, language)]
    if reminder:
        words.insert(0, say(wording.REMINDER, language))
    return f"{where[:1].upper()}{where[1:]}: {named(wording.CAUSES, news.cause, language)} ({', '.join(words)})"


def _name(news: News, language: Language) -> str:
    if news.group is None:
        return news.name
    return f"{named(wording.GROUPS, news.group.by, language)} {news.group.name}"


def _lines(news: News, reader: Reader) -> list[Line]:
    language, place, last = reader.language, news.place, news.last
    lines: list[Line] = []
    if news.group is None:
        own = f"{news.name} ({news.site})" if news.site and news.site != news.name else news.name
        lines.append((wording.SITE, one_line(own)))
    else:
        lines.append((wording.GROUP, one_line(_name(news, language))))
    where = [one_line(part) for part in (place.commune, place.province) if part]
    lines += [(wording.PLACE, ", ".join(where))] if where else []
    lines += [(wording.PROVIDER, one_line(place.provider))] if place.provider else []
    lines += _figures(news, language)
    lines.append((wording.SINCE, moment(news.evidence.get("since") or news.opened, reader.zone, language)))
    lines += [(wording.ENDED, moment(news.resolved, reader.zone, language))] if news.resolved else []
    if last is not None:
        lines += [(wording.BY, one_line(last.who))] if last.who != _RULES else []
        lines += [(wording.NOTE, one_line(last.note, 400))] if last.note else []
    if news.active and news.first_action is not None:
        lines.append((wording.ACTION, one_line(say(news.first_action, language), 400)))
    lines += [(wording.SITES, _children(news, reader))] if news.children else []
    return lines


def _figures(news: News, language: Language) -> list[Line]:
    evidence = news.evidence
    unit, lines = evidence.get("unit"), list[Line]()
    if evidence.get("target") is not None:
        label = wording.CONTRACT if news.cause == "below_contract" else wording.TARGET
        lines.append((label, amount(evidence["target"], unit, language)))
    if evidence.get("k") is not None and evidence.get("n"):
        k, n = number(evidence["k"], language), number(evidence["n"], language)
        lines.append((wording.RESULTS, say(_counted(news), language, k=k, n=n)))
    if evidence.get("median") is not None:
        median = amount(evidence["median"], unit, language)
        low, high = evidence.get("low"), evidence.get("high")
        if low is not None and high is not None:
            ends = {"low": amount(low, None, language), "high": amount(high, unit, language)}
            median += f" ({say(wording.INTERVAL, language, **ends)})"
        lines.append((wording.MEDIAN, median))
    return lines


def _counted(news: News) -> Text:
    """What `k` of `n` means."""
    if news.group is not None:
        return wording.TOGETHER
    if news.cause == "collapse":
        return wording.HALVED
    return wording.FAILED if news.cause in {"outage", "silent"} else wording.BELOW


def _children(news: News, reader: Reader) -> str:
    names = [one_line(reader.names.get(child) or child, 80) for child in news.children[:_CHILDREN]]
    more = len(news.children) - len(names)
    if more:
        names.append(say(wording.MORE, reader.language, n=more))
    return "; ".join(names)


def _short(news: News, reader: Reader, page: str) -> str:
    language = reader.language
    said = f"{one_line(_name(news, language), 40)}: {named(wording.CAUSES, news.cause, language)}, "
    said += named(wording.STATES, news.state, language)
    median, unit = news.evidence.get("median"), news.evidence.get("unit")
    if median is not None and news.active:
        said += f", {amount(median, unit, language)}"
        target = news.evidence.get("target")
        said += f" < {amount(target, unit, language)}" if target is not None else ""
    return _cut(f"{said} {page}") if len(f"{said} {page}") <= _SHORT else _cut(said)


def _cut(text: str) -> str:
    return one_line(text, _SHORT)


def _html(title: str, lines: Sequence[tuple[str, str]], page: str) -> str:
    rows = "".join(
        f'<tr><th align="left" valign="top">{escape(label)}</th><td>{escape(value)}</td></tr>' for label, value in lines
    )
    link = f'<p><a href="{escape(page)}">{escape(page)}</a></p>'
    table = f'<table cellpadding="4">{rows}</table>' if rows else ""
    return f"<!doctype html><html><body><p><b>{escape(title)}</b></p>{table}{link}</body></html>"
