// @ts-check
// What is drawn along the axis: the ruler, who spoke, every word where it was heard, how long an answer let wait, and
// below that interruptions, marks and problems (`signs.js`). Only what can be seen is drawn.
import { clock, ms } from "./format.js";
import { HEIGHT, LANES, WAVES_MIDDLE } from "./lane_places.js";
import { Paint } from "./paint.js";
import { drawCut, drawMarks, drawProblem } from "./signs.js";
import { Viewport } from "./viewport.js";
import { WAVE_HEIGHT, drawWaves } from "./waves.js";

/** Pixels of a second from which on words stand each in its own place. */
const WORDS_SCALE = 90;
const TICKS_MS = [100, 200, 500, 1000, 2000, 5000, 10000, 15000, 30000, 60000, 120000, 300000, 600000];
const TICK_PIXELS = 90;
/** Between the ruler and the caller's words. */
const AWAY_TOP = 18;
/** Pixels from which on a time without the model is named. */
const AWAY_MIN = 70;

/**
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {any} call
 */
export function drawLanes(paint, view, call) {
  paint.begin(view.width, HEIGHT);
  drawRuler(paint, view);
  for (const away of call.away) drawAway(paint, view, away, call.endsMs);
  for (const turn of call.turns) drawBands(paint, view, turn);
  drawWaves(paint, view, call.peaks, WAVES_MIDDLE);
  for (const turn of call.turns) drawTurn(paint, view, turn);
  for (const cut of call.interruptions) drawCut(paint, view, cut);
  drawMarks(paint, view, call.marks);
  for (const problem of call.problems) drawProblem(paint, view, problem);
}

/**
 * @param {Paint} paint
 * @param {Viewport} view
 */
function drawRuler(paint, view) {
  const wanted = (TICK_PIXELS * 1000) / view.scale;
  const every = TICKS_MS.find((each) => each >= wanted) || TICKS_MS[TICKS_MS.length - 1];
  const digits = every >= 1000 ? -4 : undefined;
  for (let at = Math.floor(view.fromMs / every) * every; at <= view.toMs; at += every) {
    const x = Math.round(view.x(at)) + 0.5;
    paint.line("line", 1, x, 14, x, HEIGHT);
    paint.text(clock(at).slice(0, digits), x + 4, 11, "dim", { size: 11 });
  }
}

/**
 * Behind all: when the model was lost, to the end if it did not come back.
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {any} away
 * @param {number} endsMs
 */
function drawAway(paint, view, away, endsMs) {
  const [from, to] = [away.from_ms, away.to_ms ?? endsMs];
  if (to < view.fromMs || from > view.toMs) return;
  const [x, end] = [Math.max(view.x(from), -10), Math.min(view.x(to), view.width + 10)];
  const [top, height] = LANES.waves;
  paint.box(x, top, Math.max(1, end - x), height, "warn-band");
  paint.hatch(x, top, end - x, height, "faint");
  paint.box(x, AWAY_TOP, Math.max(1, end - x), 3, "warn");
  const how = away.to_ms === null ? "lost, and did not come back" : `lost for ${ms(to - from)}`;
  const left = Math.max(0, x) + 3;
  if (end - left > AWAY_MIN) paint.text(`model ${how}`, left, top + 8, "warn", { size: 11, most: end - left - 3 });
  const told = `the model was ${how}: ${away.reason}; dials ${away.dials}, items restored ${away.restored}`;
  paint.spot({ x, y: AWAY_TOP - 2, width: Math.max(6, end - x), height: 16, ms: from, seq: away.seq, text: told });
}

/**
 * Behind the waves: when each spoke, and hatched, when it would have been heard if it had not been cut.
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {any} turn
 */
function drawBands(paint, view, turn) {
  if (turn.start_ms === null || !isSeen(view, turn)) return;
  const isCaller = turn.speaker === "caller";
  const top = WAVES_MIDDLE - (isCaller ? WAVE_HEIGHT : 0);
  const [start, end] = [view.x(turn.start_ms), view.x(turn.end_ms ?? turn.span.last)];
  paint.box(start, top, Math.max(1, end - start), WAVE_HEIGHT, isCaller ? "caller-band" : "ear-band");
  const ghost = view.x(Math.min(turn.span.last, turn.roomMs));
  if (isCaller || ghost <= end + 1) return;
  paint.box(end, top, ghost - end, WAVE_HEIGHT, "ghost-band");
  paint.hatch(end, top, ghost - end, WAVE_HEIGHT, "faint");
}

/**
 * @param {Viewport} view
 * @param {any} turn
 */
function isSeen(view, turn) {
  return (
    turn.span.first !== null && turn.span.last >= view.fromMs && turn.span.first - (turn.latency_ms || 0) <= view.toMs
  );
}

/**
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {any} turn
 */
function drawTurn(paint, view, turn) {
  if (!isSeen(view, turn)) return;
  drawWords(paint, view, turn, turn.speaker === "caller" ? LANES.callerWords : LANES.earWords);
  if (turn.latency_ms) drawLatency(paint, view, turn);
}

/**
 * Each word where it was heard; from afar, as much of the turn as there is room for.
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {any} turn
 * @param {number[]} lane
 */
function drawWords(paint, view, turn, [top, height]) {
  const y = top + height / 2;
  const isCaller = turn.speaker === "caller";
  if (view.scale < WORDS_SCALE) {
    const x = Math.max(0, view.x(turn.span.first));
    const most = view.x(Math.min(turn.span.last, turn.roomMs)) - x - 2;
    if (most > 26) drawText(paint, turn, x, y, most);
    return;
  }
  let free = -Infinity;
  for (const [, word, how, fromMs, toMs] of turn.pieces) {
    if (fromMs === null || toMs < view.fromMs - 2000 || fromMs > view.toMs) continue;
    if (how === "unheard" && toMs > turn.roomMs) continue;
    const x = Math.max(view.x(fromMs), free);
    const colour = how === "heard" ? (isCaller ? "caller" : "ear") : how === "partly" ? "warn" : "dim";
    const width = paint.text(word, x, y, colour);
    if (how === "unheard") paint.line("dim", 1, x, y + 0.5, x + width, y + 0.5);
    free = x + width + 4;
  }
}

/**
 * As much of a turn as there is room for; what was not heard is struck through.
 * @param {Paint} paint
 * @param {any} turn
 * @param {number} x
 * @param {number} y
 * @param {number} most
 */
function drawText(paint, turn, x, y, most) {
  const used = paint.text(turn.heard, x, y, turn.speaker === "caller" ? "caller" : "ear", { most });
  if (!turn.unheard || most - used < 20) return;
  const from = used ? used + 4 : 0;
  const width = paint.text(turn.unheard, x + from, y, "dim", { most: most - from });
  paint.line("dim", 1, x + from, y + 0.5, x + from + width, y + 0.5);
}

/**
 * How long the caller waited for this answer, and for what.
 * @param {Paint} paint
 * @param {Viewport} view
 * @param {any} turn
 */
function drawLatency(paint, view, turn) {
  const y = WAVES_MIDDLE;
  const begin = turn.start_ms - turn.latency_ms;
  const [x, end] = [view.x(begin), view.x(turn.start_ms)];
  let at = begin;
  const parts = /** @type {[string, number][]} */ (Object.entries(turn.parts));
  for (const [part, length] of parts) {
    paint.box(view.x(at), y - 3, (length * view.scale) / 1000, 6, `part-${part}`);
    at += length;
  }
  const label = ms(turn.latency_ms);
  const left = Math.max(0, x) + 2;
  if (end - left > 44) paint.text(label, left, y - 10, "ink", { size: 11, most: end - left });
  const told = parts.filter(([, length]) => length).map(([part, length]) => `${part} ${length}`);
  paint.spot({
    x,
    y: y - 8,
    width: end - x,
    height: 16,
    ms: begin,
    text: `turn ${turn.number} let wait ${label}: ${told.join(", ")}`,
  });
}
