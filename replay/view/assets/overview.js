// @ts-check
// The whole call in a strip, to find the way: the caller above, the assistant below, where it was interrupted, where
// there are problems, and a window over what the axis shows. A click moves the cursor; the window can be dragged and
// resized.
//
// wavesurfer.js does this, and its regions the window: a whole recording in view is what it is made for. It is not what
// the axis below is drawn by. That has thousands of marks and every word on it, where wavesurfer makes an element of
// each region; it zooms, for which wavesurfer paints every channel anew, each twice (20 to 40 ms a step of a ten
// minutes' call, against 3 for all lanes on one canvas); and the pieces that it hands to a drawing function are cut up
// to 10 ms beside.
import { Cursor } from "./cursor.js";
import { add, h } from "./dom.js";
import { colour } from "./theme.js";
import { Viewport } from "./viewport.js";

const HEIGHT = 16;
const PEAKS_PER_SECOND = 100;
/** What is drawn in the strip is no longer than this, in times of the peak heights of the page. */
const LOUDEST = 255;

export class Overview {
  /**
   * @param {any} call
   * @param {Viewport} view
   * @param {Cursor} cursor
   */
  constructor(call, view, cursor) {
    this._view = view;
    this._endsMs = call.endsMs;
    this._signs = add(h("div", { class: "signs", "aria-hidden": "true" }), signs(call));
    this._box = h("div", { class: "strip", "aria-hidden": "true" });
    this.element = add(h("div", { class: "overview" }), this._box, this._signs);
    /** @type {any} */
    this._window = null;
    this._isOurs = false;
    this._cursor = cursor;
    this._peaks = call.peaks;
  }

  /** To be called once the element is in the page: wavesurfer needs a width. */
  start() {
    const length = Math.ceil((this._endsMs * PEAKS_PER_SECOND) / 1000);
    const { caller, ear, ghost } = this._peaks;
    const { WaveSurfer } = /** @type {any} */ (window);
    this._regions = WaveSurfer.Regions.create();
    this._wave = WaveSurfer.create({
      container: this._box,
      height: HEIGHT,
      dragToSeek: true,
      hideScrollbar: true,
      cursorWidth: 1.5,
      peaks: [caller, ghost, ear].map((peaks) => heights(peaks, length)),
      duration: this._endsMs / 1000,
      plugins: [this._regions],
      ...colours(),
    });
    this._wave.on("interaction", (/** @type {number} */ seconds) => this._cursor.toTime(seconds * 1000));
  }

  recolour() {
    this._wave.setOptions(colours());
    this._window?.setOptions({ color: colour("window") });
  }

  /** What the axis shows has changed. */
  show() {
    if (this._isOurs) return;
    const range = { start: this._view.fromMs / 1000, end: Math.min(this._view.toMs, this._endsMs) / 1000 };
    const isWhole = this._view.scale <= this._view.scaleMin * 1.001;
    if (isWhole) {
      this._window?.remove();
      this._window = null;
    } else if (this._window) {
      this._window.setOptions(range);
    } else {
      this._window = this._regions.addRegion({ ...range, color: colour("window") });
      this._window.on("update", () => this._moved());
      this._window.on("click", (/** @type {MouseEvent} */ event) => this._clicked(event));
    }
  }

  /** Somebody moved the window. */
  _moved() {
    this._isOurs = true;
    this._view.show(this._window.start * 1000, this._window.end * 1000);
    this._isOurs = false;
  }

  /** The window lies over the wave and takes its clicks. @param {MouseEvent} event */
  _clicked(event) {
    const box = this._box.getBoundingClientRect();
    this._cursor.toTime(((event.clientX - box.left) * this._endsMs) / box.width);
  }

  placeCursor() {
    this._wave.setTime(this._cursor.ms / 1000);
  }
}

/** Interruptions and problems, as ticks. @param {any} call */
function signs(call) {
  const tick = (/** @type {number} */ ms, /** @type {string} */ name) => {
    const made = h("i", { class: name });
    made.style.left = `${(100 * ms) / call.endsMs}%`;
    return made;
  };
  return [
    ...call.interruptions.map((/** @type {any} */ cut) => tick(cut.effective_ms ?? cut.sent_ms, "cut")),
    ...call.problems.map((/** @type {any} */ problem) =>
      tick(problem.stream_ms, `problem severity-${problem.severity}`),
    ),
  ];
}

/**
 * Peaks as heights from 0 to 1, as many as the whole strip has.
 * @param {Uint8Array} peaks
 * @param {number} length
 */
function heights(peaks, length) {
  const made = new Float32Array(length);
  for (let at = 0; at < Math.min(peaks.length, length); at++) made[at] = peaks[at] / LOUDEST;
  return made;
}

function colours() {
  const plain = (/** @type {string} */ name) => ({ waveColor: colour(name), progressColor: colour(name) });
  const splitChannels = [plain("caller"), plain("ghost"), { ...plain("ear"), overlay: true }];
  return { ...plain("ear"), cursorColor: colour("ink"), splitChannels };
}
