// @ts-check
// The table of calls. Rows are made as the page is scrolled to them, so that a thousand calls are drawn as fast as thirty.
//
// Up and down move the focus from row to row, as often as there are rows; Enter opens the call that has it.
import { add, fill, h } from "../../view/assets/dom.js";
import { counted } from "../../view/assets/format.js";
import { COLUMNS, sorted } from "./columns.js";
import { hitLink, hits } from "./said.js";
import { FILTERS, Wish } from "./wish.js";

const ROWS_AT_ONCE = 30;
const HITS_SHOWN = 3;

/** @typedef {{ call: any, hits: import("./said.js").Hit[] }} Found */

export class Calls {
  /**
   * @param {Wish} wish
   * @param {any[]} all
   */
  constructor(wish, all) {
    this._wish = wish;
    this._all = all;
    /** @type {Found[]} */
    this._found = [];
    this._picked = -1;
    /** @type {HTMLElement[]} */
    this._rows = [];
    this._heads = COLUMNS.map((column) => this._head(column));
    this._body = h("tbody", { role: "rowgroup" });
    this._nothing = h("p", { class: "nothing", hidden: true }, "No call is like that.");
    this._end = h("p", { class: "end", "aria-hidden": "true" });
    const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, this._heads));
    this.element = h("div", { class: "calls" }, h("table", { role: "table", "aria-label": "Calls" }, head, this._body), this._nothing, this._end);
    new IntersectionObserver(([end]) => end.isIntersecting && this._more(), { rootMargin: "800px" }).observe(this._end);
  }

  /** Show what is wished. @returns {{ calls: number, all: number, turns: number | null }} What there is of it. */
  show() {
    const { query, sort, isUp } = this._wish;
    const wanted = query.trim().toLowerCase();
    this._found = sorted(this._all.filter((call) => this._keeps(call)), sort, isUp)
      .map((call) => ({ call, hits: wanted ? hits(call, wanted, this._wish.heard) : [] }))
      .filter((found) => !wanted || found.hits.length || this._isNamed(found.call, wanted));
    for (const [at, head] of this._heads.entries()) {
      const order = COLUMNS[at].name === sort ? (isUp ? "ascending" : "descending") : "none";
      head.setAttribute("aria-sort", order);
    }
    this._picked = -1;
    this._rows = [];
    fill(this._body);
    this._nothing.hidden = this._found.length > 0;
    this._more();
    const turns = wanted ? this._found.reduce((sum, found) => sum + found.hits.length, 0) : null;
    return { calls: this._found.length, all: this._all.length, turns };
  }

  /** Move to another row. @param {number} way */
  step(way) {
    const to = Math.min(Math.max(0, this._picked + way), this._found.length - 1);
    if (to >= this._rows.length) this._more();
    this._rows[to]?.focus();
  }

  /** Go to the first row, or to the one that was left. */
  enter() {
    this._rows[Math.max(0, this._picked)]?.focus();
  }

  /** @param {any} call */
  _keeps(call) {
    return [...this._wish.show].every((name) => FILTERS[name].keeps(call));
  }

  /**
   * @param {any} call
   * @param {string} wanted
   */
  _isNamed(call, wanted) {
    return this._wish.heard === "all" && `${call.name} ${call.call_sid || ""}`.toLowerCase().includes(wanted);
  }

  /** @param {import("./columns.js").Column} column */
  _head({ name, title, about, isNumber }) {
    const sort = () => {
      const { sort: before, isUp } = this._wish;
      if (before !== name) this._wish.set({ sort: name, isUp: false });
      else if (!isUp) this._wish.set({ isUp: true });
      else this._wish.set({ sort: "worst", isUp: false });
    };
    return h("th", { scope: "col", role: "columnheader", class: `${name}${isNumber ? " number" : ""}` },
      h("button", { type: "button", onclick: sort, title: about }, title));
  }

  /** Make some more rows. */
  _more() {
    const from = this._rows.length;
    const some = this._found.slice(from, from + ROWS_AT_ONCE);
    add(this._body, some.map((found, at) => this._row(found, from + at)));
  }

  /**
   * @param {Found} found
   * @param {number} index
   */
  _row({ call, hits: found }, index) {
    const row = h("tr", { role: "row", class: "row", tabindex: index ? -1 : 0 }, COLUMNS.map(({ name, title, isNumber, draw }) =>
      h("td", { role: "cell", class: `${name}${isNumber ? " number" : ""}`, "data-title": title }, draw(call))));
    row.addEventListener("focus", () => this._pick(index));
    row.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === row) location.assign(call.page);
    });
    this._rows.push(row);
    if (!found.length) return row;
    const more = found.length > HITS_SHOWN && h("span", { class: "time" }, `and ${counted(found.length - HITS_SHOWN, "turn")} more`);
    const links = found.slice(0, HITS_SHOWN).map((hit) => hitLink(call.page, hit));
    return [row, h("tr", { role: "row", class: "quotes" }, h("td", { role: "cell", colspan: COLUMNS.length }, links, more))];
  }

  /** @param {number} index */
  _pick(index) {
    this._rows[Math.max(0, this._picked)]?.setAttribute("tabindex", "-1");
    this._picked = index;
    this._rows[index].setAttribute("tabindex", "0");
  }
}
