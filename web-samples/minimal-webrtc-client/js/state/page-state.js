/**
 * What the page knows, and what follows from it. Plain data; media, sockets and timers are elsewhere.
 *
 * @import { Caption, SessionState } from "../messages.js"
 * @import { Conversation } from "./conversation.js"
 * @import { Notice } from "./notices.js"
 *
 * @typedef {object} SessionView The session, as its last message said.
 * @property {string | null} id null: none was joined yet
 * @property {SessionState} state
 * @property {number} turn
 * @property {boolean} ears the server listens to the microphone: then it decides what interrupts
 *
 * @typedef {object} Device
 * @property {string} id
 * @property {string} name
 *
 * @typedef {object} MicrophoneState
 * @property {boolean} on
 * @property {boolean} muted
 * @property {string} device the id of the one in use; blank: none is
 * @property {readonly Device[]} devices those that there are; known once one was lent
 *
 * @typedef {object} SoundState
 * @property {boolean} on the voice is not muted
 * @property {boolean} offered the person wants it, and the browser waits for a gesture
 *
 * @typedef {object} StyleState
 * @property {readonly string[]} offered empty: there is nothing to choose
 * @property {string} inForce
 * @property {boolean} busy a change is under way; drawing a style for the first time takes seconds
 *
 * @typedef {object} TurnMetrics
 * @property {number} turn
 * @property {Readonly<Record<string, number>>} values the numbers of its `metrics` messages, by their names there
 *
 * @typedef {object} Reception What the browser receives, measured over the last second.
 * @property {number} fps
 * @property {number} kbps
 * @property {number} jitterMs
 * @property {number} roundTripMs
 * @property {number} lost packets since the connection began
 * @property {number} freezes of the picture, counted by the browser since the connection began
 * @property {boolean} stalled connected, but no picture for a while: the avatar is being brought back
 *
 * @typedef {object} PageState
 * @property {RTCPeerConnectionState} peer
 * @property {"none" | "live" | "still"} picture `still`: the last picture of a connection that is away
 * @property {boolean} controlLost the control channel broke and is being opened again
 * @property {SessionView} session
 * @property {Conversation} conversation
 * @property {Caption | null} caption the word that is heard; null: captions are to vanish
 * @property {string} saying what the person is saying right now
 * @property {boolean} suggesting first questions are suggested
 * @property {readonly Notice[]} notices
 * @property {MicrophoneState} microphone
 * @property {boolean} voice the page's own detector hears somebody speak
 * @property {boolean} talking the key to talk is held
 * @property {SoundState} sound
 * @property {StyleState} styles
 * @property {TurnMetrics} metrics
 * @property {Reception} reception
 */
import { emptyConversation } from "./conversation.js";

/** @type {PageState} What index.html shows. */
export const initial = {
  peer: "new",
  picture: "none",
  controlLost: false,
  session: { id: null, state: "listening", turn: 0, ears: false },
  conversation: emptyConversation,
  caption: null,
  saying: "",
  suggesting: true,
  notices: [],
  microphone: { on: false, muted: false, device: "", devices: [] },
  voice: false,
  talking: false,
  sound: { on: false, offered: false },
  styles: { offered: [], inForce: "", busy: false },
  metrics: { turn: 0, values: {} },
  reception: { fps: 0, kbps: 0, jitterMs: 0, roundTripMs: 0, lost: 0, freezes: 0, stalled: false },
};

/**
 * What the stage shows: the session's state as long as its picture is there.
 *
 * @param {PageState} state
 * @returns {SessionState | "connecting" | "away"}
 */
export function presence({ peer, picture, reception, session }) {
  if (peer === "connected" && picture === "live" && !reception.stalled) return session.state;
  return picture === "none" ? "connecting" : "away";
}

/**
 * Whether there is something to interrupt.
 *
 * @param {PageState} state
 */
export function isBusy({ session }) {
  return session.state !== "listening";
}

/**
 * Whether what is said into the microphone is understood.
 *
 * @param {PageState} state
 */
export function isHeard({ microphone, session }) {
  return microphone.on && !microphone.muted && session.ears;
}

/**
 * Whether the microphone is on and nobody understands what is said into it.
 *
 * @param {PageState} state
 */
export function isUnheard({ microphone, session }) {
  return microphone.on && !session.ears;
}

/**
 * Whether the server is to be told that somebody speaks: always while the key is held; by the page's own detector only where
 * the server does not listen.
 *
 * @param {PageState} state
 */
export function isSpeaking({ talking, voice, session }) {
  return talking || (voice && !session.ears);
}
