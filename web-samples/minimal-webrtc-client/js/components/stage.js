/**
 * The stage: the live face, the light around it, and what one can feel of the session's state.
 *
 * Between two connections the last picture stays, so that the face never turns into a black square.
 *
 * @import { PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { presence } from "../state/page-state.js";
import { pictured } from "../state/transitions.js";
import { lightRoom } from "./ambient.js";
import { byId } from "./elements.js";

const AMBIENT_MS = 700;
const BREATH_MS = 5500;

export class Stage {
  #store;
  #root = byId("stage", HTMLElement);
  #video = byId("face", HTMLVideoElement);
  #still = byId("still", HTMLCanvasElement);
  #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #lightRoom = lightRoom(this.#video);

  /** @param {Store<PageState>} store */
  constructor(store) {
    this.#store = store;
    store.subscribe(presence, (now) => (this.#root.dataset.state = now));
    store.subscribe(
      ({ voice }) => voice,
      (voice) => this.#root.toggleAttribute("data-hearing", voice),
    );
    store.subscribe(
      ({ peer }) => peer,
      (peer) => {
        if (peer === "connected") this.#thaw();
        else if (["new", "disconnected", "failed"].includes(peer)) this.#freeze();
      },
    );
    store.subscribe(
      ({ picture }) => picture,
      (picture) => {
        this.#root.toggleAttribute("data-still", picture === "still");
        this.#root.toggleAttribute("data-live", picture !== "none");
      },
    );
    setInterval(() => {
      if (store.state.picture === "live") this.#lightRoom();
    }, AMBIENT_MS);
  }

  /**
   * Shows this stream from its first picture on.
   *
   * @param {MediaStream} stream
   */
  show(stream) {
    this.#video.srcObject = stream;
    this.#thaw();
  }

  /**
   * The light: it follows the voice that is heard (`level`, 0 to 1) and breathes while the session listens. Steps of a tenth of
   * a second are enough for that, and leave a laptop cool where an endless animation would not.
   *
   * @param {number} level
   */
  shine(level) {
    if (this.#calm.matches) return;
    const now = presence(this.#store.state);
    const breath = 0.5 - 0.5 * Math.cos((performance.now() / BREATH_MS) * 2 * Math.PI);
    const light = now === "speaking" ? level : now === "listening" ? breath : 0;
    this.#root.style.setProperty("--light", light.toFixed(3));
  }

  /** Keeps the present picture in front until another one arrives. */
  #freeze() {
    if (this.#store.state.picture !== "live") return;
    this.#still.getContext("2d")?.drawImage(this.#video, 0, 0, this.#still.width, this.#still.height);
    this.#store.set({ picture: "still" });
  }

  /** The next picture that arrives takes the place of the kept one. */
  #thaw() {
    const next = () => {
      if (this.#store.state.peer !== "connected") return; // The connection broke again before it.
      this.#store.set(pictured(this.#store.state));
      this.#lightRoom(1);
    };
    if (this.#video.requestVideoFrameCallback) this.#video.requestVideoFrameCallback(next);
    else this.#video.addEventListener("timeupdate", next, { once: true });
  }
}
