// @ts-check
// The top of the index page: how many calls, whether their logs can be believed, how long callers waited, and where longest.
import { add, byId, fill, h } from "../../view/assets/dom.js";
import { clock, counted, number, when } from "../../view/assets/format.js";
import { moment } from "./said.js";

const SIGNS = { same: "✓", diverged: "✕", unknown: "?" };
const MEANING = {
  same: "the core decides as it did",
  diverged: "the core decides otherwise now",
  unknown: "nothing to compare, or it cannot be told",
};

/**
 * @param {any} summary
 * @param {...HTMLElement} tools
 */
export function drawHead(summary, ...tools) {
  const [first, last] = summary.period || [];
  const about = [
    first && (first === last ? when(first) : `${when(first)} to ${when(last)}`),
    `${length(summary.length_ms)} in all`,
  ];
  fill(byId("head"),
    h("h1", {}, counted(summary.calls, "call")),
    h("p", { class: "about" }, about.filter(Boolean).map((each) => h("span", {}, each))),
    add(h("div", { class: "tools" }), ...tools));
}

/** @param {number} ms h:mm:ss */
function length(ms) {
  const [minutes, seconds] = clock(ms).slice(0, -4).split(":");
  return [Math.floor(Number(minutes) / 60), String(Number(minutes) % 60).padStart(2, "0"), seconds].join(":");
}

/** @param {any} summary */
export function drawSummary(summary) {
  const { metrics, unreadable, verdicts } = summary;
  const rest = metrics.findIndex((/** @type {any} */ metric) => metric.key === "stop");
  fill(byId("summary"),
    h("ul", { class: "verdicts" }, Object.entries(verdicts).map(verdict)),
    spreadTable("Turns", metrics.slice(0, rest)),
    spreadTable("Interruptions and silence", metrics.slice(rest)),
    unreadable.length > 0 && h("details", { class: "unreadable", open: unreadable.length <= 5 },
      h("summary", {}, `${counted(unreadable.length, "log")} could not be read`),
      h("ul", {}, unreadable.map((/** @type {any} */ each) => h("li", {}, h("code", {}, each.log), " ", each.reason)))));
}

/** @param {[string, any]} verdict */
function verdict([name, count]) {
  const sign = SIGNS[/** @type {keyof typeof SIGNS} */ (name)];
  return h("li", { class: `${name}${count ? "" : " none"}`, title: MEANING[/** @type {keyof typeof MEANING} */ (name)] },
    h("b", {}, number(count)), h("span", {}, h("span", { "aria-hidden": "true" }, `${sign} `), name));
}

/**
 * @param {string} title
 * @param {any[]} metrics
 */
function spreadTable(title, metrics) {
  return h("table", { class: "spreads" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, title, h("small", {}, "milliseconds")),
      ["n", "p50", "p95", "max"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, metrics.map(spreadRow)));
}

/** @param {any} metric */
function spreadRow(metric) {
  const value = (/** @type {number | null} */ of) => h("td", {}, of === null ? "–" : number(of));
  const part = metric.is_part && h("i", { class: `swatch ${metric.key.replace("turn_", "part-")}`, "aria-hidden": "true" });
  const worst = metric.max === null ? "–"
    : h("a", { href: moment(metric.page, metric.at_ms), title: `${metric.page.replace(/\.html$/, "")} at ${clock(metric.at_ms)}` }, number(metric.max));
  return h("tr", { class: metric.is_part && "part" }, h("th", { scope: "row" }, part, metric.label),
    h("td", {}, number(metric.n)), value(metric.p50), value(metric.p95), h("td", {}, worst));
}
