/**
 * What is wrong, a sentence each, one at a time per subject. Pure: notices in, notices out.
 *
 * @typedef {"connection" | "control" | "ears" | "microphone" | "error"} Subject
 *
 * @typedef {object} Notice
 * @property {Subject} subject
 * @property {string} sentence
 * @property {string} title stands before the sentence; blank: the sentence stands alone
 * @property {number} forMs after this time it goes away by itself; 0: it stays
 */

/**
 * The notices with this one, in the place of the subject's earlier sentence. The same sentence stays as it is.
 *
 * @param {readonly Notice[]} notices
 * @param {Subject} subject
 * @param {string} sentence
 * @param {{title?: string, forMs?: number}} [options]
 * @returns {readonly Notice[]}
 */
export function say(notices, subject, sentence, { title = "", forMs = 0 } = {}) {
  if (notices.some((notice) => notice.subject === subject && notice.sentence === sentence)) return notices;
  return [...without(notices, subject), { subject, sentence, title, forMs }];
}

/**
 * The notices without this subject's.
 *
 * @param {readonly Notice[]} notices
 * @param {Subject} subject
 */
export function without(notices, subject) {
  return notices.some((notice) => notice.subject === subject) ? notices.filter((notice) => notice.subject !== subject) : notices;
}
