"""The report in a real browser: it renders, fetches nothing, complains of nothing, tables sort."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, sync_playwright

from support.report import write_small_report

pytestmark = pytest.mark.browser
PHONE: ViewportSize = {"width": 390, "height": 844}


@dataclass
class Opened:
    """A page, what it wrote to the console, and what it asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def report(tmp_path: Path) -> Iterator[Opened]:
    chromium = shutil.which("chromium")
    assert chromium, "no Chromium: tests/browser/install.sh installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = Opened(browser.new_page())
        opened.page.on("console", lambda message: opened.complaints.append(message.text))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.goto(write_small_report(tmp_path).as_uri())
        yield opened
        browser.close()


def table_of(page: Page, section: str) -> Locator:
    return page.locator(f"section#{section} table").first


def column(table: Locator, name: str) -> list[str]:
    """Return the cells of a column, from top to bottom."""
    place = table.locator("th").all_inner_texts().index(name)
    return table.locator(f"tbody td:nth-child({place + 1})").all_inner_texts()


def test_it_renders_without_a_complaint_and_fetches_nothing(report: Opened) -> None:
    assert report.page.title() == report.page.locator("h1").inner_text()
    assert "text model" in report.page.title()
    assert report.page.locator("section").count() == 13
    report.page.locator("details").evaluate_all(
        "all => all.forEach(details => details.open = true)"
    )
    widths = report.page.locator("img").evaluate_all(
        "all => all.map(image => image.complete * image.naturalWidth * image.clientWidth)"
    )
    assert len(widths) == 2
    assert min(widths) > 0
    assert all(url.startswith(("file:", "data:")) for url in report.requests)
    assert report.complaints == []


def test_the_answer_is_seen_without_a_click(report: Opened) -> None:
    sentences = report.page.locator(".headline")
    assert sentences.count() == 2
    assert all(sentence.is_visible() for sentence in sentences.all())
    box = sentences.first.bounding_box()
    assert box is not None
    assert box["y"] < 400
    assert report.page.locator(".tasks li").count() == 2
    chips = report.page.locator(".answer h3 .chip").all_inner_texts()
    assert chips == ["✓ supported", "? undecided"]


def test_tables_sort_by_number_and_by_text_and_back(report: Opened) -> None:
    table = table_of(report.page, "matrix")
    before = column(table, "mean [95 %]")
    table.get_by_role("button", name="mean [95 %]").click()
    numbers = [float(cell.split()[0]) for cell in column(table, "mean [95 %]")]
    assert numbers == sorted(numbers) == sorted(float(cell.split()[0]) for cell in before)
    table.get_by_role("button", name="mean [95 %]").click()
    assert [float(cell.split()[0]) for cell in column(table, "mean [95 %]")] == numbers[::-1]
    table.get_by_role("button", name="task").click()
    assert column(table, "task") == ["splice"] * 3 + ["stability"] * 2
    sorts = table.locator("th[aria-sort]").all_inner_texts()
    assert sorts == ["task"]


def test_what_has_no_value_stays_last(report: Opened) -> None:
    table = table_of(report.page, "matrix")
    heading = table.get_by_role("button", name="learning_rate")
    for _ in range(2):
        heading.click()
        assert column(table, "learning_rate")[-1] == "–"


def test_a_table_sorts_by_the_keyboard(report: Opened) -> None:
    table = table_of(report.page, "matrix")
    table.get_by_role("button", name="chance").focus()
    report.page.keyboard.press("Enter")
    assert column(table, "chance")[0] == "0.000"


def test_on_a_phone_nothing_is_wider_than_the_page(report: Opened) -> None:
    report.page.set_viewport_size(PHONE)
    assert report.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
