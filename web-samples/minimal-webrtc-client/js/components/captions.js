/**
 * Captions over the picture: two lines that roll up, one word at a time, the newest emphasised.
 *
 * @import { PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { byId, element } from "./elements.js";

const LINGER_MS = 2600; // How long the last words stay once nothing follows.
const FADE_MS = 700;

/** @param {Store<PageState>} store */
export function showCaptions(store) {
  const captions = new Captions(byId("captions", HTMLElement));
  store.subscribe(
    ({ caption }) => caption,
    (caption) => (caption ? captions.word(caption.word) : captions.clear()),
  );
}

class Captions {
  /** @type {HTMLElement | null} The line that is written. */
  #line = null;
  #fading = 0;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
  }

  /**
   * A word is heard now.
   *
   * @param {string} text
   */
  word(text) {
    clearTimeout(this.#fading);
    this.root.classList.remove("fading");
    const word = element("span", "", text);
    const line = this.#line ?? this.#newLine();
    this.root.querySelector(".now")?.classList.remove("now");
    put(line, word);
    const tall = 1.5 * parseFloat(getComputedStyle(line).lineHeight); // wrapped: the word belongs to the next line
    if (line.clientHeight > tall && line.children.length > 1) {
      word.remove();
      put(this.#newLine(), word);
    }
    word.classList.add("now");
    this.#fading = setTimeout(() => this.#fade(), LINGER_MS);
  }

  /** Everything is gone at once. */
  clear() {
    clearTimeout(this.#fading);
    this.root.replaceChildren();
    this.#line = null;
  }

  #newLine() {
    while (this.root.childElementCount > 1) this.root.firstElementChild?.remove();
    this.root.lastElementChild?.classList.add("past");
    this.#line = element("p");
    this.root.append(this.#line);
    return this.#line;
  }

  #fade() {
    this.root.classList.add("fading");
    this.#fading = setTimeout(() => this.clear(), FADE_MS);
  }
}

/**
 * @param {HTMLElement} line
 * @param {HTMLElement} word
 */
function put(line, word) {
  if (line.childElementCount) line.append(" ");
  line.append(word);
}
