// @ts-check
// Every entry of the log, out of the columns that `replay/view/entries.py` packed.

/** @typedef {{ kind: string, leg: string, type: string }} Kind */

export class Entries {
  /** @param {any} data */
  constructor(data) {
    this.count = data.kind.length;
    this.steps = data.sizes.length;
    /** @type {Kind[]} */
    this.kinds = data.kinds.map((/** @type {string[]} */ [kind, leg, type]) => ({ kind, leg, type }));
    this._kind = data.kind;
    this._back = data.back;
    this._samples = data.samples;
    this._texts = data.texts;
    this._text = data.text;
    this._seqs = seqs(this.count, data.jumps);
    this._first = new Uint32Array(this.steps + 1);
    this._step = new Uint32Array(this.count);
    this._atMs = new Float64Array(this.steps);
    this._ours = new Float64Array(this.steps);
    this._placeSteps(data);
    this._numbers = new Float64Array(data.numbers.length);
    this._numberAt = new Uint32Array(this.count);
    this._putNumbers(data);
  }

  /** @param {any} data */
  _placeSteps(data) {
    for (let step = 0, atMs = 0, ours = 0; step < this.steps; step++) {
      this._first[step + 1] = this._first[step] + data.sizes[step];
      this._step.fill(step, this._first[step], this._first[step + 1]);
      this._atMs[step] = atMs += data.at_ms[step];
      this._ours[step] = ours += data.ours[step];
    }
  }

  /** @param {any} data */
  _putNumbers(data) {
    const last = data.texts.map((/** @type {string[]} */ text) => new Array(text.length - 1).fill(0));
    let at = 0;
    for (let index = 0; index < this.count; index++) {
      const before = last[data.text[index]];
      this._numberAt[index] = at;
      for (let hole = 0; hole < before.length; hole++, at++) {
        this._numbers[at] = before[hole] += data.numbers[at];
      }
    }
  }

  /** @param {number} index */
  seq(index) {
    return this._seqs[index];
  }

  /** @param {number} index @returns {Kind} */
  kind(index) {
    return this.kinds[this._kind[index]];
  }

  /** @param {number} index */
  step(index) {
    return this._step[index];
  }

  /** Stream time of a step. @param {number} step */
  atMs(step) {
    return this._atMs[step];
  }

  /** Milliseconds from the call's opening, by our own clock. @param {number} step */
  oursMs(step) {
    return this._ours[step] / 10;
  }

  /** The first entry of a step. @param {number} step */
  first(step) {
    return this._first[step];
  }

  /** The seq of what brought an entry about; null if it says none. @param {number} index */
  cause(index) {
    return this._back[index] ? this._seqs[index] - this._back[index] : null;
  }

  /** Samples of audio that it carries. @param {number} index */
  samples(index) {
    return this._samples[index];
  }

  /** The body, to the byte. @param {number} index */
  body(index) {
    const text = this._texts[this._text[index]];
    let at = this._numberAt[index];
    let body = text[0];
    for (let piece = 1; piece < text.length; piece++, at++) body += this._numbers[at] + text[piece];
    return body;
  }

  /** Which text it is of those that differ in more than numbers. @param {number} index */
  text(index) {
    return this._text[index];
  }

  /** The entry of that seq, or the last one before it. @param {number} seq */
  indexOf(seq) {
    return Math.max(
      0,
      lastAtMost(this.count, (index) => this._seqs[index], seq),
    );
  }

  /** The last step at or before a stream time; the first step, if there is none. @param {number} ms */
  stepAt(ms) {
    return Math.max(
      0,
      lastAtMost(this.steps, (step) => this._atMs[step], ms),
    );
  }
}

/**
 * The last of `count` values in order that is not above `most`; -1 if there is none.
 * @param {number} count
 * @param {(index: number) => number} value
 * @param {number} most
 */
export function lastAtMost(count, value, most) {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value(middle) <= most) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * @param {number} count
 * @param {[number, number][]} jumps
 */
function seqs(count, jumps) {
  const made = new Uint32Array(count);
  let next = 1;
  let jump = 0;
  for (let index = 0; index < count; index++) {
    if (jump < jumps.length && jumps[jump][0] === index) next = jumps[jump++][1];
    made[index] = next++;
  }
  return made;
}
