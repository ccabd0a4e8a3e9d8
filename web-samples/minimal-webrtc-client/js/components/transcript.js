/** What the person is saying right now, over the picture beside the avatar's captions. */

export class Saying {
  constructor(root) {
    this.root = root;
    this.text = root.querySelector("span");
  }

  /** The words so far; none: they are over, or it was nothing. */
  show(words) {
    this.text.textContent = words;
    this.root.hidden = !words;
    this.text.scrollTop = this.text.scrollHeight; // of a long sentence, its end
  }
}
