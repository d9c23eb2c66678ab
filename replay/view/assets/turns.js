// @ts-check
// The turns as a table, worst latency first: how long the caller waited, and for what.
import { Cursor } from "./cursor.js";
import { add, fill, h } from "./dom.js";
import { clock, number } from "./format.js";

/** In their order, with what each is. */
export const PARTS = {
  ready: "the model was not ready",
  tool: "a function ran",
  vad: "until the end of speech was noticed",
  away: "the model was lost",
  respond: "until the response began",
  generate: "until its first audio",
  send: "until it was sent",
  play: "until it was heard",
};

/** What a turn that answers nobody waited from. */
const SINCE = {
  greeting: "from the start of the stream",
  tool: "after a function call",
  item: "after the item before",
  lost: "after what was lost",
  nothing: "",
};

/** @typedef {{ name: string, label: string, value: (turn: any) => any }} Column */

/** @type {Column[]} */
const COLUMNS = [
  { name: "number", label: "#", value: (turn) => turn.number },
  { name: "who", label: "who", value: (turn) => turn.speaker },
  { name: "at", label: "at", value: (turn) => turn.start_ms },
  { name: "latency", label: "waited", value: (turn) => turn.latency_ms ?? turn.wait_ms ?? null },
  { name: "outcome", label: "outcome", value: (turn) => turn.outcome || "" },
];

export class Turns {
  /**
   * @param {any} call
   * @param {Cursor} cursor
   */
  constructor(call, cursor) {
    this._turns = call.turns;
    this._cursor = cursor;
    this._most = Math.max(1, ...call.turns.map((/** @type {any} */ turn) => sum(turn.parts)));
    this._body = h("tbody");
    this._sorted = { column: COLUMNS[3], down: true };
    this._heads = COLUMNS.map((column) =>
      h(
        "th",
        { scope: "col", class: column.name },
        h("button", { type: "button", onclick: () => this._sort(column) }, column.label),
      ),
    );
    const head = h("thead", {}, add(h("tr"), this._heads));
    const nobody = call.turns.length ? null : h("p", { class: "nothing" }, "nobody spoke");
    this.element = h(
      "div",
      { class: "body", tabindex: 0, role: "region", "aria-label": "Turns" },
      nobody || h("table", { class: "turn-table" }, head, this._body),
      nobody ? null : legend(),
    );
    /** @type {Map<number, HTMLElement>} */
    this._rows = new Map(call.turns.map((/** @type {any} */ turn) => [turn.number, this._row(turn)]));
    this._draw();
    cursor.watch(() => this._show());
  }

  /** @param {Column} column */
  _sort(column) {
    const isSame = this._sorted.column === column;
    this._sorted = { column, down: isSame ? !this._sorted.down : column.name === "latency" };
    this._draw();
  }

  _draw() {
    const { column, down } = this._sorted;
    COLUMNS.forEach((each, at) => {
      if (each === column) this._heads[at].setAttribute("aria-sort", down ? "descending" : "ascending");
      else this._heads[at].removeAttribute("aria-sort");
    });
    const sorted = [...this._turns].sort(
      (one, other) => compare(column.value(one), column.value(other), down) || one.number - other.number,
    );
    fill(
      this._body,
      sorted.map((turn) => /** @type {HTMLElement} */ (this._rows.get(turn.number))),
    );
  }

  /** @param {any} turn */
  _row(turn) {
    const go = () => (turn.start_ms === null ? this._cursor.toSeq(turn.seq ?? 1) : this._cursor.toTime(turn.start_ms));
    const waited = turn.latency_ms ?? turn.wait_ms ?? null;
    const isWhole = turn.heard_ms >= turn.generated_ms;
    const share = isWhole
      ? null
      : h("span", { class: "share" }, `${Math.floor((100 * turn.heard_ms) / turn.generated_ms)} % heard`);
    // Only what answers a caller was waited for by one; the other waits are told by what they count from.
    const since = turn.latency_ms === null ? SINCE[/** @type {keyof typeof SINCE} */ (turn.follows)] : undefined;
    return h(
      "tr",
      { class: turn.speaker },
      h(
        "td",
        { class: "number" },
        h(
          "button",
          { type: "button", class: "link", onclick: go, "aria-label": `Go to turn ${turn.number}` },
          turn.number,
        ),
      ),
      h("td", { class: "who" }, turn.speaker),
      h("td", { class: "at" }, turn.start_ms === null ? "" : clock(turn.start_ms)),
      h(
        "td",
        { class: "latency" },
        waited === null
          ? ""
          : [
              h("span", { class: since ? "ms since" : "ms" }, number(waited)),
              since && h("span", { class: "note" }, since),
              this._bar(turn),
            ],
      ),
      h("td", { class: "outcome" }, (turn.outcome || "").replace("_", " "), share),
    );
  }

  /** @param {any} turn */
  _bar(turn) {
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    const told = h("span", { class: "parts" });
    for (const [part, length] of /** @type {[string, number][]} */ (Object.entries(turn.parts || {}))) {
      const piece = h("i", { class: `part-${part}` });
      piece.style.width = `${(100 * length) / this._most}%`;
      bar.append(piece);
      add(told, h("span", {}, `${part} ${number(length)}`));
    }
    return bar.childElementCount ? [bar, told] : null;
  }

  _show() {
    const now = this._turns.findLast(
      (/** @type {any} */ turn) => turn.span.first !== null && turn.span.first <= this._cursor.ms,
    );
    const row = now && this._rows.get(now.number);
    if (row === this._now) return;
    this._now?.removeAttribute("aria-current");
    row?.setAttribute("aria-current", "true");
    this._now = row;
  }
}

function legend() {
  const made = h("dl", { class: "legend" });
  for (const [part, meaning] of Object.entries(PARTS)) {
    made.append(
      h("div", {}, h("dt", {}, h("i", { class: `part-${part}`, "aria-hidden": "true" }), part), h("dd", {}, meaning)),
    );
  }
  return made;
}

/** @param {Record<string, number> | undefined} parts */
function sum(parts) {
  return Object.values(parts || {}).reduce((total, each) => total + each, 0);
}

/**
 * In order; what has no value comes last, either way.
 * @param {any} one
 * @param {any} other
 * @param {boolean} down
 */
function compare(one, other, down) {
  if (one === other) return 0;
  if (one === null || one === undefined) return 1;
  if (other === null || other === undefined) return -1;
  return (one < other ? -1 : 1) * (down ? -1 : 1);
}
