"""Debian's Chromium without a window, and what one does with a page in it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_OPTIONS = (
    *("headless", "no-sandbox", "disable-gpu", "enable-unsafe-swiftshader", "disable-dev-shm-usage"),
    *("disable-quic", "no-first-run", "disable-background-networking", "disable-component-update"),
    *("disable-sync", "force-color-profile=srgb", "window-size=1000,700"),
)

Found = TypeVar("Found")


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """A browser with a profile in `folder`, which downloads to `folder/downloads`."""
    assert CHROMIUM and DRIVER
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*_OPTIONS, f"user-data-dir={folder / 'profile'}"):
        options.add_argument(f"--{option}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Page(driver, folder / "downloads")
    finally:
        driver.quit()


class Page:
    """The page, as one who uses it does."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads
        downloads.mkdir(exist_ok=True)
        self._command(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads), eventsEnabled=False
        )

    def open(self, url: str, width: int = 1000, height: int = 700, *, dark: bool = False) -> None:
        """Anew, with nothing remembered."""
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._command("Emulation.setEmulatedMedia", features=scheme)
        self._command("Storage.clearDataForOrigin", origin=url, storageTypes="all")
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(url)
        self.until(lambda: self.text("#status") or self.all("dialog[open]"))

    def run(self, code: str, *given: Any) -> Any:
        return self.driver.execute_script(code, *given)

    def until(self, holds: Callable[[], Found], seconds: float = 30) -> Found:
        """What it gives once that is true."""
        deadline = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < deadline, f"{self.text('#notice')} {self.complaints()}"
            time.sleep(0.03)
        return found

    def all(self, selector: str) -> list[WebElement]:
        found: list[WebElement] = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return found

    def one(self, selector: str) -> WebElement:
        found: WebElement = self.driver.find_element(By.CSS_SELECTOR, selector)
        return found

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector))

    def hits(self) -> list[str]:
        """Ids of what is shown."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll('#hits li')].map(x => x.dataset.id)"
        )
        return found

    def parts(self) -> list[str]:
        """What the search is made of, as it is said aloud."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll('#parts button')].map(x => x.getAttribute('aria-label'))"
        )
        return found

    def is_settled(self) -> bool:
        return not self.all("#status.busy")

    def settled(self) -> None:
        self.until(self.is_settled)

    def search(self, text: str) -> list[str]:
        self.run("document.querySelector('#hits').firstChild?.setAttribute('data-old', '')")
        field = self.one("#text")
        field.clear()
        field.send_keys(text, Keys.ENTER)
        self.until(lambda: not self.all("#hits [data-old]"))
        self.settled()
        return self.hits()

    def press(self, *keys: str) -> None:
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def drag(self, *points: tuple[float, float]) -> None:
        """Over the map, from one to the other; shares of its width and height."""
        self._walk(points, drags=True)

    def click_map(self, *points: tuple[float, float]) -> None:
        self._walk(points, drags=False)

    def complaints(self) -> list[str]:
        """What the browser found fault with: errors of scripts, and of the content security policy."""
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]

    def _walk(self, points: tuple[tuple[float, float], ...], *, drags: bool) -> None:
        box = self.run("return document.querySelector('#map').getBoundingClientRect().toJSON()")
        chain: Any = ActionChains(self.driver, duration=20)
        for number, (x, y) in enumerate(points):
            at = int(box["x"] + x * box["width"]), int(box["y"] + y * box["height"])
            chain.w3c_actions.pointer_action.move_to_location(*at)
            if not drags:
                chain.w3c_actions.pointer_action.click()
            elif number == 0:
                chain.w3c_actions.pointer_action.pointer_down()
        if drags:
            chain.w3c_actions.pointer_action.pointer_up()
        chain.perform()

    def _command(self, name: str, **values: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, values)
