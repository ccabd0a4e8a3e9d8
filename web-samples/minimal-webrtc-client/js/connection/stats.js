/** What the browser receives, read from the connection's own statistics. */

const EVERY_MS = 1000;
const STALLED_SAMPLES = 2;

export class Stats extends EventTarget {
  fps = 0;
  kbps = 0;
  jitterMs = 0;
  roundTripMs = 0;
  lost = 0;
  audioLevel = 0;
  audioEnergy = 0;
  freezes = 0;
  stalled = false; // Connected, but no picture for a while: the avatar is being brought back.
  #still = 0;
  #before = null;

  constructor(session) {
    super();
    this.session = session;
    setInterval(() => this.#sample(), EVERY_MS);
  }

  /** Loudness of the voice as it is played right now, 0 to 1, whether or not the page is muted. */
  async voice() {
    const report = await this.session.receiver("audio")?.getStats();
    for (const entry of report?.values() ?? []) {
      if (entry.type !== "inbound-rtp") continue;
      this.audioEnergy = entry.totalAudioEnergy ?? 0;
      this.audioLevel = entry.audioLevel ?? 0;
    }
    return this.audioLevel;
  }

  async #sample() {
    const report = await this.session.connection?.getStats();
    if (!report || document.hidden) return;
    const now = { bytes: 0, frames: 0, at: performance.now() };
    this.lost = 0;
    for (const entry of report.values()) {
      if (entry.type === "inbound-rtp") {
        now.bytes += entry.bytesReceived;
        this.lost += entry.packetsLost;
        if (entry.kind === "video") {
          now.frames = entry.framesDecoded;
          this.freezes = entry.freezeCount ?? 0;
        } else this.jitterMs = entry.jitter * 1000;
      } else if (entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded") {
        this.roundTripMs = (entry.currentRoundTripTime ?? 0) * 1000;
      }
    }
    const before = this.#before;
    this.#before = now;
    if (!before || now.frames < before.frames) return; // The first look at this connection.
    const seconds = (now.at - before.at) / 1000;
    this.fps = (now.frames - before.frames) / seconds;
    this.kbps = ((now.bytes - before.bytes) * 8) / 1000 / seconds;
    this.#still = this.fps ? 0 : this.#still + 1;
    this.stalled = this.#still >= STALLED_SAMPLES;
    this.dispatchEvent(new Event("sample"));
  }
}
