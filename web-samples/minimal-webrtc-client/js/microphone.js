/**
 * The microphone: asked for when its button is pressed, given back when it is pressed again.
 *
 * Events: `level` {level: 0..1}, `speech` {speaking}, `track` {track or null}, `trouble` {message}.
 */

const CONSTRAINTS = { audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } };
const QUIET_DB = -60;
const LOUD_DB = -18;

export class Microphone extends EventTarget {
  speaking = false;
  #stream = null;
  #context = null;

  get on() {
    return this.#stream !== null;
  }

  async toggle() {
    if (this.on) this.off();
    else await this.#open();
  }

  off() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#context?.close();
    this.#stream = this.#context = null;
    this.#heard({ db: -99, speaking: false });
    this.#tell("track", { track: null });
  }

  async #open() {
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
    } catch (error) {
      this.#tell("trouble", { message: sentence(error) });
      return;
    }
    const [track] = this.#stream.getAudioTracks();
    track.addEventListener("ended", () => {
      this.off();
      this.#tell("trouble", { message: "The microphone is gone. Plug it in again and press its button, or type." });
    });
    this.#tell("track", { track });
    this.#context = new AudioContext();
    await this.#context.audioWorklet.addModule(new URL("./voice-activity.worklet.js", import.meta.url));
    if (!this.#context) return; // Switched off meanwhile.
    const meter = new AudioWorkletNode(this.#context, "voice-meter", { numberOfOutputs: 0 });
    meter.port.onmessage = ({ data }) => this.on && this.#heard(data);
    this.#context.createMediaStreamSource(this.#stream).connect(meter);
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
