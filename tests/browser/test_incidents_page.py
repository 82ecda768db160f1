"""Incidents by keyboard alone, a form that is wrong, and the other language, in a real browser."""

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from collector.incidents.history import History
from collector.incidents.incident import Finding, Subject, begun
from collector.plans.types import Text
from tests.browser.chromium import tab
from tests.collector.web.house import NOW, Province, province

pytestmark = [pytest.mark.program("chromium"), pytest.mark.timeout(60)]


def another(it: Province) -> str:
    """One more incident, graver than the one that is there; its id."""
    history = History(it.registry.database)
    words = Text(vi="Mất kết nối", en="Nothing reached")
    one = begun(Subject("ub-loc-ninh"), "outage", NOW - timedelta(hours=1), Finding("critical", words, {}))
    history.settle({("ub-loc-ninh", "outage"): lambda _: [one]}, at=NOW)
    return one.id


async def press(page: Page, keys: str) -> None:
    for key in keys.split():
        await page.keyboard.press(key)


async def test_one_acknowledges_silences_and_notes_by_keyboard_alone(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/plans"))) as shown:
        page, grave = shown.page, another(it)
        await page.goto(str(it.client.make_url("/incidents")))
        first = page.locator(".case").first
        await expect(first).to_contain_text("UBND xã Lộc Ninh")
        await press(page, "j a")
        await page.keyboard.type("Lan")
        await press(page, "Enter")
        await expect(first).to_be_focused()  # back where one was
        await expect(first).to_contain_text("acknowledged · Lan")
        await press(page, "j s")  # the name is remembered now
        await expect(page.locator(".case").nth(1).locator("select[name=hours]")).to_be_focused()
        await press(page, "Escape k n")
        await page.keyboard.type("the cable is cut")
        await press(page, "Enter")
        await expect(page.locator(".case.here .act")).not_to_have_attribute("open", "")
        await press(page, "s Tab Tab Tab")
        assert it.sources.casebook.transitions(grave)[-1].note == "the cable is cut"
        await page.locator(".case.here").get_by_role("button", name="Silence").press("Enter")
        await expect(page.locator(".case.here")).to_contain_text("silenced · Lan · until")
        await press(page, "o")
        await expect(page.locator("h1")).to_contain_text("No connection")
        await expect(page.locator(".timeline")).to_contain_text("the cable is cut")
        assert [step.who for step in it.sources.casebook.transitions(grave)[1:]] == ["Lan", "Lan", "Lan"]
        assert shown.complaints == []
        assert shown.elsewhere == []


async def test_keys_are_told_turned_off_and_never_taken_from_a_field(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/incidents"))) as shown:
        page = shown.page
        await page.get_by_role("searchbox").fill("")
        await page.get_by_role("searchbox").press("j")
        await expect(page.get_by_role("searchbox")).to_have_value("j")
        await expect(page.locator(".case.here")).to_have_count(0)
        await page.get_by_role("searchbox").fill("")
        await page.locator("h1").click()
        await press(page, "?")
        await expect(page.get_by_role("dialog")).to_contain_text("Acknowledge")
        await page.get_by_label("Single letters do this").uncheck()
        await press(page, "Escape")
        await press(page, "j")
        await expect(page.locator(".case.here")).to_have_count(0)
        assert shown.complaints == []


async def test_a_wrong_form_comes_back_with_words_beside_the_field_and_the_language_changes(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/incidents?severity=warning"))) as shown:
        page, case = shown.page, shown.page.locator(".case").first
        await case.get_by_text("Decide").click()
        await case.get_by_label("Your name").fill("Lan")
        await case.get_by_role("button", name="Add the note").click()
        fault = page.locator(".case .wrong .fault")
        await expect(fault).to_have_text("A note needs words.")
        await expect(case.get_by_label("Your name")).to_have_value("Lan")
        await expect(case.get_by_label("Note", exact=True)).to_be_focused()
        shown.complaints.clear()  # Chromium says of it that it was a 400
        await case.get_by_label("Note", exact=True).fill("asked the school")
        await case.get_by_label("Note", exact=True).press("Enter")
        await expect(page).to_have_url(
            str(it.client.make_url("/incidents?severity=warning")) + f"#{await case.get_attribute('id')}"
        )
        await page.get_by_role("link", name="Tiếng Việt").click()
        await expect(page.locator("h1")).to_have_text("Sự cố")
        await expect(case).to_contain_text("Dưới chỉ tiêu")
        await expect(case).to_contain_text("đã tiếp nhận")  # Enter in a form takes it on, and keeps the note
        assert shown.complaints == []


async def test_devices_are_filtered_and_a_plans_period_is_chosen(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/fleet"))) as shown:
        page, rows = shown.page, shown.page.locator("table.devices tbody tr")
        await expect(rows).to_have_count(4)
        await page.get_by_label("Search").fill("huu lung")
        await page.get_by_role("button", name="Show").click()
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("Trường Tiểu học Hữu Lũng")
        await page.locator(".chips a").first.click()
        await page.get_by_role("link", name="online").first.click()
        await expect(page).to_have_url(str(it.client.make_url("/fleet?state=online")))
        await expect(rows).to_have_count(1)
        await page.goto(str(it.client.make_url("/plans/lang-son-2025")))
        await page.get_by_label("Another period").fill("soon")
        await page.get_by_label("Another period").press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("“soon” is no period")
        await page.get_by_role("link", name="09/2026").click()
        await expect(page.locator("main .basis").first).to_contain_text("01/09/2026 to 30/09/2026")
        assert shown.complaints == []
