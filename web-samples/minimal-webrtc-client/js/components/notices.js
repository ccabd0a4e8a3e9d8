/**
 * What is wrong, a sentence each; it can be dismissed, and some go away by themselves.
 *
 * @import { Notice, Subject } from "../state/notices.js"
 * @import { PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { without } from "../state/notices.js";
import { byId, element, icon } from "./elements.js";

/** @param {Store<PageState>} store */
export function showNotices(store) {
  const root = byId("notices", HTMLElement);
  /** @type {Map<Notice, {box: HTMLElement, timer: number}>} */
  const shown = new Map();
  const dismiss = (/** @type {Subject} */ subject) => store.set({ notices: without(store.state.notices, subject) });

  store.subscribe(
    ({ notices }) => notices,
    (notices) => {
      for (const [notice, { box, timer }] of shown) {
        if (notices.includes(notice)) continue;
        clearTimeout(timer);
        box.remove();
        shown.delete(notice);
      }
      for (const notice of notices.filter((notice) => !shown.has(notice))) {
        const box = boxOf(notice, () => dismiss(notice.subject));
        root.append(box);
        shown.set(notice, { box, timer: notice.forMs && setTimeout(() => dismiss(notice.subject), notice.forMs) });
      }
    },
  );
}

/**
 * @param {Notice} notice
 * @param {() => void} dismiss
 */
function boxOf({ title, sentence }, dismiss) {
  const box = element("div", "notice");
  const text = element("p");
  if (title) text.append(element("strong", "", /[.!?]$/.test(title) ? title : `${title}.`), " ");
  text.append(sentence);
  const close = element("button", "quiet");
  close.type = "button";
  close.setAttribute("aria-label", "Dismiss");
  close.append(icon("i-close"));
  close.addEventListener("click", dismiss);
  box.append(text, close);
  return box;
}
