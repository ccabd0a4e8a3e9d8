import assert from "node:assert/strict";
import { test } from "node:test";
import { say, without } from "../minimal-webrtc-client/js/state/notices.js";

test("A subject has one sentence: a new one takes its place, at the end.", () => {
  const first = say(say([], "error", "No voice."), "ears", "Not understood.");
  const second = say(first, "error", "No face.", { title: "Oh", forMs: 5 });
  assert.deepEqual(second, [
    { subject: "ears", sentence: "Not understood.", title: "", forMs: 0 },
    { subject: "error", sentence: "No face.", title: "Oh", forMs: 5 },
  ]);
});

test("What is said already, or is not there, changes nothing.", () => {
  const notices = say([], "error", "No voice.");
  assert.equal(say(notices, "error", "No voice.", { title: "Again" }), notices);
  assert.equal(without(notices, "control"), notices);
  assert.deepEqual(without(notices, "error"), []);
});
