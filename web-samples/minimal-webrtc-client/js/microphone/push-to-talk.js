/**
 * Hold the space bar to talk. Not while typing: in the question line only as long as it is empty and the microphone is on, and
 * never where the space bar presses what has the focus. The microphone's own buttons have it only by keyboard: whoever
 * clicks one of them means to talk next.
 *
 * Events: `press`, `release`.
 */

const PRESSABLE = "button, input, select, textarea, summary, a, [contenteditable]";

export class PushToTalk extends EventTarget {
  held = false;

  constructor({ field, microphone, buttons }) {
    super();
    Object.assign(this, { field, microphone });
    // A click that a key made counts no presses.
    for (const button of buttons) button.addEventListener("click", ({ detail: presses }) => presses && button.blur());
    addEventListener("keydown", (event) => this.#down(event));
    addEventListener("keyup", (event) => event.code === "Space" && this.#release());
    addEventListener("blur", () => this.#release()); // The key may come up over another window.
  }

  #down(event) {
    if (event.code !== "Space" || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (!this.held && !this.#free(event.target)) return;
    event.preventDefault(); // No blank, no scrolling, however long it is held.
    if (this.held) return;
    this.held = true;
    this.dispatchEvent(new Event("press"));
  }

  #free(target) {
    if (target === this.field) return this.microphone.on && !this.field.value;
    return !target.closest?.(PRESSABLE);
  }

  #release() {
    if (!this.held) return;
    this.held = false;
    this.dispatchEvent(new Event("release"));
  }
}
