// @ts-check
// The head of the page: which call, and whether the log can be believed. Of a divergence, both sides, side by side.
import { add, byId, fill, h } from "./dom.js";
import { clock, counted, number, when } from "./format.js";
import { pretty } from "./json.js";

const SIGNS = { same: "✓", diverged: "✕", unknown: "?" };
const NOTHING = "nothing";

/**
 * @param {any} call
 * @param {...HTMLElement} tools
 */
export function drawHead(call, ...tools) {
  const { facts } = call;
  const ended = facts.cut ? "no end in the log" : `ended: ${facts.ended}${facts.reason ? ` (${facts.reason})` : ""}`;
  fill(
    byId("head"),
    h("h1", {}, facts.call_sid || facts.file),
    h(
      "p",
      { class: "about" },
      [when(facts.started_at), `${clock(call.endsMs)} long`, ended].map((each) => h("span", {}, each)),
    ),
    add(h("div", { class: "tools" }), ...tools),
  );
}

/**
 * @param {any} call
 * @param {(seq: number) => void} go
 * @param {HTMLElement} worst What leads to the problems.
 */
export function drawVerdict(call, go, worst) {
  const { facts } = call;
  const { counts } = facts;
  const sizes = [
    counted(counts.entries, "entry", "entries"),
    `${number(counts.inputs)} inputs`,
    `${number(counts.commands)} commands`,
  ];
  if (counts.faults) sizes.push(counted(counts.faults, "fault"));
  if (counts.malformed) sizes.push(`${number(counts.malformed)} malformed`);
  sizes.push(`rules ${facts.rules}`, `engine ${facts.engine_version}`);
  const place = byId("verdict");
  const sign = SIGNS[/** @type {keyof typeof SIGNS} */ (facts.verdict)];
  place.className = facts.verdict;
  fill(
    place,
    h(
      "p",
      { class: "line" },
      h("strong", {}, h("span", { "aria-hidden": "true" }, `${sign} `), facts.verdict),
      h("span", { class: "why" }, facts.why),
      h("span", { class: "counts" }, sizes.join(" · ")),
      worst,
    ),
    facts.divergence && drawDivergence(facts.divergence, go),
  );
}

/**
 * @param {any} divergence
 * @param {(seq: number) => void} go
 */
function drawDivergence(divergence, go) {
  const { seq, deciding } = divergence;
  const leads = [h("button", { type: "button", onclick: () => go(seq) }, `go to entry ${seq}`)];
  if (deciding && deciding.seq !== seq) {
    leads.push(
      h(
        "button",
        { type: "button", onclick: () => go(deciding.seq) },
        `while deciding entry ${deciding.seq}: ${deciding.type}`,
      ),
    );
  }
  const rows = divergence.fields.map((/** @type {any} */ field) =>
    h("tr", {}, h("th", { scope: "row" }, field.path), h("td", {}, field.recorded), h("td", {}, field.replayed)),
  );
  return h(
    "div",
    { class: "divergence" },
    h("p", {}, leads),
    h(
      "div",
      { class: "scrolling" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["field", "recorded (in the log)", "replayed (this version)"].map((name) =>
              h("th", { scope: "col" }, name),
            ),
          ),
        ),
        h("tbody", {}, rows),
      ),
    ),
    h(
      "details",
      {},
      h("summary", {}, "both entries, whole"),
      h("div", { class: "sides" }, side("recorded", divergence.recorded), side("replayed", divergence.replayed)),
    ),
  );
}

/**
 * @param {string} name
 * @param {any} entry
 */
function side(name, entry) {
  return h("div", {}, h("h3", {}, name), h("pre", {}, entry ? pretty(JSON.stringify(entry)) : NOTHING));
}
