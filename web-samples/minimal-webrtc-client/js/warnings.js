/**
 * Notices that come only when a lack has lasted: nobody missed a control channel that is back sooner, or a server that listens
 * to the microphone again.
 *
 * @import { Subject } from "./state/notices.js"
 * @import { PageState } from "./state/page-state.js"
 * @import { Store } from "./state/store.js"
 */
import { say, without } from "./state/notices.js";
import { isUnheard } from "./state/page-state.js";

const LASTS_MS = 1500;

/** @param {Store<PageState>} store */
export function warn(store) {
  const isLost = (/** @type {PageState} */ { controlLost }) => controlLost;
  warnWhile(store, isLost, "control", "The server does not answer at the moment; trying again.", "Reconnecting.");
  warnWhile(store, isUnheard, "ears", "Speech is not understood just now: type your question.");
}

/**
 * Shows the sentence when `isSo` has held for `LASTS_MS`, and takes it back when it holds no longer. A person who dismisses it
 * does not see it again before that.
 *
 * @param {Store<PageState>} store
 * @param {(state: PageState) => boolean} isSo
 * @param {Subject} subject
 * @param {string} sentence
 * @param {string} [title]
 */
function warnWhile(store, isSo, subject, sentence, title = "") {
  let timer = 0;
  store.subscribe(isSo, (so) => {
    clearTimeout(timer);
    if (so) timer = setTimeout(() => store.set({ notices: say(store.state.notices, subject, sentence, { title }) }), LASTS_MS);
    else store.set({ notices: without(store.state.notices, subject) });
  });
}
