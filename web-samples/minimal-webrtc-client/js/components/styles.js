/** The looks that the server offers: light, background and colour of the same face. */
import { call } from "../connection/api.js";
import { element } from "./elements.js";

/** Left and right light of the looks that we know; others get colours of their own from their name. */
const LIGHTS = { studio: ["#1d5a70", "#c4622a"], dusk: ["#2d1f73", "#b02a6b"], morning: ["#7f9a86", "#d9c48f"] };

export class Looks extends EventTarget {
  inForce = "";

  constructor(root) {
    super();
    this.root = root;
  }

  /** Reads the looks once, and which one the session has; without any there is nothing to choose and nothing is shown. */
  async load(session) {
    const [offered, live] = await Promise.all([
      this.root.hidden ? call("GET", "styles").catch(() => null) : null,
      call("GET", `session/${encodeURIComponent(session)}`).catch(() => null),
    ]);
    if (offered?.styles?.length > 1 && this.root.hidden) {
      for (const name of offered.styles) this.root.append(this.#choice(String(name)));
      this.root.hidden = false;
    }
    this.inForce = live?.style ?? offered?.style ?? this.inForce;
    this.mark();
  }

  /** Drawing a look for the first time takes seconds: say that it is under way. */
  set busy(busy) {
    this.root.setAttribute("aria-busy", String(busy));
  }

  /** Marks the look in force. */
  mark() {
    for (const input of this.root.querySelectorAll("input")) input.checked = input.value === this.inForce;
  }

  #choice(name) {
    const label = element("label", "look");
    const input = element("input");
    Object.assign(input, { type: "radio", name: "look", value: name });
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
