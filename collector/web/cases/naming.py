"""What incidents are about, in the words of people: sites and places by name instead of by code. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collector.incidents.incident import Incident
from collector.plans.types import Text
from collector.registry.site import Site

Filed = tuple[str, str]
"""Province and commune as they are filed."""


@dataclass(frozen=True, slots=True)
class Where:
    """What an incident is about. `commune`, `province`, `provider`: empty where that is not known."""

    name: str
    commune: str = ""
    province: str = ""
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What sites are now, and what places are called: province and commune, by how they are filed."""

    sites: Mapping[str, Site] = field(default_factory=dict)
    places: Mapping[Filed, Filed] = field(default_factory=dict)

    def called(self, filed: Filed) -> Filed:
        """Province and commune as people call them; as they are filed where nothing better is known."""
        return self.places.get(filed, filed)

    def site(self, site: str) -> str:
        """A site's name; its id where it is not known any more."""
        known = self.sites.get(site)
        return site if known is None else known.name

    def place(self, site: str) -> str:
        """Commune and province of a site."""
        known = self.sites.get(site)
        if known is None:
            return ""
        province, commune = self.called((known.province, known.commune))
        return f"{commune}, {province}"

    def extent(self, kind: str, name: str) -> str:
        """What planned work is about, as people call it; as it was written where that is not known."""
        if kind != "commune":
            return self.site(name)
        return ", ".join(sorted({called[1] for filed, called in self.places.items() if filed[1] == name})) or name

    def where(self, incident: Incident) -> Where:
        """What it is about."""
        province, commune = self.called(filed(incident, self.sites))
        known, about = self.sites.get(incident.site or ""), incident.about
        if incident.group is not None:
            return Where(self.group(incident), commune, province, about.get("provider", ""))
        provider = about.get("provider") or (known.provider if known else None) or ""
        name = known.name if known else about.get("name", incident.site or "")
        return Where(name, commune, province, provider)

    def group(self, incident: Incident) -> str:
        """A group's name, with places as they are called."""
        if incident.group is None:
            return ""
        codes = filed(incident, self.sites)
        spoken = {code: said for code, said in zip(codes, self.called(codes), strict=True) if code}
        return ", ".join(spoken.get(part, part) for part in incident.group.name.split(", "))

    def spoken(self, incident: Incident, text: Text) -> Text:
        """A sentence about it, with places as they are called; the site's name in front stands beside it already."""
        if incident.group is None:
            head = f"{incident.about.get('name', '')}: "
            return Text(vi=_without(head, text.vi), en=_without(head, text.en)) if head != ": " else text
        code, name = incident.group.name, self.group(incident)
        return Text(vi=text.vi.replace(code, name), en=text.en.replace(code, name))


def _without(head: str, text: str) -> str:
    """A sentence without what it begins with."""
    rest = text.removeprefix(head)
    return rest[:1].upper() + rest[1:]


def filed(incident: Incident, sites: Mapping[str, Site]) -> Filed:
    """Where it is filed: as of its opening; the site's place of today for records that do not say."""
    site = sites.get(incident.site or "")
    about = incident.about
    return (
        about.get("province") or (site.province if site else ""),
        about.get("commune") or (site.commune if site else ""),
    )


def all_filed(incidents: Iterable[Incident], sites: Mapping[str, Site]) -> set[Filed]:
    """Every place whose name these incidents need."""
    found = {filed(one, sites) for one in incidents}
    return found | {(site.province, site.commune) for site in sites.values()}
