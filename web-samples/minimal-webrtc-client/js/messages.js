/**
 * What travels on WS /control (docs/api.md): one type a message, the unions at the bottom.
 *
 * @typedef {object} Envelope What every message of the server has.
 * @property {string} event_id
 * @property {string} session
 * @property {number} turn 0: before the first turn
 * @property {number} at ms since the epoch
 *
 * @typedef {"listening" | "thinking" | "speaking" | "paused"} SessionState `paused`: a voice has set in while the avatar spoke.
 *
 * @typedef {object} State
 * @property {"state"} type
 * @property {SessionState} state
 * @property {boolean} ears the server listens to the microphone and decides what interrupts
 *
 * @typedef {object} Transcript
 * @property {"transcript"} type
 * @property {string} text what the person said, or says so far
 * @property {boolean} final with the turn that answers it; with a blank text: it was nothing
 *
 * @typedef {object} AnswerDelta
 * @property {"answer_delta"} type
 * @property {string} text the next piece of the answer, as it is written
 *
 * @typedef {object} Citation
 * @property {"citation"} type
 * @property {string} source path of the document
 * @property {string} title
 * @property {string} quote
 * @property {number} t ms of the turn at which the clause begins that it supports
 *
 * @typedef {object} UnsupportedSentence
 * @property {"unsupported"} type
 * @property {string} text a sentence of the answer that the documents do not bear out
 * @property {string} reason
 *
 * @typedef {object} Caption
 * @property {"caption"} type
 * @property {string} word it is heard now
 * @property {number} t0 ms of the turn
 * @property {number} t1 ms of the turn
 *
 * @typedef {object} Playback
 * @property {"playback"} type
 * @property {number} t ms of the turn that have been heard
 * @property {"started" | "playing" | "finished"} phase
 *
 * @typedef {object} Interrupted
 * @property {"interrupted"} type
 * @property {string} heard_text the part of the answer that was heard; nothing of the turn follows
 *
 * @typedef {object} Metrics A turn's latencies, in ms after the question came in; what is not known is absent.
 * @property {"metrics"} type
 * @property {number} [end_of_turn_delay]
 * @property {number} [transcription_delay]
 * @property {number} [rag_retrieval_latency]
 * @property {number} [llm_ttft]
 * @property {number} [llm_ttfs]
 * @property {number} [tts_ttfb]
 * @property {number} [tts_ttfa]
 * @property {number} [render_ttff]
 * @property {number} [e2e_latency]
 * @property {number} [interruption_detection_delay]
 * @property {number} [interruption_to_silence_ms]
 * @property {number} [av_skew_ms]
 * @property {number} [final_fps]
 * @property {number} [buffer_ms]
 * @property {number} [underruns_total]
 *
 * @typedef {object} ErrorReport
 * @property {"error"} type
 * @property {string} title
 * @property {string} detail a sentence that says what to do
 *
 * @typedef {object} UserSpeaking
 * @property {"user_speaking"} type
 * @property {boolean} speaking
 *
 * @typedef {object} StartReply
 * @property {"start_reply"} type
 * @property {string} [text] the question
 *
 * @typedef {object} CancelReply
 * @property {"cancel"} type
 *
 * @typedef {object} ChooseStyle
 * @property {"set_style"} type
 * @property {string} style
 *
 * @typedef {State | Transcript | AnswerDelta | Citation | UnsupportedSentence
 *   | Caption | Playback | Interrupted | Metrics | ErrorReport} Body
 * @typedef {Envelope & Body} Message from the server
 * @typedef {UserSpeaking | StartReply | CancelReply | ChooseStyle} Command to the server
 */

/**
 * A received text as a message, or null if it is not one. A type that this page does not know is returned as well; nothing acts
 * on it.
 *
 * @param {string} text
 * @returns {Message | null}
 */
export function parse(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  return typeof message?.type === "string" ? message : null;
}
