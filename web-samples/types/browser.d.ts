// What browsers have and TypeScript's own declarations do not.

/** For looking at the page from outside: js/inspect.js. */
interface Window {
  flashback: import("../minimal-webrtc-client/js/inspect.js").Inspection;
}

/** Chromium's older name of `jitterBufferTarget`, in seconds. */
interface RTCRtpReceiver {
  playoutDelayHint?: number;
}

// The audio thread's globals.
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
