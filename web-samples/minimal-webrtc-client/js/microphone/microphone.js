/**
 * The microphone: asked for when its button is pressed, given back when it is pressed again. Muted, it stays ours and sends
 * silence.
 *
 * @import { Device, MicrophoneState } from "../state/page-state.js"
 *
 * @typedef {object} MicrophoneListener
 * @property {(track: MediaStreamTrack | null) => void} track this one is to be sent; null: nothing
 * @property {(state: MicrophoneState) => void} changed
 * @property {(speaking: boolean) => void} speech the page's own detector hears a voice, or no more
 * @property {(level: number) => void} level loudness of the latest 20 ms, 0 to 1
 * @property {(sentence: string) => void} trouble
 */
import { remember, remembered } from "../memory.js";

const WISHES = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const KEY = "flashback.microphone";
const QUIET_DB = -60;
const LOUD_DB = -18;

export class Microphone {
  #listener;
  #speaking = false;
  #muted = false;
  /** @type {Device[]} */
  #devices = [];
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {Promise<void> | null} */
  #opening = null;

  /** @param {MicrophoneListener} listener */
  constructor(listener) {
    this.#listener = listener;
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#list());
  }

  get on() {
    return this.#stream !== null;
  }

  get muted() {
    return this.#muted;
  }

  set muted(muted) {
    this.#muted = muted;
    this.#stream?.getAudioTracks().forEach((track) => (track.enabled = !muted));
    this.#changed();
  }

  async toggle() {
    if (this.on) this.off();
    else await this.open();
  }

  /**
   * Uses this one from now on, and at the next visit.
   *
   * @param {string} id
   */
  async choose(id) {
    remember(KEY, id, { lasting: true });
    if (!this.on) return;
    this.off();
    await this.open();
  }

  off() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#context?.close();
    this.#stream = this.#context = null;
    this.#measured({ db: -99, speaking: false });
    this.#listener.track(null);
    this.#changed();
  }

  /** Resolves when it is on, or when it is said why it is not. Calls while one is under way share it. */
  open() {
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #open() {
    try {
      this.#stream = await lent(remembered(KEY, { lasting: true }));
    } catch (error) {
      this.#listener.trouble(sentence(error));
      return;
    }
    const [track] = this.#stream.getAudioTracks();
    if (!track) return; // Audio was asked for, so there is one.
    track.enabled = !this.#muted;
    track.addEventListener("ended", () => {
      this.off();
      this.#listener.trouble("The microphone is gone. Plug it in again and press its button, or type.");
    });
    this.#listener.track(track);
    this.#changed();
    // Not waited for: meanwhile another one may be chosen.
    this.#list();
    this.#measure(this.#stream);
  }

  /** @param {MediaStream} stream */
  async #measure(stream) {
    const context = (this.#context = new AudioContext());
    try {
      await context.audioWorklet.addModule(new URL("./voice-activity.worklet.js", import.meta.url));
    } catch (error) {
      if (context === this.#context) throw error;
    }
    if (context !== this.#context) return; // Switched off meanwhile.
    const meter = new AudioWorkletNode(context, "voice-meter", { numberOfOutputs: 0 });
    meter.port.onmessage = ({ data }) => {
      if (context === this.#context) this.#measured(data);
    };
    context.createMediaStreamSource(stream).connect(meter);
  }

  async #list() {
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.#devices = all
      .filter(({ kind, deviceId }) => kind === "audioinput" && deviceId)
      .map(({ deviceId, label }, i) => ({ id: deviceId, name: label || `Microphone ${i + 1}` }));
    this.#changed();
  }

  /** @param {{db: number, speaking: boolean}} measured */
  #measured({ db, speaking }) {
    this.#listener.level(Math.min(1, Math.max(0, (db - QUIET_DB) / (LOUD_DB - QUIET_DB))));
    if (speaking === this.#speaking) return;
    this.#speaking = speaking;
    this.#listener.speech(speaking);
  }

  #changed() {
    this.#listener.changed({
      on: this.on,
      muted: this.#muted,
      device: this.#stream?.getAudioTracks()[0]?.getSettings().deviceId ?? "",
      devices: this.#devices,
    });
  }
}

/**
 * The chosen microphone or, if it is not there any more, the one that the browser prefers.
 *
 * @param {string | null} deviceId
 */
async function lent(deviceId) {
  /** @param {MediaTrackConstraints} [more] */
  const ask = (more) => navigator.mediaDevices.getUserMedia({ audio: { ...WISHES, ...more } });
  if (!deviceId) return ask();
  try {
    return await ask({ deviceId: { exact: deviceId } });
  } catch (error) {
    if (error instanceof Error && ["OverconstrainedError", "NotFoundError"].includes(error.name)) return ask();
    throw error;
  }
}

/** @param {unknown} error */
function sentence(error) {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  switch (name) {
    case "NotAllowedError":
      return "The microphone is blocked for this page. Allow it in the browser's site settings; typing works as well.";
    case "NotFoundError":
      return "No microphone was found. Plug one in and press the button again, or type your question.";
    case "NotReadableError":
      return "Another program holds the microphone. Close it and press the button again, or type your question.";
    case "TypeError": // navigator.mediaDevices is missing
      return "Browsers lend the microphone to https pages and to localhost only. Typing works here as well.";
    default:
      return `The microphone does not work (${message || name}). Typing works as well.`;
  }
}
