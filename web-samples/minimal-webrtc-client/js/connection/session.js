/**
 * The peer connection: face and voice down, the microphone up. Joins without a microphone, lends it later without a
 * renegotiation, and comes back by itself under the same session id when the connection breaks.
 *
 * Events: `joined` {session, token}, `peer` {state}, `trouble` {message}.
 */
import { call } from "./api.js";
import { Backoff, pause } from "./backoff.js";
import { remember, remembered } from "../memory.js";

const GATHERING_MS = 500; // The gateway learns our address from our first packet; candidates only make it quicker.
const CONNECT_MS = 8000;
const DISCONNECTED_MS = 1000; // Short losses heal by themselves, and seconds have passed before the browser says this.
const KEY = "flashback.session"; // A reload comes back to the same session, with the same rights.
const TOKEN_KEY = "flashback.token";

/** Statuses that say: not this session any more, or not with this token. */
export const GONE = [401, 403, 404, 410];

export class Session extends EventTarget {
  id = remembered(KEY);
  token = remembered(TOKEN_KEY);
  connection = null;
  stream = new MediaStream();
  #iceServers = [];
  #sender = null;
  #microphone = null;
  #joining = null;
  #backoff = new Backoff();
  #watchdog = 0;

  /** `?session=` in the page's address: watch that one. */
  constructor() {
    super();
    const named = new URLSearchParams(location.search).get("session");
    if (named && named !== this.id) [this.id, this.token] = [named, null];
  }

  get peer() {
    return this.connection?.connectionState ?? "new";
  }

  /** The receiver of the face's "audio" or "video", once joined. */
  receiver(kind) {
    return this.connection?.getReceivers().find((r) => r.track.kind === kind && this.stream.getTracks().includes(r.track));
  }

  /** Joins, however many attempts that takes. Calls while one is under way share it. */
  join() {
    this.#joining ??= this.#untilJoined().finally(() => (this.#joining = null));
    return this.#joining;
  }

  /** Sends this microphone track, or nothing. */
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
        const joined = await this.#attempt();
        this.#backoff.reset();
        this.#tell("joined", joined);
        return;
      } catch (trouble) {
        if (GONE.includes(trouble.status) && this.id) {
          this.id = this.token = null; // That session is gone: a new one takes its place.
          continue;
        }
        this.#tell("trouble", { message: trouble.message });
        await pause(this.#backoff.next());
      }
    }
  }

  async #attempt() {
    this.leave();
    this.#tell("peer", { state: "new" });
    const connection = new RTCPeerConnection({ iceServers: this.#iceServers, bundlePolicy: "max-bundle" });
    this.connection = connection;
    connection.addEventListener("connectionstatechange", () => this.#changed(connection));
    const down = [
      connection.addTransceiver("video", { direction: "recvonly" }),
      connection.addTransceiver("audio", { direction: "recvonly" }),
    ];
    // A line of its own for the microphone: the track may come whenever the person allows it.
    this.#sender = connection.addTransceiver("audio", { direction: "sendonly" }).sender;
    for (const { receiver } of down) {
      // As little waiting as the network allows: the browser still stretches it when packets come unevenly.
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      else if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = 0;
    }
    await connection.setLocalDescription();
    await gathered(connection);
    const { sdp, type } = connection.localDescription;
    const answer = await call("POST", "session", { sdp, type, ...(this.id && { session: this.id }) }, { token: this.token });
    await connection.setRemoteDescription({ sdp: answer.sdp, type: answer.type ?? "answer" });
    if (this.#microphone) await this.#sender.replaceTrack(this.#microphone);
    this.stream = new MediaStream(down.map(({ receiver }) => receiver.track));
    // The other side said goodbye: no need to wait until its silence is noticed.
    down[0].receiver.transport?.addEventListener("statechange", ({ target }) => {
      if (target.state === "closed" && connection === this.connection) this.join();
    });
    this.id = answer.session;
    this.token = answer.token;
    this.#iceServers = answer.ice_servers ?? []; // Relays serve the next attempt, should the direct way fail.
    remember(KEY, this.id);
    remember(TOKEN_KEY, this.token);
    this.#watchdog = setTimeout(() => this.#lost(connection), CONNECT_MS);
    return { session: this.id, token: this.token };
  }

  #changed(connection) {
    if (connection !== this.connection) return;
    const state = connection.connectionState;
    this.#tell("peer", { state });
    clearTimeout(this.#watchdog);
    if (state === "failed") this.#lost(connection);
    else if (state === "disconnected") this.#watchdog = setTimeout(() => this.#lost(connection), DISCONNECTED_MS);
    else if (state === "connecting") this.#watchdog = setTimeout(() => this.#lost(connection), CONNECT_MS);
  }

  #lost(connection) {
    if (connection === this.connection && connection.connectionState !== "connected") this.join();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function gathered(connection) {
  return new Promise((resolve) => {
    const check = () => connection.iceGatheringState === "complete" && resolve();
    connection.addEventListener("icegatheringstatechange", check);
    setTimeout(resolve, GATHERING_MS);
    check();
  });
}
