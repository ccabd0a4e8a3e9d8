/** Waiting times between attempts: doubling from `first` to `most` ms, each shortened by chance so that many pages spread. */
export class Backoff {
  #attempt = 0;

  constructor(first = 400, most = 8000) {
    this.first = first;
    this.most = most;
  }

  /** The next waiting time in ms. */
  next() {
    const full = Math.min(this.most, this.first * 2 ** this.#attempt++);
    return full * (0.6 + 0.4 * Math.random());
  }

  reset() {
    this.#attempt = 0;
  }
}

/**
 * Resolves after `ms`, or at once when the browser says that the network is back.
 *
 * @param {number} ms
 * @returns {Promise<void>}
 */
export function pause(ms) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
  });
}
