/** How long the quietest sound counts before the next stretch is judged. */
const MEMORY_MS = 1500;

/**
 * Decides from the loudness of short frames when a person starts and stops speaking. Pure: frames in, a decision out.
 *
 * The noise floor is the quietest recent sound: speech dips between its syllables and leaves it where it is, a fan does not
 * and is learnt within two stretches of `MEMORY_MS`. Onset needs most of `onsetMs` above the floor by `marginDb`, so that a click or a
 * key stroke does not interrupt; release waits `releaseMs` of quiet, so that a breath does not end a sentence.
 */
export class VoiceActivity {
  speaking = false;
  floor = -60;
  #evidence = 0;
  #quietest = 0; // of this stretch
  #stretch = 0; // ms

  /**
   * @param {object} options
   * @param {number} options.frameMs length of a frame
   * @param {number} [options.onsetMs]
   * @param {number} [options.releaseMs]
   * @param {number} [options.marginDb] how far above the noise floor a voice is
   * @param {number} [options.quietestDb] what is quieter than this is no voice, however quiet the room
   */
  constructor({ frameMs, onsetMs = 120, releaseMs = 700, marginDb = 12, quietestDb = -48 }) {
    this.frameMs = frameMs;
    this.onsetMs = onsetMs;
    this.releaseMs = releaseMs;
    this.marginDb = marginDb;
    this.quietestDb = quietestDb;
  }

  /**
   * One frame's loudness in dB below full scale. Returns whether somebody speaks now.
   *
   * @param {number} db
   */
  frame(db) {
    this.#learn(db);
    // While speaking, the quieter ends of words still count.
    const margin = this.speaking ? this.marginDb / 2 : this.marginDb;
    const voiced = db > Math.max(this.floor + margin, this.quietestDb);
    if (this.speaking) {
      this.#evidence = voiced ? 0 : this.#evidence + this.frameMs;
      if (this.#evidence >= this.releaseMs) this.#turn(false);
    } else {
      this.#evidence = Math.max(0, this.#evidence + (voiced ? this.frameMs : -2 * this.frameMs));
      if (this.#evidence >= this.onsetMs) this.#turn(true);
    }
    return this.speaking;
  }

  /** @param {number} db */
  #learn(db) {
    if (db < this.floor) this.floor = Math.max(-90, this.floor + (db - this.floor) * 0.3);
    this.#quietest = Math.min(this.#quietest, db);
    this.#stretch += this.frameMs;
    if (this.#stretch < MEMORY_MS) return;
    this.floor = Math.max(this.floor, this.#quietest);
    this.#quietest = this.#stretch = 0;
  }

  /** @param {boolean} speaking */
  #turn(speaking) {
    this.speaking = speaking;
    this.#evidence = 0;
  }
}
