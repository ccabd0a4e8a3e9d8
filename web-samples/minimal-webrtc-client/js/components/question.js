/**
 * The line where questions are typed, and the first questions that are suggested below it.
 *
 * @import { PageState } from "../state/page-state.js"
 * @import { Store } from "../state/store.js"
 */
import { byId } from "./elements.js";

/**
 * @param {Store<PageState>} store
 * @param {(text: string) => Promise<boolean>} ask resolves to whether the question could be asked
 */
export function showQuestion(store, ask) {
  const form = byId("composer", HTMLFormElement);
  const field = byId("question", HTMLTextAreaElement);
  const send = byId("send", HTMLButtonElement);
  const chips = byId("chips", HTMLElement);

  const fit = () => {
    send.disabled = !field.value.trim();
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  };
  const submit = async (/** @type {string} */ value) => {
    const text = value.trim();
    if (!text) return;
    field.value = "";
    fit();
    if (await ask(text)) return;
    field.value ||= text; // It could not be asked: back with it, unless something else stands there.
    fit();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(field.value);
  });
  field.addEventListener("keydown", (event) => {
    // Enter that ends an input method's composition is not a question yet.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  field.addEventListener("input", fit);
  chips.addEventListener("click", ({ target }) => {
    const chip = target instanceof Element && target.closest("button");
    if (chip) submit(chip.textContent ?? "");
  });
  store.subscribe(
    ({ suggesting }) => suggesting,
    (suggesting) => (chips.hidden = !suggesting),
  );
  // On a touch screen the focus would open the keyboard over the face.
  if (matchMedia("(pointer: fine)").matches) field.focus();
}
