/**
 * Behind the answer: one turn's way from the question to the voice as labelled bars, the figures of the turn and of what
 * arrives live, and the one line that shows when the panel is folded.
 *
 * @import { PageState, Reception, TurnMetrics } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { byId, element } from "./elements.js";

/**
 * The numbers are ms after the question came in; a spoken one comes in with the end of the voice.
 *
 * @type {readonly [name: string, label: string][]}
 */
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
/** @type {readonly [name: string, label: string, unit: string][]} */
const FIGURES = [
  ["interruption_detection_delay", "Interrupted after", "ms"],
  ["transcription_delay", "Transcribed in", "ms"],
  ["interruption_to_silence_ms", "Silent after", "ms"],
  ["av_skew_ms", "Lips − sound", "ms"],
  ["buffer_ms", "Buffered", "ms"],
  ["underruns_total", "Ran dry", "times"],
];

/** @param {Store<PageState>} store */
export function showLatency(store) {
  const waterfall = byId("waterfall", HTMLElement);
  const turn = byId("turn", HTMLElement);
  const live = byId("live", HTMLElement);
  const glance = byId("glance", HTMLElement);
  store.subscribe(
    ({ metrics }) => metrics,
    (metrics) => {
      const rows = steps(metrics);
      if (rows.length) {
        const list = element("ol", "steps");
        list.append(...rows);
        waterfall.replaceChildren(list);
      }
      turn.replaceChildren(...figures(metrics));
    },
  );
  store.subscribe(
    ({ reception }) => reception,
    (reception) => live.replaceChildren(...liveFigures(reception)),
  );
  store.subscribe(atAGlance, (text) => (glance.textContent = text));
}

/**
 * A bar for every step, in the order in which they happened: the first sound does not wait for the first picture.
 *
 * @param {TurnMetrics} metrics
 */
function steps({ values }) {
  const known = STEPS.map(([name, label]) => ({ name, label, end: values[name] ?? NaN }))
    .filter(({ end }) => !Number.isNaN(end))
    .sort((a, b) => a.end - b.end);
  const whole = Math.max(1, ...known.map(({ end }) => end));
  return known.map(({ name, label, end }, i) => {
    const before = known[i - 1]?.end ?? 0;
    const row = step(label, before / whole, (end - before) / whole, `${Math.round(end)} ms`);
    row.classList.toggle("goal", name === GOAL);
    return row;
  });
}

/**
 * @param {string} label
 * @param {number} start of the bar, 0 to 1
 * @param {number} length of the bar, 0 to 1
 * @param {string} text
 */
function step(label, start, length, text) {
  const row = element("li", "step");
  const track = element("span", "track");
  const bar = element("span", "span");
  bar.style.setProperty("--start", start.toFixed(4));
  bar.style.setProperty("--length", length.toFixed(4));
  track.append(bar);
  row.append(element("span", "label", label), track, element("span", "ms", text));
  return row;
}

/** @param {TurnMetrics} metrics */
function figures({ values }) {
  return FIGURES.flatMap(([name, label, unit]) => {
    const value = values[name];
    return value === undefined ? [] : [figure(label, String(Math.round(value)), unit)];
  });
}

/** @param {Reception} reception */
function liveFigures({ fps, kbps, jitterMs, roundTripMs, lost }) {
  return [
    figure("Frames", fps.toFixed(1), "fps"),
    kbps >= 1000 ? figure("Rate", (kbps / 1000).toFixed(2), "Mbit/s") : figure("Rate", kbps.toFixed(0), "kbit/s"),
    figure("Jitter", jitterMs.toFixed(0), "ms"),
    figure("Round trip", roundTripMs.toFixed(0), "ms"),
    figure("Lost", String(lost), lost === 1 ? "packet" : "packets"),
  ];
}

/**
 * @param {string} label
 * @param {string} value
 * @param {string} unit
 */
function figure(label, value, unit) {
  const box = element("div");
  const data = element("dd");
  data.append(element("b", "", value), " ", element("small", "", unit));
  box.append(element("dt", "", label), data);
  return box;
}

/** @param {PageState} state */
function atAGlance({ metrics, reception }) {
  const voice = metrics.values[GOAL];
  const parts = [voice !== undefined && `${Math.round(voice)} ms`, reception.fps && `${reception.fps.toFixed(0)} fps`];
  return parts.filter(Boolean).join(" · ");
}
