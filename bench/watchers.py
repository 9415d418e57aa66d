"""Browsers on the live feed: many bare sockets and one real one. Prints what the real one showed, and when.

Started with the site's address, a session's cookie, the number of sockets and the browser's program (empty: no real
browser); ends at the first line on its input.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from playwright.async_api import Page, async_playwright
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.browser import FLAGS

# An entry counts as seen once the browser has drawn the frame after the one it was put into.
_NOTE_TIMES = """
window.seenAt = {};
document.addEventListener("live:drawn", (event) => requestAnimationFrame(() => requestAnimationFrame(() => {
  event.detail.entries.forEach((entry) => { window.seenAt[entry.transaction_id] = Date.now() / 1000; });
})));
"""


_SEQ = re.compile(r'"seq": ?([0-9]+)')
_CONNECT_SECONDS = 5.0


async def _watch(site: str, cookie: str, received: list[int]) -> None:
    """One socket, as the page's script is one: it asks from where it is, and takes what comes."""
    last = None
    while True:
        headers = {"Cookie": f"sessionid={cookie}", "Origin": site}
        try:
            async with connect(site.replace("http", "ws") + "/ws/feed/", additional_headers=headers) as socket:
                await socket.send(json.dumps({} if last is None else {"after": last}))
                async for text in socket:
                    # Its own number, and one of each entry. Not decoded: that would be the bench's time.
                    numbers = _SEQ.findall(str(text))
                    if not numbers:
                        continue
                    last = int(numbers[0])
                    received.append(len(numbers) - 1)
        except (ConnectionClosed, OSError):
            await asyncio.sleep(1)


async def _main(site: str, cookie: str, sockets: int, chromium: str) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        page = await stack.enter_async_context(_live_page(site, cookie, chromium)) if chromium else None
        # In life they stand on other machines: here they get what the product leaves.
        os.nice(19)
        received: list[int] = []
        watchers = [asyncio.create_task(_watch(site, cookie, received)) for _ in range(sockets)]
        await asyncio.sleep(_CONNECT_SECONDS)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        seen = await page.evaluate("window.seenAt") if page else {}
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
    return {"seen": seen, "entries_received": sum(received)}


@asynccontextmanager
async def _live_page(site: str, cookie: str, chromium: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = await browser.new_context(base_url=site)
        await context.add_cookies([{"name": "sessionid", "value": cookie, "url": site}])
        page = await context.new_page()
        await page.add_init_script(_NOTE_TIMES)
        await page.goto("/live/")
        await page.get_by_text("live", exact=True).wait_for()
        yield page
        await browser.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))), flush=True)
