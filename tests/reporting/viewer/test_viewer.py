"""The viewer in headless Chromium: what is on the screen is what jobs have kept, and all controls work."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from a2ibench.reporting.page.viewer import viewer_section
from a2ibench.reporting.page.viewer_stacks import kept_stacks

from .conftest import Keep, anisotropic

HOSTILE = '</script><script>window.broken=1</script><img src=x onerror="window.broken=1">\'`'
RATIO = 10 / 3
SHAPE = 40, 60, 80
Opened = Callable[..., Any]

# The colour at a point of what is shown, in parts of its width and height.
LEVEL = """([across, down]) => {
  const stage = document.querySelector(".a2i-stage canvas"), box = stage.getBoundingClientRect();
  const knob = document.querySelector(".a2i-divide").hidden ? 0 : 24;
  const titles = [...document.querySelectorAll(".a2i-titles span")];
  const ends = titles.map((one) => one.getBoundingClientRect().right);
  const x = (Math.max(...ends) - box.left) * across, y = 24 + (box.height - 24 - knob) * down;
  const density = stage.width / box.width;
  const point = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = point.getContext("2d", { willReadFrequently: true });
  context.drawImage(stage, -Math.floor(x * density), -Math.floor(y * density));
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""
UNNAMED = """() => [...document.querySelectorAll("input, select, button, [role]")]
  .filter((one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute("aria-label")))
  .map((one) => one.outerHTML)"""
COUNTED = """
  const made = createImageBitmap;
  window.made = 0;
  window.createImageBitmap = (...given) => (window.made++, made(...given));
"""


@pytest.fixture
def section(keep: Keep) -> str:
    """Input slices of 70 and 60 by turns, a reference of 100, and methods of 107 and of 140 + y."""
    reference = np.full(SHAPE, 100, np.uint8)
    data = np.full((12, *SHAPE[1:]), 60, np.uint8)
    data[::2] = 70
    y = np.arange(SHAPE[1], dtype=np.uint8)[None, :, None]
    high = np.broadcast_to(140 + y, SHAPE).astype(np.uint8)
    predictions = {"cubic": np.full(SHAPE, 107, np.uint8), "net": high}
    psnr = {"cubic": 20.0, "net": 30.0}
    return viewer_section(keep(anisotropic(data, RATIO), predictions, reference, psnr=psnr)) or ""


@pytest.fixture
def page(opened: Opened, section: str) -> Any:
    page = opened(section)
    # All levels as they are.
    page.locator("summary").click()
    for name, value in (("Black", 0), ("White", 255)):
        page.get_by_label(name).fill(str(value))
    page.locator("summary").click()
    settle(page)
    return page


def settle(page: Any) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.wait_for_selector(".a2i-viewer[data-ready=true]")


def level(page: Any, across: float, down: float = 0.55) -> int:
    settle(page)
    red, green, blue = page.evaluate(LEVEL, [across, down])
    assert red == green == blue
    return int(red)


def key(page: Any, *keys: str) -> None:
    page.locator(".a2i-stage").focus()
    for one in keys:
        page.keyboard.press(one)
    settle(page)


def shown(page: Any) -> dict[str, float]:
    box = page.locator(".a2i-stage").bounding_box()
    end = page.locator(".a2i-titles span").last.bounding_box()
    return {**box, "width": end["x"] + end["width"] - box["x"]}


def at_y(page: Any) -> int:
    return int(re.search(r"y = (\d+)", page.locator(".a2i-where").inner_text())[1])  # type: ignore[index]


def test_the_slider_moves_the_divide(page: Any) -> None:
    y = at_y(page)
    assert (level(page, 0.25) in (60, 70), level(page, 0.75)) == (True, 140 + y)
    box = shown(page)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    assert (level(page, 0.05) in (60, 70), level(page, 0.25)) == (True, 140 + y)
    slider = page.get_by_role("slider", name="Divide between the two")
    assert slider.get_attribute("aria-valuetext") == "10 % input, 90 % net"
    slider.press("End")
    assert level(page, 0.97) in (60, 70)
    slider.press("ArrowLeft")
    settle(page)
    assert slider.get_attribute("aria-valuenow") == "98"


def test_the_scroller_goes_through_slices(page: Any) -> None:
    slices = page.get_by_role("slider", name="Slice")
    first, last = (int(slices.get_attribute(name)) for name in ("min", "max"))
    assert last - first == 4
    for y in (first, last):
        slices.fill(str(y))
        assert level(page, 0.75) == 140 + y
        assert slices.get_attribute("aria-valuetext") == f"y {y} ({first} to {last})"
    key(page, "ArrowDown")
    assert level(page, 0.75) == 140 + last - 1


def test_blinking_swaps_the_two(page: Any) -> None:
    page.get_by_role("radio", name="Blink").check()
    settle(page)
    title = page.locator(".a2i-titles span")
    before = title.inner_text()
    page.wait_for_function(
        "(before) => document.querySelector('.a2i-titles span').textContent !== before", arg=before
    )
    page.get_by_role("button", name="Stop blinking").click()
    settle(page)
    stopped = title.inner_text()
    page.wait_for_timeout(1200)
    assert title.inner_text() == stopped
    key(page, " ")
    assert title.inner_text() != stopped
    assert (level(page, 0.3) in (60, 70)) == title.inner_text().startswith("input")


def test_who_wants_less_motion_blinks_by_hand(opened: Opened, section: str) -> None:
    page = opened(section, reduced_motion="reduce")
    key(page, "b")
    title = page.locator(".a2i-titles span")
    before = title.inner_text()
    page.wait_for_timeout(1200)
    assert title.inner_text() == before
    key(page, "x")
    assert title.inner_text() != before


def test_errors_are_on_a_scale_of_grey_levels(page: Any) -> None:
    page.get_by_label("Error map (minus reference)").check()
    settle(page)
    # Too bright is red, too dark is blue.
    red, _, blue = page.evaluate(LEVEL, [0.75, 0.55])
    assert red > blue
    red, _, blue = page.evaluate(LEVEL, [0.25, 0.55])
    assert red < blue
    scale = page.locator(".a2i-scale").inner_text()
    most = scale.split("+")[1].split()[0]
    assert "grey levels" in scale
    assert 40 + 59 <= int(most) <= 110
    box = shown(page)
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    assert f"net {140 + at_y(page)} (+{40 + at_y(page)})" in page.locator(".a2i-under").inner_text()


def test_slices_of_the_input_are_as_thick_as_they_are(page: Any) -> None:
    key(page, "Home", "End")
    shown = [level(page, 0.4, (n + 0.5) / 40) for n in range(40)]
    assert shown == [(70, 60)[int((n + 0.5) / RATIO) % 2] for n in range(40)]


def test_what_is_decoded_is_what_was_kept(opened: Opened, keep: Keep) -> None:
    whole = np.arange(16 * 16 * 18, dtype=np.uint32).reshape(18, 16, 16).astype(np.uint8)
    page = opened(viewer_section(keep(anisotropic(whole[::3]), {"net": whole}, whole, count=1)))
    found = page.evaluate(
        """async () => {
          const root = document.querySelector(".a2i-viewer");
          const told = JSON.parse(root.querySelector("script").textContent);
          const planes = new A2IPlanes(root, told, () => {});
          return [told.stack[0][0], [...(await planes._decode("2,method,xy", 0)).values]];
        }"""
    )
    # One line of it has all levels that eight bits have.
    np.testing.assert_array_equal(np.reshape(found[1], (16, 16)), whole[found[0]])
    assert len(set(found[1])) == 256


def test_keys_work(page: Any) -> None:
    where, titles = page.locator(".a2i-where"), page.locator(".a2i-titles span")
    for pressed, plane in (("1", "xy"), ("3", "yz"), ("2", "xz")):
        key(page, pressed)
        assert where.inner_text().startswith(f"{plane} plane at ")
    key(page, "x")
    assert [one.split(" ")[0] for one in titles.all_inner_texts()] == ["net", "input"]
    key(page, "]", "}")
    assert [one.split(" ")[0] for one in titles.all_inner_texts()] == ["reference", "cubic"]
    key(page, "d")
    assert titles.count() == 2
    key(page, "a")
    assert [one.split(" ")[0] for one in titles.all_inner_texts()] == ["reference", "input", "cubic", "net"]
    key(page, "s", "e")
    assert page.get_by_label("Error map (minus reference)").is_checked()
    before = page.locator(".a2i-bar").bounding_box()["width"], page.locator(".a2i-barred").inner_text()
    key(page, "+", "+", "Shift+ArrowRight")
    assert (
        page.locator(".a2i-bar").bounding_box()["width"],
        page.locator(".a2i-barred").inner_text(),
    ) != before
    key(page, "0")
    assert (
        page.locator(".a2i-bar").bounding_box()["width"],
        page.locator(".a2i-barred").inner_text(),
    ) == before


def test_the_scale_bar_is_as_long_as_it_says(page: Any) -> None:
    nm = float(page.locator(".a2i-barred").inner_text().split()[0])
    height = page.locator(".a2i-divide").bounding_box()["height"] - 24
    # 40 voxels of 10 nm along z fill the height.
    assert page.locator(".a2i-bar").bounding_box()["width"] == pytest.approx(nm / 400 * height, abs=1.5)


def test_keys_of_other_controls_stay_theirs(page: Any) -> None:
    page.get_by_label("Left", exact=True).focus()
    page.keyboard.press("b")
    settle(page)
    assert page.get_by_role("radio", name="Slider").is_checked()
    y = at_y(page)
    page.get_by_role("slider", name="Slice").press("ArrowRight")
    settle(page)
    assert at_y(page) == y + 1


def test_a_wheel_scrolls_the_page_until_the_image_has_the_focus(page: Any) -> None:
    box = page.locator(".a2i-stage").bounding_box()
    y = at_y(page)
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.wheel(0, 100)
    settle(page)
    assert at_y(page) == y
    page.locator(".a2i-stage").focus()
    page.mouse.wheel(0, 100)
    page.wait_for_function(
        "(y) => !document.querySelector('.a2i-where').textContent.includes(`y = ${y} `)", arg=y
    )
    assert at_y(page) == y - 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_is_touched(opened: Opened, section: str, scheme: str) -> None:
    page = opened(
        section, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme=scheme
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    slider = page.get_by_role("slider", name="Divide between the two")
    box = slider.bounding_box()
    assert box["width"] >= 44
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    for kind, to in (("touchStart", x), ("touchMove", x - 60), ("touchMove", x - 120)):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": to, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    settle(page)
    assert int(slider.get_attribute("aria-valuenow")) < 25


def test_two_fingers_zoom(opened: Opened, section: str) -> None:
    page = opened(section, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    before = page.locator(".a2i-barred").inner_text(), page.locator(".a2i-bar").bounding_box()["width"]
    box = page.locator(".a2i-stage").bounding_box()
    x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 20), ("touchMove", 30), ("touchMove", 45), ("touchMove", 60)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    settle(page)
    assert (
        page.locator(".a2i-barred").inner_text(),
        page.locator(".a2i-bar").bounding_box()["width"],
    ) != before
    assert page.locator(".a2i-stage").get_attribute("data-moves") == "true"


def test_hostile_names_are_text(opened: Opened, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.zeros((6, 20, 20), np.uint8)
    run = keep(anisotropic(whole[::3]), {"cubic": whole}, whole)
    (stacks,), _ = kept_stacks(run)
    named = replace(
        stacks, dataset=HOSTILE, sources=tuple(replace(one, name=HOSTILE) for one in stacks.sources)
    )
    monkeypatch.setattr("a2ibench.reporting.page.viewer.kept_stacks", lambda _: ([named], []))
    page = opened(viewer_section(run))
    key(page, "e", "b", "x", "a", "d")
    assert page.evaluate("window.broken") is None
    assert page.locator("img").count() == 0
    assert page.locator("select option").first.text_content().startswith(HOSTILE[:80])


def test_on_paper_the_two_stand_side_by_side(page: Any) -> None:
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".a2i-titles span").count() == 2
    settle(page)
    assert (level(page, 0.25) in (60, 70), level(page, 0.75)) == (True, 140 + at_y(page))
    page.emulate_media(media="print")
    assert not page.locator(".a2i-row").first.is_visible()
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    settle(page)
    assert page.get_by_role("radio", name="Slider").is_checked()


def test_every_control_has_a_name(page: Any) -> None:
    page.locator("summary").click()
    unnamed = page.evaluate(UNNAMED)
    assert unnamed == []


def test_without_a_reference_disagreement_can_be_seen(opened: Opened, keep: Keep) -> None:
    whole = np.full((12, 20, 20), 90, np.uint8)
    apart = np.full(whole.shape, 0.1, np.float32)
    run = keep(anisotropic(whole[::3]), {"cubic": whole}, apart=apart)
    page = opened(viewer_section(run))
    assert page.get_by_label("Error map").count() == 0
    key(page, "e")
    red, green, blue = page.evaluate(LEVEL, [0.75, 0.5])
    assert (red, green, blue) == (252, 255, 164)
    assert "25.49 grey levels" in page.locator(".a2i-scale").inner_text()


def test_many_methods_are_decoded_when_they_are_wanted(opened: Opened, keep: Keep) -> None:
    whole = np.random.default_rng(0).integers(0, 255, (12, 40, 40)).astype(np.uint8)
    run = keep(anisotropic(whole[::3]), {f"m{n}": whole for n in range(15)}, whole)
    page = opened(f"<script>{COUNTED}</script>{viewer_section(run)}")
    settle(page)
    # The two that are shown, and their neighbours.
    assert page.evaluate("window.made") <= 6
    key(page, "a")
    assert page.locator(".a2i-titles span").count() == 17
    assert page.evaluate("window.made") <= 6 + 17
