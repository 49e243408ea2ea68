"""The Dagster UI of a project on which the demo has run, in the system's Chromium."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from mlops_platform_tests.fixtures_cloud import free_port
from mlops_platform_tests.fixtures_project import Project

FLAGS = [
    "--no-sandbox",  # Chromium refuses to run as root without it; only pages of 127.0.0.1 are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Ui:
    """A running `dagster dev`: its address, its project."""

    url: str
    project: Project


def chromium() -> str:
    """The system's Chromium; without one a user's tests skip, CI's fail."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Chromium; .ci/run installs it")
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def ui(browser: Browser, demo_project: Project) -> Iterator[Ui]:
    port = free_port()
    log = (demo_project.folder / "dagster_dev.log").open("w")
    command = [str(Path(sys.executable).parent / "dagster"), "dev", "-w", "workspace.yaml"]
    process = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port)],
        cwd=demo_project.folder,
        env=demo_project.environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/server_info", process, Path(log.name))
        yield Ui(f"http://127.0.0.1:{port}", demo_project)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own server
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"dagster dev did not answer:\n{log.read_text()[-4000:]}")


@pytest.fixture
def page(browser: Browser, ui: Ui, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page; a picture of its end is kept in artifacts/browser."""
    opened = browser.new_page(viewport={"width": 1600, "height": 1000})
    opened.set_default_timeout(30_000)
    yield opened
    pictures = Path("artifacts/browser")
    pictures.mkdir(parents=True, exist_ok=True)
    opened.screenshot(path=pictures / f"{request.node.name}.png")
    opened.close()
