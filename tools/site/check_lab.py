"""Run notebooks in JupyterLab as a learner does, in headless Chromium: `make check-lab`.

JupyterLab starts on the loopback in a copy of the repository, without the settings of whoever tests. Each notebook
named (all, without a name) is opened without outputs, Run All Cells is chosen in the menu, and the kernel is waited
for. Then: every code cell has an execution count, none an error, the interactive views draw and react, and no other
host was asked. Prints what is wrong and exits with 1.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, TimeoutError, sync_playwright

from helpers.settings import ROOT

MINUTES = 30  # for one notebook
# Whatever asks for the network through a library that knows proxies meets a closed door.
NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
CELLS = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
  .filter(cell => cell.type === "code")
  .map(cell => ({name: cell.id, count: cell.executionCount, outputs: cell.outputs.toJSON()}))"""
OVER = f"""() => {{
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session?.kernel;
  const cells = ({CELLS})();
  const failed = cells.some(cell => cell.outputs.some(output => output.output_type === "error"));
  return kernel?.status === "idle" && (failed || cells.every(cell => cell.count !== null));
}}"""


@contextmanager
def lab(folder: Path) -> Iterator[str]:
    """JupyterLab in a copy of the repository, which is made in an empty folder; gives its address with `{name}`.

    The address lets JupyterLab forget the notebook before, which it would otherwise open again beside this one.
    """
    copy_repository(folder / "copy")
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    own |= NO_NETWORK | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port, token = free.getsockname()[1], secrets.token_hex()
    command = [ROOT / ".venv" / "bin" / "jupyter", "lab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder / "copy", env={**os.environ, **own}, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server, folder / "log")
        yield f"http://127.0.0.1:{port}/lab/tree/notebooks/{{name}}?token={token}&reset"
    finally:
        server.terminate()
        server.wait(timeout=60)


def copy_repository(target: Path) -> None:
    """Copy the files that git knows into a folder; the notebooks without outputs and execution counts."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    for path in target.glob("notebooks/*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
        path.write_text(json.dumps(notebook), encoding="utf-8")


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Wait until the server answers. Raises RuntimeError with the end of its log where it does not within a minute."""
    end = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(address).close()
            return
        except urllib.error.URLError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def faults_of(browser: Browser, address: str) -> list[str]:
    """What is wrong with the notebook at an address of JupyterLab once all its cells have been run."""
    page, faults = browser.new_page(viewport={"width": 1280, "height": 900}), []
    page.on("request", lambda asked: None if _local(asked.url) else faults.append(f"request to {asked.url}"))
    page.goto(address)
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady", timeout=120_000)
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
    try:
        page.wait_for_function(OVER, timeout=MINUTES * 60_000, polling=1000)
    except TimeoutError:
        faults.append(f"not at its end after {MINUTES} minutes")
    views = 0
    for cell in page.evaluate(CELLS):
        if cell["count"] is None:
            faults.append(f"{cell['name']} was not run")
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                faults.append(f"{cell['name']}: {output['ename']}: {output['evalue']}")
            views += "srcdoc=" in str(output.get("data", {}).get("text/html", ""))
    faults += view_faults(page, views)
    # A kernel outlives its page: without this the models of every day stay in memory.
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()
    return faults


def view_faults(page: Page, number: int) -> list[str]:
    """Whether the interactive views, as many as the outputs have, draw lines, and the first reacts to the mouse."""
    frames = page.locator("iframe[srcdoc]")
    if frames.count() != number:
        return [f"{frames.count()} of {number} interactive views are on the page"]
    faults = []
    for place in range(number):
        frames.nth(place).scroll_into_view_if_needed()
        view = frames.nth(place).content_frame
        try:
            view.locator("line").nth(99).wait_for(state="attached", timeout=30_000)
        except TimeoutError:
            faults.append(f"interactive view {place + 1} has {view.locator('line').count()} lines")
    if number and not faults:
        view = frames.first.content_frame
        alone: Locator = view.locator("#attention line[visibility=visible]")
        before = alone.count()
        view.locator("text", has_text=re.compile(r"^\s*it\s*$")).first.hover()
        if before or not alone.count():
            faults.append(f"a word under the mouse: {before} lines alone before, {alone.count()} after")
    return faults


def _local(address: str) -> bool:
    return address.startswith(("data:", "blob:", "about:")) or re.match(r"(http|ws)://127\.0\.0\.1:", address)


def main(names: list[str]) -> int:
    wrong = 0
    options = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with tempfile.TemporaryDirectory() as folder, lab(Path(folder)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        for name in names or sorted(path.name for path in (ROOT / "notebooks").glob("day*.ipynb")):
            faults = faults_of(browser, address.format(name=name))
            wrong += len(faults)
            print(f"{name}: {'ok' if not faults else ''}", *faults, sep="\n  " if faults else "", flush=True)
        browser.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main([Path(name).name for name in sys.argv[1:]]))
