// @ts-check
// Search in what was said. One hit for each turn that has the text; how it was heard is judged word by word, on exactly
// what was found: a phrase of which only the beginning was heard was not heard. Heard or not is asked of the assistant.
import { h } from "../../view/assets/dom.js";
import { clock } from "../../view/assets/format.js";

const BEFORE = 60;
const AFTER = 100;

/** @typedef {[string, string, number | null, number | null]} Run Text, how it was heard, from when to when. */
/** @typedef {{ speaker: string, runs: Run[], at: number, end: number, ms: number | null }} Hit */

/**
 * A place in the page of a call.
 * @param {string} page
 * @param {number | null} ms
 */
export function moment(page, ms) {
  return ms === null ? page : `${page}#t=${(Math.max(0, ms) / 1000).toFixed(3)}`;
}

/**
 * The turns of a call in which it was said.
 * @param {any} call
 * @param {string} wanted In lower case.
 * @param {string} heard "all", "yes", "no"
 * @returns {Hit[]}
 */
export function hits(call, wanted, heard) {
  const found = [];
  call.folded ??= call.said.map((/** @type {any} */ turn) => folded(turn[2]));
  for (let index = 0; index < call.said.length; index++) {
    const [speaker, startMs, runs] = call.said[index];
    if (heard !== "all" && speaker !== "assistant") continue;
    const at = place(call.folded[index], runs, wanted, heard);
    if (at >= 0) found.push({ speaker, runs, at, end: at + wanted.length, ms: when(runs, at) ?? startMs });
  }
  return found;
}

/**
 * A hit, with what stands around it; what was not heard is struck through.
 * @param {string} page
 * @param {Hit} hit
 */
export function hitLink(page, { speaker, runs, at, end, ms }) {
  const shown = [];
  const whole = runs.reduce((length, run) => length + run[0].length, 0);
  const [from, to] = [Math.max(0, at - BEFORE), Math.min(whole, end + AFTER)];
  let begin = 0;
  for (const [text, how] of runs) {
    const cuts = [from, at, end, to];
    for (let piece = 0; piece < 3; piece++) {
      const words = text.slice(Math.max(0, cuts[piece] - begin), Math.max(0, cuts[piece + 1] - begin));
      const bare = words.trimEnd(); // no line through the space after a word
      if (bare) shown.push(h(how === "unheard" ? "s" : "span", { class: how }, piece === 1 ? h("mark", {}, bare) : bare));
      shown.push(words.slice(bare.length));
    }
    begin += text.length;
  }
  return h("a", { class: "hit", href: moment(page, ms) },
    h("span", { class: "time" }, ms === null ? "" : clock(ms)),
    h("span", { class: `who ${speaker}` }, speaker),
    h("span", { class: "text" }, from > 0 && "…", shown, to < whole && "…"));
}

/**
 * Where it is found first, of those places that were heard as asked; -1: nowhere.
 * @param {string} text
 * @param {Run[]} runs
 * @param {string} wanted
 * @param {string} heard
 */
function place(text, runs, wanted, heard) {
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
    if (heard === "all" || wasHeard(runs, at, at + wanted.length) === (heard === "yes")) return at;
  }
  return -1;
}

/**
 * Whether all of these letters were heard.
 * @param {Run[]} runs
 * @param {number} from
 * @param {number} to
 */
function wasHeard(runs, from, to) {
  let begin = 0;
  return runs.every(([text, how]) => {
    const isOutside = begin >= to || begin + text.length <= from;
    begin += text.length;
    return isOutside || how === "heard";
  });
}

/**
 * When a letter was said: within words that were heard alike, by its share of them.
 * @param {Run[]} runs
 * @param {number} at
 */
function when(runs, at) {
  let begin = 0;
  for (const [text, , fromMs, toMs] of runs) {
    if (at < begin + text.length) {
      return fromMs === null || toMs === null ? fromMs : fromMs + Math.max(0, toMs - fromMs) * (at - begin) / text.length;
    }
    begin += text.length;
  }
  return null;
}

/**
 * In lower case, letter by letter: where that is of another length (in a few scripts), as it is.
 * @param {Run[]} runs
 */
function folded(runs) {
  const text = runs.map((run) => run[0]).join("");
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text;
}
