// @ts-check
// What was said, as the caller heard it. What was not heard is struck through and dim; where an item was cut stands a
// sign with what was done about it. The word under the cursor is marked.
import { Cursor } from "./cursor.js";
import { add, byId, fill, h } from "./dom.js";
import { clock, counted } from "./format.js";
import { cutText, doneText } from "./signs.js";

const REVEALS = 4;

export class Conversation {
  /**
   * @param {any} call
   * @param {Cursor} cursor
   */
  constructor(call, cursor) {
    this._cursor = cursor;
    /**
     * Every word that has a time, in the order of times.
     * @type {{ from: number, to: number, element: HTMLElement }[]}
     */
    this._words = [];
    /** @type {{ first: number, element: HTMLElement }[]} */
    this._turns = [];
    /** @type {HTMLElement | undefined} */
    this._now = undefined;
    /** @type {HTMLElement | undefined} */
    this._turnNow = undefined;
    this._list = h("ol", { class: "turns" });
    const cuts = cutsByItem(call.interruptions);
    for (const turn of call.turns) this._list.append(this._turn(turn, cuts.get(turn.item_id) || []));
    this._words.sort((one, other) => one.from - other.from);
    const nobody = call.turns.length ? null : h("p", { class: "nothing" }, "nobody spoke");
    this._body = add(
      h("div", { class: "body", tabindex: 0, role: "region", "aria-label": "What was said" }),
      nobody,
      this._list,
    );
    const title = h("h2", {}, "Conversation", h("small", {}, counted(call.turns.length, "turn")));
    fill(byId("conversation"), title, this._body);
    cursor.watch((picked) => this._show(picked));
  }

  /**
   * @param {any} turn
   * @param {any[]} cuts
   */
  _turn(turn, cuts) {
    const go = () => (turn.start_ms === null ? this._cursor.toSeq(turn.seq ?? 1) : this._cursor.toTime(turn.start_ms));
    const time = turn.start_ms === null ? "–:––" : clock(turn.start_ms);
    const said = h("p", { class: "said" }, this._said(turn));
    if (!turn.pieces.length) add(said, h("span", { class: "nothing" }, "(no transcript)"));
    const notes = turn.notes.map((/** @type {string} */ note) => h("p", { class: "note" }, note));
    for (const [cut, item] of cuts) {
      notes.push(
        h(
          "p",
          { class: "note cut-note" },
          h("button", { type: "button", class: "link", onclick: () => this._cursor.toSeq(cut.seq) }, "interrupted"),
          `: ${cutText(cut)}; ${doneText(item)}`,
        ),
      );
    }
    const element = h(
      "li",
      { class: `turn ${turn.speaker}`, "data-number": turn.number },
      h(
        "button",
        {
          type: "button",
          class: "time",
          onclick: go,
          "aria-label": `Turn ${turn.number}, ${turn.speaker}, go to ${time}`,
        },
        time,
      ),
      h("div", {}, h("span", { class: "who" }, turn.speaker), said, notes),
    );
    if (turn.span.first !== null) this._turns.push({ first: turn.span.first, element });
    return element;
  }

  /** @param {any} turn */
  _said(turn) {
    const made = [];
    let isCut = !turn.interrupted;
    for (const [gap, word, how, from, to] of turn.pieces) {
      if (!isCut && how === "unheard") {
        made.push(" ", h("span", { class: "cut-sign", title: "here it was cut" }, "✂"));
        isCut = true;
      }
      const element = h(how === "unheard" ? "del" : "span", { class: `word ${how}` }, word);
      made.push(made.length ? gap : "", element);
      if (from !== null) {
        this._words.push({ from, to, element });
        element.addEventListener("click", () => this._cursor.toTime(from));
      }
    }
    return made;
  }

  /** @param {boolean} picked */
  _show(picked) {
    const { ms } = this._cursor;
    const now = this._words.findLast((word) => word.from <= ms && ms < word.to + 120)?.element;
    if (now !== this._now) {
      this._now?.classList.remove("now");
      now?.classList.add("now");
      this._now = now;
    }
    const turn = this._turns.findLast((each) => each.first <= ms)?.element;
    if (turn === this._turnNow) return;
    this._turnNow?.removeAttribute("aria-current");
    turn?.setAttribute("aria-current", "true");
    this._turnNow = turn;
    if (!turn) return;
    reveal(this._body, turn, REVEALS);
  }
}

/**
 * Scroll a pane, and nothing else, so that an element of it can be seen. What was not seen before has a height that was
 * guessed, and once it is seen another: so look again.
 * @param {HTMLElement} pane
 * @param {HTMLElement} element
 * @param {number} times
 */
function reveal(pane, element, times) {
  if (pane.scrollHeight <= pane.clientHeight) return;
  const [outer, inner] = [pane.getBoundingClientRect(), element.getBoundingClientRect()];
  if (inner.top < outer.top) pane.scrollTop -= outer.top - inner.top + 8;
  else if (inner.bottom > outer.bottom)
    pane.scrollTop += Math.min(inner.bottom - outer.bottom + 8, inner.top - outer.top);
  if (times > 1) requestAnimationFrame(() => reveal(pane, element, times - 1));
}

/**
 * The interruptions of each item.
 * @param {any[]} interruptions
 * @returns {Map<string, any[]>}
 */
function cutsByItem(interruptions) {
  const found = new Map();
  for (const cut of interruptions) {
    for (const item of cut.items) found.set(item.item_id, [...(found.get(item.item_id) || []), [cut, item]]);
  }
  return found;
}
