"""Runs whose jobs have kept planes, and a browser that shows what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import a2ibench
from a2ibench.bench.kept_planes import save_planes
from a2ibench.bench.paths import RunFiles
from a2ibench.bench.record import Record, write_record
from a2ibench.bench.run import Run
from a2ibench.bench.score import Score
from a2ibench.contracts import Volume
from a2ibench.reporting.page.viewer import viewer_assets

Array = np.ndarray[Any, Any]
Keep = Callable[..., Run]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Return a function that enters jobs of methods on a dataset, and returns the run."""

    def keep(
        volume: Volume,
        predictions: Mapping[str, Array],
        reference: Array | None = None,
        *,
        dataset: str = "cells",
        seed: int = 0,
        count: int = 5,
        psnr: Mapping[str, float] | None = None,
        apart: Array | None = None,
    ) -> Run:
        for method, prediction in predictions.items():
            record = Record(dataset, method, seed, provenance={"protocol_version": 2})
            if psnr is not None:
                record.metrics["psnr"] = Score(psnr[method], 1)  # type: ignore[index]
            folder = RunFiles(tmp_path / "run").job(record.name).folder
            folder.mkdir(parents=True)
            save_planes(folder, count, prediction, reference, volume, apart)
            write_record(folder, record)
        return a2ibench.read_run(tmp_path / "run")

    return keep


def anisotropic(data: Array, ratio: float = 3.0, lateral: float = 10.0, **fields: Any) -> Volume:
    """Return an input of this ratio."""
    return Volume(data, (ratio * lateral, lateral, lateral), fields.pop("intensity", (0, 255)), **fields)


def page_of(section: str) -> str:
    """Return the least page that shows the section."""
    css, script = viewer_assets()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>page</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>:root{{color-scheme:light dark}}{css}</style></head>"
        f"<body><main><h2>Look</h2>{section}</main><script>{script}</script></body></html>"
    )


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a section; there must be no error, and no request of the network."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def opened(section: str, **options: Any) -> Any:
        file = tmp_path / "page.html"
        file.write_text(page_of(section), encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith(("file:", "blob:", "data:")) or wrong.append(request.url),
        )
        page.goto(file.as_uri())
        page.wait_for_selector(".a2i-viewer[data-ready=true]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []
