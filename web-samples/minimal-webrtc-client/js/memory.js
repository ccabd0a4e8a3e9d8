/**
 * What a tab remembers over a reload. A browser that blocks storage throws at the first touch: then nothing is remembered,
 * and everything else works.
 */

export function remembered(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // Blocked or full: see above.
  }
}
