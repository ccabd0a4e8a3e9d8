/**
 * The conversation as a model: one entry a turn, built from the session's events. No page in here.
 *
 * Entry: {turn, question, written, heard, interrupted, finished, sources, doubts}. `written` is the text so far, `heard` how
 * many of its characters have sounded; `doubts` are sentences of it that the documents do not bear out.
 */

const AHEAD_WORDS = 8; // How far a spoken word may differ from the written ones ("15" is spoken "fifteen") and be found again.

export class Conversation extends EventTarget {
  entries = [];
  #newest = 0;
  #closed = 0; // Highest interrupted turn: nothing of it follows.

  /** A question typed here; its turn is known when the session's events name it. */
  ask(question) {
    const entry = blank(null, question);
    this.entries.push(entry);
    this.#changed(entry);
    return entry;
  }

  /** An answer that came without the control channel. */
  answered(entry, { text, citations = [], unsupported = [] }) {
    if (entry.turn !== null) return; // Its events came after all.
    entry.turn = 0;
    entry.written = text;
    entry.sources = citations.map(({ source, title, quote }) => ({ source, title, quote }));
    entry.doubts = unsupported.map((sentence) => sentence.text);
    this.#finish(entry);
  }

  /** The question got no answer; it leaves no trace. */
  withdraw(entry) {
    this.entries = this.entries.filter((e) => e !== entry);
    this.dispatchEvent(new CustomEvent("removed", { detail: entry }));
  }

  /** Another session, whose turns count from the start; what was said stays. */
  restart() {
    this.#newest = this.#closed = 0;
    for (const entry of this.entries) {
      this.#finish(entry);
      entry.turn = 0;
    }
  }

  /** Whether this message is the late rest of an interrupted turn. */
  isStale({ type, turn }) {
    return turn > 0 && turn <= this.#closed && ["caption", "citation", "unsupported", "answer_delta", "playback"].includes(type);
  }

  receive(event) {
    if (this.isStale(event)) return;
    switch (event.type) {
      case "state":
        this.#state(event);
        break;
      case "transcript":
        this.#said(event);
        break;
      case "answer_delta":
        this.#change(event.turn, (entry) => (entry.written += event.text));
        break;
      case "caption":
        this.#change(event.turn, (entry) => hear(entry, event.word));
        break;
      case "citation":
        this.#change(event.turn, (entry) => cite(entry, event));
        break;
      case "unsupported":
        this.#change(event.turn, (entry) => entry.doubts.push(event.text));
        break;
      case "playback":
        if (event.phase === "finished") this.#finish(this.#entry(event.turn));
        break;
      case "interrupted":
        this.#interrupted(event);
        break;
    }
  }

  #state({ state, turn }) {
    if (state === "thinking") this.#entry(turn);
    this.#newest = Math.max(this.#newest, turn);
    if (state !== "listening") return;
    // Whatever was missed of them: turns are over when the session listens again.
    for (const entry of this.entries) if (entry.turn !== null && entry.turn <= turn) this.#finish(entry);
  }

  /** A question that was added to while the answer was thought about takes the place of its beginning. */
  #said({ text, final, turn }) {
    if (!final || !text) return;
    const before = this.entries.findLast((e) => e.turn !== turn);
    if (before?.interrupted && !before.written && before.question && text.startsWith(before.question)) this.withdraw(before);
    this.#change(turn, (entry) => (entry.question ||= text));
  }

  #interrupted({ turn, heard_text: heardText }) {
    this.#closed = Math.max(this.#closed, turn);
    const entry = this.entries.find((e) => e.turn === turn);
    if (!entry) return;
    entry.interrupted = true;
    entry.finished = false;
    entry.written = heardText ?? "";
    entry.doubts = entry.doubts.filter((sentence) => entry.written.includes(sentence));
    this.#finish(entry);
  }

  #finish(entry) {
    if (entry.finished) return;
    entry.finished = true;
    entry.heard = entry.written.length;
    this.#changed(entry);
  }

  #change(turn, change) {
    const entry = this.#entry(turn);
    change(entry);
    this.#changed(entry);
  }

  /** The turn's entry: a known one, else the question that waits for its turn, else one asked elsewhere. */
  #entry(turn) {
    let entry = this.entries.find((e) => e.turn === turn);
    if (entry) return entry;
    entry = turn > this.#newest && this.entries.find((e) => e.turn === null);
    if (!entry) this.entries.push((entry = blank(turn, "")));
    entry.turn = turn;
    this.#newest = Math.max(this.#newest, turn);
    this.#changed(entry);
    return entry;
  }

  #changed(entry) {
    this.dispatchEvent(new CustomEvent("entry", { detail: entry }));
  }
}

function blank(turn, question) {
  return { turn, question, written: "", heard: 0, interrupted: false, finished: false, sources: [], doubts: [] };
}

function cite(entry, { source, title, quote }) {
  if (!entry.sources.some((s) => s.source === source && s.quote === quote)) entry.sources.push({ source, title, quote });
}

/** Moves `heard` behind the word. Words that were not written as they are spoken are caught up with at the next match. */
function hear(entry, word) {
  const wanted = bare(word);
  const token = /\S+/g;
  token.lastIndex = entry.heard;
  for (let n = 0; n < AHEAD_WORDS; n++) {
    const match = token.exec(entry.written);
    if (!match) break;
    if (bare(match[0]) === wanted) {
      entry.heard = token.lastIndex;
      return;
    }
  }
  if (entry.heard === entry.written.length) {
    // Heard, but never written: what sounds is what counts.
    entry.written += (entry.written ? " " : "") + word;
    entry.heard = entry.written.length;
  }
}

function bare(word) {
  return word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}
