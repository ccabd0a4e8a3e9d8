/**
 * The stage: the live face, the light around it, and what one can feel of the session's state.
 *
 * Between two connections the last picture stays, so that the face never turns into a black square.
 */

const LABELS = { connecting: "Connecting", listening: "Listening", thinking: "Thinking", speaking: "Speaking", away: "Reconnecting" };
const AMBIENT_MS = 700;

export class Stage {
  #state = "connecting";
  #ears = false;

  constructor({ root, video, still, ambient, label }) {
    Object.assign(this, { root, video, label });
    this.still = still.getContext("2d");
    this.ambient = ambient.getContext("2d");
    setInterval(() => this.#glow(), AMBIENT_MS);
  }

  get state() {
    return this.#state;
  }

  /** connecting, listening, thinking, speaking or away. */
  set state(state) {
    this.#state = state;
    this.#show();
  }

  /** Whether the microphone is on: without it nobody listens, and the label does not claim it. */
  set ears(on) {
    this.#ears = on;
    this.#show();
  }

  /** The person is speaking. */
  set hearing(on) {
    this.root.toggleAttribute("data-hearing", on);
  }

  /** Loudness of the voice that is heard, 0 to 1: the light follows it. */
  set level(level) {
    this.root.style.setProperty("--level", level.toFixed(3));
  }

  /** Keeps the present picture in front until another one arrives. */
  freeze() {
    if (!this.video.videoWidth || this.root.hasAttribute("data-still")) return;
    const { canvas } = this.still;
    this.still.drawImage(this.video, 0, 0, canvas.width, canvas.height);
    this.root.setAttribute("data-still", "");
  }

  /** Shows this stream; resolves at its first picture. */
  show(stream) {
    this.video.srcObject = stream;
    return this.thaw();
  }

  /** The next picture that arrives takes the place of the kept one. */
  thaw() {
    return new Promise((resolve) => {
      const next = () => {
        this.root.removeAttribute("data-still");
        this.root.setAttribute("data-live", "");
        this.#glow(1);
        resolve();
      };
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
      else this.video.addEventListener("timeupdate", next, { once: true });
    });
  }

  #show() {
    this.root.dataset.state = this.#state;
    this.label.textContent = this.#state === "listening" && !this.#ears ? "Ready" : LABELS[this.#state];
  }

  /** The room takes the colour of the picture, slowly. */
  #glow(weight = 0.3) {
    if (!this.video.videoWidth || document.hidden || this.root.hasAttribute("data-still")) return;
    const { canvas } = this.ambient;
    this.ambient.globalAlpha = weight;
    this.ambient.drawImage(this.video, 0, 0, canvas.width, canvas.height);
  }
}
