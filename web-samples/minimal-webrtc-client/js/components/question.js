/** The line where questions are typed. Events: `ask` {text}. */

export class Composer extends EventTarget {
  constructor({ form, field, send, chips }) {
    super();
    Object.assign(this, { form, field, send, chips });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(field.value);
    });
    field.addEventListener("keydown", (event) => {
      // Enter that ends an input method's composition is not a question yet.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    field.addEventListener("input", () => this.#show());
    chips.addEventListener("click", ({ target }) => {
      const chip = target.closest("button");
      if (chip) this.#submit(chip.textContent);
    });
    // On a touch screen the focus would open the keyboard over the face.
    if (matchMedia("(pointer: fine)").matches) field.focus();
  }

  /** Puts a question back that could not be asked. */
  restore(text) {
    if (!this.field.value) this.field.value = text;
    this.#show();
  }

  /** Whoever has asked something needs no suggestions. */
  hideChips() {
    this.chips.hidden = true;
  }

  #submit(value) {
    const text = value.trim();
    if (!text) return;
    this.field.value = "";
    this.#show();
    this.hideChips();
    this.dispatchEvent(new CustomEvent("ask", { detail: text }));
  }

  #show() {
    this.send.disabled = !this.field.value.trim();
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }
}
