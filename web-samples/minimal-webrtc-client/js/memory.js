/**
 * What a tab remembers over a reload, and what the browser keeps for the next visit (`lasting`). A browser that blocks storage
 * throws at the first touch: then nothing is remembered, and everything else works.
 */

/**
 * @param {string} key
 * @param {{lasting?: boolean}} [options]
 */
export function remembered(key, { lasting = false } = {}) {
  try {
    return (lasting ? localStorage : sessionStorage).getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 * @param {{lasting?: boolean}} [options]
 */
export function remember(key, value, { lasting = false } = {}) {
  try {
    (lasting ? localStorage : sessionStorage).setItem(key, value);
  } catch {
    // Blocked or full: see above.
  }
}
