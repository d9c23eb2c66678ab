// @ts-check
// What a person should look at, worst first. `n` and `N` go through them in the order of the call.
import { Cursor } from "./cursor.js";
import { h, say } from "./dom.js";
import { clock, counted } from "./format.js";

const SEVERITIES = { 3: "broken", 2: "wrong", 1: "worth a look" };

export class Problems {
  /**
   * @param {any} call
   * @param {Cursor} cursor
   * @param {(ms: number) => void} focus
   */
  constructor(call, cursor, focus) {
    this._focus = focus;
    this._problems = call.problems;
    this._cursor = cursor;
    this._at = -1;
    const ranked = [...call.problems].sort((one, other) => other.severity - one.severity || one.seq - other.seq);
    /** @type {Map<any, HTMLElement>} */
    this._rows = new Map(ranked.map((problem) => [problem, this._row(problem)]));
    const none = ranked.length ? null : h("p", { class: "nothing" }, "no problem was found");
    this.element = h(
      "div",
      { class: "body", tabindex: 0, role: "region", "aria-label": "Problems" },
      none,
      h("ol", { class: "problems" }, ...this._rows.values()),
    );
  }

  /** In a few words, for the head of the page. */
  summary() {
    const count = (/** @type {number} */ severity) =>
      this._problems.filter((/** @type {any} */ each) => each.severity === severity).length;
    const parts = [3, 2, 1]
      .filter(count)
      .map((severity) => `${count(severity)} ${SEVERITIES[/** @type {1 | 2 | 3} */ (severity)]}`);
    return parts.length ? `${counted(this._problems.length, "problem")}: ${parts.join(", ")}` : "no problems";
  }

  /**
   * Go to the next one, or the one before.
   * @param {1 | -1} way
   */
  step(way) {
    const all = this._problems;
    if (!all.length) return say("This call has no problems.");
    const { ms } = this._cursor;
    const isAt = this._at >= 0 && all[this._at].stream_ms === ms;
    const next = isAt
      ? this._at + way
      : way > 0
        ? all.findIndex((/** @type {any} */ each) => each.stream_ms > ms)
        : all.findLastIndex((/** @type {any} */ each) => each.stream_ms < ms);
    if (next < 0 || next >= all.length) return say(way > 0 ? "No problem after this." : "No problem before this.");
    this.go(all[next]);
  }

  /** @param {any} problem */
  go(problem) {
    this._at = this._problems.indexOf(problem);
    this._focus(problem.stream_ms);
    this._cursor.toBoth(problem.stream_ms, problem.seq);
    say(`Problem ${this._at + 1} of ${this._problems.length}: ${problem.what}`);
    for (const [each, row] of this._rows) row.toggleAttribute("aria-current", each === problem);
  }

  /** @param {any} problem */
  _row(problem) {
    const severity = SEVERITIES[/** @type {1 | 2 | 3} */ (problem.severity)];
    return h(
      "li",
      { class: `severity-${problem.severity}` },
      h(
        "button",
        { type: "button", onclick: () => this.go(problem) },
        h("span", { class: "time" }, clock(problem.stream_ms)),
        h("span", { class: "severity" }, severity, h("small", {}, problem.kind.replaceAll("_", " "))),
        h("span", { class: "what" }, problem.what),
      ),
    );
  }
}
