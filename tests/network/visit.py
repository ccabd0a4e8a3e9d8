"""`python -m tests.network.visit URL`: open the page, ask, hear and see the answer; print the ICE candidate's type.

It is a program because a network namespace belongs to a process.
"""

import shutil
import sys

from playwright.sync_api import sync_playwright

from tests.chromium import MICROPHONE, QUIET, SOUND

KEEP_CONNECTIONS = """{
  const Native = RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Native {
    constructor(...given) { super(...given); window.connections.push(this); }
  };
}"""
"""Keeps the page's connections within reach of `CANDIDATE_TYPE`: the page itself does not expose them."""

CANDIDATE_TYPE = """async () => {
  const stats = await connections.at(-1).getStats();
  for (const [, entry] of stats)
    if (entry.type === "transport") {
      const pair = stats.get(entry.selectedCandidatePairId);
      return stats.get(pair.localCandidateId).candidateType;
    }
}"""


def main(url: str) -> None:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=[*QUIET, *MICROPHONE, SOUND])
        page = browser.new_page()
        page.add_init_script(KEEP_CONNECTIONS)
        page.goto(url)
        page.wait_for_function("() => document.getElementById('face').videoWidth === 512", timeout=60_000)
        page.get_by_label("Your question").fill("What is FlashbackAvatars?")
        page.keyboard.press("Enter")
        page.wait_for_function("() => flashback.state === 'speaking'", timeout=30_000)
        before = page.evaluate("flashback.audioEnergy")
        page.wait_for_function("(before) => flashback.audioEnergy > before + 0.001", arg=before)
        sys.stdout.write(f"{page.evaluate(CANDIDATE_TYPE)}\n")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
