import assert from "node:assert/strict";
import { test } from "node:test";
import { Store } from "../minimal-webrtc-client/js/state/store.js";

test("Only what became another value is shown, and nothing before the first change.", () => {
  const store = new Store({ word: "one", count: 1 });
  const shown = [];
  store.subscribe(({ word }) => word, (word) => shown.push(word));
  store.set({ count: 2 });
  store.set({ word: "one" });
  assert.deepEqual(shown, []);
  store.set({ word: "two" });
  store.set({ word: "two", count: 3 });
  assert.deepEqual(shown, ["two"]);
  assert.deepEqual(store.state, { word: "two", count: 3 });
});

test("The state cannot be changed in place, and the one before stays as it was.", () => {
  const store = new Store({ count: 1 });
  const before = store.state;
  store.set({ count: 2 });
  assert.equal(before.count, 1);
  assert.throws(() => (store.state.count = 3), TypeError);
});

test("Showing may set the state again: everybody sees the last value once.", () => {
  const store = new Store({ asked: 0, doubled: 0 });
  const shown = [];
  store.subscribe(({ asked }) => asked, (asked) => store.set({ doubled: 2 * asked }));
  store.subscribe(({ doubled }) => doubled, (doubled) => shown.push(doubled));
  store.set({ asked: 4 });
  assert.deepEqual(shown, [8]);
});
