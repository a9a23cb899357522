"""The report in a real browser, framed as MLflow frames it: laid out, silent, and asking the network for nothing."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from assurance_worlds import planted, summary
from tactful.assurance.fairness import FairnessRule, assess
from tactful.assurance.report import fairness_report

pytestmark = pytest.mark.prove

WIDTH, HEIGHT = 900, 1200
RULE = FairnessRule(name="age_ratio", attribute="age", metric="ndcg@10", statistic="ratio", bound=0.8)
GROUPS = {"young": (9000.0, 0.4), 'old, <b>and</b> "quoted" & \'': (900.0, 0.3), "few": (12.0, 0.1)}
LEAK = '<img src="http://127.0.0.1:{port}/leak.png" onerror="console.error(1)">'


def report() -> str:
    found = assess(planted({"age": GROUPS}), [RULE], levels={"age": tuple(GROUPS)}, minimum_people=50)
    return fairness_report(summary(), found)


def framed(page: str) -> str:
    """A page that shows nothing but the report, in the frame that MLflow puts artifacts into."""
    return (
        '<!doctype html><html><head><link rel="icon" href="data:,"></head><body style="margin:0">'
        f'<iframe sandbox="allow-scripts" style="border:0;width:{WIDTH}px;height:{HEIGHT}px" '
        f'srcdoc="{html.escape(page)}"></iframe></body></html>'
    )


@contextmanager
def served(page: str) -> Iterator[tuple[str, list[str]]]:
    """The page's address, and every path that anybody asks for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = page.encode() if self.path == "/" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def browse(address: str, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """What Chromium says of the page; no name but this machine's resolves, so whatever is asked for fails aloud.

    The frame shares its page's process and time is virtual, so that it has been painted when the picture is taken.
    """
    browser = shutil.which("chromium")
    assert browser, "this test needs Chromium; .ci/run installs it"
    quiet = ("quic", "gpu", "background-networking", "component-update", "sync", "default-apps", "extensions")
    command = [
        *(browser, "--headless", "--no-sandbox", "--no-first-run", f"--user-data-dir={folder / 'profile'}"),
        *(f"--disable-{part}" for part in quiet),
        *("--disable-features=IsolateSandboxedIframes", "--virtual-time-budget=5000"),
        *("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--enable-logging=stderr", "--hide-scrollbars"),
        *(f"--window-size={WIDTH},{HEIGHT}", *flags, address),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What a page wrote to the console."""
    return re.findall(r".*CONSOLE.*", done.stderr)


def pixels(path: Path) -> NDArray[np.uint8]:
    """A picture as an array of shape (height, width, 3)."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[NDArray[np.uint8], list[str], list[str]]:
    """The framed report as pixels, what it asked for, and what it wrote to the console."""
    folder = tmp_path_factory.mktemp("browser")
    with served(framed(report())) as (address, asked):
        done = browse(address, folder, f"--screenshot={folder / 'page.png'}")
    return pixels(folder / "page.png"), asked, complaints(done)


def test_the_framed_report_asks_for_nothing_and_complains_of_nothing(
    shown: tuple[NDArray[np.uint8], list[str], list[str]],
) -> None:
    """One request, for the page around it; not one line on the console."""
    _, asked, said = shown
    assert asked == ["/"]
    assert said == []


def test_the_framed_report_is_laid_out(shown: tuple[NDArray[np.uint8], list[str], list[str]]) -> None:
    """Page, cards, text, bars and the shaded zone each have their colour somewhere; ink is in every quarter."""
    image = shown[0].astype(int)
    colours = set(map(tuple, image.reshape(-1, 3).tolist()))
    for name, colour in {
        "page": (0xF4, 0xF5, 0xF7),
        "card": (0xFF, 0xFF, 0xFF),
        "text": (0x1B, 0x1F, 0x24),
        "zone": (0xDC, 0xEF, 0xE2),
        "edge": (0x2F, 0x6B, 0x45),
        "accent": (0x1D, 0x5F, 0xA6),
    }.items():
        assert colour in colours, name
    dark = image.sum(axis=2) < 300
    assert all(part.any() for part in np.array_split(dark, 4))
    assert 0.005 < dark.mean() < 0.3


def test_the_report_lays_out_at_a_phones_width_without_overflow(tmp_path: Path) -> None:
    """Nothing is wider than a frame of 420 pixels, said by the browser's own measure of the page."""
    measure = "parent.postMessage('width ' + document.documentElement.scrollWidth, '*')"
    inner = report().replace("</body>", f"<script>addEventListener('load', () => {measure})</script></body>")
    page = (
        "<!doctype html><html><head><link rel=icon href='data:,'></head><body style='margin:0'><script>"
        "addEventListener('message', e => document.body.dataset.said = e.data)</script>"
        f'<iframe sandbox="allow-scripts" style="border:0;width:420px;height:900px" srcdoc="{html.escape(inner)}">'
        "</iframe></body></html>"
    )
    with served(page) as (address, _):
        dom = browse(address, tmp_path, "--dump-dom").stdout
    assert 'data-said="width 420"' in dom


def test_a_report_that_asked_the_network_would_be_noticed(tmp_path: Path) -> None:
    """The same checks on a page with one picture from outside: the request is seen and the console speaks."""
    with served("") as (elsewhere, leaked):
        leak = LEAK.format(port=elsewhere.rsplit(":", 1)[1].rstrip("/"))
        with served(framed(report().replace("<main>", f"<main>{leak}"))) as (address, _):
            done = browse(address, tmp_path, f"--screenshot={tmp_path / 'page.png'}")
    assert leaked == ["/leak.png"]
    assert complaints(done)
