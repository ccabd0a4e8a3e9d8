/**
 * The microphone: asked for when its button is pressed, given back when it is pressed again. Muted, it stays ours and sends
 * silence.
 *
 * Events: `level` {level: 0..1}, `speech` {speaking}, `track` {track or null}, `muted`, `devices` (the list or the choice is
 * another), `trouble` {message}.
 */
import { remember, remembered } from "../memory.js";

const WISHES = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const KEY = "flashback.microphone";
const QUIET_DB = -60;
const LOUD_DB = -18;

export class Microphone extends EventTarget {
  speaking = false;
  /** The microphones there are, as {id, name}; names are known once one was lent. */
  devices = [];
  #muted = false;
  #stream = null;
  #context = null;
  #opening = null;

  constructor() {
    super();
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
    this.dispatchEvent(new Event("muted"));
  }

  /** The id of the microphone that is in use. */
  get device() {
    return this.#stream?.getAudioTracks()[0].getSettings().deviceId ?? "";
  }

  async toggle() {
    if (this.on) this.off();
    else await this.open();
  }

  /** Use this one from now on, and at the next visit. */
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
    this.#heard({ db: -99, speaking: false });
    this.#tell("track", { track: null });
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
      this.#tell("trouble", { message: sentence(error) });
      return;
    }
    const [track] = this.#stream.getAudioTracks();
    track.enabled = !this.#muted;
    track.addEventListener("ended", () => {
      this.off();
      this.#tell("trouble", { message: "The microphone is gone. Plug it in again and press its button, or type." });
    });
    this.#tell("track", { track });
    // Not waited for: meanwhile another one may be chosen.
    this.#list();
    this.#measure();
  }

  async #measure() {
    const context = (this.#context = new AudioContext());
    try {
      await context.audioWorklet.addModule(new URL("./voice-activity.worklet.js", import.meta.url));
    } catch (error) {
      if (context === this.#context) throw error;
    }
    if (context !== this.#context) return; // Switched off meanwhile.
    const meter = new AudioWorkletNode(context, "voice-meter", { numberOfOutputs: 0 });
    meter.port.onmessage = ({ data }) => context === this.#context && this.#heard(data);
    context.createMediaStreamSource(this.#stream).connect(meter);
  }

  async #list() {
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.devices = all
      .filter(({ kind, deviceId }) => kind === "audioinput" && deviceId)
      .map(({ deviceId, label }, i) => ({ id: deviceId, name: label || `Microphone ${i + 1}` }));
    this.dispatchEvent(new Event("devices"));
  }

  #heard({ db, speaking }) {
    this.#tell("level", { level: Math.min(1, Math.max(0, (db - QUIET_DB) / (LOUD_DB - QUIET_DB))) });
    if (speaking === this.speaking) return;
    this.speaking = speaking;
    this.#tell("speech", { speaking });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** The chosen microphone; where that is not there any more, whichever the browser prefers. */
async function lent(deviceId) {
  const ask = (more) => navigator.mediaDevices.getUserMedia({ audio: { ...WISHES, ...more } });
  if (!deviceId) return ask();
  try {
    return await ask({ deviceId: { exact: deviceId } });
  } catch (error) {
    if (["OverconstrainedError", "NotFoundError"].includes(error.name)) return ask();
    throw error;
  }
}

function sentence(error) {
  switch (error.name) {
    case "NotAllowedError":
      return "The microphone is blocked for this page. Allow it in the browser's site settings; typing works as well.";
    case "NotFoundError":
      return "No microphone was found. Plug one in and press the button again, or type your question.";
    case "NotReadableError":
      return "Another program holds the microphone. Close it and press the button again, or type your question.";
    case "TypeError": // navigator.mediaDevices is missing
      return "Browsers lend the microphone to https pages and to localhost only. Typing works here as well.";
    default:
      return `The microphone does not work (${error.message || error.name}). Typing works as well.`;
  }
}
