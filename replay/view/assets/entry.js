// @ts-check
// The entry at the cursor: what it is, when it was, what brought it about, and its frame as it is in the log.
import { Cursor } from "./cursor.js";
import { byId, fill, h } from "./dom.js";
import { clock, number } from "./format.js";
import { pretty } from "./json.js";

export class Entry {
  /**
   * @param {any} call
   * @param {Cursor} cursor
   */
  constructor(call, cursor) {
    this._entries = call.entries;
    this._cursor = cursor;
    this._shown = -1;
    this._about = h("div", { class: "about" });
    this._body = h("pre", { class: "body", tabindex: 0, role: "region", "aria-label": "The entry's frame" });
    this._title = h("h2", {}, "Entry");
    fill(byId("entry"), this._title, this._about, this._body);
    /** To ask how far it is scrolled would make the browser lay out the page. */
    this._isScrolled = false;
    this._body.addEventListener("scroll", () => (this._isScrolled = this._body.scrollTop > 0), { passive: true });
    cursor.watch(() => this.show());
  }

  show() {
    const { index } = this._cursor;
    if (index === this._shown) return;
    this._shown = index;
    if (!this._entries.count) return fill(this._body, "the log has no entries");
    const { kind, leg, type } = this._entries.kind(index);
    const step = this._entries.step(index);
    const way =
      leg === "engine"
        ? kind === "input"
          ? "the bridge was told"
          : "the bridge asks for"
        : kind === "input"
          ? `from ${leg}`
          : `to ${leg}`;
    fill(
      this._title,
      "Entry ",
      h("small", {}, number(this._entries.seq(index))),
      h("code", { class: `type ${leg}` }, type),
    );
    const times = [
      `${clock(this._entries.atMs(step))} of the stream`,
      `${clock(this._entries.oursMs(step))} since the call opened`,
    ];
    fill(
      this._about,
      h(
        "p",
        { class: "note" },
        [`${kind}, ${way}`, ...times].map((each) => h("span", {}, each)),
        this._links(index, step),
      ),
    );
    fill(this._body, pretty(this._entries.body(index)));
    if (this._isScrolled) this._body.scrollTop = 0;
  }

  /**
   * @param {number} index
   * @param {number} step
   */
  _links(index, step) {
    const { _entries: entries, _cursor: cursor } = this;
    const cause = entries.cause(index);
    const samples = entries.samples(index);
    const made = [];
    if (cause !== null) made.push(link(`because of entry ${number(cause)}`, () => cursor.toSeq(cause)));
    const [first, end] = [entries.first(step), entries.first(step + 1)];
    if (index === first && end - first > 1) {
      const all = end - first - 1;
      made.push(
        link(`led to ${all === 1 ? `entry ${number(entries.seq(first + 1))}` : `${all} entries`}`, () =>
          cursor.toEntry(first + 1),
        ),
      );
    }
    if (samples) made.push(h("span", {}, `${number(Math.round(samples / 8))} ms of audio`));
    return made;
  }
}

/**
 * @param {string} text
 * @param {() => void} go
 */
function link(text, go) {
  return h("button", { type: "button", class: "link", onclick: go }, text);
}
