"""The page in a real browser, used as one uses it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="needs the extra serve")
pytest.importorskip("selenium", reason="needs selenium (extra dev)")

from selenium.webdriver.common.keys import Keys

import swath
from tests.archive.world import raster
from tests.serving.http.browser import CHROMIUM, DRIVER, Page, chromium
from tests.serving.http.helpers import app_of, live
from tests.tiny import paint

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs Chromium: apt-get install chromium chromium-driver"
)

EVIL = "<img src=x onerror=document.title='taken'>.png"
TOKEN = "a token of some length"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, tiny_home: Path) -> Path:
    """Flat colours without a place, one with a hostile name, and two rasters with places and times."""
    import rasterio

    folder = tmp_path_factory.mktemp("page")
    scenes = paint(folder / "scenes")
    Image.fromarray(np.full((48, 48, 3), (200, 30, 200), np.uint8)).save(scenes / EVIL)
    for number in (1, 2):
        raster(scenes / f"raster{number}.tif", seed=number)
        with rasterio.open(scenes / f"raster{number}.tif", "r+") as file:
            file.update_tags(TIFFTAG_DATETIME=f"202{number}:06:01 12:00:00")
    swath.index(scenes, folder / "a.swath", tiny_home / "encoders" / "base", tile_size=32)
    return folder / "a.swath"


@pytest.fixture(scope="module")
def url(archive: Path) -> Iterator[str]:
    with live(app_of(archive)) as url:
        yield url


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def page(browser: Page, url: str) -> Iterator[Page]:
    browser.open(url)
    yield browser
    assert browser.complaints() == []


def asked(url: str, **query: Any) -> list[str]:
    """Ids of the hits, straight from the interface."""
    body = json.dumps({"k": 20, **query}).encode()
    request = urllib.request.Request(f"{url}/search", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return [hit["id"] for hit in json.load(answer)["hits"]]


def state(page: Page) -> dict[str, Any]:
    """What the address says is asked."""
    found: dict[str, Any] = json.loads(unquote(urlsplit(page.driver.current_url).fragment) or "{}")
    return found


def test_search_refine_and_let_go(page: Page, url: str) -> None:
    assert "32 tiles" in page.text("#status")
    first = page.search("red")
    assert first == asked(url, text="red")
    assert " ms" in page.text("#status") and "dense" in page.text("#pipeline")
    page.one("#hits li .verdict button:nth-child(1)").click()
    liked = page.until(lambda: page.parts() == ["Let go: liked tile 1"] and page.is_settled() and page.hits())
    assert liked == asked(url, text="red", like=[first[0]])
    page.one("#hits li .verdict button:nth-child(2)").click()
    page.until(lambda: len(page.parts()) == 2)
    page.settled()
    assert page.hits() == asked(url, text="red", like=[first[0]], unlike=[liked[0]])
    page.driver.back()
    page.until(lambda: page.hits() == liked)
    page.one("#parts button").click()
    page.until(lambda: page.hits() == first)
    page.one("#hits .picture").click()
    page.until(lambda: page.text("#detail h2"))
    page.one("#detail .primary").click()
    page.until(lambda: page.hits() == asked(url, like=[first[0]]))
    assert page.one("#text").get_attribute("value") == ""


def test_draw_a_box_and_a_polygon(page: Page, url: str) -> None:
    everywhere = page.search("green")
    assert not page.one("#detail").is_displayed()
    page.one("#draw-box").click()
    assert page.one("#draw-box").get_attribute("aria-pressed") == "true"
    page.drag((0.3, 0.3), (0.5, 0.5), (0.7, 0.7))
    page.until(lambda: page.parts() == ["Search everywhere"])
    page.settled()
    assert not page.one("#detail").is_displayed()
    box = state(page)["box"]
    assert box[0] < box[2] and box[1] < box[3]
    inside = page.hits()
    assert inside and inside == asked(url, text="green", bbox=box) and inside != everywhere
    page.one("#draw-polygon").click()
    page.click_map((0.3, 0.3), (0.7, 0.35), (0.5, 0.7))
    page.until(lambda: "closes it" in page.text("#hint"))
    page.press(Keys.ENTER)
    page.until(lambda: "area" in state(page))
    page.settled()
    ring = state(page)["area"]
    assert len(ring) == 4 and ring[0] == ring[-1] and "box" not in state(page)
    area = {"type": "Polygon", "coordinates": [ring]}
    page.until(lambda: page.hits() == asked(url, text="green", area=area))
    page.press("b")
    page.press(Keys.ESCAPE)
    assert page.one("#draw-box").get_attribute("aria-pressed") == "false" and "area" in state(page)
    page.one("#parts button").click()
    page.until(lambda: page.hits() == everywhere)


def test_time_filter_and_heat(page: Page, url: str) -> None:
    page.search("green")
    page.run(
        "const one = document.querySelectorAll('#timeline input')[0]; one.value = 300;"
        "one.dispatchEvent(new Event('input')); one.dispatchEvent(new Event('change'))"
    )
    page.until(lambda: "time" in state(page))
    page.until(lambda: len(page.hits()) == 12)
    page.one("#filter-open").click()
    page.one("#where").send_keys("width > 1000", Keys.ENTER)
    page.until(lambda: not page.hits())
    assert "Widen" in page.text("#empty")
    page.one("#where").clear()
    page.one("#where").send_keys("width >", Keys.ENTER)
    page.until(lambda: page.text("#notice"))
    assert "Filter" in page.text("#notice")
    page.one("#where").clear()
    page.one("#where").send_keys(Keys.ENTER)
    page.until(lambda: len(page.hits()) == 12)
    page.one("#hits .picture").click()
    page.until(lambda: page.all("#why"))[0].click()
    heat = page.until(lambda: page.all("#detail .heat"))[0]
    page.until(lambda: page.run("return arguments[0].naturalWidth", heat))
    page.driver.get_log("browser")  # the refused filter


def test_the_keyboard_is_enough(page: Page, url: str) -> None:
    page.press("/")
    page.press("red", Keys.ENTER)
    page.until(lambda: page.hits() == asked(url, text="red"))
    first = page.hits()
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ARROW_RIGHT)
    assert page.one("#hits .chosen").get_attribute("data-id") == first[1]
    assert page.driver.switch_to.active_element.get_attribute("aria-current") == "true"
    outline = page.driver.switch_to.active_element.value_of_css_property("outline-style")
    assert outline == "solid"
    page.press("l")
    page.until(lambda: state(page).get("likes") == [first[1]])
    page.settled()
    page.press("d")
    page.until(lambda: len(state(page).get("dislikes", [])) == 1)
    page.settled()
    page.press(Keys.ARROW_LEFT)
    chosen = page.until(lambda: page.all("#hits .chosen"))[0].get_attribute("data-id")
    page.press(Keys.ENTER)
    page.until(lambda: state(page) == {"likes": [chosen]})
    page.settled()
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.one("#detail").is_displayed())


def test_export_and_sessions(page: Page, url: str) -> None:
    found = page.search("blue")
    for name, suffix in (("GeoJSON", "geojson"), ("CSV", "csv")):
        next(one for one in page.all(".exports button") if one.text == name).click()
        file = page.downloads / f"swath.{suffix}"
        page.until(lambda file=file: file.exists() and not list(page.downloads.glob("*.crdownload")))  # type: ignore[misc]
        text = file.read_text()
        assert all(one in text for one in found)
    page.one("#sessions-open").click()
    page.one("#session-name").clear()
    page.one("#session-name").send_keys(EVIL, Keys.ENTER)
    page.until(lambda: page.all("#session-list .resume"))
    page.one("#session-export").click()
    file = page.downloads / "session.swath.json"
    page.until(file.exists)
    page.one("#sessions .close").click()
    page.search("green")
    page.one("#sessions-open").click()
    page.one("#session-list .resume").click()
    page.until(lambda: page.hits() == found)
    hostile = page.downloads / "hostile.json"
    wrong = {"likes": ["../../x", 5], "area": [[1e300, 0]], "time": ["' or 1"], "text": "grey", "box": {}}
    hostile.write_text(json.dumps({"swath": 1, "state": wrong}))
    page.one("#sessions-open").click()
    page.one("#session-import").send_keys(str(hostile))
    page.until(lambda: state(page) == {"text": "grey"})
    page.driver.refresh()
    page.until(lambda: page.hits() == asked(url, text="grey"))


def test_search_by_a_picture(page: Page, archive: Path) -> None:
    page.one("#picture").send_keys(str(archive.parent / "scenes" / "yellow.png"))
    page.until(lambda: page.parts() == ["Let go of the picture"] and "hits" in page.text("#status"))
    page.settled()
    page.one("#hits .picture").click()
    assert page.text("#detail h2") == "yellow.png"


def test_names_are_never_markup(page: Page) -> None:
    page.search("red")
    labels = page.run("return [...document.querySelectorAll('.picture')].map(x => x.ariaLabel)")
    place = next(number for number, label in enumerate(labels) if EVIL in label)
    page.all("#hits .picture")[place].click()
    page.until(lambda: page.text("#detail h2") == EVIL)
    page.one("#sessions-open").click()
    assert page.driver.title != "taken" and not page.all("img[src=x]")
    page.press(Keys.ESCAPE)


def test_nothing_is_asked_of_anyone_else(page: Page, url: str) -> None:
    page.search("red")
    names = page.run("return performance.getEntriesByType('resource').map(x => x.name)")
    assert len(names) > 15
    assert {f"{urlsplit(name).scheme}://{urlsplit(name).netloc}" for name in names} <= {url, "blob://"}
    assert page.all("#map canvas")


def test_everything_has_a_name_and_contrast(page: Page) -> None:
    page.search("red")
    page.one("#hits .picture").click()
    nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    acting = ("button", "textbox", "searchbox", "slider", "link", "combobox")
    nameless = [
        node
        for node in nodes
        if not node.get("ignored")
        and node.get("role", {}).get("value") in acting
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []
    for dark in (False, True):
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        for ink in ("text", "muted", "accent", "dislike", "hit"):
            for paper in ("panel", "raised", "ground"):
                assert contrast(page, ink, paper) >= 4.5, (dark, ink, paper)
        assert contrast(page, "on-accent", "accent") >= 4.5


def contrast(page: Page, ink: str, paper: str) -> float:
    """By WCAG 2."""

    def light(name: str) -> float:
        code = "return getComputedStyle(document.documentElement).getPropertyValue(arguments[0])"
        value = page.run(code, f"--{name}").strip().lstrip("#")
        parts = [int(value[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(ink), light(paper)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_small_screens(browser: Page, url: str) -> None:
    browser.open(url, 390, 844, dark=True)
    browser.search("blue")
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    for element in browser.all("#text, #hits .picture, .tools button, #filter-open, .exports button"):
        size = element.size
        assert element.is_displayed() and size["height"] >= 38 and size["width"] >= 30, element.get_attribute(
            "id"
        )
    browser.one("#hits .picture").click()
    browser.until(lambda: browser.one("#detail").is_displayed())
    inside = browser.run(
        "const box = document.querySelector('#detail').getBoundingClientRect();"
        "return [box.left, box.right, box.bottom]"
    )
    assert inside[0] >= 0 and inside[1] <= 390 and inside[2] <= 844
    browser.one("#detail header button").click()
    before = browser.hits()
    browser.one("#hits .verdict button").click()
    browser.until(lambda: browser.hits() != before)
    browser.one("#use-view").click()
    browser.until(lambda: "Search everywhere" in browser.parts())
    assert browser.complaints() == []


def test_an_archive_without_places_has_no_map(browser: Page, tmp_path: Path, tiny_home: Path) -> None:
    swath.index(paint(tmp_path / "in"), tmp_path / "a", tiny_home / "encoders" / "base")
    with live(app_of(tmp_path / "a")) as url:
        browser.open(url)
        assert len(browser.search("red")) == 7 and not browser.all("#map canvas")
        assert browser.one("#hits .picture").is_displayed()
        browser.one("#hits .picture").click()
        assert browser.until(lambda: browser.text("#detail h2")) == "red.png"
        assert browser.complaints() == []


def test_the_token_is_asked_for(browser: Page, archive: Path) -> None:
    with live(app_of(archive, token=TOKEN)) as url:
        browser.open(url)
        browser.one("#token").send_keys("wrong", Keys.ENTER)
        browser.until(lambda: "not the token" in browser.text("#login-problem"))
        browser.one("#token").clear()
        browser.one("#token").send_keys(TOKEN, Keys.ENTER)
        browser.until(lambda: browser.text("#status"))
        assert browser.search("red")
        browser.until(lambda: browser.run("return document.querySelector('#hits img').naturalWidth"))
        assert TOKEN not in browser.driver.current_url
        assert TOKEN not in browser.run("return JSON.stringify(localStorage) + document.cookie")
