import assert from "node:assert/strict";
import { test } from "node:test";
import {
  answered,
  asked,
  continued,
  emptyConversation,
  isStale,
  restarted,
  withdrawn,
} from "../minimal-webrtc-client/js/state/conversation.js";

/** The conversation after these messages, each without what every message has but its turn. */
const after = (conversation, ...messages) => messages.reduce(continued, conversation);
const delta = (turn, text) => ({ type: "answer_delta", turn, text });
const caption = (turn, word) => ({ type: "caption", turn, word, t0: 0, t1: 1 });
const state = (turn, now) => ({ type: "state", turn, state: now, ears: false });
const transcript = (turn, text) => ({ type: "transcript", turn, text, final: true });
const interrupted = (turn, heard) => ({ type: "interrupted", turn, heard_text: heard });

test("A question typed here is the one that the next turn answers.", () => {
  const { entries } = after(asked(emptyConversation, "Who?"), state(1, "thinking"), delta(1, "I "), delta(1, "am."));
  assert.equal(entries.length, 1);
  assert.equal(entries[0].written, "I am.");
  assert.equal(entries[0].turn, 1);
});

test("A turn asked elsewhere is an entry of its own; its question comes with the transcript.", () => {
  const { entries } = after(emptyConversation, delta(1, "Yes."), transcript(1, "Is it?"), transcript(1, "Another?"));
  assert.deepEqual(entries.map(({ question, written }) => [question, written]), [["Is it?", "Yes."]]);
});

test("A waiting question is not taken for a turn that is known to be over.", () => {
  const before = after(emptyConversation, delta(2, "Two."));
  const { entries } = after(asked(before, "Three?"), delta(1, "One."));
  assert.deepEqual(entries.map(({ turn }) => turn), [2, null, 1]);
});

test("Heard follows the words, catches up after one that sounds unlike it is written, and takes in unwritten ones.", () => {
  const written = after(emptyConversation, delta(1, "It draws 15 frames per second."));
  const heardAfter = (...words) => {
    const [entry] = after(written, ...words.map((word) => caption(1, word))).entries;
    return entry.written.slice(0, entry.heard);
  };
  assert.equal(heardAfter("It", "draws"), "It draws");
  assert.equal(heardAfter("It", "draws", "fifteen"), "It draws");
  assert.equal(heardAfter("It", "draws", "fifteen", "FRAMES,"), "It draws 15 frames");
  assert.equal(heardAfter("second", "indeed"), "It draws 15 frames per second. indeed");
});

test("An interrupted turn keeps what was heard, and doubts about that alone; nothing late of it follows.", () => {
  const doubt = (text) => ({ type: "unsupported", turn: 1, text, reason: "" });
  const whole = after(emptyConversation, delta(1, "It runs. It flies."), doubt("It runs."), doubt("It flies."));
  const cut = after(whole, interrupted(1, "It runs."));
  assert.deepEqual(cut.entries[0].doubts, ["It runs."]);
  assert.equal(cut.entries[0].written, "It runs.");
  assert.ok(cut.entries[0].interrupted && cut.entries[0].finished);
  assert.ok(isStale(cut, delta(1, "late")));
  assert.equal(after(cut, delta(1, "late"), caption(1, "late")), cut);
  assert.ok(!isStale(cut, delta(2, "next")));
});

test("A question that was added to stands there once; one whose answer was heard stays.", () => {
  const begun = after(emptyConversation, transcript(1, "What does it cost"));
  const unheard = after(begun, interrupted(1, ""), transcript(2, "What does it cost per month?"));
  assert.deepEqual(unheard.entries.map(({ question }) => question), ["What does it cost per month?"]);
  const heard = after(begun, interrupted(1, "It"), transcript(2, "What does it cost per month?"));
  assert.equal(heard.entries.length, 2);
});

test("Turns are over when the last word was heard, or when the session listens again.", () => {
  const two = after(emptyConversation, delta(1, "One."), delta(2, "Two."));
  const first = after(two, { type: "playback", turn: 1, t: 9, phase: "finished" });
  assert.deepEqual(first.entries.map(({ finished }) => finished), [true, false]);
  assert.equal(first.entries[0].heard, 4);
  const all = after(first, state(2, "listening"));
  assert.deepEqual(all.entries.map(({ finished }) => finished), [true, true]);
});

test("A source is listed once.", () => {
  const citation = { type: "citation", turn: 1, source: "a.md", title: "A", quote: "Yes.", t: 0 };
  const { entries } = after(emptyConversation, citation, citation, { ...citation, quote: "No." });
  assert.deepEqual(entries[0].sources.map(({ quote }) => quote), ["Yes.", "No."]);
});

test("An answer as a whole fills its question in, unless its messages came after all.", () => {
  const waiting = asked(emptyConversation, "Who?");
  const answer = { text: "I.", citations: [{ source: "a.md", title: "A", quote: "I", t: 0 }], unsupported: [{ text: "I." }] };
  const [entry] = answered(waiting, 1, answer).entries;
  assert.deepEqual(entry.sources, [{ source: "a.md", title: "A", quote: "I" }]);
  assert.deepEqual([entry.written, entry.heard, entry.finished, entry.doubts], ["I.", 2, true, ["I."]]);
  const told = after(waiting, delta(1, "You."));
  assert.equal(answered(told, 1, answer).entries[0].written, "You.");
});

test("A question that got no answer leaves no trace; the ids of others stay.", () => {
  const two = asked(asked(emptyConversation, "One?"), "Two?");
  assert.deepEqual(withdrawn(two, 1).entries.map(({ id, question }) => [id, question]), [[2, "Two?"]]);
});

test("In another session turns count from the start; what was said stays.", () => {
  const before = after(emptyConversation, delta(7, "Seven."), interrupted(9, ""));
  const { entries, closed } = after(restarted(before), delta(1, "One."));
  assert.equal(closed, 0);
  assert.deepEqual(entries.map(({ turn, written, finished }) => [turn, written, finished]), [
    [0, "Seven.", true],
    [1, "One.", false],
  ]);
});
