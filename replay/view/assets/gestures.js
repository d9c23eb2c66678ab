// @ts-check
// Mouse and fingers on the axis. A mouse moves the cursor by clicking and dragging, and the axis by a sideways wheel
// (or with Shift); with Ctrl the wheel zooms. One finger moves the axis, a tap the cursor, two fingers zoom. A wheel
// that turns up and down scrolls the page, as everywhere.
import { Viewport } from "./viewport.js";

const TAP_PIXELS = 6;

/** @typedef {{ x: number, from: number }} Finger Where it is, and where it came down. */
/**
 * Who is told.
 * @typedef {object} Told
 * @property {(ms: number) => void} seek
 * @property {(x: number, y: number) => boolean} pick Whether something is there to be picked.
 * @property {(x: number, y: number) => void} hover
 * @property {() => void} leave
 */

/**
 * @param {HTMLElement} axis
 * @param {Viewport} view
 * @param {Told} told
 */
export function listen(axis, view, told) {
  /** Fingers that are down. @type {Map<number, Finger>} */
  const fingers = new Map();
  let isScrubbing = false;
  const placed = (/** @type {MouseEvent} */ event) => {
    const box = axis.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  axis.addEventListener(
    "wheel",
    (event) => {
      const isSideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (event.ctrlKey || event.metaKey) view.zoom(Math.exp(-event.deltaY / 250), view.ms(placed(event).x));
      else if (isSideways) view.pan(event.deltaX || event.deltaY);
      else return;
      event.preventDefault();
    },
    { passive: false },
  );

  axis.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const { x, y } = placed(event);
    axis.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") fingers.set(event.pointerId, { x, from: x });
    else if (!told.pick(x, y)) {
      isScrubbing = true;
      told.seek(view.ms(x));
    }
  });

  axis.addEventListener("pointermove", (event) => {
    const { x, y } = placed(event);
    const finger = fingers.get(event.pointerId);
    if (finger) moveFinger(view, fingers, finger, x);
    else if (isScrubbing) told.seek(view.ms(x));
    else told.hover(x, y);
  });

  axis.addEventListener("pointerup", (event) => {
    const { x, y } = placed(event);
    const finger = fingers.get(event.pointerId);
    const isTap = finger && fingers.size === 1 && Math.abs(x - finger.from) < TAP_PIXELS;
    if (isTap && !told.pick(x, y)) told.seek(view.ms(x));
    fingers.delete(event.pointerId);
    isScrubbing = false;
  });
  axis.addEventListener("pointercancel", (event) => {
    fingers.delete(event.pointerId);
    isScrubbing = false;
  });
  axis.addEventListener("pointerleave", told.leave);
}

/**
 * One finger takes the axis along; of two, the distance is the zoom.
 * @param {Viewport} view
 * @param {Map<number, Finger>} fingers
 * @param {Finger} finger
 * @param {number} x
 */
function moveFinger(view, fingers, finger, x) {
  if (fingers.size === 1) {
    if (Math.abs(x - finger.from) >= TAP_PIXELS) {
      view.pan(finger.x - x);
      finger.from = Infinity;
    }
  } else {
    const [other] = [...fingers.values()].filter((each) => each !== finger);
    const [before, after] = [Math.abs(finger.x - other.x), Math.abs(x - other.x)];
    if (before > TAP_PIXELS && after > TAP_PIXELS) view.zoom(after / before, view.ms((x + other.x) / 2));
  }
  finger.x = x;
}
