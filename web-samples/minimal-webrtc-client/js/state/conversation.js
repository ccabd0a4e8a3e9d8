/**
 * The conversation: one entry a turn, built from the session's messages. Pure: a conversation in, another one out.
 *
 * @import { Citation, Interrupted, Message, State, Transcript } from "../messages.js"
 *
 * @typedef {object} Source
 * @property {string} source path of the document
 * @property {string} title
 * @property {string} quote
 *
 * @typedef {object} Entry
 * @property {number} id stays the same as long as the entry is there
 * @property {number | null} turn null: asked here, and the session's messages have not named its turn yet
 * @property {string} question blank: not known yet
 * @property {string} written the answer's text so far
 * @property {number} heard how many characters of `written` have sounded
 * @property {boolean} interrupted
 * @property {boolean} finished
 * @property {readonly Source[]} sources
 * @property {readonly string[]} doubts sentences of `written` that the documents do not bear out
 *
 * @typedef {object} Conversation
 * @property {readonly Entry[]} entries oldest first
 * @property {number} newest the highest turn that was named
 * @property {number} closed the highest interrupted turn: nothing of it, or of those before it, follows
 * @property {number} nextId
 *
 * @typedef {object} TextAnswer What `POST /answer` tells of an answer.
 * @property {string} text
 * @property {readonly Source[]} [citations]
 * @property {readonly {text: string}[]} [unsupported]
 */

/** How far a spoken word may differ from the written ones ("15" is spoken "fifteen") and be found again. */
const AHEAD_WORDS = 8;

/** Types of messages that come late when their turn was interrupted. */
const OF_THE_ANSWER = ["caption", "citation", "unsupported", "answer_delta", "playback"];

/** @type {Conversation} */
export const emptyConversation = Object.freeze({ entries: [], newest: 0, closed: 0, nextId: 1 });

/**
 * With a question typed here, as the entry `conversation.nextId`; its turn is known when the session's messages name it.
 *
 * @param {Conversation} conversation
 * @param {string} question
 * @returns {Conversation}
 */
export function asked(conversation, question) {
  return added(conversation, null, question);
}

/**
 * With an answer that came without the control channel.
 *
 * @param {Conversation} conversation
 * @param {number} id the question's entry
 * @param {TextAnswer} answer
 */
export function answered(conversation, id, { text, citations = [], unsupported = [] }) {
  return changed(conversation, id, (entry) => {
    if (entry.turn !== null) return entry; // Its messages came after all.
    const sources = citations.map(({ source, title, quote }) => ({ source, title, quote }));
    return finished({ ...entry, turn: 0, written: text, sources, doubts: unsupported.map((sentence) => sentence.text) });
  });
}

/**
 * Without a question that got no answer; it leaves no trace.
 *
 * @param {Conversation} conversation
 * @param {number} id its entry
 * @returns {Conversation}
 */
export function withdrawn(conversation, id) {
  return { ...conversation, entries: conversation.entries.filter((entry) => entry.id !== id) };
}

/**
 * For another session, whose turns count from the start; what was said stays.
 *
 * @param {Conversation} conversation
 * @returns {Conversation}
 */
export function restarted(conversation) {
  const entries = conversation.entries.map((entry) => ({ ...finished(entry), turn: 0 }));
  return { ...conversation, entries, newest: 0, closed: 0 };
}

/**
 * Whether this message is the late rest of an interrupted turn.
 *
 * @param {Conversation} conversation
 * @param {Message} message
 */
export function isStale({ closed }, { type, turn }) {
  return turn > 0 && turn <= closed && OF_THE_ANSWER.includes(type);
}

/**
 * With what a message of the session adds to it.
 *
 * @param {Conversation} conversation
 * @param {Message} message
 * @returns {Conversation}
 */
export function continued(conversation, message) {
  if (isStale(conversation, message)) return conversation;
  const { turn } = message;
  switch (message.type) {
    case "state":
      return stateTold(conversation, message.state, turn);
    case "transcript":
      return message.final && message.text ? said(conversation, message.text, turn) : conversation;
    case "answer_delta":
      return inTurn(conversation, turn, (entry) => ({ ...entry, written: entry.written + message.text }));
    case "caption":
      return inTurn(conversation, turn, (entry) => ({ ...entry, ...heard(entry, message.word) }));
    case "citation":
      return inTurn(conversation, turn, (entry) => cited(entry, message));
    case "unsupported":
      return inTurn(conversation, turn, (entry) => ({ ...entry, doubts: [...entry.doubts, message.text] }));
    case "playback":
      return message.phase === "finished" ? inTurn(conversation, turn, finished) : conversation;
    case "interrupted":
      return interrupted(conversation, message.heard_text ?? "", turn);
    default:
      return conversation;
  }
}

/**
 * Turns are over when the session listens again, whatever was missed of them.
 *
 * @param {Conversation} conversation
 * @param {State["state"]} state
 * @param {number} turn
 */
function stateTold(conversation, state, turn) {
  const begun = state === "thinking" ? inTurn(conversation, turn, same) : conversation;
  const over = (/** @type {Entry} */ entry) => entry.turn !== null && entry.turn <= turn;
  const entries = state === "listening" ? begun.entries.map((entry) => (over(entry) ? finished(entry) : entry)) : begun.entries;
  return { ...begun, entries, newest: Math.max(begun.newest, turn) };
}

/**
 * A question that was added to while its answer was prepared takes the place of its beginning.
 *
 * @param {Conversation} conversation
 * @param {Transcript["text"]} text
 * @param {number} turn
 */
function said(conversation, text, turn) {
  const before = conversation.entries.findLast((entry) => entry.turn !== turn);
  const isBeginning = before?.interrupted && !before.written && before.question && text.startsWith(before.question);
  const rest = before && isBeginning ? withdrawn(conversation, before.id) : conversation;
  return inTurn(rest, turn, (entry) => ({ ...entry, question: entry.question || text }));
}

/**
 * @param {Conversation} conversation
 * @param {Interrupted["heard_text"]} written
 * @param {number} turn
 * @returns {Conversation}
 */
function interrupted(conversation, written, turn) {
  const entries = conversation.entries.map((entry) => {
    if (entry.turn !== turn) return entry;
    const doubts = entry.doubts.filter((sentence) => written.includes(sentence));
    return { ...entry, interrupted: true, finished: true, written, heard: written.length, doubts };
  });
  return { ...conversation, entries, closed: Math.max(conversation.closed, turn) };
}

/**
 * Changes the turn's entry: a known one, else the question that waits for its turn, else a new one: it was asked elsewhere.
 *
 * @param {Conversation} conversation
 * @param {number} turn
 * @param {(entry: Entry) => Entry} change
 * @returns {Conversation}
 */
function inTurn(conversation, turn, change) {
  const { entries, newest } = conversation;
  const waiting = turn > newest ? entries.find((entry) => entry.turn === null) : undefined;
  const known = entries.find((entry) => entry.turn === turn) ?? waiting;
  const id = known?.id ?? conversation.nextId;
  const there = known ? conversation : added(conversation, turn, "");
  return { ...changed(there, id, (entry) => change({ ...entry, turn })), newest: Math.max(newest, turn) };
}

/**
 * @param {Conversation} conversation
 * @param {number | null} turn
 * @param {string} question
 * @returns {Conversation}
 */
function added(conversation, turn, question) {
  const { entries, nextId: id } = conversation;
  /** @type {Entry} */
  const entry = { id, turn, question, written: "", heard: 0, interrupted: false, finished: false, sources: [], doubts: [] };
  return { ...conversation, entries: [...entries, entry], nextId: id + 1 };
}

/**
 * @param {Conversation} conversation
 * @param {number} id
 * @param {(entry: Entry) => Entry} change
 * @returns {Conversation}
 */
function changed(conversation, id, change) {
  return { ...conversation, entries: conversation.entries.map((entry) => (entry.id === id ? change(entry) : entry)) };
}

/**
 * @param {Entry} entry
 * @returns {Entry}
 */
function same(entry) {
  return entry;
}

/**
 * @param {Entry} entry
 * @returns {Entry}
 */
function finished(entry) {
  return entry.finished ? entry : { ...entry, finished: true, heard: entry.written.length };
}

/**
 * @param {Entry} entry
 * @param {Citation} citation
 * @returns {Entry}
 */
function cited(entry, { source, title, quote }) {
  if (entry.sources.some((known) => known.source === source && known.quote === quote)) return entry;
  return { ...entry, sources: [...entry.sources, { source, title, quote }] };
}

/**
 * Moves `heard` behind the word. Words that were not written as they are spoken are caught up with at the next match.
 *
 * @param {Entry} entry
 * @param {string} word
 */
function heard({ written, heard }, word) {
  const wanted = bare(word);
  const token = /\S+/g;
  token.lastIndex = heard;
  for (let n = 0; n < AHEAD_WORDS; n++) {
    const match = token.exec(written);
    if (!match) break;
    if (bare(match[0]) === wanted) return { written, heard: token.lastIndex };
  }
  if (heard < written.length) return { written, heard };
  // Heard, but never written: what sounds is what counts.
  const all = written + (written ? " " : "") + word;
  return { written: all, heard: all.length };
}

/** @param {string} word */
function bare(word) {
  return word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}
