"""The dashboard in a real browser: it draws, asks nobody, can be used by keyboard, on a phone and in the dark."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bi.dashboard.build import write_dashboard

from .conftest import Home, copied_marts
from .synthetic import RUN

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)"),
]
CHARTS = ["velocity", "burndown", "cycle_time", "throughput", "cumulative_flow", "ageing", "satisfaction"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, published: Home) -> Iterator[Callable[..., Page]]:
    """Opens the page; at the end of the test it must have said nothing and asked nobody."""
    said: list[str] = []
    pages: list[Page] = []

    def visit(address: str = "", of: Path = published.published, **options: object) -> Page:
        page = browser.new_page(**options)
        pages.append(page)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda asked: said.append(asked.url) if asked.url.startswith("http") else None)
        page.goto((of / "dashboard" / "index.html").resolve().as_uri() + address)
        page.wait_for_selector("#satisfaction svg, #satisfaction .empty")
        page.wait_for_timeout(300)
        return page

    yield visit
    for page in pages:
        page.close()
    assert said == []


def test_everything_is_drawn(visit: Callable[..., Page]) -> None:
    page = visit(viewport={"width": 1440, "height": 900})
    for name in CHARTS:
        assert page.locator(f"#{name} .plot svg .mark-group, #{name} .plot svg path").count() > 3, name
    assert page.locator(".card").count() >= 12
    assert page.locator(".card .chip", has_text="target").count() > 0
    assert "Pulse survey is stale" in page.locator("#alerts").inner_text()
    assert page.locator("#connections tbody tr").count() == 3
    # the whole scorecard is on the first screen
    assert page.locator("[data-kpi=nps]").first.bounding_box()["y"] < 900


def test_every_card_figure_is_the_mart_s(visit: Callable[..., Page], published: Home) -> None:
    import duckdb

    page = visit("#scope=team:jira:board:0&by=quarter&period=2025-10-01", viewport={"width": 1440, "height": 900})
    with duckdb.connect(published.published / "marts.duckdb", read_only=True) as marts:
        expected = dict(
            marts.execute(
                "select kpi_id, value from marts.marts.kpi_scorecard where scope_key = 'jira:board:0' "
                "and period_type = 'quarter' and period_start_date = date '2025-10-01'"
            ).fetchall()
        )
    text = {kpi: page.locator(f".card[data-kpi={kpi}] .value").inner_text() for kpi in ("throughput", "cycle_time_p85")}
    assert text["throughput"].split()[0].startswith(str(int(expected["throughput"])))
    assert text["cycle_time_p85"].startswith(f"{expected['cycle_time_p85'] / 24:.1f}".removesuffix(".0"))


def test_a_figure_opens_its_evidence_with_links_to_the_tool(visit: Callable[..., Page]) -> None:
    page = visit("#by=month&period=2026-03-01", viewport={"width": 1280, "height": 900})
    page.click(".card[data-kpi=throughput]")
    dialog = page.locator("#evidence")
    assert dialog.is_visible()
    assert "Items delivered in the period." in dialog.inner_text()
    assert "pmo explain throughput --period 2026-03" in dialog.inner_text()
    amount = page.locator("#evidence .sheet-head .value").inner_text().split()[0]
    assert dialog.locator("tbody tr").count() == int("".join(filter(str.isdigit, amount)))
    link = dialog.locator("tbody a").first
    assert link.get_attribute("href").startswith("https://acme.example/browse/")
    assert link.get_attribute("rel") == "noopener noreferrer"
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_evidence_leads_down_to_the_raw_record(visit: Callable[..., Page]) -> None:
    page = visit("#by=month&period=2026-03-01", viewport={"width": 1280, "height": 900})
    page.click(".card[data-kpi=throughput]")
    button = page.locator("#evidence tr button[aria-expanded]").first
    button.click()
    origin = page.locator("#evidence tr.origin")
    assert button.get_attribute("aria-expanded") == "true"
    assert "(done) for" in origin.inner_text()
    records = origin.locator(".record").all_inner_texts()
    assert len(records) == 3
    assert all("raw/jira/issue_changes/part-1.parquet" in text and "run-0001" in text for text in records)
    button.click()
    assert origin.count() == 0


def test_the_command_names_the_key_where_a_name_is_not_enough(
    visit: Callable[..., Page], published: Home, tmp_path: Path
) -> None:
    """Two teams are called alike, as are all sprints of another; refs of items are words for the shell, too."""
    with copied_marts(published.published) as marts:
        marts.execute("update kpi_scorecard set scope_name = 'atlas' where scope_name = 'Borealis'")
        marts.execute("update dim_sprint set name = 'S' where team_key = 'jira:board:2'")
        marts.execute("update dim_work_item set item_ref = 'PR''1; date'")
        marts.execute(
            "delete from fct_state_interval; delete from fct_sprint_event"
        )  # steps that the page has no room for
        write_dashboard(marts, tmp_path, RUN, cache=published.path / "cache")
    page = visit("#scope=team:jira:board:0&by=month&period=2026-02-01", of=tmp_path)

    def commands(kpi: str) -> str:
        page.click(f".card[data-kpi={kpi}]")
        page.locator("#evidence tr button[aria-expanded]").first.click()
        text = page.locator("#evidence").inner_text()
        page.keyboard.press("Escape")
        return text

    text = commands("velocity")
    assert "pmo explain velocity --team 'jira:board:0' --sprint 'Atlas Sprint 17'" in text
    assert r"--item 'PR'\''1; date'" in text
    page.select_option("#scope", label="Cygnus")
    assert "pmo explain velocity --team 'Cygnus' --sprint 'jira:board:2:17'" in commands("velocity")


def test_answers_and_sprints_have_their_origin_too(visit: Callable[..., Page]) -> None:
    page = visit("#scope=team:jira:board:0&by=month&period=2026-02-01", viewport={"width": 1280, "height": 900})
    page.click(".card[data-kpi=velocity]")
    page.locator("#evidence tr button[aria-expanded]").first.click()
    assert "In the sprint at its start" in page.locator("#evidence tr.origin").inner_text()
    page.keyboard.press("Escape")
    page.select_option("#scope", index=0)
    page.click(".card[data-kpi=nps]")
    page.locator("#evidence tr button[aria-expanded]").first.click()
    assert "surveys/responses|r" in page.locator("#evidence tr.origin").inner_text()


def test_the_origin_stays_on_a_small_screen(visit: Callable[..., Page]) -> None:
    page = visit("#by=month&period=2026-03-01", viewport={"width": 360, "height": 800})
    page.click(".card[data-kpi=throughput]")
    page.locator("#evidence tr button[aria-expanded]").first.click()
    box = page.locator("#evidence .chain").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360


def test_markup_in_titles_is_shown_as_text(visit: Callable[..., Page]) -> None:
    page = visit("#by=month&period=2026-03-01")
    page.click(".card[data-kpi=throughput]")
    text = page.locator("#evidence").inner_text()
    assert "<script>window.hacked = 1</script>" in text
    assert '<img src=x onerror="window.hacked = 2">' in text
    for name in ("cycle_time", "ageing"):
        page.evaluate(f"document.querySelector('#{name} details').open = true")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#evidence img, #evidence script, main img, main script").count() == 0


@pytest.mark.parametrize("width", [360, 390, 768])
def test_it_is_readable_on_a_phone(visit: Callable[..., Page], width: int) -> None:
    page = visit(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("[data-kpi=cycle_time_p85]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#evidence").bounding_box()["width"] <= width


def test_dark_follows_the_system_and_the_button(visit: Callable[..., Page]) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    dark = visit(color_scheme="dark")
    light = visit(color_scheme="light")
    assert dark.evaluate(background) != light.evaluate(background)
    light.click("#theme")
    assert light.evaluate(background) == dark.evaluate(background)
    label = "getComputedStyle(document.querySelector('#velocity svg text')).fill"
    light.wait_for_timeout(500)
    assert light.evaluate(label) == dark.evaluate(label)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(visit: Callable[..., Page], scheme: str) -> None:
    page = visit(color_scheme=scheme)
    pairs = [("ink", "page"), ("soft", "surface"), ("soft", "page"), ("accent", "surface")]
    pairs += [(tone, f"{tone}-soft") for tone in ("good", "warn", "bad")]
    for front, back in pairs:
        colours = [
            page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()")
            for name in (front, back)
        ]
        assert _contrast(*colours) >= 4.5, (front, back)


def _contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two #rrggbb colours."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_it_can_be_used_by_keyboard_alone(visit: Callable[..., Page]) -> None:
    page = visit(viewport={"width": 1280, "height": 900})
    focused = "document.activeElement.id || document.activeElement.dataset.kpi || document.activeElement.className"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.dataset.kpi")
    assert first == "cycle_time_p50"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.locator("#evidence").is_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.kpi") == first
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, select, a')].filter((node) => "
        "!(node.textContent.trim() || node.ariaLabel || node.labels?.length)).length"  # innerText is empty where folded
    )
    assert unnamed == 0


def test_filters_change_what_is_shown_and_the_address_keeps_it(visit: Callable[..., Page]) -> None:
    page = visit(viewport={"width": 1280, "height": 900})
    page.select_option("#scope", label="Borealis")
    page.select_option("#type", "quarter")
    page.click("#earlier")
    address = page.evaluate("location.hash")
    assert "team%3Ajira%3Aboard%3A1" in address
    assert page.locator(".card[data-kpi=velocity]").count() == 1
    again = visit(address)
    assert again.locator("#scope option:checked").inner_text() == "Borealis"
    assert again.locator("#type").input_value() == "quarter"


def test_days_do_not_shift_in_other_time_zones(visit: Callable[..., Page]) -> None:
    for zone in ("America/Los_Angeles", "Pacific/Auckland"):
        page = visit("#by=month&period=2026-02-01", timezone_id=zone)
        assert page.locator("#period option:checked").inner_text() == "February 2026"
        assert "20 Mar 2026, 06:00 UTC" in page.locator("#as-of").inner_text()


def test_it_can_be_printed(visit: Callable[..., Page]) -> None:
    page = visit(viewport={"width": 1000, "height": 900})
    page.emulate_media(media="print")
    assert page.locator(".filters").is_hidden()
    assert page.locator("#velocity svg").is_visible()


def test_the_worklist_follows_scope_and_rule(visit: Callable[..., Page]) -> None:
    page = visit(viewport={"width": 1440, "height": 900})
    assert page.locator("#hygiene .rule-name").all_inner_texts() == ["No estimate"]
    assert "Estimate it." in page.locator("#hygiene .rule-about").inner_text()
    everything = page.locator("#hygiene tbody tr").count()
    page.select_option("#scope", label=page.locator("#scope optgroup[label=Teams] option").first.inner_text())
    page.wait_for_timeout(300)
    assert 0 < page.locator("#hygiene tbody tr").count() < everything
    assert page.locator("#hygiene tbody a").first.get_attribute("href").startswith("https://")


def test_parity_names_the_items_that_differ(visit: Callable[..., Page]) -> None:
    page = visit(viewport={"width": 1440, "height": 900})
    assert "compared" in page.locator("#parity .hint").inner_text()
    page.locator("#parity summary").first.click()
    assert "Won't Do" in page.locator("#parity li").first.inner_text()


def test_a_restated_figure_is_marked_and_says_what_it_was(visit: Callable[..., Page]) -> None:
    page = visit("#scope=all&by=quarter&period=2025-10-01", viewport={"width": 1440, "height": 900})
    card = page.locator(".card[data-kpi=throughput]")
    assert "Restated" in card.inner_text()
    assert page.locator(".card .restated").count() == 1
    card.click()
    assert "1 item left. It has 2 new records." in page.locator("#evidence").inner_text()
    page.locator("#evidence summary").first.click()
    assert "2026-03-01 In Progress" in page.locator("#evidence").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#restatements tbody tr").count() == 1


def test_coverage_by_stream_and_project(visit: Callable[..., Page]) -> None:
    page = visit(viewport={"width": 1440, "height": 900})
    page.locator("details.coverage summary").click()
    assert page.locator("#coverage tbody tr").count() >= 3
    assert "<b>gone</b>" in page.locator("#coverage").inner_text()  # data is text, never markup
