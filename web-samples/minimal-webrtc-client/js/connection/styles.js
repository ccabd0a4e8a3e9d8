/**
 * The styles that the server offers: light, background and colour of the same face.
 *
 * @import { StyleState } from "../state/page-state.js"
 */
import { call } from "./api.js";

const DRAWING_MS = 60_000; // A style that is drawn for the first time takes its time.

/**
 * Which one the session has and, unless they are known, which ones there are. One that stands alone is not offered; what cannot
 * be read stays as it is.
 *
 * @param {string} session
 * @param {StyleState} known
 * @returns {Promise<Pick<StyleState, "offered" | "inForce">>}
 */
export async function readStyles(session, known) {
  const [all, live] = await Promise.all([
    known.offered.length ? null : call("GET", "styles").catch(() => null),
    call("GET", `session/${encodeURIComponent(session)}`).catch(() => null),
  ]);
  const offered = all?.styles?.length > 1 ? all.styles.map(String) : known.offered;
  return { offered, inForce: live?.style ?? all?.style ?? known.inForce };
}

/**
 * Asks for this style. Resolves to the one that is in force then; throws Trouble.
 *
 * @param {string | null} session
 * @param {string} style
 * @returns {Promise<string>}
 */
export async function putStyle(session, style) {
  return (await call("POST", "style", { session, style }, { timeoutMs: DRAWING_MS }))?.style ?? style;
}
