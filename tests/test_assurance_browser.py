"""The report in a real browser, framed as MLflow frames it: laid out, silent, and asking the network for nothing."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from assurance_report_worlds import attribute, mitigated, rich_assessment
from assurance_worlds import summary
from tactful.assurance.champion import read_champion
from tactful.assurance.fairness_record import fairness_document
from tactful.assurance.report import fairness_report

pytestmark = pytest.mark.prove

WIDTH, HEIGHT = 900, 1800
GROUPS = {"young": 9000.0, 'old, <b>and</b> "quoted" & \'': 900.0, "few": 12.0, "a_name_without_a_break_" * 5: 300.0}
LIGHT = {"page": 0xF4F5F7, "card": 0xFFFFFF, "text": 0x1B1F24, "zone": 0xDCEFE2, "edge": 0x2F6B45, "accent": 0x1D5FA6}
DARK = {"page": 0x14171B, "card": 0x1D2126, "text": 0xE9ECEF, "zone": 0x20382A, "edge": 0x7CC796, "accent": 0x82B7F5}
LEAK = '<img src="http://127.0.0.1:{port}/leak.png" onerror="console.error(1)">'


def report() -> str:
    """A page with every part, and with names that are hard to lay out."""
    rich = rich_assessment()
    found = replace(rich, attributes={**rich.attributes, "hard": attribute(GROUPS)})
    champion = read_champion("3", fairness_document(found, created="2026-10-01T08:00:00+00:00"))
    advice = ("Row weights", "Re-ranking")
    return fairness_report(summary(), found, champion=champion, mitigation=advice, mitigated=mitigated())


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


@pytest.fixture(scope="module", params=["light", "dark"])
def shown(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> tuple[dict[str, int], NDArray[np.uint8], list[str], list[str]]:
    """The colours it should have, the framed report as pixels, what it asked for, and what it wrote to the console."""
    folder, dark = tmp_path_factory.mktemp("browser"), request.param == "dark"
    with served(framed(report())) as (address, asked):
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        done = browse(address, folder, scheme, f"--screenshot={folder / 'page.png'}")
    return DARK if dark else LIGHT, pixels(folder / "page.png"), asked, complaints(done)


def test_the_framed_report_asks_for_nothing_and_complains_of_nothing(
    shown: tuple[dict[str, int], NDArray[np.uint8], list[str], list[str]],
) -> None:
    """One request, for the page around it; not one line on the console."""
    _, _, asked, said = shown
    assert asked == ["/"]
    assert said == []


def test_the_framed_report_is_laid_out(
    shown: tuple[dict[str, int], NDArray[np.uint8], list[str], list[str]],
) -> None:
    """Page, cards, text, bars and the shaded zone each have their colour somewhere; ink is in every quarter."""
    wanted, image = shown[0], shown[1].astype(int)
    colours = set((image @ [65536, 256, 1]).ravel().tolist())
    for name, colour in wanted.items():
        assert colour in colours, name
    paper = [wanted["page"], wanted["card"]]
    ink = ~np.isin(image @ [65536, 256, 1], paper)
    assert all(quarter.any() for quarter in np.array_split(ink, 4))
    assert 0.01 < ink.mean() < 0.5


@pytest.mark.parametrize("width", [375, 900])
@pytest.mark.parametrize("folded", [True, False], ids=["folded", "unfolded"])
def test_the_report_lays_out_at_every_width_without_overflow(tmp_path: Path, width: int, folded: bool) -> None:
    """Nothing is wider than a phone's frame or a column's, said by the browser's own measure of the page."""
    measure = "parent.postMessage('width ' + document.documentElement.scrollWidth, '*')"
    inner = report().replace("</body>", f"<script>addEventListener('load', () => {measure})</script></body>")
    inner = inner if folded else inner.replace("<details>", "<details open>")
    page = (
        "<!doctype html><html><head><link rel=icon href='data:,'></head><body style='margin:0'><script>"
        "addEventListener('message', e => document.body.dataset.said = e.data)</script>"
        f'<iframe sandbox="allow-scripts" style="border:0;width:{width}px;height:900px" srcdoc="{html.escape(inner)}">'
        "</iframe></body></html>"
    )
    with served(page) as (address, _):
        dom = browse(address, tmp_path, "--dump-dom").stdout
    assert f'data-said="width {width}"' in dom


def test_what_is_folded_on_a_screen_is_open_on_paper(tmp_path: Path) -> None:
    """As many sheets as with everything unfolded, and more than if the style for paper did not unfold it."""

    def sheets(name: str, page: str) -> int:
        with served(page) as (address, _):
            browse(address, tmp_path, f"--print-to-pdf={tmp_path / name}", "--no-pdf-header-footer")
        return len(re.findall(rb"/Type /Page\b", (tmp_path / name).read_bytes()))

    folded = report()
    printed = sheets("folded.pdf", folded)
    assert printed == sheets("open.pdf", folded.replace("<details>", "<details open>"))
    assert printed > sheets("mutant.pdf", folded.replace("details::details-content", "details::nothing"))


def test_a_report_that_asked_the_network_would_be_noticed(tmp_path: Path) -> None:
    """The same checks on a page with one picture from outside: the request is seen and the console speaks."""
    with served("") as (elsewhere, leaked):
        leak = LEAK.format(port=elsewhere.rsplit(":", 1)[1].rstrip("/"))
        with served(framed(report().replace("<main>", f"<main>{leak}"))) as (address, _):
            done = browse(address, tmp_path, f"--screenshot={tmp_path / 'page.png'}")
    assert leaked == ["/leak.png"]
    assert complaints(done)
