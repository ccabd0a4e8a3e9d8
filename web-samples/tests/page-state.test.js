import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../minimal-webrtc-client/js/messages.js";
import {
  initial,
  isBusy,
  isHeard,
  isSpeaking,
  isUnheard,
  presence,
} from "../minimal-webrtc-client/js/state/page-state.js";
import {
  microphoneChanged,
  pictured,
  questionAsked,
  received,
  startedOver,
  wentWrong,
} from "../minimal-webrtc-client/js/state/transitions.js";

/** The state with these parts; those of `session` and `microphone` may be given singly. */
const page = ({ session, microphone, ...parts } = {}) => ({
  ...initial,
  ...parts,
  session: { ...initial.session, ...session },
  microphone: { ...initial.microphone, ...microphone },
});
const after = (state, ...messages) => messages.reduce((now, message) => ({ ...now, ...received(now, message) }), state);
const sentences = ({ notices }) => notices.map(({ subject, sentence }) => [subject, sentence]);

test("The stage shows the session's state only as long as its picture is there.", () => {
  const live = { peer: "connected", picture: "live", session: { state: "speaking" } };
  assert.equal(presence(page()), "connecting");
  assert.equal(presence(page({ ...live, picture: "none" })), "connecting");
  assert.equal(presence(page(live)), "speaking");
  assert.equal(presence(page({ ...live, picture: "still" })), "away");
  assert.equal(presence(page({ ...live, peer: "disconnected" })), "away");
  assert.equal(presence(page({ ...live, reception: { ...initial.reception, stalled: true } })), "away");
});

test("An open microphone is heard where the server listens, and unheard where it does not, muted or not.", () => {
  const on = { on: true };
  assert.ok(isHeard(page({ microphone: on, session: { ears: true } })));
  assert.ok(!isHeard(page({ microphone: { on: true, muted: true }, session: { ears: true } })));
  assert.ok(isUnheard(page({ microphone: on })));
  assert.ok(isUnheard(page({ microphone: { on: true, muted: true } })));
  assert.ok(!isUnheard(page({ microphone: on, session: { ears: true } })));
  assert.ok(!isUnheard(page()));
});

test("The server is told of a held key always, of the page's own detector only where it does not listen itself.", () => {
  assert.ok(isSpeaking(page({ voice: true })));
  assert.ok(!isSpeaking(page({ voice: true, session: { ears: true } })));
  assert.ok(isSpeaking(page({ talking: true, session: { ears: true } })));
});

test("A state message moves state and ears; turns never count backwards.", () => {
  const now = after(
    page(),
    { type: "state", turn: 3, state: "speaking", ears: true },
    { type: "state", turn: 2, state: "paused" },
  );
  assert.deepEqual(now.session, { id: null, state: "paused", turn: 3, ears: false });
  assert.ok(isBusy(now));
});

test("What the person says is shown until it is final; any word of it ends the suggestions.", () => {
  const nothing = after(page(), { type: "transcript", turn: 0, text: "", final: true });
  assert.ok(nothing.suggesting);
  const begun = after(nothing, { type: "transcript", turn: 0, text: "what is", final: false });
  assert.deepEqual([begun.saying, begun.suggesting], ["what is", false]);
  assert.equal(after(begun, { type: "transcript", turn: 1, text: "What is it?", final: true }).saying, "");
});

test("Captions end with an interruption, and a late word of that turn is not captioned.", () => {
  const caption = { type: "caption", turn: 1, word: "Hello", t0: 0, t1: 1 };
  const heard = after(page(), caption);
  assert.equal(heard.caption, caption);
  const cut = after(heard, { type: "interrupted", turn: 1, heard_text: "Hello" }, { ...caption, word: "late" });
  assert.equal(cut.caption, null);
});

test("A turn's numbers add up over several messages and start over with the next turn.", () => {
  const first = after(
    page(),
    { type: "metrics", turn: 1, llm_ttft: 14 },
    { type: "metrics", turn: 1, e2e_latency: 203, session: "s1" },
  );
  assert.deepEqual(first.metrics, { turn: 1, values: { turn: 1, llm_ttft: 14, e2e_latency: 203 } });
  assert.deepEqual(after(first, { type: "metrics", turn: 2, llm_ttft: 9 }).metrics.values, { turn: 2, llm_ttft: 9 });
});

test("An error of the session and one of the page are one subject, and the next question ends it.", () => {
  const told = after(page(), { type: "error", turn: 0, title: "No voice", detail: "Start the tts service." });
  assert.deepEqual(sentences(told), [["error", "Start the tts service."]]);
  const again = { ...told, ...wentWrong(told, "The server cannot be reached.", "Not asked.") };
  assert.deepEqual(sentences(again), [["error", "The server cannot be reached."]]);
  const next = { ...again, ...questionAsked(again, "Who?") };
  assert.deepEqual(sentences(next), []);
  assert.deepEqual([next.suggesting, next.conversation.entries[0].id], [false, again.conversation.nextId]);
});

test("A picture ends the notice about the connection, a microphone that is on the one about the microphone.", () => {
  const notice = (subject) => ({ subject, sentence: "Oh.", title: "", forMs: 0 });
  const wrong = page({ notices: [notice("connection"), notice("microphone")] });
  assert.deepEqual(sentences(pictured(wrong)), [["microphone", "Oh."]]);
  assert.equal(pictured(wrong).picture, "live");
  assert.deepEqual(sentences(microphoneChanged(wrong, { ...wrong.microphone, on: true })), [["connection", "Oh."]]);
  assert.deepEqual(microphoneChanged(wrong, wrong.microphone).notices, wrong.notices);
});

test("Another session starts over and keeps what was said.", () => {
  const before = after(
    page({ saying: "what" }),
    { type: "state", turn: 4, state: "speaking", ears: true },
    { type: "answer_delta", turn: 4, text: "Four." },
  );
  const now = { ...before, ...startedOver(before, "s2") };
  assert.deepEqual(now.session, { id: "s2", state: "listening", turn: 0, ears: false });
  assert.deepEqual([now.saying, now.caption, now.conversation.entries[0].written], ["", null, "Four."]);
});

test("What is no message is not read, and one of an unknown type changes nothing.", () => {
  for (const text of ["", "{", "null", "7", '"state"', "[]", '{"type":1}']) assert.equal(parse(text), null);
  const message = parse('{"type":"applause","turn":1}');
  const { conversation } = received(page(), message);
  assert.equal(conversation, initial.conversation);
});
