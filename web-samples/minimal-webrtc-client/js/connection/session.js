/**
 * The peer connection: face and voice down, the microphone up. Joins without a microphone, lends it later without a
 * renegotiation, and comes back by itself under the same session id when the connection breaks.
 *
 * @typedef {object} SessionListener
 * @property {(id: string, token: string) => void} joined
 * @property {(state: RTCPeerConnectionState) => void} peer the connection, or the attempt at one, is in this state
 * @property {(sentence: string) => void} trouble an attempt failed; another one follows
 */
import { remember, remembered } from "../memory.js";
import { call, troubleOf } from "./api.js";
import { Backoff, pause } from "./backoff.js";

const GATHERING_MS = 500; // The gateway learns our address from our first packet; candidates only make it quicker.
const CONNECT_MS = 8000;
const DISCONNECTED_MS = 1000; // Short losses heal by themselves, and seconds have passed before the browser says this.
const KEY = "flashback.session"; // A reload comes back to the same session, with the same rights.
const TOKEN_KEY = "flashback.token";

/** Statuses that say: not this session any more, or not with this token. */
export const GONE = [401, 403, 404, 410];

export class Session {
  id = remembered(KEY);
  token = remembered(TOKEN_KEY);
  /** @type {RTCPeerConnection | null} */
  connection = null;
  stream = new MediaStream();
  #listener;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** @type {RTCRtpSender | null} */
  #sender = null;
  /** @type {MediaStreamTrack | null} */
  #microphone = null;
  /** @type {Promise<void> | null} */
  #joining = null;
  #backoff = new Backoff();
  #watchdog = 0;

  /**
   * `?session=` in the page's address names the session to join, instead of the one that the tab remembers.
   *
   * @param {SessionListener} listener
   */
  constructor(listener) {
    this.#listener = listener;
    const named = new URLSearchParams(location.search).get("session");
    if (named && named !== this.id) [this.id, this.token] = [named, null];
  }

  /** @returns {RTCPeerConnectionState} */
  get peer() {
    return this.connection?.connectionState ?? "new";
  }

  /**
   * The receiver of the face's "audio" or "video", once joined.
   *
   * @param {"audio" | "video"} kind
   */
  receiver(kind) {
    return this.connection?.getReceivers().find((r) => r.track.kind === kind && this.stream.getTracks().includes(r.track));
  }

  /** Joins, however many attempts that takes. Calls while one is under way share it. */
  join() {
    this.#joining ??= this.#untilJoined().finally(() => (this.#joining = null));
    return this.#joining;
  }

  /**
   * Sends this microphone track, or nothing.
   *
   * @param {MediaStreamTrack | null} track
   */
  async lend(track) {
    this.#microphone = track;
    await this.#sender?.replaceTrack(track);
  }

  leave() {
    clearTimeout(this.#watchdog);
    this.connection?.close();
  }

  async #untilJoined() {
    for (;;) {
      try {
        const { id, token } = await this.#attempt();
        this.#backoff.reset();
        this.#listener.joined(id, token);
        return;
      } catch (error) {
        const trouble = troubleOf(error);
        if (GONE.includes(trouble.status) && this.id) {
          this.id = this.token = null; // That session is gone: a new one takes its place.
          continue;
        }
        this.#listener.trouble(trouble.message);
        await pause(this.#backoff.next());
      }
    }
  }

  /** @returns {Promise<{id: string, token: string}>} */
  async #attempt() {
    this.leave();
    this.#listener.peer("new");
    const connection = new RTCPeerConnection({ iceServers: this.#iceServers, bundlePolicy: "max-bundle" });
    this.connection = connection;
    connection.addEventListener("connectionstatechange", () => this.#changed(connection));
    const picture = connection.addTransceiver("video", { direction: "recvonly" }).receiver;
    const voice = connection.addTransceiver("audio", { direction: "recvonly" }).receiver;
    // A line of its own for the microphone: the track may come whenever the person allows it.
    const sender = connection.addTransceiver("audio", { direction: "sendonly" }).sender;
    this.#sender = sender;
    for (const receiver of [picture, voice]) {
      // As little waiting as the network allows: the browser still stretches it when packets come unevenly.
      if ("jitterBufferTarget" in RTCRtpReceiver.prototype) receiver.jitterBufferTarget = 0;
      else receiver.playoutDelayHint = 0;
    }
    await connection.setLocalDescription();
    await gathered(connection);
    const offer = { sdp: connection.localDescription?.sdp, type: "offer", ...(this.id && { session: this.id }) };
    const answer = await call("POST", "session", offer, { token: this.token });
    await connection.setRemoteDescription({ sdp: answer.sdp, type: answer.type ?? "answer" });
    if (this.#microphone) await sender.replaceTrack(this.#microphone);
    this.stream = new MediaStream([picture.track, voice.track]);
    // The other side said goodbye: no need to wait until its silence is noticed.
    const { transport } = picture;
    transport?.addEventListener("statechange", () => {
      if (transport.state === "closed" && connection === this.connection) this.join();
    });
    /** @type {{session: string, token: string}} */
    const { session: id, token } = answer;
    [this.id, this.token] = [id, token];
    this.#iceServers = answer.ice_servers ?? []; // Relays serve the next attempt, should the direct way fail.
    remember(KEY, id);
    remember(TOKEN_KEY, token);
    this.#watchdog = setTimeout(() => this.#lost(connection), CONNECT_MS);
    return { id, token };
  }

  /** @param {RTCPeerConnection} connection */
  #changed(connection) {
    if (connection !== this.connection) return;
    const state = connection.connectionState;
    this.#listener.peer(state);
    clearTimeout(this.#watchdog);
    if (state === "failed") this.#lost(connection);
    else if (state === "disconnected") this.#watchdog = setTimeout(() => this.#lost(connection), DISCONNECTED_MS);
    else if (state === "connecting") this.#watchdog = setTimeout(() => this.#lost(connection), CONNECT_MS);
  }

  /** @param {RTCPeerConnection} connection */
  #lost(connection) {
    if (connection === this.connection && connection.connectionState !== "connected") this.join();
  }
}

/**
 * Resolves when all candidates are known, or after `GATHERING_MS`.
 *
 * @param {RTCPeerConnection} connection
 * @returns {Promise<void>}
 */
function gathered(connection) {
  return new Promise((resolve) => {
    const check = () => {
      if (connection.iceGatheringState === "complete") resolve();
    };
    connection.addEventListener("icegatheringstatechange", check);
    setTimeout(resolve, GATHERING_MS);
    check();
  });
}
