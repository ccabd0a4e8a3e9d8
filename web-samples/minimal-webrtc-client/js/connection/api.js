/** HTTP to the orchestrator. Whatever goes wrong becomes a Trouble whose message is a sentence for people. */

export class Trouble extends Error {
  /** `status`: the HTTP status, 0 when no answer came at all. */
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

/** An address beside this page, so that the page also works below a path. */
export function address(path) {
  return new URL(path, document.baseURI);
}

/** Sends JSON, answers with parsed JSON (null for an empty body). Throws Trouble. `token`: whose rights the call has. */
export async function call(method, path, body, { timeoutMs = 15_000, token } = {}) {
  let response;
  try {
    response = await fetch(address(path), {
      method,
      headers: { accept: "application/json", ...(body && { "content-type": "application/json" }), ...(token && { authorization: `Bearer ${token}` }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw new Trouble(
      error.name === "TimeoutError" ? "The server takes too long to answer." : "The server cannot be reached.",
    );
  }
  const text = await response.text().catch(() => "");
  const json = parse(text);
  if (!response.ok) {
    throw new Trouble(json?.detail ?? `The server answered ${response.status} ${response.statusText}.`, response.status);
  }
  return json;
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
