// @ts-check
// The search box and the filters. A filter says how many calls it would leave of all.
import { add, h } from "../../view/assets/dom.js";
import { counted, number } from "../../view/assets/format.js";
import { FILTERS, HEARD, Wish } from "./wish.js";

export class Controls {
  /**
   * @param {Wish} wish
   * @param {any[]} calls
   * @param {() => void} enter Go from the box to the calls.
   */
  constructor(wish, calls, enter) {
    this._wish = wish;
    this._enter = enter;
    this._input = /** @type {HTMLInputElement} */ (h("input", {
      type: "search", placeholder: "what was said, or a call", "aria-label": "Search what was said", autocomplete: "off", spellcheck: "false",
    }));
    this._input.addEventListener("input", () => wish.set({ query: this._input.value }));
    this._input.addEventListener("keydown", (event) => this._key(event));
    this._heard = Object.entries(HEARD).map(([value, label]) => ({ value, button: choice(label, () => wish.set({ heard: value })) }));
    this._filters = Object.entries(FILTERS).map(([name, { label, keeps }]) =>
      ({ name, button: choice([label, h("small", {}, number(calls.filter(keeps).length))], () => this._toggle(name)) }));
    this._told = h("p", { class: "told", role: "status" });
    this.element = h("div", { class: "controls" },
      this._input,
      add(h("span", { class: "joined", role: "group", "aria-label": "Which words" }), this._heard.map((each) => each.button)),
      add(h("span", { class: "chips", role: "group", "aria-label": "Which calls" }), this._filters.map((each) => each.button)),
      this._told);
  }

  focus() {
    this._input.focus();
    this._input.select();
  }

  /** Show what is wished. */
  show() {
    const { query, heard, show } = this._wish;
    if (this._input.value !== query) this._input.value = query;
    for (const { value, button } of this._heard) button.setAttribute("aria-pressed", String(value === heard));
    for (const { name, button } of this._filters) button.setAttribute("aria-pressed", String(show.has(name)));
  }

  /** Say what came of it. @param {{ calls: number, all: number, turns: number | null }} found */
  tell({ calls, all, turns }) {
    const said = turns === null ? "" : `, said in ${counted(turns, "turn")}`;
    this._told.textContent = calls === all && turns === null ? counted(all, "call") : `${number(calls)} of ${counted(all, "call")}${said}`;
  }

  /** @param {string} name */
  _toggle(name) {
    const show = new Set(this._wish.show);
    if (!show.delete(name)) show.add(name);
    this._wish.set({ show });
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (event.key === "Escape") this._wish.set({ query: "" });
    else if (event.key === "ArrowDown" || event.key === "Enter") this._enter();
    else return;
    event.preventDefault();
  }
}

/**
 * @param {any} label
 * @param {() => void} act
 */
function choice(label, act) {
  return h("button", { type: "button", "aria-pressed": "false", onclick: act }, label);
}
