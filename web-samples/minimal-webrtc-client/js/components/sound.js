/**
 * Browsers play no sound before a gesture. The face plays at once, muted if it must be; a tap, or the first question, brings
 * the sound.
 *
 * @import { PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { byId, redraw } from "./elements.js";

export class Sound {
  #store;
  #wanted = true; // What the person wants; the browser may not allow it yet.
  #video = byId("face", HTMLVideoElement);
  #toggle = byId("sound", HTMLButtonElement);
  #tap = byId("tap", HTMLButtonElement);

  /** @param {Store<PageState>} store */
  constructor(store) {
    this.#store = store;
    this.#toggle.addEventListener("click", () => this.#switch(this.#video.muted));
    this.#tap.addEventListener("click", () => this.#switch(true));
    this.#video.addEventListener("volumechange", () => this.#changed());
    byId("stage", HTMLElement).addEventListener("click", () => this.gesture());
    store.subscribe(
      ({ sound }) => sound,
      ({ on, offered }) => {
        this.#tap.hidden = !offered;
        this.#toggle.setAttribute("aria-pressed", String(on));
        this.#toggle.title = on ? "Sound is on" : "Sound is off";
        redraw(this.#toggle, on ? "i-sound" : "i-silent");
      },
    );
  }

  /** Starts playing, with sound where the browser lets us. */
  async play() {
    this.#video.muted = !this.#wanted;
    try {
      await this.#video.play();
    } catch (error) {
      // Another stream took this one's place; its own play() follows.
      if (error instanceof Error && error.name === "AbortError") return;
      this.#video.muted = true;
      await this.#video.play().catch(() => {}); // Muted video may always play; if the page is hidden it starts when shown.
    }
    this.#changed();
  }

  /** The person did something (asked, tapped): a gesture, so sound may start, unless it was switched off on purpose. */
  gesture() {
    if (this.#wanted && this.#video.muted) this.#switch(true);
  }

  /** @param {boolean} on */
  #switch(on) {
    this.#wanted = on;
    this.#video.muted = !on;
    if (this.#video.paused && this.#video.srcObject) this.play();
    this.#changed();
  }

  #changed() {
    const on = !this.#video.muted;
    this.#store.set({ sound: { on, offered: !on && this.#wanted && this.#video.srcObject !== null } });
  }
}
