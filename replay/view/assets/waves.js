// @ts-check
// The waveforms of both voices on the axis, and the ghost of what was cut off, from peaks that are in the page: to draw
// them no sound is needed. Only what can be seen is drawn, and exactly where the axis has it, however near.
import { Paint } from "./paint.js";
import { Viewport } from "./viewport.js";

/** Of one voice, in pixels. */
export const WAVE_HEIGHT = 56;
/** As `replay/view/sound.py` makes them. */
const PEAKS_PER_SECOND = 100;
/** What of its half loud speech fills; the rest keeps the voices apart. */
const FILLED = 0.86;

/** @typedef {{ caller: Uint8Array, ear: Uint8Array, ghost: Uint8Array }} Peaks */

/**
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {Peaks} peaks
 * @param {number} middle Between the voices.
 */
export function drawWaves(paint, view, peaks, middle) {
  drawVoice(paint, view, peaks.caller, middle - WAVE_HEIGHT / 2, "caller");
  drawVoice(paint, view, peaks.ghost, middle + WAVE_HEIGHT / 2, "ghost");
  drawVoice(paint, view, peaks.ear, middle + WAVE_HEIGHT / 2, "ear");
}

/**
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {Uint8Array} peaks
 * @param {number} middle
 * @param {string} colour
 */
function drawVoice(paint, view, peaks, middle, colour) {
  const { to } = paint;
  const pixel = 1 / paint.ratio;
  const perPixel = PEAKS_PER_SECOND / (view.scale * paint.ratio);
  let at = (view.fromMs * PEAKS_PER_SECOND) / 1000;
  to.beginPath();
  for (let x = 0; x < view.width; x += pixel, at += perPixel) {
    const peak = perPixel < 1 ? between(peaks, at) : highest(peaks, at, at + perPixel);
    const reach = (peak * WAVE_HEIGHT * FILLED) / 510;
    if (peak) to.rect(x, middle - reach, pixel, 2 * reach);
  }
  to.fillStyle = paint.colour[colour];
  to.fill();
}

/**
 * On the line from one peak to the next; from and to silence there is none.
 * @param {Uint8Array} peaks
 * @param {number} at
 */
function between(peaks, at) {
  const whole = Math.floor(at);
  const [one, other] = [peaks[whole] || 0, peaks[whole + 1] || 0];
  return one && other ? one + (other - one) * (at - whole) : one;
}

/**
 * @param {Uint8Array} peaks
 * @param {number} from
 * @param {number} to
 */
function highest(peaks, from, to) {
  let most = 0;
  const end = Math.min(peaks.length, to);
  for (let at = Math.floor(from); at < end; at++) if (peaks[at] > most) most = peaks[at];
  return most;
}
