// @ts-check
// The lower lanes: interruptions with what they were taken to have left, marks, problems. Where the whole of a long
// call is seen they are ticks; from near, their shapes say what they are.
import { clock, ms, number } from "./format.js";
import { LANES, WAVES_MIDDLE } from "./lane_places.js";
import { Paint } from "./paint.js";
import { Viewport } from "./viewport.js";

/** Pixels of a second below which single marks and cuts are only ticks. */
const SIGNS_SCALE = 12;
/** Pixels below which what was done about an item is only told when it is pointed at. */
const TEXT_MIN = 60;

/**
 * An interruption: from when the caller began to when the ear fell silent, and how much of each item that was.
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {any} cut
 */
export function drawCut(paint, view, cut) {
  const [top, height] = LANES.cuts;
  const y = top + 8;
  const began = view.x(cut.onset_ms ?? cut.sent_ms);
  const sent = view.x(cut.sent_ms);
  const over = view.x(cut.effective_ms ?? cut.sent_ms);
  if (over < -400 || Math.min(began, sent) > view.width) return;
  if (view.scale < SIGNS_SCALE) return paint.box(over - 0.75, top, 1.5, height, "bad");
  paint.line("bad", 1.5, Math.min(began, sent), y, over, y);
  if (cut.onset_ms !== null) paint.shape("caller", true, began - 4, y - 5, began + 4, y - 5, began, y + 2);
  paint.line("bad", 1.5, sent, y - 5, sent, y + 5);
  paint.shape("bad", true, over, y - 5, over + 5, y, over, y + 5, over - 5, y);
  paint.to.setLineDash([3, 3]);
  paint.line("bad", 1, over, WAVES_MIDDLE, over, top + height);
  paint.to.setLineDash([]);
  const x = Math.min(began, sent) - 6;
  paint.spot({ x, y: top, width: over - x + 6, height: 16, seq: cut.seq, ms: cut.sent_ms, text: cutText(cut) });
  let left = over + 10;
  const room = Math.min(view.x(cut.roomMs) - 14, view.width);
  for (const item of cut.items) left = drawBracket(paint, view, item, top + 24, left, room);
}

/** @param {any} cut */
export function cutText(cut) {
  const said = [];
  if (cut.onset_ms !== null) said.push(`caller began ${clock(cut.onset_ms)}`);
  const later = cut.onset_ms === null ? "" : ` (+${ms(cut.sent_ms - cut.onset_ms)})`;
  said.push(`clear sent ${clock(cut.sent_ms)}${later}`);
  if (cut.effective_ms === null) said.push("not seen to take effect");
  else said.push(`took effect ${clock(cut.effective_ms)} (+${ms(cut.effective_ms - cut.sent_ms)})`);
  return said.join(", ");
}

/**
 * What was heard of an item: at the least and at the most as a bracket, and what the model was told as a diamond.
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {any} item
 * @param {number} y
 * @param {number} left From where on there is room for the text,
 * @param {number} right and how far.
 */
function drawBracket(paint, view, item, y, left, right) {
  const told = itemText(item);
  const known = [item.min_at_ms, item.max_at_ms, item.told_at_ms, item.heard_at_ms].filter(
    (at) => at !== null && at !== undefined,
  );
  if (!known.length) return left;
  const [least, most] = [view.x(item.min_at_ms ?? known[0]), view.x(item.max_at_ms ?? known[0])];
  paint.line("ink", 1.25, least, y - 5, least, y + 5);
  paint.line("ink", 1.25, least, y, most, y);
  paint.line("ink", 1.25, most, y - 5, most, y + 5);
  if (item.told_at_ms !== null && item.told_at_ms !== undefined) {
    const x = view.x(item.told_at_ms);
    paint.shape(
      item.outcome === "error" ? "bad" : "ink",
      item.outcome === "ok",
      x,
      y - 4,
      x + 4,
      y,
      x,
      y + 4,
      x - 4,
      y,
    );
  }
  const at = Math.max(most + 8, left);
  const width = at >= 0 && right - at > TEXT_MIN ? paint.text(told, at, y, "dim", { size: 11, most: right - at }) : 0;
  const x = least - 5;
  paint.spot({
    x,
    y: y - 7,
    width: Math.max(most - x + 5, at + width - x),
    height: 14,
    ms: item.heard_at_ms,
    text: `${item.item_id}: ${told}`,
  });
  return at + width + 12;
}

/** @param {any} item */
function itemText(item) {
  const bounds =
    item.min_ms !== null && item.min_ms < item.max_ms ? ` (${number(item.min_ms)} to ${ms(item.max_ms)})` : "";
  return `heard ${bounds ? number(item.heard_ms) : ms(item.heard_ms)}${bounds}; ${doneText(item)}`;
}

/** What the model was told of an item that was cut, and how it took it. @param {any} item */
export function doneText(item) {
  if (item.action === "none") return "left as it is";
  const at = item.audio_end_ms === null ? "" : ` at ${ms(item.audio_end_ms)}`;
  return `${item.action}${at}: ${item.outcome}`;
}

const FATES = {
  sent: "not come back",
  played: "played",
  cleared: "cleared",
  flushed: "flushed: its echo proves nothing",
  either: "played or flushed",
  sentinel: "sentinel: its echo dates the clear",
  again: "come back again",
  unknown: "never sent",
};

/**
 * Marks: sent above, come back below. Of those that were played, no more than one in a pixel is drawn.
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {any[]} marks
 */
export function drawMarks(paint, view, marks) {
  const isFar = view.scale < SIGNS_SCALE;
  const [top, height] = LANES.marks;
  let drawn = -1;
  for (const mark of marks) {
    const first = mark.sentMs ?? mark.backMs;
    const last = mark.backMs ?? mark.sentMs;
    if (last < view.fromMs || first > view.toMs) continue;
    const [sent, back] = [view.x(first), view.x(last)];
    if (isFar || mark.fate === "played") {
      if (Math.round(back) === drawn) continue;
      drawn = Math.round(back);
    }
    if (mark.sentMs !== null && sent >= 0) paint.line("dim", 1, sent, top, sent, top + 5);
    if (isFar) paint.line("dim", 1, back, top + 13, back, top + 19);
    else if (mark.backMs !== null) drawEcho(paint, mark, sent, back);
    const text = `${mark.name}: ${FATES[/** @type {keyof typeof FATES} */ (mark.fate)]}`;
    paint.spot({ x: back - 3, y: top + 6, width: 6, height: height - 6, seq: mark.seq, text });
  }
}

/**
 * A mark that came back, with a line to where it was sent, if that can be seen. Played: a stroke. Flushed: a cross.
 * @param {Paint} paint
 * @param {any} mark
 * @param {number} sent
 * @param {number} back
 */
function drawEcho(paint, mark, sent, back) {
  const [y, end] = [LANES.marks[0] + 13, LANES.marks[0] + 19];
  const isPlayed = mark.fate === "played";
  const colours = { played: "dim", flushed: "warn", either: "warn", sentinel: "ink" };
  const colour = colours[/** @type {keyof colours} */ (mark.fate)] || "bad";
  if (mark.sentMs !== null && sent >= 0) paint.line(isPlayed ? "faint" : colour, 0.75, sent, y - 8, back, y);
  if (isPlayed) {
    paint.line(colour, 1, back, y, back, end);
  } else if (mark.fate === "flushed") {
    paint.line(colour, 1.25, back - 3, y, back + 3, end);
    paint.line(colour, 1.25, back - 3, end, back + 3, y);
  } else {
    paint.shape(colour, true, back, y - 1, back + 4, y + 3, back, y + 7, back - 4, y + 3);
  }
}

/**
 * Problems: broken is filled, wrong is hollow, worth a look is a dot.
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {any} problem
 */
export function drawProblem(paint, view, problem) {
  const x = view.x(problem.stream_ms);
  if (x < -8 || x > view.width + 8) return;
  const [top] = LANES.problems;
  if (problem.severity === 1)
    paint.shape("dim", true, x - 2, top + 6, x + 2, top + 6, x + 2, top + 10, x - 2, top + 10);
  else
    paint.shape(
      problem.severity === 3 ? "bad" : "warn",
      problem.severity === 3,
      x,
      top + 2,
      x + 6,
      top + 13,
      x - 6,
      top + 13,
    );
  paint.spot({ x: x - 6, y: top, width: 12, height: 16, seq: problem.seq, text: problem.what });
}
