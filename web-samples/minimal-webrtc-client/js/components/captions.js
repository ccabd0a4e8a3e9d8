/** Captions over the picture: two lines that roll up, one word at a time, the newest emphasised. */

const LINGER_MS = 2600; // How long the last words stay once nothing follows.

export class Captions {
  #line = null;
  #fading = 0;

  constructor(root) {
    this.root = root;
  }

  /** A word is being heard now. */
  word(text) {
    clearTimeout(this.#fading);
    this.root.classList.remove("fading");
    const word = document.createElement("span");
    word.textContent = text;
    this.#line ??= this.#newLine();
    this.root.querySelector(".now")?.classList.remove("now");
    this.#put(word);
    const tall = 1.5 * parseFloat(getComputedStyle(this.#line).lineHeight); // wrapped: the word belongs to the next line
    if (this.#line.clientHeight > tall && this.#line.children.length > 1) {
      word.remove();
      this.#line = this.#newLine();
      this.#put(word);
    }
    word.classList.add("now");
    this.#fading = setTimeout(() => this.#fade(), LINGER_MS);
  }

  /** Everything is gone at once: interrupted. */
  clear() {
    clearTimeout(this.#fading);
    this.root.replaceChildren();
    this.#line = null;
  }

  #put(word) {
    if (this.#line.childElementCount) this.#line.append(" ");
    this.#line.append(word);
  }

  #newLine() {
    while (this.root.childElementCount > 1) this.root.firstElementChild.remove();
    this.root.lastElementChild?.classList.add("past");
    const line = document.createElement("p");
    this.root.append(line);
    return line;
  }

  #fade() {
    this.root.classList.add("fading");
    this.#fading = setTimeout(() => this.clear(), 700);
  }
}
