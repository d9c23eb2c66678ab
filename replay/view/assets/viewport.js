// @ts-check
// Which part of the call the timeline shows: from when on, and how many pixels a second has. One for all its lanes.

const SCALE_MAX = 2000;
const ZOOM_STEP = 1.5;
/** From here on a single moment can be made out. */
const FOCUS_SCALE = 40;

export class Viewport {
  /** @param {number} endsMs */
  constructor(endsMs) {
    this.endsMs = Math.max(1, endsMs);
    this.fromMs = 0;
    /** Pixels of a second. */
    this.scale = 1;
    this.width = 1;
    /** @type {(() => void)[]} */
    this._watchers = [];
  }

  /** @param {() => void} watcher */
  watch(watcher) {
    this._watchers.push(watcher);
  }

  /** The scale at which the whole call just fits. */
  get scaleMin() {
    return (this.width * 1000) / this.endsMs;
  }

  /** Where a stream time is, in pixels from the left. @param {number} ms */
  x(ms) {
    return ((ms - this.fromMs) * this.scale) / 1000;
  }

  /** The stream time at so many pixels from the left. @param {number} x */
  ms(x) {
    return this.fromMs + (x * 1000) / this.scale;
  }

  get toMs() {
    return this.ms(this.width);
  }

  /** The room has another width now. What was seen whole stays so. @param {number} width */
  resize(width) {
    const wasWhole = this.scale <= this.scaleMin * 1.001;
    this.width = Math.max(1, width);
    this._set(this.fromMs, wasWhole ? this.scaleMin : this.scale);
  }

  /**
   * Zoom, with that time staying where it is.
   * @param {number} factor
   * @param {number} aroundMs
   */
  zoom(factor, aroundMs) {
    const scale = this._bounded(this.scale * factor);
    this._set(aroundMs - ((aroundMs - this.fromMs) * this.scale) / scale, scale);
  }

  /** @param {1 | -1} way @param {number} aroundMs */
  zoomStep(way, aroundMs) {
    this.zoom(way > 0 ? ZOOM_STEP : 1 / ZOOM_STEP, aroundMs);
  }

  /** @param {number} pixels */
  pan(pixels) {
    this._set(this.fromMs + (pixels * 1000) / this.scale, this.scale);
  }

  /** Begin at that time. @param {number} ms */
  moveTo(ms) {
    this._set(ms, this.scale);
  }

  /** See to it that a time can be seen; if it cannot, turn the page to it. @param {number} ms */
  reveal(ms) {
    const x = this.x(ms);
    if (x < 0 || x > this.width - 8) this._set(ms - (this.width * 150) / this.scale, this.scale);
  }

  /** Show from one time to another. @param {number} fromMs @param {number} toMs */
  show(fromMs, toMs) {
    this._set(fromMs, (this.width * 1000) / Math.max(1, toMs - fromMs));
  }

  /** Come near to a time; stay, if it is near enough. @param {number} ms */
  focus(ms) {
    if (this.scale >= FOCUS_SCALE) return;
    const scale = this._bounded(FOCUS_SCALE);
    this._set(ms - (this.width * 500) / scale, scale);
  }

  /** @param {number} scale */
  _bounded(scale) {
    return Math.min(Math.max(scale, this.scaleMin), Math.max(SCALE_MAX, this.scaleMin));
  }

  /** @param {number} fromMs @param {number} scale */
  _set(fromMs, scale) {
    this.scale = this._bounded(scale);
    const most = this.endsMs - (this.width * 1000) / this.scale;
    this.fromMs = Math.min(Math.max(0, fromMs), Math.max(0, most));
    for (const watcher of this._watchers) watcher();
  }
}
