/**
 * The page seen from outside, as `window.flashback`; nothing in it can be changed.
 *
 * @import { Control } from "./connection/control.js"
 * @import { Session } from "./connection/session.js"
 * @import { Stats } from "./connection/stats.js"
 * @import { PageState } from "./state/page-state.js"
 * @import { Store } from "./state/store.js"
 *
 * @typedef {ReturnType<typeof inspectionOf>} Inspection
 */
import { presence } from "./state/page-state.js";

/**
 * @param {object} parts
 * @param {Store<PageState>} parts.store
 * @param {Session} parts.session
 * @param {Control} parts.control
 * @param {Stats} parts.stats
 */
export function inspectionOf({ store, session, control, stats }) {
  return Object.freeze({
    get state() {
      return presence(store.state);
    },
    get session() {
      return session.id;
    },
    get turn() {
      return store.state.session.turn;
    },
    get peer() {
      return session.peer;
    },
    get control() {
      return control.open;
    },
    get microphone() {
      return store.state.microphone.on;
    },
    get muted() {
      return store.state.microphone.muted;
    },
    get ears() {
      return store.state.session.ears;
    },
    get userSpeaking() {
      return store.state.voice;
    },
    get fps() {
      return store.state.reception.fps;
    },
    get audioLevel() {
      return stats.audioLevel;
    },
    get audioEnergy() {
      return stats.audioEnergy;
    },
    get stats() {
      const { fps, kbps, jitterMs, roundTripMs, lost, freezes } = store.state.reception;
      return { fps, kbps, jitterMs, roundTripMs, lost, freezes };
    },
  });
}
