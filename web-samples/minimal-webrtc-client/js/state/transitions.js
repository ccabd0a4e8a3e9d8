/**
 * What happens, as pure functions: the state before in, the parts of it that are another value out.
 *
 * @import { Message, Metrics } from "../messages.js"
 * @import { MicrophoneState, PageState, TurnMetrics } from "./page-state.js"
 */
import { asked, continued, isStale, restarted } from "./conversation.js";
import { say, without } from "./notices.js";

const ERROR_MS = 15_000; // How long what went wrong once is shown.

/**
 * A message of the session came.
 *
 * @param {PageState} state
 * @param {Message} message
 * @returns {Partial<PageState>}
 */
export function received(state, message) {
  if (isStale(state.conversation, message)) return {};
  const conversation = continued(state.conversation, message);
  switch (message.type) {
    case "state": {
      const turn = Math.max(state.session.turn, message.turn ?? 0);
      return { conversation, session: { ...state.session, state: message.state, turn, ears: message.ears === true } };
    }
    case "transcript":
      return { conversation, saying: message.final ? "" : message.text, suggesting: state.suggesting && !message.text };
    case "caption":
      return { conversation, caption: message };
    case "interrupted":
      return { conversation, caption: null };
    case "metrics":
      return { metrics: measured(state.metrics, message) };
    case "error":
      return wentWrong(state, message.detail, message.title);
    default:
      return { conversation };
  }
}

/**
 * A turn's numbers come in several messages; those of another turn start over.
 *
 * @param {TurnMetrics} before
 * @param {Message & Metrics} message
 * @returns {TurnMetrics}
 */
function measured(before, message) {
  const values = message.turn === before.turn ? { ...before.values } : {};
  for (const [name, value] of Object.entries(message)) if (typeof value === "number") values[name] = value;
  return { turn: message.turn, values };
}

/**
 * The page follows this session from now on; what was said stays.
 *
 * @param {PageState} state
 * @param {string} id
 * @returns {Partial<PageState>}
 */
export function startedOver({ conversation }, id) {
  return {
    session: { id, state: "listening", turn: 0, ears: false },
    conversation: restarted(conversation),
    caption: null,
    saying: "",
  };
}

/**
 * A picture of the present connection is shown.
 *
 * @param {PageState} state
 * @returns {Partial<PageState>}
 */
export function pictured({ notices }) {
  return { picture: "live", notices: without(notices, "connection") };
}

/**
 * The microphone is on or off, muted or not, or another one.
 *
 * @param {PageState} state
 * @param {MicrophoneState} microphone
 * @returns {Partial<PageState>}
 */
export function microphoneChanged({ notices }, microphone) {
  return { microphone, notices: microphone.on ? without(notices, "microphone") : notices };
}

/**
 * The person asks a question here; its entry is `state.conversation.nextId`.
 *
 * @param {PageState} state
 * @param {string} question
 * @returns {Partial<PageState>}
 */
export function questionAsked({ conversation, notices }, question) {
  return { conversation: asked(conversation, question), notices: without(notices, "error"), caption: null, suggesting: false };
}

/**
 * Something did not work once.
 *
 * @param {PageState} state
 * @param {string} sentence
 * @param {string} [title]
 * @returns {Partial<PageState>}
 */
export function wentWrong({ notices }, sentence, title = "") {
  return { notices: say(notices, "error", sentence, { title, forMs: ERROR_MS }) };
}
