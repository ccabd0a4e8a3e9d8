/**
 * The page's state in one place. It is never changed in place, only replaced. A component subscribes to the part of it that it
 * renders, and is called when that part has another value.
 *
 * @template {object} S
 */
export class Store {
  /** @type {Readonly<S>} */
  #state;
  /** @type {(() => void)[]} */
  #subscribers = [];

  /** @param {S} initial */
  constructor(initial) {
    this.#state = Object.freeze({ ...initial });
  }

  get state() {
    return this.#state;
  }

  /**
   * Replaces these parts and calls at once all who subscribed to something that has another value now.
   *
   * @param {Partial<S>} parts
   */
  set(parts) {
    this.#state = Object.freeze({ ...this.#state, ...parts });
    for (const check of this.#subscribers) check();
  }

  /**
   * Calls `show` whenever what `select` finds in the state is another value (`Object.is`). The HTML shows the initial state,
   * so nothing is called before the first change.
   *
   * @template T
   * @param {(state: Readonly<S>) => T} select pure
   * @param {(selected: T) => void} show
   */
  subscribe(select, show) {
    let shown = select(this.#state);
    this.#subscribers.push(() => {
      const selected = select(this.#state);
      if (Object.is(selected, shown)) return;
      shown = selected; // Before it is shown: showing it may set the state again.
      show(selected);
    });
  }
}
