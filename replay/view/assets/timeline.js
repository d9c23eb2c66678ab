// @ts-check
// The timeline: two voices and their lanes on one axis, the cursor across, and the whole call above to find the way.
import { Cursor } from "./cursor.js";
import { add, h } from "./dom.js";
import { clock } from "./format.js";
import { listen } from "./gestures.js";
import { HEIGHT, LANES, WAVES_MIDDLE } from "./lane_places.js";
import { drawLanes } from "./lanes.js";
import { Overview } from "./overview.js";
import { Paint } from "./paint.js";
import { Viewport } from "./viewport.js";
import { WAVE_HEIGHT } from "./waves.js";

/** What stands left of the lanes: its name, and where. @type {[string, string, number][]} */
const LABELS = [
  ["caller", "caller", WAVES_MIDDLE - WAVE_HEIGHT / 2],
  ["ear", "heard", WAVES_MIDDLE + WAVE_HEIGHT / 2],
  ["", "cut", LANES.cuts[0] + 8],
  ["", "marks", LANES.marks[0] + 10],
  ["", "problems", LANES.problems[0] + 8],
];

export class Timeline {
  /**
   * @param {HTMLElement} place
   * @param {any} call
   * @param {Cursor} cursor
   * @param {HTMLElement} transport
   */
  constructor(place, call, cursor, transport) {
    this._call = call;
    this._cursor = cursor;
    this.view = new Viewport(call.endsMs);
    this._line = h("div", { class: "cursor" });
    this._tip = h("div", { class: "tip", hidden: true });
    const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { "aria-hidden": "true" }));
    const range = { "aria-valuemin": 0, "aria-valuemax": Math.round(call.endsMs) };
    this.axis = h("div", { class: "axis", tabindex: 0, role: "slider", "aria-label": "Time in the call", ...range });
    add(this.axis, canvas, this._line, this._tip);
    this._overview = new Overview(call, this.view, cursor);
    add(place, transport, this._overview.element, h("div", { class: "tracks" }, gutter(), this.axis));
    this.axis.style.height = `${HEIGHT}px`;
    this._paint = new Paint(canvas);
    this._isDue = false;
    this.view.resize(this.axis.clientWidth);
    this._overview.start();
    this._follow();
  }

  _follow() {
    const { view, _cursor: cursor } = this;
    new ResizeObserver(() => view.resize(this.axis.clientWidth)).observe(this.axis);
    view.watch(() => this.redraw());
    cursor.watch((picked) => {
      if (picked || cursor.ms > view.toMs) view.reveal(cursor.ms);
      this._placeCursor();
    });
    listen(this.axis, view, {
      seek: (ms) => cursor.toTime(ms),
      pick: (x, y) => this._pick(x, y),
      hover: (x, y) => this._hover(x, y),
      leave: () => (this._tip.hidden = true),
    });
    this.redraw();
  }

  /** Draw with the next frame. */
  redraw() {
    if (this._isDue) return;
    this._isDue = true;
    requestAnimationFrame(() => {
      this._isDue = false;
      drawLanes(this._paint, this.view, this._call);
      this._overview.show();
      this._placeCursor();
    });
  }

  /** The colours have changed. */
  recolour() {
    this._paint.recolour();
    this._overview.recolour();
    this.redraw();
  }

  _placeCursor() {
    const { ms } = this._cursor;
    const x = this.view.x(ms);
    this._line.style.transform = `translateX(${x}px)`;
    this._line.hidden = x < 0 || x > this.view.width;
    this.axis.setAttribute("aria-valuenow", String(Math.round(ms)));
    this.axis.setAttribute("aria-valuetext", clock(ms));
    this._overview.placeCursor();
  }

  /** Go to what is drawn there, below the voices. @param {number} x @param {number} y */
  _pick(x, y) {
    const spot = y >= LANES.cuts[0] ? this._paint.at(x, y) : undefined;
    if (spot?.seq) this._cursor.toSeq(spot.seq);
    return Boolean(spot?.seq);
  }

  /** Say what is drawn there. @param {number} x @param {number} y */
  _hover(x, y) {
    const spot = this._paint.at(x, y);
    this._tip.hidden = !spot;
    this.axis.style.cursor = spot?.seq && y >= LANES.cuts[0] ? "pointer" : "";
    if (!spot) return;
    this._tip.textContent = spot.text;
    const left = Math.min(Math.max(0, x + 12), this.view.width - this._tip.offsetWidth - 4);
    const above = spot.y - this._tip.offsetHeight - 4;
    const top = above < 0 ? spot.y + spot.height + 4 : above;
    this._tip.style.transform = `translate(${Math.max(0, left)}px, ${top}px)`;
  }
}

function gutter() {
  const made = h("div", { class: "gutter", "aria-hidden": "true" });
  for (const [voice, label, y] of LABELS) {
    const each = add(made, h("span", { class: voice }, label)).lastElementChild;
    /** @type {HTMLElement} */ (each).style.top = `${y}px`;
  }
  return made;
}
