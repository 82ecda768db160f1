"""Every page, light and dark, on a phone and on a desk, in both languages: sound for axe, quiet, and never too wide."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.axe import LOOKS, faults
from tests.browser.chromium import Scheme, tab
from tests.browser.places import EXAMPLES, pages
from tests.collector.web.house import Province, province

pytestmark = [pytest.mark.program("chromium"), pytest.mark.timeout(90)]


def addresses(it: Province) -> list[str]:
    [incident] = it.sources.casebook.search()
    assert it.client.app is not None
    return [*pages(it.client.app, {**EXAMPLES, "incident": incident.id}).values(), "/nowhere"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "scheme", "language", "rules"),
    [
        pytest.param(1440, "light", "vi", (), id="desktop, light"),
        pytest.param(360, "dark", "en", LOOKS, id="phone, dark"),
    ],
)
async def test_no_page_has_a_grave_fault(
    tmp_path: Path, width: int, scheme: Scheme, language: str, rules: tuple[str, ...]
) -> None:
    async with (
        province(tmp_path) as it,
        tab(str(it.client.make_url("/")), width=width, scheme=scheme, language=language) as shown,
    ):
        wrong: dict[str, list[str]] = {}
        for address in addresses(it):
            answer = await shown.page.goto(str(it.client.make_url(address)))
            found = await faults(shown.page, rules)
            if answer is None or answer.status != (404 if address == "/nowhere" else 200):
                found.append(f"answered {answer and answer.status}")
            reach = await shown.page.evaluate("document.documentElement.scrollWidth")
            if reach > width:
                found.append(f"reaches {reach} px")
            if address == "/nowhere":
                shown.complaints.clear()  # that it is not there is what Chromium says of it
            if found:
                wrong[address] = found
        assert wrong == {}
        assert shown.complaints == []
        assert shown.elsewhere == []


async def test_faults_are_found_under_our_own_policy(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/plans"))) as shown:
        assert await faults(shown.page) == []
        await shown.page.evaluate("document.documentElement.removeAttribute('lang')")
        await shown.page.evaluate("document.querySelector('h1').style.color = '#aaa'")
        found = await faults(shown.page)
        assert [fault.split(":")[0] for fault in found] == ["color-contrast", "html-has-lang"]
        assert [fault.split(":")[0] for fault in await faults(shown.page, LOOKS)] == ["color-contrast"]


async def test_colours_are_chosen_by_a_link_at_once_and_remembered_by_the_server(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/plans")), scheme="light") as shown:
        ground = "getComputedStyle(document.body).backgroundColor"
        light = await shown.page.evaluate(ground)
        await shown.page.get_by_role("link", name="dark").click()
        dark = await shown.page.evaluate(ground)
        assert dark != light
        assert shown.page.url.endswith("/plans"), "a link that somebody sends on carries no colours"
        await shown.page.goto(str(it.client.make_url("/fleet")))
        await expect(shown.page.locator("html")).to_have_attribute("data-theme", "dark")
        await expect(shown.page.get_by_role("link", name="dark")).to_have_attribute("aria-current", "true")
        assert await shown.page.evaluate(ground) == dark
        await shown.page.goto(str(it.client.make_url("/fleet?theme=auto&days=7")))
        assert await shown.page.evaluate(ground) == light
        assert shown.page.url.endswith("/fleet?days=7")


async def test_a_phone_reaches_every_page_by_the_menu_with_and_without_scripts(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        for scripts in (True, False):
            async with tab(str(it.client.make_url("/plans")), width=360, scripts=scripts) as shown:
                link = shown.page.get_by_role("link", name="Pipe")
                await expect(link).to_be_hidden()
                await shown.page.get_by_text("Menu").focus()
                await shown.page.keyboard.press("Enter")
                await expect(link).to_be_visible()
                await link.click()
                await expect(shown.page.locator("h1")).to_contain_text("Pipe")
