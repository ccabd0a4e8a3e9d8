/** What belongs to an open microphone: mute, and which one it is. */

export class VoiceBar {
  constructor({ root, mute, devices, microphone }) {
    Object.assign(this, { root, mute, devices, microphone });
    mute.addEventListener("click", () => (microphone.muted = !microphone.muted));
    devices.addEventListener("change", () => microphone.choose(devices.value));
    for (const type of ["track", "muted", "devices"]) microphone.addEventListener(type, () => this.#show());
  }

  #show() {
    const { on, muted, device, devices } = this.microphone;
    // The bar may vanish under the focus.
    if (!on && this.root.contains(document.activeElement)) document.getElementById("mic").focus();
    this.root.hidden = !on;
    this.mute.setAttribute("aria-pressed", String(muted));
    this.mute.querySelector("span").textContent = muted ? "Muted" : "Mute";
    this.mute.querySelector("use").setAttribute("href", muted ? "#i-muted" : "#i-mic");
    this.devices.replaceChildren(...devices.map(({ id, name }) => new Option(name, id, false, id === device)));
    this.devices.parentElement.hidden = devices.length < 2;
  }
}
