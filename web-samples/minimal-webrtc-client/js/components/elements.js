/** Small pieces of the page, made without markup: text stays text. */

/**
 * The page's element of this id. Throws if the HTML has no such element of this kind.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  return within(document, `#${id}`, kind);
}

/**
 * The first element that a selector finds. Throws if there is no such element of this kind.
 *
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {T}
 */
export function within(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} ${selector}.`);
  return found;
}

/**
 * An element with a class and a text.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {string} [text]
 */
export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/**
 * One of the page's own drawings.
 *
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

/**
 * Gives a button that has a drawing another one.
 *
 * @param {HTMLButtonElement} button
 * @param {string} name
 */
export function redraw(button, name) {
  within(button, "use", SVGUseElement).setAttribute("href", `#${name}`);
}
