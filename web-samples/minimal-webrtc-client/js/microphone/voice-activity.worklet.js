/** Runs on the audio thread: loudness of the voice band in frames of about 20 ms, and whether somebody speaks. */
import { VoiceActivity } from "./voice-activity.js";

const BLOCKS = 8; // of 128 samples: 21 ms at 48 kHz

class VoiceMeter extends AudioWorkletProcessor {
  #activity = new VoiceActivity({ frameMs: (BLOCKS * 128 * 1000) / sampleRate });
  #highPass = 1 - Math.exp((-2 * Math.PI * 150) / sampleRate); // Below it: hum, wind, a bumped desk.
  #lowPass = 1 - Math.exp((-2 * Math.PI * 4000) / sampleRate); // Above it: hiss, keys.
  #low = 0;
  #band = 0;
  #energy = 0;
  #blocks = 0;

  /** @param {Float32Array[][]} inputs blocks of 128 samples, by input and channel */
  process([input]) {
    for (const sample of input?.[0] ?? []) {
      this.#low += this.#highPass * (sample - this.#low);
      this.#band += this.#lowPass * (sample - this.#low - this.#band);
      this.#energy += this.#band * this.#band;
    }
    if (++this.#blocks === BLOCKS) this.#report();
    return true;
  }

  #report() {
    const db = 10 * Math.log10(this.#energy / (BLOCKS * 128) + 1e-12);
    this.port.postMessage({ db, speaking: this.#activity.frame(db) });
    this.#energy = this.#blocks = 0;
  }
}

registerProcessor("voice-meter", VoiceMeter);
