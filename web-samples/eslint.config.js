import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  { files: ["minimal-webrtc-client/**"], languageOptions: { globals: globals.browser } },
  { files: ["minimal-webrtc-client/**/*.worklet.js"], languageOptions: { globals: globals.audioWorklet } },
  { files: ["tests/**", "*.config.js"], languageOptions: { globals: globals.nodeBuiltin } },
];
