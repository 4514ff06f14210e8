"""Take the pictures of docs/report.md: reports as a browser shows them, wide and narrow, light and dark.

``python docs/figures/report_screenshots.py COMPARED FAILED ACQUIRED MERGED`` takes four files that ``a2ibench
report`` wrote: of several methods on volumes with a reference, of a run with failures, of one without a
reference, and of merged runs. Needs playwright, Pillow and Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
WIDE, NARROW = 1400, 390
SHOTS = (
    # Which of the reports, name of the picture, width, colours, section at its top, height.
    (0, "report.png", WIDE, "light", None, 1300),
    (0, "report-look.png", WIDE, "dark", "look", 1100),
    (0, "report-phone.png", NARROW, "light", None, 1000),
    (0, "report-phone-dark.png", NARROW, "dark", "look", 1000),
    (1, "report-failures.png", WIDE, "light", None, 900),
    (2, "report-acquired.png", WIDE, "light", None, 900),
    (3, "report-merged.png", WIDE, "light", None, 900),
)


def main() -> None:
    """Write the pictures beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("reports", type=Path, nargs=4, metavar="REPORT.html")
    parser.add_argument("--out", type=Path, default=HERE, metavar="DIR")
    given = parser.parse_args()
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for report, name, width, colours, section, height in SHOTS:
            shot = taken(browser, given.reports[report], width, height, colours, section)
            shot.quantize(128).save(given.out / name, optimize=True)
        browser.close()


def taken(
    browser: Browser, report: Path, width: int, height: int, colours: str, section: str | None
) -> Image.Image:
    """Return what is seen of a report from the top of a section on."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=colours)
    page.goto(report.resolve().as_uri())
    page.wait_for_load_state("networkidle")
    if section is not None:
        page.locator(f"#{section}").evaluate("it => it.scrollIntoView()")
    page.wait_for_timeout(1500)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.close()
    return shot


if __name__ == "__main__":
    main()
