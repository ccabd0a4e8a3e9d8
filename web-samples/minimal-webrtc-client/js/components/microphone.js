/**
 * The microphone's button with its level and, while it is on, its bar: mute, and which one it is.
 *
 * @import { MicrophoneState, PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 *
 * @typedef {object} MicrophoneActions
 * @property {() => void} toggleMicrophone
 * @property {() => void} toggleMute
 * @property {(device: string) => void} chooseMicrophone
 */
import { byId, redraw, within } from "./elements.js";

/**
 * @param {Store<PageState>} store
 * @param {MicrophoneActions} actions
 */
export function showMicrophone(store, { toggleMicrophone, toggleMute, chooseMicrophone }) {
  const button = byId("mic", HTMLButtonElement);
  const bar = byId("voice", HTMLElement);
  const mute = byId("mute", HTMLButtonElement);
  const devices = byId("devices", HTMLSelectElement);

  button.addEventListener("click", toggleMicrophone);
  mute.addEventListener("click", toggleMute);
  devices.addEventListener("change", () => chooseMicrophone(devices.value));

  store.subscribe(
    ({ microphone }) => microphone,
    (microphone) => {
      const { on, muted } = microphone;
      button.setAttribute("aria-pressed", String(on));
      button.toggleAttribute("data-muted", muted);
      if (!on && bar.contains(document.activeElement)) button.focus(); // The bar vanishes under the focus.
      bar.hidden = !on;
      mute.setAttribute("aria-pressed", String(muted));
      within(mute, "span", HTMLElement).textContent = muted ? "Muted" : "Mute";
      redraw(mute, muted ? "i-muted" : "i-mic");
      list(devices, microphone);
    },
  );
}

/**
 * Shows how loud it is, 0 to 1. Apart from the state: it is another one fifty times a second.
 *
 * @param {number} level
 */
export function showLevel(level) {
  byId("mic", HTMLButtonElement).style.setProperty("--level", level.toFixed(3));
}

/**
 * @param {HTMLSelectElement} select
 * @param {MicrophoneState} microphone
 */
function list(select, { device, devices }) {
  select.replaceChildren(...devices.map(({ id, name }) => new Option(name, id, false, id === device)));
  if (select.parentElement) select.parentElement.hidden = devices.length < 2;
}
