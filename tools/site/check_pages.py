"""Look at the built pages in headless Chromium as a reader does: `make check-site`.

Every page on a phone and on a desktop, light and dark: no console error, no request to another host, no page that
scrolls sideways, no serious violation that axe-core finds; the interactive views of Day 1 draw; search finds.
Prints what is wrong and exits with 1.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from helpers.settings import ROOT

AXE = ROOT / ".venv-site" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SERIOUS = """async () => (await axe.run(document, {preload: false, resultTypes: ["violations"]})).violations
  .filter(each => ["serious", "critical"].includes(each.impact))
  .map(each => `${each.id}: ${each.nodes.length} times, first ${each.nodes[0].html.slice(0, 120)}`)"""


def opened(browser: Browser, address: str, size: str, scheme: str) -> tuple[Page, list[str]]:
    """A page in a browser that has no network, and a list that fills with errors and requests to other hosts."""
    context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, is_mobile=size == "phone", offline=True)
    page, faults = context.new_page(), []
    page.on("console", lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("request", lambda asked: None if _local(asked.url) else faults.append(f"request to {asked.url}"))
    page.goto(address, wait_until="load")
    return page, faults


def _local(address: str) -> bool:
    return address.startswith(("file:", "data:", "blob:", "about:"))


def faults_of(browser: Browser, path: Path, size: str, scheme: str) -> list[str]:
    """What is wrong with one page of the site, seen in one size and colour scheme."""
    page, faults = opened(browser, path.as_uri(), size, scheme)
    if (wider := page.evaluate(WIDER)) > 0:
        faults.append(f"scrolls sideways by {wider} pixels")
    # A colour on its way from light to dark is neither, and would be judged as it is at that moment.
    page.add_style_tag(content="*, ::before, ::after { transition: none !important; animation: none !important }")
    page.add_script_tag(path=AXE)
    faults += page.evaluate(SERIOUS)
    if path.name.startswith("day1"):
        lines = [frame.locator("line").count() for frame in page.frames[1:]]
        if len(lines) < 2 or min(lines) < 100:
            faults.append(f"the interactive views have {lines} lines")
    page.context.close()
    return faults


def search_faults(browser: Browser, site: Path) -> list[str]:
    """Whether the search finds a word of Day 1 without a server."""
    page, faults = opened(browser, (site / "search.html").as_uri() + "?q=softmax", "desktop", "light")
    try:
        page.locator("#search-results li a").first.wait_for(timeout=20_000)
    except Exception as error:
        faults.append(f"search finds nothing: {str(error).splitlines()[0]}")
    page.context.close()
    return faults


def main(folder: str) -> int:
    site, wrong = Path(folder).resolve(), 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        looks = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]
        found = {"search": search_faults(browser, site)}
        for path in sorted(site.glob("*.html")):
            for size, scheme in looks:
                found[f"{path.name}, {size}, {scheme}"] = faults_of(browser, path, size, scheme)
        browser.close()
    for where, faults in found.items():
        wrong += len(faults)
        print(f"{where}: {'ok' if not faults else ''}", *faults, sep="\n  " if faults else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "site")))
