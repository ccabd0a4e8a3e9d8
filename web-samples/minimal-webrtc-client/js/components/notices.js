/** What is wrong, a sentence each, one at a time per subject. */
import { element, icon } from "./elements.js";

export class Notices {
  #shown = new Map();

  constructor(root) {
    this.root = root;
  }

  /** Shows the sentence. `title` says whose; `forMs`: it goes away by itself. The same subject replaces its sentence. */
  say(subject, sentence, { title = "", forMs = 0 } = {}) {
    const known = this.#shown.get(subject);
    if (known?.sentence === sentence) return;
    this.clear(subject);
    const notice = element("div", "notice");
    const text = element("p");
    if (title) text.append(element("strong", "", /[.!?]$/.test(title) ? title : `${title}.`), " ");
    text.append(sentence);
    const close = element("button", "quiet");
    close.type = "button";
    close.setAttribute("aria-label", "Dismiss");
    close.append(icon("i-close"));
    close.addEventListener("click", () => this.clear(subject));
    notice.append(text, close);
    this.root.append(notice);
    this.#shown.set(subject, { sentence, notice, timer: forMs && setTimeout(() => this.clear(subject), forMs) });
  }

  clear(subject) {
    const known = this.#shown.get(subject);
    if (!known) return;
    clearTimeout(known.timer);
    known.notice.remove();
    this.#shown.delete(subject);
  }
}
