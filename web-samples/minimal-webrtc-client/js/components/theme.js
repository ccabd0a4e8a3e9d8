/** Light or dark: the system's choice until the person makes one here. */
import { remember, remembered } from "../memory.js";

const KEY = "flashback.theme";

export function followTheme(button) {
  const system = matchMedia("(prefers-color-scheme: light)");
  const root = document.documentElement;
  const show = () => {
    const light = (root.dataset.theme ?? (system.matches ? "light" : "dark")) === "light";
    button.setAttribute("aria-label", light ? "Use the dark theme" : "Use the light theme");
    button.querySelector("use").setAttribute("href", light ? "#i-moon" : "#i-sun");
    return light;
  };
  const chosen = remembered(KEY);
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  button.addEventListener("click", () => {
    root.dataset.theme = show() ? "dark" : "light";
    remember(KEY, root.dataset.theme);
    show();
  });
  system.addEventListener("change", show);
  show();
}
