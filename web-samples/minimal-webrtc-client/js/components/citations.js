/**
 * The sources of an answer, a card each.
 *
 * @import { Source } from "../state/conversation.js"
 */
import { element } from "./elements.js";

/** An empty list of sources. */
export function citationList() {
  const list = element("ul", "sources");
  list.setAttribute("aria-label", "Sources");
  return list;
}

/**
 * Adds the sources that the list does not show yet.
 *
 * @param {HTMLUListElement} list
 * @param {readonly Source[]} sources only ever added to
 */
export function showCitations(list, sources) {
  for (const source of sources.slice(list.childElementCount)) list.append(card(source, list.childElementCount + 1));
  list.hidden = !sources.length;
}

/**
 * @param {Source} source
 * @param {number} number
 */
function card({ title, source, quote }, number) {
  const item = element("li", "source");
  const head = element("p", "title");
  head.append(element("span", "number", String(number)), element("cite", "", title || source));
  item.append(head, element("p", "path", source));
  if (quote) item.append(element("blockquote", "", quote));
  return item;
}
