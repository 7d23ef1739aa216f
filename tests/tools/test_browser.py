"""In headless Chromium: Day 1 as a page opened from disk, and every day run in JupyterLab."""

import json
import re
import shutil
import subprocess

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

from tools.notebooks import run

pytestmark = pytest.mark.long

# Counts the lines of each view; hovers over the word "it" of the first; counts the lines that are then shown alone.
PROBE = """
<script>
addEventListener("load", () => setTimeout(() => {
  const views = [...document.querySelectorAll("iframe")].map(frame => frame.contentDocument);
  const head = views[0];
  const word = [...head.querySelectorAll("text")].find(text => text.textContent.trim() === "it");
  const alone = () => head.querySelectorAll("#attention line[visibility=visible]").length;
  const before = alone();
  word.dispatchEvent(new head.defaultView.MouseEvent("mouseover", {bubbles: true}));
  document.title = JSON.stringify({
    lines: views.map(view => view.querySelectorAll("line").length),
    before: before, after: alone(), others: head.querySelector("#attention").getAttribute("visibility"),
  });
}, 3000));
</script>
"""


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "This test needs Chromium (on Debian: apt-get install chromium)."
    return found


def test_interactive_views_draw_lines_and_react_without_a_network(tmp_path):
    page = run.page(nbformat.read(NOTEBOOKS[0], as_version=4))
    path = tmp_path / "day1.html"
    path.write_text(page.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    command = [
        chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=20000", "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    result = json.loads(re.search(r"<title>(\{.*?\})</title>", dumped)[1].replace("&quot;", '"'))
    assert len(result["lines"]) == 2 and min(result["lines"]) > 100
    assert result["before"] == 0 and result["after"] > 0 and result["others"] == "hidden"


def test_the_page_asks_no_other_site_and_shows_formulas():
    page = run.page(nbformat.read(NOTEBOOKS[0], as_version=4))
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=\"https?:", page)
    assert "<math" in page and "\\frac" not in re.sub(r"<annotation.*?</annotation>", "", page)


@pytest.mark.installs
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_in_jupyterlab_every_cell_runs_without_an_error_and_the_views_react(path):
    done = subprocess.run(["make", "check-lab", f"NOTEBOOK={path.name}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
