/** Wires the page together: what happens on one side is shown or sent on the other. */
import { call } from "./connection/api.js";
import { Captions } from "./components/captions.js";
import { Composer } from "./components/question.js";
import { Control } from "./connection/control.js";
import { Conversation } from "./state/conversation.js";
import { ConversationView } from "./components/conversation.js";
import { Looks } from "./components/styles.js";
import { Microphone } from "./microphone/microphone.js";
import { Notices } from "./components/notices.js";
import { PushToTalk } from "./microphone/push-to-talk.js";
import { Saying } from "./components/transcript.js";
import { Session } from "./connection/session.js";
import { Sound } from "./components/sound.js";
import { Stage } from "./components/stage.js";
import { Stats } from "./connection/stats.js";
import { followTheme } from "./components/theme.js";
import { VoiceBar } from "./components/microphone.js";
import { Waterfall } from "./components/latency.js";

const VOICE_MS = 100; // How often the light follows the voice.
const AWAY_MS = 1500; // A control channel, or ears, that are back sooner than this were not missed.

const $ = (id) => document.getElementById(id);
followTheme($("theme"));
const notices = new Notices($("notices"));
const stage = new Stage({ root: $("stage"), video: $("face"), still: $("still"), ambient: $("ambient"), label: $("state") });
const sound = new Sound({ video: $("face"), toggle: $("sound"), tap: $("tap") });
const captions = new Captions($("captions"));
const conversation = new Conversation();
new ConversationView($("conversation"), conversation);
const waterfall = new Waterfall({ waterfall: $("waterfall"), turn: $("turn"), live: $("live"), glance: $("glance") });
const looks = new Looks($("looks"));
const saying = new Saying($("saying"));
const microphone = new Microphone();
const talk = new PushToTalk({ field: $("question"), microphone, buttons: [$("mic"), $("mute")] });
new VoiceBar({ root: $("voice"), mute: $("mute"), devices: $("devices"), microphone });
const session = new Session();
const control = new Control();
const stats = new Stats(session);
const composer = new Composer({ form: $("composer"), field: $("question"), send: $("send"), chips: $("chips") });

let following = null; // The session whose turns we count.
let state = "listening"; // The session's own, as its last event said.
let turn = 0;
let ears = false; // Whether the server listens to the microphone: then it decides what interrupts.
let reported = false; // Whether we told it that somebody speaks.
let mutedAfter = false; // The key to talk is released.
let awayTimer = 0;
let deafTimer = 0;

// --- the session and its connection -----------------------------------------------------------------------------------

session.addEventListener("joined", async ({ detail }) => {
  if (following !== detail.session) startOver(detail.session);
  control.follow(detail.session, detail.token);
  looks.load(detail.session);
  const shown = stage.show(session.stream);
  sound.play();
  await shown;
  notices.clear("connection");
  showState();
});
session.addEventListener("peer", async ({ detail }) => {
  if (detail.state === "connected") await stage.thaw();
  else if (["new", "disconnected", "failed"].includes(detail.state)) stage.freeze();
  showState();
});
session.addEventListener("trouble", ({ detail }) => {
  stage.freeze();
  notices.say("connection", detail.message, { title: "Not connected." });
  showState();
});

function startOver(id) {
  following = id;
  state = "listening";
  turn = 0;
  ears = false;
  captions.clear();
  saying.show("");
  conversation.restart();
}

// --- what the session tells -------------------------------------------------------------------------------------------

const told = {
  state(event) {
    state = event.state;
    turn = Math.max(turn, event.turn ?? 0);
    ears = event.ears === true;
    report();
    showMicrophone();
    showState();
  },
  transcript(event) {
    saying.show(event.final ? "" : event.text);
    if (event.text) composer.hideChips();
  },
  caption: (event) => captions.word(event.word),
  interrupted: () => captions.clear(),
  metrics: (event) => waterfall.metrics(event),
  error: (event) => notices.say("error", event.detail, { title: event.title, forMs: 15_000 }),
};

control.addEventListener("event", ({ detail: event }) => {
  if (conversation.isStale(event)) return;
  conversation.receive(event);
  told[event.type]?.(event);
});
control.addEventListener("open", () => {
  clearTimeout(awayTimer);
  awayTimer = 0;
  notices.clear("control");
  reported = false;
  report();
});
control.addEventListener("lost", () => {
  saying.show(""); // Its end will not be told.
  awayTimer ||= setTimeout(
    () => notices.say("control", "The server does not answer at the moment; trying again.", { title: "Reconnecting." }),
    AWAY_MS,
  );
});
control.addEventListener("gone", () => {
  stage.freeze();
  session.join();
});

// --- what the person does ---------------------------------------------------------------------------------------------

composer.addEventListener("ask", async ({ detail: text }) => {
  sound.gesture();
  notices.clear("error");
  captions.clear();
  const entry = conversation.ask(text);
  if (control.send("start_reply", { text })) return;
  try {
    conversation.answered(entry, await call("POST", "answer", { text, ...(session.id && { session: session.id }) }, { timeoutMs: 60_000 }));
  } catch (trouble) {
    conversation.withdraw(entry);
    composer.restore(text);
    notices.say("error", trouble.message, { title: "Not asked.", forMs: 15_000 });
  }
});

$("stop").addEventListener("click", interrupt);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) interrupt();
});
$("stage").addEventListener("click", () => sound.gesture());

function interrupt() {
  if (state === "listening") return;
  if (control.send("cancel")) return;
  call("POST", "cancel", { session: session.id }).catch((trouble) => notices.say("error", trouble.message, { forMs: 15_000 }));
}

looks.addEventListener("choose", async ({ detail: style }) => {
  looks.busy = true;
  try {
    looks.inForce = (await call("POST", "style", { session: session.id, style }, { timeoutMs: 60_000 }))?.style ?? style;
  } catch (trouble) {
    notices.say("error", trouble.message, { title: "The look stays.", forMs: 15_000 });
  }
  looks.busy = false;
  looks.mark();
});

$("mic").addEventListener("click", () => {
  sound.gesture();
  microphone.muted = false;
  microphone.toggle();
});
talk.addEventListener("press", () => {
  sound.gesture();
  mutedAfter = !microphone.on || microphone.muted; // Whoever holds a key to talk is not heard otherwise.
  microphone.muted = false;
  if (!microphone.on) microphone.open();
  report();
});
talk.addEventListener("release", () => {
  microphone.muted = mutedAfter;
  report();
});
microphone.addEventListener("track", ({ detail }) => {
  session.lend(detail.track);
  if (microphone.on) notices.clear("microphone");
  showMicrophone();
});
microphone.addEventListener("muted", showMicrophone);
microphone.addEventListener("level", ({ detail }) => $("mic").style.setProperty("--level", detail.level.toFixed(3)));
microphone.addEventListener("speech", ({ detail }) => {
  stage.hearing = detail.speaking;
  report();
});
microphone.addEventListener("trouble", ({ detail }) => notices.say("microphone", detail.message));

/** Tells the server that somebody speaks: always while the key is held; by our own ears only where it has none. */
function report() {
  const speaking = talk.held || (!ears && microphone.speaking);
  if (speaking !== reported && control.send("user_speaking", { speaking })) reported = speaking;
}

// --- what is shown ----------------------------------------------------------------------------------------------------

function showMicrophone() {
  stage.ears = microphone.on && !microphone.muted && ears;
  $("mic").setAttribute("aria-pressed", String(microphone.on));
  $("mic").toggleAttribute("data-muted", microphone.muted);
  if (microphone.on && !ears) {
    deafTimer ||= setTimeout(() => notices.say("ears", "Speech is not understood just now: type your question."), AWAY_MS);
  } else {
    clearTimeout(deafTimer);
    deafTimer = 0;
    notices.clear("ears");
  }
}

function showState() {
  const live = $("stage").hasAttribute("data-live");
  const there = session.peer === "connected" && !$("stage").hasAttribute("data-still") && !stats.stalled;
  stage.state = there ? state : live ? "away" : "connecting";
  const busy = state !== "listening";
  // The button may vanish under the focus: the question line takes it.
  if (!busy && document.activeElement === $("stop")) $("question").focus();
  $("stop").hidden = !busy;
}

stats.addEventListener("sample", () => {
  waterfall.stats(stats);
  showState();
});
setInterval(async () => {
  if (document.hidden) return;
  const heard = await stats.voice();
  stage.shine(Math.min(1, Math.sqrt(heard) * 1.6));
}, VOICE_MS);

// --- coming and going -------------------------------------------------------------------------------------------------

addEventListener("pagehide", () => session.leave());
addEventListener("pageshow", (event) => event.persisted && session.join());

/** For looking at the page from outside; nothing in it can be changed. */
window.flashback = Object.freeze({
  get state() {
    return stage.state;
  },
  get session() {
    return session.id;
  },
  get turn() {
    return turn;
  },
  get peer() {
    return session.peer;
  },
  get control() {
    return control.open;
  },
  get microphone() {
    return microphone.on;
  },
  get muted() {
    return microphone.muted;
  },
  get ears() {
    return ears;
  },
  get userSpeaking() {
    return microphone.speaking;
  },
  get fps() {
    return stats.fps;
  },
  get audioLevel() {
    return stats.audioLevel;
  },
  get audioEnergy() {
    return stats.audioEnergy;
  },
  get stats() {
    const { fps, kbps, jitterMs, roundTripMs, lost, freezes } = stats;
    return { fps, kbps, jitterMs, roundTripMs, lost, freezes };
  },
});

if ("RTCPeerConnection" in window) session.join();
else notices.say("connection", "This browser has no WebRTC, or it is switched off. Use a current Chrome, Edge, Firefox or Safari.");
