// @ts-check
// Light or dark: as the system has it, until somebody says otherwise.
import { h } from "./dom.js";

const probe = h("span", { hidden: true });

/**
 * A colour of the style sheets, as a canvas understands it: there it may depend on light and dark.
 * @param {string} name
 */
export function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/**
 * The button that changes it.
 * @param {() => void} changed
 */
export function themeButton(changed) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const label = () => (isDark() ? "light" : "dark");
  const button = h(
    "button",
    {
      type: "button",
      onclick: () => {
        document.documentElement.dataset.theme = label();
        tell();
      },
    },
    label(),
  );
  const tell = () => {
    button.textContent = label();
    changed();
  };
  dark.addEventListener("change", tell);
  matchMedia("print").addEventListener("change", changed);
  return button;
}
