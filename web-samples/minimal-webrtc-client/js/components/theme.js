/** Light or dark: the system's choice until the person makes one here. The page's root element is what knows it. */
import { remember, remembered } from "../memory.js";
import { byId, redraw } from "./elements.js";

const KEY = "flashback.theme";

export function showTheme() {
  const button = byId("theme", HTMLButtonElement);
  const system = matchMedia("(prefers-color-scheme: light)");
  const { dataset } = document.documentElement;
  const isLight = () => (dataset.theme ?? (system.matches ? "light" : "dark")) === "light";
  const show = () => {
    button.setAttribute("aria-label", isLight() ? "Use the dark theme" : "Use the light theme");
    redraw(button, isLight() ? "i-moon" : "i-sun");
  };
  const chosen = remembered(KEY);
  if (chosen === "light" || chosen === "dark") dataset.theme = chosen;
  button.addEventListener("click", () => {
    dataset.theme = isLight() ? "dark" : "light";
    remember(KEY, dataset.theme);
    show();
  });
  system.addEventListener("change", show);
  show();
}
