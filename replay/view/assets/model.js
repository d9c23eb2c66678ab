// @ts-check
// The call as the panes want it: the facts, and what the large parts add to them.
import { readJson, unpack, unpackJson } from "./blobs.js";
import { Entries } from "./entries.js";

/** Rungs of the ladder that are not folded: what tells something. */
const TELLING = new Set(["frame", "note", "trouble"]);
const RUNG = [
  ...["seq", "last_seq", "stream_ms", "source", "target", "label", "detail", "count", "kind", "last_ms", "is_away"],
];

/**
 * Everything but states and sound, which are unpacked when they are needed.
 */
export async function load() {
  const facts = readJson("facts");
  const [entryData, marks, ladder, caller, ear, unheard] = await Promise.all([
    ...["entries", "marks", "ladder"].map(unpackJson),
    ...["peaks-caller", "peaks-ear", "peaks-unheard"].map(unpack),
  ]);
  const entries = new Entries(entryData);
  const msOf = (/** @type {number} */ seq) => entries.atMs(entries.step(entries.indexOf(seq)));
  const rungs = ladder.map((/** @type {any[]} */ values) =>
    Object.fromEntries(RUNG.map((name, at) => [name, values[at]])),
  );
  return {
    facts,
    entries,
    rungs,
    telling: telling(entries, rungs),
    turns: withRoom(facts.turns.map(turnOf)),
    interruptions: facts.interruptions.map(cutOf),
    away: facts.model_away,
    marks: marks.map((/** @type {any[]} */ mark) => markOf(mark, msOf)),
    problems: problemsOf(facts, entries.count ? msOf : () => 0),
    peaks: {
      caller,
      ear,
      ghost: unheard.map((/** @type {number} */ peak, /** @type {number} */ at) => (ear[at] ? 0 : peak)),
    },
    sound: readJson("sound"),
    endsMs: Math.max(1, facts.ends_ms),
    firstSeq: entries.count ? entries.seq(0) : 0,
    lastSeq: entries.count ? entries.seq(entries.count - 1) : 0,
  };
}

/**
 * @param {Entries} entries
 * @param {any[]} rungs
 */
function telling(entries, rungs) {
  return rungs
    .filter((rung) => TELLING.has(rung.kind))
    .map((rung) => entries.indexOf(rung.seq))
    .sort((a, b) => a - b);
}

/**
 * A turn with its text in one piece, and from when to when anything of it is drawn.
 * @param {any} turn
 */
function turnOf(turn) {
  const said = (/** @type {(how: string) => boolean} */ wanted) =>
    turn.pieces
      .filter((/** @type {any[]} */ piece) => wanted(piece[2]))
      .map((/** @type {any[]} */ piece) => piece[0] + piece[1])
      .join("")
      .trim();
  const times = [turn.start_ms, turn.end_ms, turn.would_end_ms].filter((each) => each !== null && each !== undefined);
  const span = { first: times.length ? Math.min(...times) : null, last: times.length ? Math.max(...times) : null };
  const [text, heard, unheard] = [said(() => true), said((how) => how === "heard"), said((how) => how !== "heard")];
  return { ...turn, text, heard, unheard, span };
}

/**
 * An interruption, and where the next one begins.
 * @param {any} cut
 * @param {number} at
 * @param {any[]} all
 */
function cutOf(cut, at, all) {
  const next = all[at + 1];
  return { ...cut, roomMs: next ? (next.onset_ms ?? next.sent_ms) : Infinity };
}

/**
 * Where the next turn of the same speaker begins, what is drawn of a turn ends.
 * @param {any[]} turns
 */
function withRoom(turns) {
  /** @type {Record<string, number>} */
  const next = {};
  for (const turn of turns.toReversed()) {
    turn.roomMs = next[turn.speaker] ?? Infinity;
    if (turn.start_ms !== null) next[turn.speaker] = turn.start_ms;
  }
  return turns;
}

/**
 * @param {any[]} mark
 * @param {(seq: number) => number} msOf
 */
function markOf([name, fate, sent, back], msOf) {
  return { name, fate, seq: back || sent, sentMs: sent ? msOf(sent) : null, backMs: back ? msOf(back) : null };
}

/**
 * The problems in the order of the call, the divergence among them. Each stands where its entry does.
 * @param {any} facts
 * @param {(seq: number) => number} msOf
 */
function problemsOf(facts, msOf) {
  const { divergence } = facts;
  const diverged = divergence && { seq: divergence.seq, kind: "diverged", severity: 3, what: facts.why };
  const all = diverged ? [...facts.problems, diverged] : facts.problems;
  return all.map((/** @type {any} */ each) => ({ ...each, stream_ms: each.stream_ms ?? msOf(each.seq) })).sort(byPlace);
}

/**
 * @param {any} one
 * @param {any} other
 */
function byPlace(one, other) {
  return one.seq - other.seq || other.severity - one.severity;
}
