"""In headless Chromium: Day 1 as a page opened from disk, and every day run in JupyterLab."""

import html
import json
import re
import shutil
import subprocess

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

from tools.notebooks import run

pytestmark = pytest.mark.long

# In each view, which is in a sandbox that the page cannot look into: counts its lines; hovers over the word "it";
# counts the lines that are then shown alone. "below" is the height in pixels that the frame cuts off.
INSIDE = """
<script>
addEventListener("load", () => setTimeout(() => {
  const alone = () => document.querySelectorAll("#attention line[visibility=visible]").length;
  const below = document.documentElement.scrollHeight - innerHeight;
  const found = {view: document.title, lines: document.querySelectorAll("line").length, before: alone(), below};
  const word = [...document.querySelectorAll("text")].find(text => text.textContent.trim() === "it");
  if (word) word.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
  const attention = document.querySelector("#attention");
  parent.postMessage({...found, after: alone(), others: attention && attention.getAttribute("visibility")}, "*");
}, 3000));
</script>
"""
# In the page: writes down what the views report.
OUTSIDE = """
<script>
const views = [];
addEventListener("message", event => { views.push(event.data); document.title = JSON.stringify(views); });
</script>
"""


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "This test needs Chromium (on Debian: apt-get install chromium)."
    return found


def test_interactive_views_draw_lines_and_react_without_a_network(tmp_path):
    page = run.page(nbformat.read(NOTEBOOKS[0], as_version=4))
    path = tmp_path / "day1.html"
    page = page.replace("&lt;/body&gt;", html.escape(INSIDE) + "&lt;/body&gt;")
    path.write_text(page.replace("<body", OUTSIDE + "<body", 1), encoding="utf-8")
    command = [
        chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
        # In a process of its own, a view would not follow the page's virtual clock, and would report too late.
        "--disable-features=IsolateSandboxedIframes", "--virtual-time-budget=20000", "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    views = json.loads(html.unescape(re.search(r"<title>(\[.*?\])</title>", dumped)[1]))
    assert len(views) == 2 and min(view["lines"] for view in views) > 100
    assert max(view["below"] for view in views) <= 0
    [head] = [view for view in views if view["view"].startswith("Head view")]
    assert head["before"] == 0 and head["after"] > 0 and head["others"] == "hidden"


def test_the_page_asks_no_other_site_and_shows_formulas():
    page = run.page(nbformat.read(NOTEBOOKS[0], as_version=4))
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=\"https?:", page)
    assert "<math" in page and "\\frac" not in re.sub(r"<annotation.*?</annotation>", "", page)


@pytest.mark.installs
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_in_jupyterlab_every_cell_runs_without_an_error_and_the_views_react(path):
    done = subprocess.run(["make", "check-lab", f"NOTEBOOK={path.name}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
