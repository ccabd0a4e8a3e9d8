/**
 * What the person is saying right now, over the picture beside the avatar's captions. Blank: it is over, or it was nothing.
 *
 * @import { PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { byId, within } from "./elements.js";

/** @param {Store<PageState>} store */
export function showTranscript(store) {
  const root = byId("saying", HTMLElement);
  const text = within(root, "span", HTMLElement);
  store.subscribe(
    ({ saying }) => saying,
    (saying) => {
      text.textContent = saying;
      root.hidden = !saying;
      text.scrollTop = text.scrollHeight; // of a long sentence, its end
    },
  );
}
