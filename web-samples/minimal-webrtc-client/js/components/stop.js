/**
 * The button that interrupts, there while there is something to interrupt, and the key Esc, which does the same.
 *
 * @import { PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { isBusy } from "../state/page-state.js";
import { byId } from "./elements.js";

/**
 * @param {Store<PageState>} store
 * @param {() => void} interrupt
 */
export function showStop(store, interrupt) {
  const button = byId("stop", HTMLButtonElement);
  button.addEventListener("click", interrupt);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) interrupt();
  });
  store.subscribe(isBusy, (busy) => {
    // The button may vanish under the focus: the question line takes it.
    if (!busy && document.activeElement === button) byId("question", HTMLTextAreaElement).focus();
    button.hidden = !busy;
  });
}
