/**
 * The styles to choose from: light, background and colour of the same face. People know them as looks.
 *
 * @import { PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { byId, element } from "./elements.js";

/**
 * Left and right light of the styles that we know; others get colours of their own from their name.
 *
 * @type {Readonly<Record<string, readonly [string, string]>>}
 */
const LIGHTS = { studio: ["#1d5a70", "#c4622a"], dusk: ["#2d1f73", "#b02a6b"], morning: ["#7f9a86", "#d9c48f"] };

/**
 * @param {Store<PageState>} store
 * @param {(style: string) => void} choose
 */
export function showStyles(store, choose) {
  const root = byId("looks", HTMLFieldSetElement);
  store.subscribe(
    ({ styles }) => styles,
    ({ offered, inForce, busy }) => {
      if (offered.length && root.hidden) {
        root.append(...offered.map((name) => choice(name, () => choose(name))));
        root.hidden = false;
      }
      root.setAttribute("aria-busy", String(busy));
      // Until the server has decided, the one that was chosen stays marked.
      if (!busy) for (const input of root.querySelectorAll("input")) input.checked = input.value === inForce;
    },
  );
}

/**
 * @param {string} name
 * @param {() => void} choose
 */
function choice(name, choose) {
  const label = element("label", "look");
  const input = element("input");
  Object.assign(input, { type: "radio", name: "look", value: name });
  input.addEventListener("change", choose);
  const swatch = element("span", "swatch");
  const [left, right] = LIGHTS[name] ?? lightsOf(name);
  swatch.style.setProperty("--left", left);
  swatch.style.setProperty("--right", right);
  label.title = `Look: ${name}`;
  label.append(input, swatch, element("span", "unseen", name));
  return label;
}

/**
 * @param {string} name
 * @returns {[string, string]}
 */
function lightsOf(name) {
  const hue = [...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7);
  return [`hsl(${hue} 45% 32%)`, `hsl(${(hue + 150) % 360} 55% 55%)`];
}
