/** Shows the conversation: question, answer as it is heard, its sources. */
import { element } from "./elements.js";

export class ConversationView {
  #shown = new Map();
  #follow = true; // unless the person reads further up

  constructor(root, conversation) {
    this.root = root;
    const box = root.parentElement;
    box.addEventListener("scroll", () => (this.#follow = box.scrollTop >= this.#end(box) - 40), { passive: true });
    new ResizeObserver(() => this.#keepingEnd(() => {})).observe(box);
    conversation.addEventListener("entry", ({ detail }) => this.#keepingEnd(() => this.#render(detail)));
    conversation.addEventListener("removed", ({ detail }) => this.#remove(detail));
  }

  #render(entry) {
    this.#follow ||= !this.#shown.has(entry); // a new question is always shown
    const shown = this.#shown.get(entry) ?? this.#add(entry);
    shown.question.textContent = entry.question;
    shown.question.hidden = !entry.question;
    shown.heard.textContent = entry.written.slice(0, entry.heard);
    shown.ahead.textContent = entry.written.slice(entry.heard);
    shown.answer.hidden = !entry.written && !entry.interrupted;
    shown.note.hidden = !entry.interrupted;
    shown.note.textContent = entry.written ? "interrupted" : "interrupted before a word was heard";
    shown.item.classList.toggle("waiting", !entry.written && !entry.finished);
    // A screen reader gets the answer once, when it is whole.
    shown.item.setAttribute("aria-busy", String(!entry.finished));
    for (const source of entry.sources.slice(shown.sources.childElementCount)) {
      shown.sources.append(card(source, shown.sources.childElementCount + 1));
    }
    shown.sources.hidden = !entry.sources.length;
    shown.doubts.textContent = `Not found in the documents: ${entry.doubts.map((sentence) => `“${sentence}”`).join(" ")}`;
    shown.doubts.hidden = !entry.doubts.length;
  }

  #add(entry) {
    const item = element("li", "turn");
    const question = element("p", "question");
    const answer = element("p", "answer");
    const heard = element("span", "heard");
    const ahead = element("span", "ahead");
    const note = element("span", "note");
    const dots = element("p", "dots");
    const doubts = element("p", "doubts");
    const sources = element("ul", "sources");
    sources.setAttribute("aria-label", "Sources");
    dots.setAttribute("aria-hidden", "true");
    dots.append(element("i"), element("i"), element("i"));
    answer.append(heard, ahead, " ", note);
    item.append(question, dots, answer, doubts, sources);
    this.root.append(item);
    const shown = { item, question, answer, heard, ahead, note, doubts, sources };
    this.#shown.set(entry, shown);
    return shown;
  }

  #remove(entry) {
    this.#shown.get(entry)?.item.remove();
    this.#shown.delete(entry);
  }

  /** The newest question stays in view with its answer below, unless the person is reading further up. */
  #keepingEnd(change) {
    const box = this.root.parentElement;
    change();
    if (this.#follow) box.scrollTop = this.#end(box);
  }

  /** As far down as one can go without losing the newest question. */
  #end(box) {
    const newest = this.root.lastElementChild;
    if (!newest) return 0;
    const top = newest.getBoundingClientRect().top - this.root.firstElementChild.getBoundingClientRect().top;
    return Math.min(box.scrollHeight - box.clientHeight, top);
  }
}

function card({ title, source, quote }, number) {
  const item = element("li", "source");
  const head = element("p", "title");
  head.append(element("span", "number", String(number)), element("cite", "", title || source));
  item.append(head, element("p", "path", source));
  if (quote) item.append(element("blockquote", "", quote));
  return item;
}
