/**
 * The stage: the live face, the light around it, and what one can feel of the session's state.
 *
 * Between two connections the last picture stays, so that the face never turns into a black square.
 */

const LABELS = { connecting: "Connecting", listening: "Listening", thinking: "Thinking", speaking: "Speaking", paused: "Listening", away: "Reconnecting" };
const AMBIENT_MS = 700;
const SPOTS = 6; // The room knows the picture as this many spots of colour each way.
const BREATH_MS = 5500;

export class Stage {
  #state = "connecting";
  #ears = false;

  constructor({ root, video, still, ambient, label }) {
    Object.assign(this, { root, video, label });
    this.still = still.getContext("2d");
    this.ambient = ambient.getContext("2d");
    this.ambient.imageSmoothingQuality = "high";
    this.spots = Object.assign(document.createElement("canvas"), { width: SPOTS, height: SPOTS }).getContext("2d");
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    setInterval(() => this.#glow(), AMBIENT_MS);
  }

  get state() {
    return this.#state;
  }

  /** connecting, listening, thinking, speaking, paused (it listens in the middle of speaking) or away. */
  set state(state) {
    this.#state = state;
    this.#show();
  }

  /** Whether somebody listens to an open microphone: otherwise the label does not claim it. */
  set ears(on) {
    this.#ears = on;
    this.#show();
  }

  /** The person is speaking. */
  set hearing(on) {
    this.root.toggleAttribute("data-hearing", on);
  }

  /**
   * The light: it follows the voice that is heard (`level`, 0 to 1) and breathes while the session listens. Steps of a tenth of
   * a second are enough for that, and leave a laptop cool where an endless animation would not.
   */
  shine(level) {
    if (this.calm.matches) return;
    const breath = 0.5 - 0.5 * Math.cos((performance.now() / BREATH_MS) * 2 * Math.PI);
    const light = this.#state === "speaking" ? level : this.#state === "listening" ? breath : 0;
    this.root.style.setProperty("--light", light.toFixed(3));
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
    this.spots.globalAlpha = weight;
    this.spots.drawImage(this.video, 0, 0, SPOTS, SPOTS);
    const { width, height } = this.ambient.canvas;
    const fall = this.ambient.createRadialGradient(width / 2, height / 2, 0, width / 2, height / 2, width / 2);
    fall.addColorStop(0, "#000c");
    fall.addColorStop(0.6, "#0005");
    fall.addColorStop(1, "#0000");
    this.ambient.globalCompositeOperation = "copy";
    this.ambient.drawImage(this.spots.canvas, 0, 0, width, height);
    this.ambient.globalCompositeOperation = "destination-in";
    this.ambient.fillStyle = fall;
    this.ambient.fillRect(0, 0, width, height);
  }
}
