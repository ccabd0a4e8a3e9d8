/**
 * The control channel: verbs up, the session's events down. Reconnects by itself with growing pauses.
 *
 * Events: `event` (a message of the session), `open`, `lost`, `gone` (the session or its token is no more: join anew).
 */
import { address, call } from "./api.js";
import { Backoff, pause } from "./backoff.js";
import { GONE } from "./session.js";

const REFUSED = 4000; // Close codes above this are an HTTP status: 4401, 4404, …

export class Control extends EventTarget {
  #socket = null;
  #session = null;
  #token = null;
  #run = 0;

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Follows this session from now on; a connection that it already has goes on. */
  follow(session, token) {
    const known = session === this.#session;
    [this.#session, this.#token] = [session, token];
    if (!known || !this.open) this.#keepOpen(++this.#run);
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
      const { opened, code } = await this.#once(run);
      if (run !== this.#run) return;
      if (GONE.includes(code - REFUSED) || (!opened && (await this.#isGone()))) {
        if (run === this.#run) this.#forget();
        return;
      }
      this.dispatchEvent(new Event("lost"));
      if (opened) backoff.reset();
      await pause(backoff.next());
    }
  }

  /** One connection from opening to closing. Resolves to whether it ever opened, and why it closed. */
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
      socket.addEventListener("close", ({ code }) => resolve({ opened, code }));
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

  /** A proxy may refuse a handshake, and scripts may not read why: ask whether the session still exists. */
  async #isGone() {
    try {
      await call("GET", `session/${encodeURIComponent(this.#session)}`, undefined, { timeoutMs: 4000 });
      return false;
    } catch (trouble) {
      return GONE.includes(trouble.status);
    }
  }

  #forget() {
    this.#session = this.#token = null;
    this.dispatchEvent(new Event("gone"));
  }
}
