/**
 * Tells the server that somebody speaks, and that they stopped.
 *
 * @import { Control } from "./connection/control.js"
 * @import { PageState } from "./state/page-state.js"
 * @import { Store } from "./state/store.js"
 */
import { isSpeaking } from "./state/page-state.js";

/**
 * Returns what is to be called when the control channel has opened: the server knows nothing yet.
 *
 * @param {Store<PageState>} store
 * @param {Control} control
 */
export function reportSpeech(store, control) {
  let reported = false;
  const report = () => {
    const speaking = isSpeaking(store.state);
    if (speaking !== reported && control.send({ type: "user_speaking", speaking })) reported = speaking;
  };
  store.subscribe(isSpeaking, report);
  return () => {
    reported = false;
    report();
  };
}
