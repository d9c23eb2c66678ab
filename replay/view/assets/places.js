// @ts-check
// Places in a call, as people name them: the same as on the command line (`replay/places.py`).

export const FORMS = "83.4s, 1:23.4, seq:812, turn:3, mark:NAME, start or end";

/**
 * Where that is: a stream time or an entry. Throws an Error that says what would be a place, or what there is.
 * @param {string} text
 * @param {{ turns: any[], marks: any[], firstSeq: number, lastSeq: number, endsMs: number }} call
 * @returns {{ ms: number } | { seq: number }}
 */
export function find(text, call) {
  const name = text.trim();
  if (name === "start") return { ms: 0 };
  if (name === "end") return { ms: call.endsMs };
  const ms = time(name);
  if (ms !== null) return { ms };
  const [, kind, value] = /^(seq|turn|mark):(.+)$/.exec(name) || [];
  if (kind === "mark") return ofMark(value, call.marks);
  if (kind === "turn" && /^\d+$/.test(value)) return ofTurn(Number(value), call.turns);
  if (kind === "seq" && /^\d+$/.test(value)) return ofSeq(Number(value), call);
  throw new Error(`That is no place in a call. Places are ${FORMS}.`);
}

/**
 * A time in milliseconds; null for what is none.
 * @param {string} text
 */
export function time(text) {
  const [, ms] = /^(\d+)ms$/.exec(text) || [];
  if (ms) return Number(ms);
  const clock = /^(?:(\d+):)?(\d+(?:\.\d+)?)s?$/.exec(text);
  if (!clock || (clock[1] && Number(clock[2]) >= 60)) return null;
  return Math.round((Number(clock[1] || 0) * 60 + Number(clock[2])) * 1000);
}

/**
 * @param {string} name
 * @param {any[]} marks
 */
function ofMark(name, marks) {
  const found = marks.find((mark) => mark[0] === name);
  if (!found) throw new Error(`There is no mark ${name}: the call has ${marks.length || "none"}.`);
  return { seq: found[3] || found[2] };
}

/**
 * @param {number} number
 * @param {any[]} turns
 */
function ofTurn(number, turns) {
  const turn = turns[number - 1];
  if (!turn) throw new Error(`There is no turn ${number}: the call has ${turns.length}.`);
  return turn.start_ms === null ? { seq: turn.seq ?? 1 } : { ms: turn.start_ms };
}

/**
 * @param {number} seq
 * @param {{ firstSeq: number, lastSeq: number }} call
 */
function ofSeq(seq, call) {
  if (seq < call.firstSeq || seq > call.lastSeq) {
    throw new Error(`There is no entry ${seq}: the log has ${call.firstSeq} to ${call.lastSeq}.`);
  }
  return { seq };
}
