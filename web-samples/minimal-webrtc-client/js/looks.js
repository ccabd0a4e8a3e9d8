/** The looks that the server offers: light, background and colour of the same face. */
import { call } from "./api.js";
import { element } from "./elements.js";

/** Left and right light of the looks that we know; others get colours of their own from their name. */
const LIGHTS = { studio: ["#1d5a70", "#c4622a"], dusk: ["#2d1f73", "#b02a6b"], morning: ["#7f9a86", "#d9c48f"] };

export class Looks extends EventTarget {
  constructor(root) {
    super();
    this.root = root;
  }

  /** Reads the looks once; without them there is nothing to choose and nothing is shown. */
  async load() {
    if (this.root.querySelector("input")) return;
    const { styles = [], style } = (await call("GET", "styles").catch(() => null)) ?? {};
    if (styles.length < 2) return;
    for (const name of styles) this.root.append(this.#choice(String(name), name === style));
    this.root.hidden = false;
  }

  /** Marks the look in force. */
  mark(name) {
    for (const input of this.root.querySelectorAll("input")) input.checked = input.value === name;
  }

  #choice(name, checked) {
    const label = element("label", "look");
    const input = element("input");
    Object.assign(input, { type: "radio", name: "look", value: name, checked });
    input.addEventListener("change", () => this.dispatchEvent(new CustomEvent("choose", { detail: name })));
    const swatch = element("span", "swatch");
    const [left, right] = LIGHTS[name] ?? own(name);
    swatch.style.setProperty("--left", left);
    swatch.style.setProperty("--right", right);
    label.title = `Look: ${name}`;
    label.append(input, swatch, element("span", "unseen", name));
    return label;
  }
}

function own(name) {
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  return [`hsl(${hue} 45% 32%)`, `hsl(${(hue + 150) % 360} 55% 55%)`];
}
