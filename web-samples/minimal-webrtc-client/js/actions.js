/**
 * What the person may do: its effect in the state, and what the server is told.
 *
 * @import { Sound } from "./components/sound.js"
 * @import { Control } from "./connection/control.js"
 * @import { Session } from "./connection/session.js"
 * @import { Microphone } from "./microphone/microphone.js"
 * @import { PageState } from "./state/page-state.js"
 * @import { Store } from "./state/store.js"
 */
import { call, troubleOf } from "./connection/api.js";
import { putStyle } from "./connection/styles.js";
import { answered, withdrawn } from "./state/conversation.js";
import { isBusy } from "./state/page-state.js";
import { questionAsked, wentWrong } from "./state/transitions.js";

const ANSWER_MS = 60_000; // How long an answer may take that comes as a whole.

/**
 * @param {object} parts
 * @param {Store<PageState>} parts.store
 * @param {Session} parts.session
 * @param {Control} parts.control
 * @param {Microphone} parts.microphone
 * @param {Sound} parts.sound
 */
export function actionsOf({ store, session, control, microphone, sound }) {
  let mutedAfter = false; // once the key to talk is released

  /** @param {unknown} error @param {string} [title] */
  const complain = (error, title) => store.set(wentWrong(store.state, troubleOf(error).message, title));

  return {
    /**
     * Over the control channel or, where that is away, by HTTP. Resolves to whether the question could be asked.
     *
     * @param {string} text
     */
    async ask(text) {
      sound.gesture();
      const id = store.state.conversation.nextId;
      store.set(questionAsked(store.state, text));
      if (control.send({ type: "start_reply", text })) return true;
      try {
        const question = { text, ...(session.id && { session: session.id }) };
        const answer = await call("POST", "answer", question, { timeoutMs: ANSWER_MS });
        store.set({ conversation: answered(store.state.conversation, id, answer) });
        return true;
      } catch (error) {
        store.set({ conversation: withdrawn(store.state.conversation, id) });
        complain(error, "Not asked.");
        return false;
      }
    },

    interrupt() {
      if (!isBusy(store.state) || control.send({ type: "cancel" })) return;
      call("POST", "cancel", { session: session.id }).catch((error) => complain(error));
    },

    /** @param {string} style */
    async chooseStyle(style) {
      store.set({ styles: { ...store.state.styles, busy: true } });
      let inForce;
      try {
        inForce = await putStyle(session.id, style);
      } catch (error) {
        complain(error, "The look stays.");
      }
      const { styles } = store.state;
      store.set({ styles: { ...styles, inForce: inForce ?? styles.inForce, busy: false } });
    },

    toggleMicrophone() {
      sound.gesture();
      microphone.muted = false;
      microphone.toggle();
    },

    toggleMute() {
      microphone.muted = !microphone.muted;
    },

    /** @param {string} device */
    chooseMicrophone(device) {
      microphone.choose(device);
    },

    /** The key to talk is held: the microphone is open as long as it is. */
    startTalking() {
      sound.gesture();
      mutedAfter = !microphone.on || microphone.muted; // Who is heard by holding a key only is not heard afterwards.
      microphone.muted = false;
      if (!microphone.on) microphone.open();
      store.set({ talking: true });
    },

    stopTalking() {
      microphone.muted = mutedAfter;
      store.set({ talking: false });
    },
  };
}
