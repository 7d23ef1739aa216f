"""Look at the built decks in headless Chromium without a network: `make check-site`.

Each deck is gone through from its first slide to its last: nothing is higher or wider than the screen, there is no
console error and no request to another host.
"""

import shutil
import sys

from playwright.sync_api import sync_playwright

from helpers.settings import ROOT
from tools.site.check_pages import opened

# What of the current slide does not fit: itself, or something in it that would have to be scrolled sideways.
HIDDEN = """() => [Reveal.getCurrentSlide(), ...Reveal.getCurrentSlide().querySelectorAll("pre, div")]
  .filter((box, place) => place ? box.scrollWidth > box.clientWidth + 2 && getComputedStyle(box).overflowX !== "visible"
                                : box.scrollHeight > box.clientHeight + 2 ||
                                  box.getBoundingClientRect().bottom > innerHeight + 2)
  .map(box => box.textContent.trim().replace(/\\s+/g, " ").slice(0, 60))"""


def main() -> int:
    decks, wrong = sorted((ROOT / "slides").glob("day*.html")), 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for path in decks:
            page, faults = opened(browser, path.as_uri(), "desktop", "light")
            page.wait_for_function("window.Reveal && Reveal.isReady()")
            number = page.evaluate("Reveal.getTotalSlides()")
            notes = page.evaluate("document.querySelectorAll('aside.notes').length")
            figures = page.evaluate("[...document.images].filter(image => image.naturalWidth > 0).length")
            page.evaluate("Reveal.configure({transition: 'none'})")
            for place in range(number):
                faults += [f"slide {place + 1} is cut off: {text}" for text in page.evaluate(HIDDEN)]
                page.evaluate("Reveal.next()")
            last = page.evaluate("Reveal.getCurrentSlide().textContent")
            if not page.evaluate("Reveal.isLastSlide()") or "What you take from Day" not in last:
                faults.append(f"after {number} steps the last slide is not there: {last.strip()[:60]}")
            wrong += len(faults)
            print(f"{path.name}: {number} slides, {figures} figures, {notes} with notes; {faults or 'ok'}")
            page.context.close()
        browser.close()
    return 1 if wrong or not decks else 0


if __name__ == "__main__":
    sys.exit(main())
