// @ts-check
// The core's state after the step at the cursor: first what that step changed, then all of it, as far as it is opened.
import { unpackJson } from "./blobs.js";
import { Cursor } from "./cursor.js";
import { add, byId, fill, h } from "./dom.js";
import { History } from "./history.js";

/** How often at most it is drawn while the call plays. */
const EVERY_MS = 200;
const SHORT = 80;

export class State {
  /** @param {Cursor} cursor */
  constructor(cursor) {
    this._cursor = cursor;
    /** Paths of what is open. */
    this._open = new Set([""]);
    this._shown = -1;
    this._drawnAt = 0;
    this._body = h("div", { class: "body", tabindex: 0, role: "region", "aria-label": "The core's state" });
    this._title = h("h2", {}, "State", h("small", {}, "after this step"));
    fill(byId("state"), this._title, this._body);
    cursor.watch((picked) => this._show(picked));
  }

  async load() {
    this._history = new History(await unpackJson("history"));
    this._draw();
  }

  /** @param {boolean} picked */
  _show(picked) {
    if (!this._history || this._cursor.step === this._shown) return;
    if (!picked && performance.now() - this._drawnAt < EVERY_MS) return;
    this._draw();
  }

  _draw() {
    if (!this._history) return;
    this._shown = this._cursor.step;
    this._drawnAt = performance.now();
    const { state, changes } = this._history.after(this._cursor.step);
    const changed = new Set(changes.map((change) => change.path.join(".")));
    const list = changes.map((change) =>
      h(
        "li",
        {},
        h("code", { class: "path" }, change.path.join(".")),
        "before" in change ? h("del", {}, short(change.before)) : h("em", {}, "new"),
        "after" in change ? h("ins", {}, short(change.after)) : h("em", {}, "gone"),
      ),
    );
    const nothing = changes.length ? null : h("p", { class: "nothing" }, "this step changed nothing but clocks");
    fill(
      this._body,
      h("h3", {}, "changed in this step"),
      nothing,
      h("ul", { class: "changes" }, list),
      h("h3", {}, "whole state"),
      this._tree(state, "", changed),
    );
  }

  /**
   * A node's own names and values; of a nested one its values only once it is opened.
   * @param {any} node
   * @param {string} path
   * @param {Set<string>} changed
   */
  _tree(node, path, changed) {
    const made = h("ul", { class: "tree" });
    for (const [name, value] of Object.entries(node)) {
      const inner = path ? `${path}.${name}` : name;
      const isChanged = changed.has(inner);
      if (value === null || typeof value !== "object" || !Object.keys(value).length) {
        made.append(
          h(
            "li",
            isChanged ? { class: "changed" } : {},
            h("span", { class: "key" }, name),
            h("span", { class: "value" }, short(value)),
          ),
        );
      } else {
        const below = [...changed].some((each) => each.startsWith(`${inner}.`));
        made.append(h("li", isChanged || below ? { class: "changed" } : {}, this._branch(name, value, inner, changed)));
      }
    }
    return made;
  }

  /**
   * @param {string} name
   * @param {any} value
   * @param {string} path
   * @param {Set<string>} changed
   */
  _branch(name, value, path, changed) {
    const size = Object.keys(value).length;
    const summary = h(
      "summary",
      {},
      h("span", { class: "key" }, name),
      h("span", { class: "size" }, Array.isArray(value) ? `[${size}]` : `{${size}}`),
    );
    const made = add(/** @type {HTMLDetailsElement} */ (h("details")), summary);
    const open = () => made.childElementCount === 1 && add(made, this._tree(value, path, changed));
    made.open = this._open.has(path);
    if (made.open) open();
    made.addEventListener("toggle", () => {
      if (made.open) this._open.add(path);
      else this._open.delete(path);
      if (made.open) open();
    });
    return made;
  }
}

/** @param {any} value */
function short(value) {
  const text = JSON.stringify(value);
  return text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text;
}
