"""Headless Chromium for tests that look at the sandbox's page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Error,
    Page,
    Request,
    async_playwright,
)

from tests.binaries import find

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY: Final = "body[data-ready='1']"


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Chromium with a fresh profile until the block ends; it is missing: see `find`."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find("chromium", "chromium-browser", "google-chrome"),
            args=list(FLAGS),
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def reader(  # noqa: PLR0913 - a reader's circumstances
    browser: Browser,
    url: str,
    *,
    language: str = "zh-CN",
    zone: str = "Asia/Shanghai",
    width: int = 1280,
    height: int = 900,
    outage: bool = False,
) -> AsyncIterator[Page]:
    """Open the sandbox's page as one reader, drawn and live.

    Fails at the end if the page raised an error, opened a dialog of the browser's, broke its own
    content policy, or asked any other address for anything. With `outage` the server may be away
    for a while.
    """
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale=language, timezone_id=zone
    )
    page = await context.new_page()
    page.set_default_timeout(5_000)
    wrong = watch(page, url, outage=outage)
    try:
        await page.goto(url)
        await page.wait_for_selector(READY)
        yield page
    finally:
        await context.close()
    assert wrong == []


def watch(page: Page, url: str, *, outage: bool = False) -> list[str]:
    """Collect what must not happen on the page of this address."""
    wrong: list[str] = []
    home = urlsplit(url).netloc

    def complained(message: ConsoleMessage) -> None:
        if message.type == "error" and not (outage and "net::ERR_" in message.text):
            wrong.append(message.text)

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc != home:
            wrong.append(f"asked {request.url}")

    async def opened(dialog: Dialog) -> None:
        wrong.append(f"dialog {dialog.message}")
        await dialog.dismiss()

    def failed(error: Error) -> None:
        wrong.append(str(error))

    page.on("console", complained)
    page.on("pageerror", failed)
    page.on("request", asked)
    page.on("dialog", opened)
    return wrong
