/** HTTP to the orchestrator. Whatever goes wrong becomes a Trouble whose message is a sentence for people. */

export class Trouble extends Error {
  /**
   * @param {string} message
   * @param {number} [status] the HTTP status; 0: no answer came at all
   */
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

/**
 * What was thrown, as a Trouble.
 *
 * @param {unknown} error
 * @returns {Trouble}
 */
export function troubleOf(error) {
  if (error instanceof Trouble) return error;
  return new Trouble(error instanceof Error ? error.message : String(error));
}

/**
 * An address beside this page, so that the page also works below a path.
 *
 * @param {string} path
 */
export function address(path) {
  return new URL(path, document.baseURI);
}

/**
 * Sends JSON, answers with parsed JSON (null for an empty body). Throws Trouble.
 *
 * @param {"GET" | "POST"} method
 * @param {string} path
 * @param {object} [body]
 * @param {{timeoutMs?: number, token?: string | null}} [options] `token`: whose rights the call has
 * @returns {Promise<any>} what docs/api.md says of this call
 */
export async function call(method, path, body, { timeoutMs = 15_000, token } = {}) {
  let response;
  try {
    response = await fetch(address(path), {
      method,
      headers: {
        accept: "application/json",
        ...(body && { "content-type": "application/json" }),
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw new Trouble(
      error instanceof Error && error.name === "TimeoutError"
        ? "The server takes too long to answer."
        : "The server cannot be reached.",
    );
  }
  const json = parsed(await response.text().catch(() => ""));
  if (!response.ok) {
    throw new Trouble(json?.detail ?? `The server answered ${response.status} ${response.statusText}.`, response.status);
  }
  return json;
}

/** @param {string} text */
function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
