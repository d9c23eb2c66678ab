// @ts-check
// A canvas of the timeline: sharp on any screen, with the page's colours and a few strokes that the lanes share.
import { colour } from "./theme.js";

/** @typedef {{ x: number, y: number, width: number, height: number, text: string, seq?: number, ms?: number }} Spot */

const COLOURS = [
  ...["ink", "dim", "faint", "line", "caller", "ear", "ghost", "bad", "warn", "accent", "page"],
  ...["caller-band", "ear-band", "ghost-band", "warn-band"],
  ...["part-vad", "part-away", "part-respond", "part-generate", "part-send", "part-play"],
];

export class Paint {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    /** @type {Record<string, string>} */
    this.colour = {};
    /** What can be pointed at. @type {Spot[]} */
    this.spots = [];
    this.ratio = 1;
    this.recolour();
  }

  recolour() {
    for (const name of COLOURS) this.colour[name] = colour(name);
    this.font = getComputedStyle(document.documentElement).getPropertyValue("--font").trim();
  }

  /**
   * Empty, and of that size.
   * @param {number} width
   * @param {number} height
   */
  begin(width, height) {
    this.ratio = window.devicePixelRatio || 1;
    const { ratio } = this;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    this.to.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.to.clearRect(0, 0, width, height);
    this.to.textBaseline = "middle";
    this.spots = [];
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   * @param {string} colour
   */
  box(x, y, width, height, colour) {
    this.to.fillStyle = this.colour[colour];
    this.to.fillRect(x, y, width, height);
  }

  /**
   * A line through points x, y, x, y …
   * @param {string} colour
   * @param {number} width
   * @param {...number} points
   */
  line(colour, width, ...points) {
    this.to.beginPath();
    this.to.moveTo(points[0], points[1]);
    for (let at = 2; at < points.length; at += 2) this.to.lineTo(points[at], points[at + 1]);
    this.to.strokeStyle = this.colour[colour];
    this.to.lineWidth = width;
    this.to.stroke();
  }

  /**
   * A filled or hollow shape through points.
   * @param {string} colour
   * @param {boolean} filled
   * @param {...number} points
   */
  shape(colour, filled, ...points) {
    this.to.beginPath();
    this.to.moveTo(points[0], points[1]);
    for (let at = 2; at < points.length; at += 2) this.to.lineTo(points[at], points[at + 1]);
    this.to.closePath();
    this.to.fillStyle = this.colour[filled ? colour : "page"];
    this.to.fill();
    this.to.strokeStyle = this.colour[colour];
    this.to.lineWidth = 1.25;
    this.to.stroke();
  }

  /**
   * Text that ends with … where it is wider than it may be. Returns its width.
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {string} colour
   * @param {{ size?: number, most?: number, bold?: boolean }} [how]
   */
  text(text, x, y, colour, { size = 12, most = Infinity, bold = false } = {}) {
    this.to.font = `${bold ? "600 " : ""}${size}px ${this.font}`;
    this.to.fillStyle = this.colour[colour];
    const shown = this._clipped(text, most);
    if (!shown) return 0;
    this.to.fillText(shown, x, y);
    return this.to.measureText(shown).width;
  }

  /**
   * @param {string} text
   * @param {number} most
   */
  _clipped(text, most) {
    if (most === Infinity || this.to.measureText(text).width <= most) return text;
    const letters = Math.floor((text.length * most) / this.to.measureText(text).width);
    for (let length = letters; length > 0; length--) {
      const shown = `${text.slice(0, length).trimEnd()}…`;
      if (this.to.measureText(shown).width <= most) return shown;
    }
    return "";
  }

  /**
   * Slanted lines: what was not heard is never told by its colour alone.
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   * @param {string} colour
   */
  hatch(x, y, width, height, colour) {
    const { to } = this;
    to.save();
    to.beginPath();
    to.rect(x, y, width, height);
    to.clip();
    to.beginPath();
    for (let at = Math.floor((x - height) / 6) * 6; at < x + width; at += 6) {
      to.moveTo(at, y + height);
      to.lineTo(at + height, y);
    }
    to.strokeStyle = this.colour[colour];
    to.lineWidth = 1;
    to.stroke();
    to.restore();
  }

  /** @param {Spot} spot */
  spot(spot) {
    this.spots.push(spot);
  }

  /** What is there, the last drawn first. @param {number} x @param {number} y */
  at(x, y) {
    return this.spots.findLast(
      (spot) => x >= spot.x && x <= spot.x + spot.width && y >= spot.y && y <= spot.y + spot.height,
    );
  }
}
