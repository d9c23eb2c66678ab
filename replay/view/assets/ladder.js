// @ts-check
// The ladder: caller, bridge and model as three lines, and what passes between them, one rung below the other.
import { Cursor } from "./cursor.js";
import { lastAtMost } from "./entries.js";
import { h } from "./dom.js";
import { clock } from "./format.js";
import { List } from "./list.js";

const ROW_HEIGHT = 22;
/** Bars that may run at once. */
const LOOK_BACK = 40;
const LANES = ["caller", "bridge", "model"];
const BARS = new Set(["audio", "generated", "played", "echoes", "words", "restored"]);

export class Ladder {
  /**
   * @param {any} call
   * @param {Cursor} cursor
   */
  constructor(call, cursor) {
    this._call = call;
    this._cursor = cursor;
    const { rungs } = call;
    this.list = new List(
      "Ladder",
      ROW_HEIGHT,
      rungs.length,
      (index) => row(rungs[index]),
      (index) => cursor.toSeq(rungs[index].seq),
    );
    const head = h(
      "div",
      { class: "ladder-head", "aria-hidden": "true" },
      h("span", {}, "time"),
      h(
        "span",
        { class: "lanes" },
        LANES.map((lane) => h("b", { class: lane }, lane)),
      ),
      h("span", {}, "what"),
    );
    const nothing = rungs.length ? null : h("p", { class: "nothing" }, "the log has no entries");
    this.element = h("div", { class: "ladder" }, head, nothing, this.list.element);
    cursor.watch(() => this.show());
  }

  /** Show the rung of the entry at the cursor. */
  show() {
    if (this.element.hidden || !this.element.isConnected || !this._call.rungs.length) return;
    const { entries, rungs } = this._call;
    this.list.show(rungOf(rungs, entries.seq(this._cursor.index), flowOf(entries.kind(this._cursor.index))));
  }
}

/**
 * The rung that an entry is in: its own, or the bar of its kind that it was folded into.
 * @param {any[]} rungs
 * @param {number} seq
 * @param {string} flow
 */
function rungOf(rungs, seq, flow) {
  const last = lastAtMost(rungs.length, (at) => rungs[at].seq, seq);
  for (let at = last; at >= 0 && at > last - LOOK_BACK; at--) {
    if (rungs[at].seq === seq || (rungs[at].kind === flow && rungs[at].last_seq >= seq)) return at;
  }
  return Math.max(0, last);
}

/**
 * The bars that entries of a kind are folded into.
 * @param {import("./entries.js").Kind} kind
 */
function flowOf({ kind, type }) {
  if (type.includes("transcript")) return "words";
  if (type.endsWith("audio.delta")) return "generated";
  if (/^conversation\.item\.(create|created|added|done)$/.test(type)) return "restored";
  if (type === "mark") return kind === "input" ? "echoes" : "played";
  return type === "media" && kind === "command" ? "played" : "audio";
}

/** @param {any} rung */
function row(rung) {
  const [from, to] = [LANES.indexOf(rung.source), LANES.indexOf(rung.target)];
  const way = from === to ? "note" : from < to ? "right" : "left";
  const leg = Math.min(from, to) === 0 && way !== "note" ? "caller" : way === "note" ? "bridge" : "model";
  const shape = BARS.has(rung.kind) ? "flow" : "single";
  const arrow = h("span", { class: `arrow ${way} ${leg} ${shape}` });
  const ends = way === "note" ? "bridge" : `${rung.source} to ${rung.target}`;
  const look = `rung ${rung.kind}${rung.is_away ? " away" : ""}`;
  return h(
    "div",
    { class: look, "aria-label": `${clock(rung.stream_ms)}, ${ends}: ${rung.label} ${rung.detail}` },
    h("span", { class: "time" }, clock(rung.stream_ms)),
    h("span", { class: "lanes" }, h("b"), h("b"), h("b"), arrow),
    h(
      "span",
      { class: "what" },
      rung.kind === "trouble" ? h("em", {}, "! ") : null,
      h("span", { class: "label" }, rung.label),
      h("span", { class: "detail" }, rung.detail),
    ),
  );
}
