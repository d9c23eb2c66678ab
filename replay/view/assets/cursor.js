// @ts-check
// The one cursor of the page. Every pane shows it, and most can move it.
//
// It is a stream time. With it goes an entry, the one that is shown: the one that was picked, or, when a time was
// picked or the call plays, the last one before it that tells something. And a step, after which the state is shown:
// that of the entry that was picked, or the last one before that time.
import { Entries, lastAtMost } from "./entries.js";

export class Cursor {
  /**
   * @param {Entries} entries
   * @param {number[]} telling Entries that tell something, by index: all that is not folded in the ladder.
   * @param {number} endsMs
   */
  constructor(entries, telling, endsMs) {
    this.entries = entries;
    this.telling = telling;
    this.endsMs = endsMs;
    this.ms = 0;
    this.index = 0;
    this.step = 0;
    /** @type {((picked: boolean) => void)[]} */
    this._watchers = [];
  }

  /**
   * Be told when it moved; `picked`: somebody went there, and it is not merely that the call plays.
   * @param {(picked: boolean) => void} watcher
   */
  watch(watcher) {
    this._watchers.push(watcher);
  }

  /**
   * Go to a stream time.
   * @param {number} ms
   * @param {boolean} [picked]
   */
  toTime(ms, picked = true) {
    const time = Math.min(Math.max(0, ms), this.endsMs);
    if (!this.entries.count) return this._move(time, 0, 0, picked);
    const step = this.entries.stepAt(time);
    this._move(time, this._telling(this.entries.first(step + 1) - 1), step, picked);
  }

  /** Go to an entry. @param {number} index */
  toEntry(index) {
    if (index < 0 || index >= this.entries.count) return;
    const step = this.entries.step(index);
    this._move(this.entries.atMs(step), index, step, true);
  }

  /** Go to the entry of that seq. @param {number} seq */
  toSeq(seq) {
    this.toEntry(this.entries.indexOf(seq));
  }

  /**
   * Go to a time, and show the entry of that seq.
   * @param {number} ms
   * @param {number} seq
   */
  toBoth(ms, seq) {
    const index = this.entries.indexOf(seq);
    this._move(Math.min(Math.max(0, ms), this.endsMs), index, this.entries.step(index), true);
  }

  /**
   * Go to the next entry, or the one before.
   * @param {1 | -1} way
   * @param {boolean} all Of all entries, not only of those that tell something.
   */
  stepBy(way, all) {
    if (all) return this.toEntry(this.index + way);
    const at = lastAtMost(this.telling.length, (place) => this.telling[place], this.index);
    const isOne = this.telling[at] === this.index;
    const next = way > 0 ? at + 1 : isOne ? at - 1 : at;
    if (next >= 0 && next < this.telling.length) this.toEntry(this.telling[next]);
  }

  /** The last entry at or before that one which tells something. @param {number} index */
  _telling(index) {
    const at = lastAtMost(this.telling.length, (place) => this.telling[place], index);
    return at >= 0 ? this.telling[at] : 0;
  }

  /**
   * @param {number} ms
   * @param {number} index
   * @param {number} step
   * @param {boolean} picked
   */
  _move(ms, index, step, picked) {
    this.ms = ms;
    this.index = index;
    this.step = step;
    for (const watcher of this._watchers) watcher(picked);
  }
}
