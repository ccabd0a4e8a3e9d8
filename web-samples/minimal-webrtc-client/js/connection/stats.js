/**
 * What the browser receives, read from the connection's own statistics.
 *
 * @import { Reception } from "../state/page-state.js"
 * @import { Session } from "./session.js"
 */

const EVERY_MS = 1000;
const STALLED_SAMPLES = 2;

export class Stats {
  /** Loudness of the voice as it was last read, 0 to 1. */
  audioLevel = 0;
  /** Energy of the voice since the connection began. */
  audioEnergy = 0;
  #session;
  #sampled;
  #still = 0;
  /** @type {{bytes: number, frames: number, at: number} | null} */
  #before = null;

  /**
   * @param {Session} session
   * @param {(reception: Reception) => void} sampled called every second with what came in it
   */
  constructor(session, sampled) {
    this.#session = session;
    this.#sampled = sampled;
    setInterval(() => this.#sample(), EVERY_MS);
  }

  /** Loudness of the voice as it is played right now, 0 to 1, whether or not the page is muted. */
  async voice() {
    const report = await this.#session.receiver("audio")?.getStats();
    for (const entry of report?.values() ?? []) {
      if (entry.type !== "inbound-rtp") continue;
      this.audioEnergy = entry.totalAudioEnergy ?? 0;
      this.audioLevel = entry.audioLevel ?? 0;
    }
    return this.audioLevel;
  }

  async #sample() {
    const report = await this.#session.connection?.getStats();
    if (!report || document.hidden) return;
    const now = { bytes: 0, frames: 0, at: performance.now() };
    let [lost, freezes, jitterMs, roundTripMs] = [0, 0, 0, 0];
    for (const entry of report.values()) {
      if (entry.type === "inbound-rtp") {
        now.bytes += entry.bytesReceived;
        lost += entry.packetsLost;
        if (entry.kind === "video") {
          now.frames = entry.framesDecoded;
          freezes = entry.freezeCount ?? 0;
        } else jitterMs = entry.jitter * 1000;
      } else if (entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded") {
        roundTripMs = (entry.currentRoundTripTime ?? 0) * 1000;
      }
    }
    const before = this.#before;
    this.#before = now;
    if (!before || now.frames < before.frames) return; // The first look at this connection.
    const seconds = (now.at - before.at) / 1000;
    const fps = (now.frames - before.frames) / seconds;
    const kbps = ((now.bytes - before.bytes) * 8) / 1000 / seconds;
    this.#still = fps ? 0 : this.#still + 1;
    this.#sampled({ fps, kbps, jitterMs, roundTripMs, lost, freezes, stalled: this.#still >= STALLED_SAMPLES });
  }
}
