"""Administration in a real browser: a file with an error is mended and brought in; a phone registers a new box."""

from pathlib import Path

import pytest
from playwright.async_api import FilePayload, expect

from tests.browser.axe import faults
from tests.browser.chromium import tab
from tests.collector.web.house import Province, province

pytestmark = [pytest.mark.program("chromium"), pytest.mark.timeout(60)]

HEADER = "id,name,kind,area,province,commune\n"
BAD = f"{HEADER}th-moi,Trường Mới,school,urban,Lạng Sơn,Đồng Đăng\nth-x,Trường X,schol,rural,Lạng Sơn,Hữu Lũng\n"


def sheet(text: str) -> FilePayload:
    return {"name": "diem-do.csv", "mimeType": "text/csv", "buffer": text.encode()}


def name_of(it: Province, site: str) -> str | None:
    found = it.registry.snapshot().site(site)
    return found.name if found else None


async def test_a_file_with_an_error_is_shown_mended_and_confirmed(tmp_path: Path) -> None:
    async with province(tmp_path) as it, tab(str(it.client.make_url("/admin/import/sites")), language="vi-VN") as shown:
        page, confirm = shown.page, shown.page.get_by_role("button", name="Nhập đúng như trên")
        await page.set_input_files("#file", sheet(BAD))
        await page.get_by_role("button", name="Xem điều gì sẽ thay đổi").click()
        await expect(page.locator("#errors tbody tr")).to_contain_text("có phải school?")
        await expect(page.locator("#changed ins")).to_have_text(["Trường Mới", "lang-son", "dong-dang"])
        await expect(confirm).to_have_count(0)
        assert await faults(page) == []
        await page.get_by_role("link", name="Chọn tệp đã sửa").click()
        # Dropped this time, and then on by keyboard alone.
        dropped = "text => { const t = new DataTransfer(); t.items.add(new File([text], 'x.csv')); return t; }"
        transfer = await page.evaluate_handle(dropped, BAD.replace("schol", "school"))
        await page.dispatch_event(".drop", "drop", {"dataTransfer": transfer})
        await expect(confirm).to_be_visible()
        assert await faults(page) == []
        await page.locator("#who").focus()
        await page.keyboard.type("Nguyễn Thị Lan")
        await page.keyboard.press("Tab")
        await expect(confirm).to_be_focused()
        assert name_of(it, "th-x") is None
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status").filter(has_text="Đã nhập.")).to_be_visible()
        assert (name_of(it, "th-x"), name_of(it, "th-moi")) == ("Trường X", "Trường Mới")
        await page.get_by_role("link", name="Xem cụ thể").click()
        await expect(page.locator("tbody")).to_contain_text("Nguyễn Thị Lan")
        assert shown.complaints == []
        assert shown.elsewhere == []


async def test_a_technician_registers_the_box_that_has_just_appeared(tmp_path: Path) -> None:
    async with (
        province(tmp_path) as it,
        tab(str(it.client.make_url("/admin")), width=360, height=740) as shown,
    ):
        page = shown.page
        await page.get_by_role("link", name="stranger: which site?").click()
        choices = page.locator("#choices button")
        await expect(choices).to_have_count(4)
        await page.get_by_role("searchbox").press_sequentially("dong dang")
        await expect(choices).to_have_count(1)
        box = await choices.first.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        await page.get_by_label("Your name").fill("Minh")
        await page.keyboard.press("Enter")
        assert it.registry.snapshot().agents.get("stranger") is None, "Enter in the name chooses no site"
        assert await faults(page) == []
        await choices.first.click()
        await expect(page.get_by_role("status").filter(has_text="stranger")).to_be_visible()
        assert it.registry.snapshot().agents["stranger"][-1].value == "th-moi"
        wide = "document.querySelector('.scroll').scrollWidth > document.querySelector('.scroll').clientWidth"
        assert not await page.evaluate(wide), "nothing of the list lies beside a phone's screen"
        assert shown.complaints == []


async def test_all_of_it_works_without_scripts(tmp_path: Path) -> None:
    async with (
        province(tmp_path) as it,
        tab(str(it.client.make_url("/admin/import/sites")), scripts=False) as shown,
    ):
        page = shown.page
        await page.set_input_files("#file", sheet("%PDF-1.7"))
        await page.get_by_role("button", name="Show what would change").click()
        await expect(page.locator("#errors")).to_contain_text("this is no table")
        await page.get_by_role("link", name="Choose the mended file").click()
        await page.set_input_files("#file", sheet(BAD.replace("schol", "school")))
        await page.get_by_role("button", name="Show what would change").click()
        await page.get_by_label("Your name").fill("Minh")
        await page.get_by_role("button", name="Import exactly this").click()
        await expect(page.get_by_role("status").filter(has_text="Imported.")).to_be_visible()
        await page.goto(str(it.client.make_url("/admin/agents/stranger?q=truong x")))
        await expect(page.get_by_label("Your name")).to_have_value("Minh")
        await page.get_by_role("button", name="Trường X").click()
        assert it.registry.snapshot().agents["stranger"][-1].value == "th-x"
