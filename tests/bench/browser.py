"""How long a browser's jitter buffers delay sound and pictures."""

import shutil
import time

from playwright.sync_api import sync_playwright

from tests.chromium import QUIET, SOUND

KEEP_CONNECTIONS = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) {
    super(...options);
    connections.push(this);
  }
};
"""

BUFFERS = """async () => {
  const buffers = {};
  for (const connection of connections)
    for (const entry of (await connection.getStats()).values())
      if (entry.type === "inbound-rtp")
        buffers[entry.kind] = [entry.jitterBufferDelay, entry.jitterBufferEmittedCount];
  return buffers;
}"""


def buffers_ms(url: str, seconds: float = 10) -> dict[str, float] | None:
    """Mean delay in headless Chromium's settled jitter buffers, ms by kind of track; None without Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=[*QUIET, SOUND, "--mute-audio"])
        page = browser.new_page()
        page.add_init_script(KEEP_CONNECTIONS)
        page.goto(url)
        page.wait_for_function("() => document.getElementById('face').videoWidth === 512", timeout=30_000)
        time.sleep(8)
        before = page.evaluate(BUFFERS)
        time.sleep(seconds)
        after = page.evaluate(BUFFERS)
        browser.close()
    return {
        kind: round(1000 * (after[kind][0] - delay) / (after[kind][1] - count), 1)
        for kind, (delay, count) in before.items()
    }
