/**
 * The control channel: verbs up, the session's events down. Reconnects by itself with growing pauses.
 *
 * Events: `event` (a message of the session), `open`, `lost`, `gone` (the session or its token is no more: join anew).
 */
import { address, call } from "./api.js";
import { Backoff, pause } from "./backoff.js";

export class Control extends EventTarget {
  #socket = null;
  #session = null;
  #token = null;
  #run = 0;

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Follows this session from now on. */
  follow(session, token) {
    if (session === this.#session && token === this.#token) return;
    [this.#session, this.#token] = [session, token];
    this.#keepOpen(++this.#run);
  }

  /** Sends a verb. False: there is no connection right now. */
  send(type, fields = {}) {
    if (!this.open) return false;
    this.#socket.send(JSON.stringify({ type, ...fields }));
    return true;
  }

  async #keepOpen(run) {
    const backoff = new Backoff(250);
    while (run === this.#run) {
      const opened = await this.#once(run);
      if (run !== this.#run) return;
      this.dispatchEvent(new Event("lost"));
      if (opened) backoff.reset();
      else if (await this.#isGone()) {
        if (run === this.#run) this.#forget();
        return;
      }
      await pause(backoff.next());
    }
  }

  /** One connection from opening to closing. Resolves to whether it ever opened. */
  #once(run) {
    this.#socket?.close();
    const url = address("control");
    url.protocol = url.protocol.replace("http", "ws");
    url.search = new URLSearchParams({ session: this.#session, token: this.#token });
    const socket = new WebSocket(url);
    this.#socket = socket;
    let opened = false;
    return new Promise((resolve) => {
      socket.addEventListener("open", () => {
        opened = true;
        this.dispatchEvent(new Event("open"));
      });
      socket.addEventListener("message", ({ data }) => run === this.#run && this.#received(data));
      socket.addEventListener("close", () => resolve(opened));
    });
  }

  #received(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // Not ours: the contract speaks JSON.
    }
    if (typeof message?.type !== "string") return;
    if (message.session && message.session !== this.#session) return;
    this.dispatchEvent(new CustomEvent("event", { detail: message }));
  }

  /** A refused handshake carries no reason that scripts may read: ask whether the session still exists. */
  async #isGone() {
    try {
      await call("GET", `session/${encodeURIComponent(this.#session)}`, undefined, 4000);
      return false;
    } catch (trouble) {
      return [401, 403, 404, 410].includes(trouble.status);
    }
  }

  #forget() {
    this.#session = this.#token = null;
    this.dispatchEvent(new Event("gone"));
  }
}
