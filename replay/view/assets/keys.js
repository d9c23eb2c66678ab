// @ts-check
// Everything that a key does, in one table: the page obeys it, and the help shows it.
import { add, h } from "./dom.js";

/** @typedef {{ keys: string[], shown: string, does: string, act: (event: KeyboardEvent) => void }} Key */

export class Keys {
  /** @param {Key[]} table */
  constructor(table) {
    const rows = table.map((key) =>
      h(
        "tr",
        {},
        h(
          "td",
          {},
          key.shown.split(" ").map((each) => h("kbd", {}, each)),
        ),
        h("td", {}, key.does),
      ),
    );
    const close = h("button", { type: "button", class: "close", onclick: () => this.help.close() }, "close");
    this.help = /** @type {HTMLDialogElement} */ (
      h(
        "dialog",
        { class: "help", "aria-label": "Keys" },
        h("h2", {}, "Keys"),
        h("table", {}, h("tbody", {}, rows)),
        close,
      )
    );
    this.help.addEventListener("click", (event) => event.target === this.help && this.help.close());
    document.body.append(this.help);
    document.addEventListener("keydown", (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isBusy(event)) return;
      const found = table.find((key) => key.keys.includes(event.key));
      if (!found) return;
      event.preventDefault();
      found.act(event);
    });
  }

  toggleHelp() {
    if (this.help.open) this.help.close();
    else this.help.showModal();
  }
}

/**
 * Whether a key is meant for what has the focus: text that is typed, a button that is pressed, a box that is open.
 * @param {KeyboardEvent} event
 */
function isBusy(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.matches("input")) return true;
  if (document.querySelector("dialog[open]")) return event.key !== "?";
  return event.key === " " && target.matches("button, summary");
}
