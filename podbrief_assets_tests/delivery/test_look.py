"""How the mail looks: measured in a browser, on a phone and on a desk, by day and by night."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from podbrief_assets.delivery.render import render_html
from podbrief_assets_tests.delivery.test_render import (
    DOWN,
    EXCERPT,
    FULL,
    INSIGHT,
    LINK,
    TEXT_FIELDS,
    UP,
    brief,
    changed,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

# Every piece of text that shows: its colour against what is behind it (WCAG 2.1 contrast), its size and where it lies.
MEASURE = """
addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument, view = page.defaultView;
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = numbers(view.getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [], walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement, range = page.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect(), style = view.getComputedStyle(parent);
    if (!node.data.trim() || !box.width || style.visibility !== "visible" || parent.closest("style,title")) continue;
    const [front, back] = [light(numbers(style.color)), light(behind(parent))];
    texts.push({text: node.data.trim(), size: parseFloat(style.fontSize), left: box.left, right: box.right,
      contrast: (Math.max(front, back) + .05) / (Math.min(front, back) + .05)});
  }
  const buttons = [...page.querySelectorAll("a.vote")].map(a => a.getBoundingClientRect().height);
  const root = page.documentElement;
  const found = {texts, buttons, width: root.clientWidth, scrolls: root.scrollWidth, images: page.images.length,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches, back: behind(page.querySelector(".back"))};
  document.body.innerHTML = "";
  document.title = "measured " + encodeURIComponent(JSON.stringify(found));
});
"""


def measured(page: str, folder: Path, width: int, dark: bool) -> dict[str, Any]:
    """What a browser makes of `page` in a frame of so many pixels: its own window is never narrower than 500."""
    outer = folder / "outer.html"
    framed = f'<iframe srcdoc="{html.escape(page)}" style="border:0;width:{width}px;height:4000px"></iframe>'
    outer.write_text(f"<!doctype html><body style='margin:0'>{framed}<script>{MEASURE}</script></body>")
    seen = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-extensions",
            f"--user-data-dir={folder / 'profile'}",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            "--window-size=1300,4000",
            "--virtual-time-budget=5000",
            "--dump-dom",
            str(outer),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    ).stdout.decode()
    found = re.search(r"<title>measured (\S+)</title>", seen)
    assert found is not None, seen[:2000]
    measures: dict[str, Any] = json.loads(unquote(found[1]))
    return measures


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_of_it_can_be_read(tmp_path: Path, width: int, dark: bool) -> None:
    wide = changed(EXCERPT, link=None, **dict.fromkeys(TEXT_FIELDS, "W" * 400))
    entries = (
        changed(EXCERPT, up=UP, down=DOWN),
        changed(INSIGHT, link=LINK, up=UP, down=DOWN, heard_otherwise_on=("Night Shift",)),
        wide,
    )
    seen = measured(render_html(brief(*entries), FULL), tmp_path, width, dark)
    assert seen["dark"] is dark and seen["width"] == width
    assert seen["scrolls"] <= width, "nothing is wider than the screen, not even a word of 400 letters"
    assert seen["images"] == 0
    assert sum(seen["back"][:3]) < 100 if dark else sum(seen["back"][:3]) > 700

    shown = " ".join(one["text"] for one in seen["texts"])
    for text in (
        EXCERPT.text,
        INSIGHT.text,
        INSIGHT.quote,
        "at 12:34",
        "around 1:02:34",
        "Jo Okafor",
        "Short Wave, Data Hour and Deep Blue",
        "Night Shift",
        "close to your interest “batteries”",
        "Insights are written by a machine",
        "Unsubscribe",
        "Example Ltd, 1 Some Street, Sometown",
    ):
        assert text in shown, text
    assert "From The Energy Hour" not in shown, "the preview is for lists of mails"
    for one in seen["texts"]:
        assert one["contrast"] >= 4.5, one
        assert one["size"] >= 13, one
        assert one["left"] >= 16 and one["right"] <= width - 16, one
    words = [one for one in seen["texts"] if INSIGHT.text in one["text"]]
    assert [one["size"] for one in words] == [18 if width == 360 else 19]
    assert all(one["right"] - one["left"] <= 600 for one in seen["texts"]), "lines stay short on a desk"
    assert len(seen["buttons"]) == 4 and min(seen["buttons"]) >= 36, "a finger finds them"
