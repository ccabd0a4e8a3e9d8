/** Wires the page together: what happens goes into the store, what is shown comes from it. */
import { actionsOf } from "./actions.js";
import { showCaptions } from "./components/captions.js";
import { showConversation } from "./components/conversation.js";
import { byId } from "./components/elements.js";
import { showLatency } from "./components/latency.js";
import { showLevel, showMicrophone } from "./components/microphone.js";
import { showNotices } from "./components/notices.js";
import { showPill } from "./components/pill.js";
import { showQuestion } from "./components/question.js";
import { Sound } from "./components/sound.js";
import { Stage } from "./components/stage.js";
import { showStop } from "./components/stop.js";
import { showStyles } from "./components/styles.js";
import { showTheme } from "./components/theme.js";
import { showTranscript } from "./components/transcript.js";
import { Control } from "./connection/control.js";
import { Session } from "./connection/session.js";
import { Stats } from "./connection/stats.js";
import { readStyles } from "./connection/styles.js";
import { inspectionOf } from "./inspect.js";
import { Microphone } from "./microphone/microphone.js";
import { pushToTalk } from "./microphone/push-to-talk.js";
import { reportSpeech } from "./report.js";
import { say } from "./state/notices.js";
import { initial } from "./state/page-state.js";
import { Store } from "./state/store.js";
import { microphoneChanged, received, startedOver } from "./state/transitions.js";
import { warn } from "./warnings.js";

const VOICE_MS = 100; // How often the light follows the voice.

const store = new Store(initial);

// What happens.
const session = new Session({
  joined: async (id, token) => {
    control.follow(id, token);
    if (id !== store.state.session.id) store.set(startedOver(store.state, id));
    stage.show(session.stream);
    sound.play();
    const styles = await readStyles(id, store.state.styles);
    store.set({ styles: { ...store.state.styles, ...styles } });
  },
  peer: (peer) => store.set({ peer }),
  trouble: (sentence) => store.set({ notices: say(store.state.notices, "connection", sentence, { title: "Not connected." }) }),
});
const control = new Control({
  message: (message) => store.set(received(store.state, message)),
  opened: () => {
    store.set({ controlLost: false });
    reportAgain();
  },
  lost: () => store.set({ controlLost: true, saying: "" }), // The end of what is being said will not be told.
  gone: () => session.join(),
});
const stats = new Stats(session, (reception) => store.set({ reception }));
const microphone = new Microphone({
  track: (track) => session.lend(track),
  changed: (state) => store.set(microphoneChanged(store.state, state)),
  speech: (voice) => store.set({ voice }),
  level: showLevel,
  trouble: (sentence) => store.set({ notices: say(store.state.notices, "microphone", sentence) }),
});

// What is shown, and what the person may do.
const stage = new Stage(store);
const sound = new Sound(store);
const actions = actionsOf({ store, session, control, microphone, sound });
showTheme();
showPill(store);
showStop(store, actions.interrupt);
showQuestion(store, actions.ask);
showMicrophone(store, actions);
showTranscript(store);
showCaptions(store);
showConversation(store);
showNotices(store);
showStyles(store, actions.chooseStyle);
showLatency(store);
pushToTalk({
  field: byId("question", HTMLTextAreaElement),
  buttons: [byId("mic", HTMLButtonElement), byId("mute", HTMLButtonElement)],
  isOn: () => microphone.on,
  press: actions.startTalking,
  release: actions.stopTalking,
});

// What follows by itself.
const reportAgain = reportSpeech(store, control);
warn(store);
setInterval(async () => {
  if (document.hidden) return;
  const heard = await stats.voice();
  stage.shine(Math.min(1, Math.sqrt(heard) * 1.6));
}, VOICE_MS);
addEventListener("pagehide", () => session.leave());
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) session.join();
});
window.flashback = inspectionOf({ store, session, control, stats });

if ("RTCPeerConnection" in window) session.join();
else {
  const sentence = "This browser has no WebRTC, or it is switched off. Use a current Chrome, Edge, Firefox or Safari.";
  store.set({ notices: say(store.state.notices, "connection", sentence) });
}
