"""What every page has: colours that can be read, the reader's choices, a banner over what is made up, and apologies."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest
from aiohttp.test_utils import TestClient, TestServer

from collector.errors import RegistryUnavailable, StoreUnavailable
from collector.registry.site import Snapshot
from collector.web.app import make_app
from collector.web.assets import FOLDER, Assets
from collector.web.rendering import environment
from tests.collector.web.house import Province, province

STYLE = (FOLDER / "style.css").read_text("utf-8")
TEXT = 4.5
SHAPE = 3.0
"""WCAG 2.2: 1.4.3 for text, 1.4.11 for what is not text."""


def variables(selector: str) -> dict[str, str]:
    block = STYLE[STYLE.index(f"{selector} {{") :].partition("{")[2].partition("}")[0]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))


LIGHT, DARK, BY_SYSTEM = (
    variables(selector) for selector in (":root", ':root[data-theme="dark"]', ':root:not([data-theme="light"])')
)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")])
def test_colours_can_be_told_from_what_they_stand_on(colours: dict[str, str]) -> None:
    meanings = ("met", "below", "inconclusive", "silent")
    on_it = [(name, ground) for name in ("ink", "soft", "accent", *meanings) for ground in ("ground", "card")]
    on_it += [(name, f"{name}-soft") for name in (*meanings, "accent")]
    on_it += [("card", "accent"), ("card", "below")]  # words on a button and on a count
    weak = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in on_it}
    assert {pair: found for pair, found in weak.items() if found < TEXT} == {}
    assert contrast(colours["edge"], colours["card"]) >= SHAPE, "the edge of a field"
    assert contrast(colours["edge"], colours["ground"]) >= SHAPE


def test_dark_is_the_same_chosen_or_by_the_system() -> None:
    assert set(DARK) == set(LIGHT)
    assert DARK == BY_SYSTEM


class Seen(HTMLParser):
    """What a policy of `default-src 'self'` would stop."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.stopped += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json"):
            self.stopped.append(tag)


async def text_of(it: Province, address: str, **cookies: str) -> str:
    it.client.session.cookie_jar.clear()
    async with it.client.get(address, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())}) as answer:
        return await answer.text()


async def test_colours_are_asked_for_then_remembered_then_the_systems(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        for address, cookies, theme in (
            ("/plans", {}, ""),
            ("/plans", {"theme": "dark"}, ' data-theme="dark"'),
            ("/plans?theme=light", {"theme": "dark"}, ' data-theme="light"'),
            ("/plans?theme=auto", {"theme": "dark"}, ""),
            ("/plans?theme=%22onload", {"theme": "dark"}, ' data-theme="dark"'),
        ):
            assert f'<html lang="vi"{theme}>' in await text_of(it, address, lang="vi", **cookies)
        async with it.client.get("/plans?theme=dark") as answer:
            assert answer.cookies["theme"].value == "dark"
            assert "lang" not in answer.cookies
        page = await text_of(it, "/?kind=school&kind=clinic&lang=en")
        assert 'href="/?kind=school&amp;kind=clinic&amp;lang=vi"' in page, "the same page in the other language"


async def test_what_is_made_up_says_so_everywhere(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        made_up = TestServer(make_app(replace(it.sources, demonstration=True)))
        async with TestClient(made_up) as client:
            for address in ("/", "/sites/th-huu-lung", "/incidents", "/pipe", "/nowhere"):
                async with client.get(address, params={"lang": "en"}) as answer:
                    page = await answer.text()
                    assert '<p class="demonstration"' in page
                    assert "<title>Demonstration · " in page
                    assert answer.headers["Linkgauge-Demonstration"] == "true"
            async with client.get("/api/v1/sites") as answer:
                assert answer.headers["Linkgauge-Demonstration"] == "true"
        async with it.client.get("/") as answer:
            assert "demonstration" not in await answer.text()
            assert "Linkgauge-Demonstration" not in answer.headers


async def test_nothing_in_a_page_needs_an_exception_from_the_policy(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        for address in (
            "/",
            "/sites/th-huu-lung",
            "/incidents",
            "/fleet",
            "/plans",
            "/pipe",
            "/completeness",
            "/nowhere",
        ):
            seen = Seen()
            seen.feed(await text_of(it, address))
            assert seen.stopped == [], address


async def test_navigation_offers_what_there_is(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await text_of(it, "/fleet", lang="en")
        nav = page[page.index('<nav class="pages"') :].partition("</nav>")[0]
        links = re.findall(r'href="([^"]+)"', nav)
        assert {"/", "/incidents", "/plans", "/fleet", "/pipe"} <= set(links)
        for link in links:
            assert (await it.client.get(link)).status == 200
        assert re.findall(r'<a href="([^"]+)" aria-current="page"', nav) == ["/fleet"]
        assert '<span class="count">1<' in nav, "on every page: one incident is open"


class Away:
    """A registry whose database cannot be reached."""

    def snapshot(self) -> Snapshot:
        raise RegistryUnavailable("gone")

    def waiting(self) -> list[object]:
        raise StoreUnavailable("gone")


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_what_cannot_be_shown_says_what_to_do(tmp_path: Path, language: str) -> None:
    async with province(tmp_path) as it:
        async with it.client.get("/sites/truong-x", params={"lang": language}) as answer:
            page = await answer.text()
            assert answer.status == 404
            assert 'name="q" value="truong-x"' in page, "what was looked for can be searched"
        async with it.client.get("/incidents/maintenance/1/end") as answer:
            assert answer.status == 405
            assert "POST" in answer.headers["Allow"]
        without = TestServer(make_app(replace(it.sources, places=Away())))  # type: ignore[arg-type]  # it answers nothing
        async with TestClient(without) as client, client.get("/", params={"lang": language}) as answer:
            page = await answer.text()
            assert answer.status == 503
            assert answer.headers["Refresh"] == answer.headers["Retry-After"] == "5"
            assert ("tự thử lại" if language == "vi" else "tries again by itself") in page
            assert 'href="/pipe"' in page


def test_an_update_of_templates_counts_from_the_next_start(tmp_path: Path) -> None:
    for name in ("seen.html", "unseen.html"):
        (tmp_path / name).write_text("old", "utf-8")
    running = environment(Assets({}), tmp_path)
    assert running.get_template("seen.html").render() == "old"
    for name in ("seen.html", "unseen.html"):
        (tmp_path / name).write_text("{{ new_name }}", "utf-8")
    assert [running.get_template(name).render() for name in ("seen.html", "unseen.html")] == ["old", "old"]
    with pytest.raises(jinja2.TemplateNotFound):
        running.get_template("nowhere.html")
