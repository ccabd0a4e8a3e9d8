/**
 * The conversation: question, answer as it is heard, its sources. The newest question stays in view with its answer below,
 * unless the person is reading further up.
 *
 * @import { Entry } from "../state/conversation.js"
 * @import { PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { citationList, showCitations } from "./citations.js";
import { byId, element } from "./elements.js";

const NEAR_PX = 40; // So close to the end counts as being there.

/** @param {Store<PageState>} store */
export function showConversation(store) {
  const root = byId("conversation", HTMLElement);
  const box = root.parentElement ?? root;
  /** @type {Map<number, Turn>} */
  const turns = new Map();
  let following = true;

  const toEnd = () => {
    if (following) box.scrollTop = endOf(box, root);
  };
  box.addEventListener("scroll", () => (following = box.scrollTop >= endOf(box, root) - NEAR_PX), { passive: true });
  new ResizeObserver(toEnd).observe(box);

  store.subscribe(
    ({ conversation }) => conversation.entries,
    (entries) => {
      for (const [id, turn] of turns) {
        if (entries.some((entry) => entry.id === id)) continue;
        turn.item.remove();
        turns.delete(id);
      }
      for (const entry of entries) {
        const known = turns.get(entry.id);
        const turn = known ?? new Turn();
        turn.show(entry);
        if (known) continue;
        turns.set(entry.id, turn);
        root.append(turn.item);
        following = true; // A new question is always shown.
      }
      toEnd();
    },
  );
}

/** A question with its answer. */
class Turn {
  item = element("li", "turn");
  #question = element("p", "question");
  #answer = element("p", "answer");
  #heard = element("span", "heard");
  #ahead = element("span", "ahead");
  #note = element("span", "note");
  #doubts = element("p", "doubts");
  #citations = citationList();
  /** @type {Entry | null} */
  #shown = null;

  constructor() {
    const dots = element("p", "dots");
    dots.setAttribute("aria-hidden", "true");
    dots.append(element("i"), element("i"), element("i"));
    this.#answer.append(this.#heard, this.#ahead, " ", this.#note);
    this.item.append(this.#question, dots, this.#answer, this.#doubts, this.#citations);
  }

  /** @param {Entry} entry */
  show(entry) {
    if (entry === this.#shown) return;
    this.#shown = entry;
    const { question, written, heard, interrupted, finished, sources, doubts } = entry;
    this.#question.textContent = question;
    this.#question.hidden = !question;
    this.#heard.textContent = written.slice(0, heard);
    this.#ahead.textContent = written.slice(heard);
    this.#answer.hidden = !written && !interrupted;
    this.#note.hidden = !interrupted;
    this.#note.textContent = written ? "interrupted" : "interrupted before a word was heard";
    this.item.classList.toggle("waiting", !written && !finished);
    // A screen reader gets the answer once, when it is whole.
    this.item.setAttribute("aria-busy", String(!finished));
    showCitations(this.#citations, sources);
    this.#doubts.textContent = `Not found in the documents: ${doubts.map((sentence) => `“${sentence}”`).join(" ")}`;
    this.#doubts.hidden = !doubts.length;
  }
}

/**
 * As far down as one can go without losing the newest question.
 *
 * @param {HTMLElement} box
 * @param {HTMLElement} root
 */
function endOf(box, root) {
  const [oldest, newest] = [root.firstElementChild, root.lastElementChild];
  if (!oldest || !newest) return 0;
  const top = newest.getBoundingClientRect().top - oldest.getBoundingClientRect().top;
  return Math.min(box.scrollHeight - box.clientHeight, top);
}
