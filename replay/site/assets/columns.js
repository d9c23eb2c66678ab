// @ts-check
// The columns of the table of calls: what each shows, and what it sorts by.
import { h } from "../../view/assets/dom.js";
import { clock, number, when } from "../../view/assets/format.js";
import { moment } from "./said.js";

const SIGNS = { same: "✓", diverged: "✕", unknown: "?" };
const WEIGHT = { diverged: 2, unknown: 1, same: 0 };
/** As the viewer calls them. */
const SEVERITIES = ["broken", "wrong", "worth a look"];
const SID_SHOWN = 10;

/** @typedef {number | string | null} Key */
/** @typedef {{ name: string, title: string, about?: string, isNumber?: boolean, key: (call: any) => Key[], draw: (call: any) => any }} Column */

/** @type {Column[]} */
export const COLUMNS = [
  { name: "started", title: "Started", key: (call) => [call.started_at], draw: (call) => when(call.started_at) },
  { name: "call", title: "Call", key: (call) => [call.name], draw: name },
  { name: "length", title: "Length", isNumber: true, key: (call) => [call.length_ms], draw: (call) => clock(call.length_ms).slice(0, -4) },
  { name: "turns", title: "Turns", isNumber: true, key: (call) => [call.turns], draw: (call) => number(call.turns) },
  { name: "interruptions", title: "Interruptions", isNumber: true, key: (call) => [call.interruptions], draw: (call) => number(call.interruptions) },
  { name: "latency", title: "Worst latency", isNumber: true, key: (call) => [call.worst && call.worst[0]], draw: latency },
  { name: "problems", title: "Problems", about: "Broken, wrong, worth a look", key: (call) => call.problems, draw: problems },
  { name: "ended", title: "Ended", key: (call) => [call.ended], draw: (call) => h("span", { class: call.ended === "crashed" && "bad" }, call.ended || "unknown") },
  { name: "verdict", title: "Verdict", key: (call) => [verdictWeight(call)], draw: verdict },
];

/** The order until somebody asks for another: what diverged, what has the worst problems, what let wait longest. */
const WORST = (/** @type {any} */ call) => [Number(call.verdict === "diverged"), ...call.problems, call.worst && call.worst[0]];

/**
 * The calls, the largest first, in the order of a column or `worst`; what is not known comes last either way.
 * @param {any[]} calls
 * @param {string} column
 * @param {boolean} isUp The smallest first.
 */
export function sorted(calls, column, isUp) {
  const key = COLUMNS.find((each) => each.name === column)?.key || WORST;
  const keyed = calls.map((call) => ({ call, keys: key(call) }));
  return keyed.sort((one, other) => compare(one.keys, other.keys, isUp ? 1 : -1)).map((each) => each.call);
}

/**
 * @param {Key[]} one
 * @param {Key[]} other
 * @param {number} sign
 */
function compare(one, other, sign) {
  for (let at = 0; at < one.length; at++) {
    const [mine, theirs] = [one[at], other[at]];
    if (mine === theirs) continue;
    if (mine === null || theirs === null) return mine === null ? 1 : -1;
    return (mine < theirs ? -1 : 1) * sign;
  }
  return 0;
}

/** @param {any} call */
function verdictWeight(call) {
  return WEIGHT[/** @type {keyof typeof WEIGHT} */ (call.verdict)];
}

/** @param {any} call */
function name(call) {
  const isSid = call.call_sid && call.name.startsWith(call.call_sid);
  const title = call.call_sid ? (isSid ? call.name : `${call.name}, ${call.call_sid}`) : call.name;
  return h("a", { class: "name", href: call.page, title }, isSid ? `${call.name.slice(0, SID_SHOWN)}…` : call.name);
}

/** @param {any} call */
function latency(call) {
  if (!call.worst) return "–";
  const [ms, at] = call.worst;
  return h("a", { href: moment(call.page, at), title: `at ${clock(at)}` }, number(ms));
}

/** @param {any} call */
function problems(call) {
  if (!call.spot) return h("span", { class: "none" }, "none");
  const told = SEVERITIES.flatMap((severity, at) =>
    call.problems[at] ? [h("span", { class: severity.split(" ").pop() }, `${number(call.problems[at])} ${severity}`)] : []);
  return h("a", { class: "problems", href: moment(call.page, call.spot.at_ms), title: `at ${clock(call.spot.at_ms)}: ${call.spot.what}` }, told);
}

/** @param {any} call */
function verdict(call) {
  const sign = SIGNS[/** @type {keyof typeof SIGNS} */ (call.verdict)];
  return h("span", { class: `verdict ${call.verdict}`, title: call.why }, h("span", { "aria-hidden": "true" }, `${sign} `), call.verdict);
}
