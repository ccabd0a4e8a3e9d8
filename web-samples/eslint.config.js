import js from "@eslint/js";
import globals from "globals";

const PAGE = "minimal-webrtc-client";

/** Imports point one way: the modules of a folder may not import from these folders. */
const below = (folder, ...above) => ({
  files: [`${PAGE}/js/${folder}/**`],
  rules: { "no-restricted-imports": ["error", { patterns: above.map((name) => `**/${name}`) }] },
});
const WIRING = ["main.js", "actions.js", "inspect.js", "report.js", "warnings.js"];

export default [
  js.configs.recommended,
  { files: [`${PAGE}/**`], languageOptions: { globals: globals.browser } },
  { files: [`${PAGE}/**/*.worklet.js`], languageOptions: { globals: globals.audioWorklet } },
  { files: ["tests/**", "*.config.js"], languageOptions: { globals: globals.nodeBuiltin } },
  below("state", "connection/*", "microphone/*", "components/*", ...WIRING),
  below("connection", "microphone/*", "components/*", ...WIRING),
  below("microphone", "connection/*", "components/*", ...WIRING),
  below("components", "connection/*", "microphone/*", ...WIRING),
];
