/**
 * Browsers play no sound before a gesture. The face plays at once, muted if it must be; a tap, or the first question, brings
 * the sound.
 */

export class Sound {
  #wanted = true; // What the person wants; the browser may not allow it yet.

  constructor({ video, toggle, tap }) {
    Object.assign(this, { video, toggle, tap });
    toggle.addEventListener("click", () => this.#set(this.video.muted));
    tap.addEventListener("click", () => this.#set(true));
    video.addEventListener("volumechange", () => this.#show());
  }

  /** Starts playing, with sound where the browser lets us. */
  async play() {
    this.video.muted = !this.#wanted;
    try {
      await this.video.play();
    } catch (error) {
      if (error.name === "AbortError") return; // Another stream took this one's place; its own play() follows.
      this.video.muted = true;
      await this.video.play().catch(() => {}); // Muted video may always play; if the page is hidden it starts when shown.
    }
    this.#show();
  }

  /** The person did something (asked, tapped): a gesture, so sound may start, unless it was switched off on purpose. */
  gesture() {
    if (this.#wanted && this.video.muted) this.#set(true);
  }

  #set(on) {
    this.#wanted = on;
    this.video.muted = !on;
    if (this.video.paused && this.video.srcObject) this.play();
    this.#show();
  }

  #show() {
    const on = !this.video.muted;
    this.tap.hidden = on || !this.#wanted || !this.video.srcObject;
    this.toggle.setAttribute("aria-pressed", String(on));
    this.toggle.title = on ? "Sound is on" : "Sound is off";
    this.toggle.querySelector("use").setAttribute("href", on ? "#i-sound" : "#i-silent");
  }
}
