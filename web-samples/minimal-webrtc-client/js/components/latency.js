/** One turn's way from the question to the voice as labelled bars, and the live figures below. */
import { element } from "./elements.js";

/** The numbers are ms after the question came in; a spoken one comes in with the end of the voice. */
const STEPS = [
  ["end_of_turn_delay", "Question over"],
  ["rag_retrieval_latency", "Documents searched"],
  ["llm_ttft", "First word written"],
  ["llm_ttfs", "First clause ready"],
  ["tts_ttfb", "Voice begins"],
  ["tts_ttfa", "First voiced sound"],
  ["render_ttff", "Lips move"],
  ["e2e_latency", "Voice leaves"],
];
const GOAL = "e2e_latency";
const FIGURES = [
  ["interruption_detection_delay", "Interrupted after", "ms"],
  ["transcription_delay", "Transcribed in", "ms"],
  ["interruption_to_silence_ms", "Silent after", "ms"],
  ["av_skew_ms", "Lips − sound", "ms"],
  ["buffer_ms", "Buffered", "ms"],
  ["underruns_total", "Ran dry", "times"],
];

export class Waterfall {
  #metrics = {};
  #turn = 0;

  constructor({ waterfall, turn, live, glance }) {
    Object.assign(this, { waterfall, turn, live, glance });
    this.figures = new Map();
  }

  /** A turn's numbers; they may come in several messages. */
  metrics(event) {
    if (event.turn !== this.#turn) this.#startOver();
    this.#turn = event.turn;
    for (const [key, value] of Object.entries(event)) if (typeof value === "number") this.#metrics[key] = value;
    this.#draw();
  }

  /** What arrives right now. */
  stats({ fps, kbps, jitterMs, roundTripMs, lost }) {
    this.#figure(this.live, "Frames", fps.toFixed(1), "fps");
    this.#figure(this.live, "Rate", kbps >= 1000 ? (kbps / 1000).toFixed(2) : kbps.toFixed(0), kbps >= 1000 ? "Mbit/s" : "kbit/s");
    this.#figure(this.live, "Jitter", jitterMs.toFixed(0), "ms");
    this.#figure(this.live, "Round trip", roundTripMs.toFixed(0), "ms");
    this.#figure(this.live, "Lost", String(lost), lost === 1 ? "packet" : "packets");
    this.fps = fps;
    this.#look();
  }

  #draw() {
    // In the order in which they happened: the first sound does not wait for the first picture.
    const known = STEPS.filter(([key]) => key in this.#metrics).sort(([a], [b]) => this.#metrics[a] - this.#metrics[b]);
    const whole = Math.max(1, ...known.map(([key]) => this.#metrics[key]));
    const rows = [];
    let before = 0;
    for (const [key, label] of known) {
      const end = this.#metrics[key];
      const row = this.#row(label, before / whole, (end - before) / whole, `${Math.round(end)} ms`);
      row.classList.toggle("goal", key === GOAL);
      rows.push(row);
      before = end;
    }
    if (rows.length) {
      const list = element("ol", "steps");
      list.append(...rows);
      this.waterfall.replaceChildren(list);
    }
    for (const [key, label, unit] of FIGURES) {
      if (key in this.#metrics) this.#figure(this.turn, label, String(Math.round(this.#metrics[key])), unit);
    }
    this.#look();
  }

  #startOver() {
    this.#metrics = {};
    this.turn.replaceChildren();
    for (const [, label] of FIGURES) this.figures.delete(label);
  }

  #row(label, start, length, text) {
    const row = element("li", "step");
    const track = element("span", "track");
    const bar = element("span", "span");
    bar.style.setProperty("--start", start.toFixed(4));
    bar.style.setProperty("--length", length.toFixed(4));
    track.append(bar);
    row.append(element("span", "label", label), track, element("span", "ms", text));
    return row;
  }

  #figure(list, label, value, unit) {
    let shown = this.figures.get(label);
    if (!shown) {
      const box = element("div");
      shown = { value: element("b"), unit: element("small") };
      const data = element("dd");
      data.append(shown.value, " ", shown.unit);
      box.append(element("dt", "", label), data);
      list.append(box);
      this.figures.set(label, shown);
    }
    shown.value.textContent = value;
    shown.unit.textContent = unit;
  }

  /** The one line that shows when the panel is folded. */
  #look() {
    const voice = this.#metrics[GOAL];
    const parts = [voice !== undefined && `${Math.round(voice)} ms`, this.fps && `${this.fps.toFixed(0)} fps`];
    this.glance.textContent = parts.filter(Boolean).join(" · ");
  }
}
