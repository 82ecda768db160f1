"""What is told with its places as people call them, and not by their codes. Pure.

Only words for people: labels, signed bodies and what routes match keep the codes.
"""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace

from collector.plans.types import Text
from collector.tell.news import About, Group, News

Called = Callable[[str, str], tuple[str, str]]
"""Province and commune as people call them, of those that are filed; an empty one stays empty."""
_PLACES: Final[Mapping[str, int]] = {"provider_commune": 2, "commune": 2, "provider": 1, "province": 1}
"""How many places end a group's name, the province last."""


def as_filed(province: str, commune: str) -> tuple[str, str]:
    """The codes themselves, where nobody knows names."""
    return province, commune


def about_called(about: About, called: Called) -> About:
    """A site with its places by their names."""
    province, commune = called(about.province or "", about.commune or "")
    return replace(about, province=province or None, commune=commune or None)


def news_called(news: News, called: Called) -> News:
    """An incident with its places by their names, in what was said of a group too."""
    about = about_called(news.about, called) if news.about is not None else None
    if news.group is None or news.group.by not in _PLACES:
        return replace(news, about=about)
    name = _group_called(news.group, called)
    summary = Text(vi=news.summary.vi.replace(news.group.name, name), en=news.summary.en.replace(news.group.name, name))
    return replace(news, about=about, group=replace(news.group, name=name), summary=summary)


def _group_called(group: Group, called: Called) -> str:
    places = _PLACES[group.by]
    parts = group.name.rsplit(", ", places)
    if len(parts) < places:
        return group.name
    province, commune = called(parts[-1], parts[-2] if places > 1 else "")
    return ", ".join([*parts[:-places], *([commune] if places > 1 else []), province])
