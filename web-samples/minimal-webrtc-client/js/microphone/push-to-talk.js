/**
 * Hold the space bar to talk. Not while typing: in the question line only as long as it is empty and the microphone is on, and
 * never where the space bar presses what has the focus. The microphone's own buttons keep the focus only when they
 * are pressed by keyboard: a person who clicks one of them means to talk next.
 */

const PRESSABLE = "button, input, select, textarea, summary, a, [contenteditable]";

/**
 * @param {object} options
 * @param {HTMLTextAreaElement} options.field the question line
 * @param {HTMLButtonElement[]} options.buttons the microphone's own
 * @param {() => boolean} options.isOn whether the microphone is on
 * @param {() => void} options.press
 * @param {() => void} options.release
 */
export function pushToTalk({ field, buttons, isOn, press, release }) {
  let held = false;

  /** @param {EventTarget | null} target */
  const isFree = (target) => {
    if (target === field) return isOn() && !field.value;
    return !(target instanceof Element && target.closest(PRESSABLE));
  };
  const up = () => {
    if (!held) return;
    held = false;
    release();
  };

  for (const button of buttons) {
    button.addEventListener("click", ({ detail: presses }) => {
      if (presses) button.blur(); // A click that a key made counts no presses.
    });
  }
  addEventListener("keydown", (event) => {
    if (event.code !== "Space" || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (!held && !isFree(event.target)) return;
    event.preventDefault(); // No blank, no scrolling, however long it is held.
    if (held) return;
    held = true;
    press();
  });
  addEventListener("keyup", ({ code }) => {
    if (code === "Space") up();
  });
  addEventListener("blur", up); // The key may come up over another window.
}
