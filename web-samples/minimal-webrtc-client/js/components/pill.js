/**
 * The pill over the picture: the session's state in a word.
 *
 * @import { PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { isHeard, presence } from "../state/page-state.js";
import { byId } from "./elements.js";

const LABELS = {
  connecting: "Connecting",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
  paused: "Listening",
  away: "Reconnecting",
};

/** @param {Store<PageState>} store */
export function showPill(store) {
  const label = byId("state", HTMLElement);
  store.subscribe(labelOf, (text) => (label.textContent = text));
}

/**
 * Where nobody listens to an open microphone the label does not claim it.
 *
 * @param {PageState} state
 */
function labelOf(state) {
  const now = presence(state);
  return now === "listening" && !isHeard(state) ? "Ready" : LABELS[now];
}
