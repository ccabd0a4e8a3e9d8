/**
 * Decides from the loudness of short frames when a person starts and stops speaking. Pure: frames in, a decision out.
 *
 * The noise floor follows the quietest recent sound: at once downwards, slowly upwards, and hardly at all during speech, so
 * that a fan is learnt and a sentence is not. Onset needs most of `onsetMs` above the floor by `marginDb`, so that a click or a
 * key stroke does not interrupt; release waits `releaseMs` of quiet, so that a breath does not end a sentence.
 */
export class VoiceActivity {
  speaking = false;
  floor = -60;
  #evidence = 0;

  constructor({ frameMs, onsetMs = 120, releaseMs = 700, marginDb = 12, quietestDb = -48 }) {
    Object.assign(this, { frameMs, onsetMs, releaseMs, marginDb, quietestDb });
  }

  /** One frame's loudness in dB below full scale. Returns whether somebody speaks now. */
  frame(db) {
    const rising = this.speaking ? 0.3 : 3; // dB a second
    if (db < this.floor) this.floor += (db - this.floor) * 0.3;
    else this.floor += Math.min(db - this.floor, (rising * this.frameMs) / 1000);
    this.floor = Math.max(this.floor, -90);
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

  #turn(speaking) {
    this.speaking = speaking;
    this.#evidence = 0;
  }
}
