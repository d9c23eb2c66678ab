// @ts-check
// One box for going to a place (`g`) and for searching what was said and what passed (`/`).
import { rest } from "./blobs.js";
import { Cursor } from "./cursor.js";
import { add, fill, h } from "./dom.js";
import { clock, counted, number } from "./format.js";
import { FORMS, find } from "./places.js";

const FOUND_MAX = 200;
/** Entries looked through before the page may answer again. */
const PIECE = 1000;
const AROUND = 40;

/** @typedef {{ ms: number, seq: number | null, head: string, text: string, at: number, length: number }} Hit */

export class Finder {
  /**
   * @param {any} call
   * @param {Cursor} cursor
   * @param {(ms: number) => void} focus
   */
  constructor(call, cursor, focus) {
    this._focus = focus;
    this._call = call;
    this._cursor = cursor;
    this._run = 0;
    this._label = h("label", { for: "finder-input" });
    this._input = /** @type {HTMLInputElement} */ (
      h("input", { id: "finder-input", type: "text", autocomplete: "off", spellcheck: "false" })
    );
    this._told = h("p", { class: "told", role: "status" });
    this._hits = h("ol", { class: "hits" });
    const form = add(h("form", { method: "dialog" }), this._label, this._input);
    this.element = /** @type {HTMLDialogElement} */ (
      h("dialog", { class: "finder", "aria-label": "Find" }, form, this._told, this._hits)
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this._enter();
    });
    this._input.addEventListener("input", () => this._typed());
    this.element.addEventListener("keydown", (event) => this._key(event));
    this.element.addEventListener("click", (event) => event.target === this.element && this.element.close());
    document.body.append(this.element);
  }

  /** @param {"go" | "search"} mode */
  open(mode) {
    this._mode = mode;
    this._run += 1; // a search that still goes on is over
    this._label.textContent = mode === "go" ? "Go to" : "Search";
    this._input.placeholder = mode === "go" ? FORMS : "what was said, types and bodies of entries";
    this._input.value = "";
    this._told.textContent = "";
    fill(this._hits);
    this.element.showModal();
    this._input.focus();
  }

  _typed() {
    this._told.textContent = "";
    if (this._mode === "search") this._search(this._input.value.trim().toLowerCase());
  }

  _enter() {
    if (this._mode === "go") this._go();
    else /** @type {HTMLElement | null} */ (this._hits.querySelector("button"))?.click();
  }

  _go() {
    const { _call: call, _cursor: cursor } = this;
    const marks = call.marks.map((/** @type {any} */ mark) => [mark.name, mark.fate, mark.seq, mark.seq]);
    try {
      const place = find(this._input.value, { ...call, marks });
      this.element.close();
      if ("seq" in place) cursor.toSeq(place.seq);
      else cursor.toTime(place.ms);
      this._focus(cursor.ms);
    } catch (error) {
      this._told.textContent = /** @type {Error} */ (error).message;
    }
  }

  /** @param {string} wanted */
  async _search(wanted) {
    const run = ++this._run;
    fill(this._hits);
    if (!wanted) return;
    let found = 0;
    for await (const hits of this._looking(wanted)) {
      if (run !== this._run) return;
      add(
        this._hits,
        hits.slice(0, FOUND_MAX - found).map((hit) => this._row(hit)),
      );
      found += hits.length;
      this._told.textContent = `${counted(Math.min(found, FOUND_MAX), "place")}${found >= FOUND_MAX ? " or more" : ""}`;
      if (found >= FOUND_MAX) return;
    }
    if (!found) this._told.textContent = "not found";
  }

  /**
   * Turns first, then the entries, piece by piece.
   * @param {string} wanted
   * @returns {AsyncGenerator<Hit[]>}
   */
  async *_looking(wanted) {
    const { turns, entries, telling } = this._call;
    yield turns.map((/** @type {any} */ turn) => inTurn(turn, wanted)).filter(Boolean);
    for (let from = 0; from < telling.length; from += PIECE) {
      const some = telling.slice(from, from + PIECE);
      yield some.map((/** @type {number} */ index) => inEntry(entries, index, wanted)).filter(Boolean);
      await rest();
    }
  }

  /** @param {Hit} hit */
  _row(hit) {
    const go = () => {
      this.element.close();
      if (hit.seq === null) this._cursor.toTime(hit.ms);
      else this._cursor.toSeq(hit.seq);
      this._focus(hit.ms);
    };
    const from = Math.max(0, hit.at - AROUND);
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", onclick: go },
        h("span", { class: "time" }, clock(hit.ms)),
        h("span", { class: "head" }, hit.head),
        h(
          "span",
          { class: "text" },
          from ? "…" : "",
          hit.text.slice(from, hit.at),
          h("mark", {}, hit.text.slice(hit.at, hit.at + hit.length)),
          hit.text.slice(hit.at + hit.length, hit.at + hit.length + 2 * AROUND),
        ),
      ),
    );
  }

  /** Up and down go through what was found. @param {KeyboardEvent} event */
  _key(event) {
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const all = /** @type {HTMLElement[]} */ ([this._input, ...this._hits.querySelectorAll("button")]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    all[Math.min(Math.max(0, at + way), all.length - 1)].focus();
  }
}

/**
 * @param {any} turn
 * @param {string} wanted
 * @returns {Hit | null}
 */
function inTurn(turn, wanted) {
  const at = turn.text.toLowerCase().indexOf(wanted);
  if (at < 0) return null;
  return {
    ms: turn.start_ms ?? 0,
    seq: turn.start_ms === null ? turn.seq : null,
    head: turn.speaker,
    text: turn.text,
    at,
    length: wanted.length,
  };
}

/**
 * @param {any} entries
 * @param {number} index
 * @param {string} wanted
 * @returns {Hit | null}
 */
function inEntry(entries, index, wanted) {
  const { type } = entries.kind(index);
  const body = entries.body(index);
  const text = type.toLowerCase().includes(wanted) ? type : body;
  const at = text.toLowerCase().indexOf(wanted);
  if (at < 0) return null;
  const seq = entries.seq(index);
  return {
    ms: entries.atMs(entries.step(index)),
    seq,
    head: `${number(seq)} ${text === type ? "" : type}`,
    text,
    at,
    length: wanted.length,
  };
}
