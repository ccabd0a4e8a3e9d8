/**
 * The control channel: commands up, the session's messages down. Reconnects by itself with growing pauses.
 *
 * @import { Command, Message } from "../messages.js"
 *
 * @typedef {object} ControlListener
 * @property {(message: Message) => void} message one of the session came
 * @property {() => void} opened
 * @property {() => void} lost it broke, or an attempt failed; it is opened again
 * @property {() => void} gone the session, or the token's right to it, is no more: join anew
 */
import { parse } from "../messages.js";
import { address, call, troubleOf } from "./api.js";
import { Backoff, pause } from "./backoff.js";
import { GONE } from "./session.js";

const REFUSED = 4000; // Close codes above this are an HTTP status: 4401, 4404, …

export class Control {
  /** @type {WebSocket | null} */
  #socket = null;
  #session = "";
  #token = "";
  #run = 0;
  #listener;

  /** @param {ControlListener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /**
   * Follows this session from now on; a connection that it already has goes on.
   *
   * @param {string} session
   * @param {string} token
   */
  follow(session, token) {
    const known = session === this.#session;
    this.#session = session;
    this.#token = token;
    if (!known || !this.open) this.#keepOpen(++this.#run);
  }

  /**
   * Sends a command. False: there is no connection right now.
   *
   * @param {Command} command
   */
  send(command) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(command));
    return true;
  }

  /** @param {number} run */
  async #keepOpen(run) {
    const backoff = new Backoff(250);
    while (run === this.#run) {
      const { opened, code } = await this.#once(run);
      if (run !== this.#run) return;
      if (GONE.includes(code - REFUSED) || (!opened && (await this.#isGone()))) {
        if (run === this.#run) this.#forget();
        return;
      }
      this.#listener.lost();
      if (opened) backoff.reset();
      await pause(backoff.next());
    }
  }

  /**
   * One connection from opening to closing. Resolves to whether it ever opened, and why it closed.
   *
   * @param {number} run
   * @returns {Promise<{opened: boolean, code: number}>}
   */
  #once(run) {
    this.#socket?.close();
    const url = address("control");
    url.protocol = url.protocol.replace("http", "ws");
    url.search = new URLSearchParams({ session: this.#session, token: this.#token }).toString();
    const socket = new WebSocket(url);
    this.#socket = socket;
    let opened = false;
    return new Promise((resolve) => {
      socket.addEventListener("open", () => {
        opened = true;
        this.#listener.opened();
      });
      socket.addEventListener("message", ({ data }) => {
        if (run === this.#run) this.#received(data);
      });
      socket.addEventListener("close", ({ code }) => resolve({ opened, code }));
    });
  }

  /** @param {string} text */
  #received(text) {
    const message = parse(text);
    if (message && (!message.session || message.session === this.#session)) this.#listener.message(message);
  }

  /** A proxy may refuse a handshake, and scripts may not read why: ask whether the session still exists. */
  async #isGone() {
    try {
      await call("GET", `session/${encodeURIComponent(this.#session)}`, undefined, { timeoutMs: 4000 });
      return false;
    } catch (error) {
      return GONE.includes(troubleOf(error).status);
    }
  }

  #forget() {
    this.#session = this.#token = "";
    this.#listener.gone();
  }
}
