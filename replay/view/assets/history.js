// @ts-check
// The core's state after any step, from what each step changed (`replay/view/history.py`).
//
// Going forward is cheap, so states are kept only every so many steps, and shared: what did not change between two of
// them is one object in both. Nothing that was given out is ever written into.
import { lastAtMost } from "./entries.js";

/** @typedef {{ path: (string | number)[], before?: any, after?: any }} Change */

const KEPT_EVERY = 64;

export class History {
  /** @param {any} data */
  constructor(data) {
    this._data = data;
    /** Where the changes of each recorded step begin. */
    this._at = [0];
    for (const count of data.counts) this._at.push(this._at[this._at.length - 1] + count);
    this._kept = [data.first];
  }

  /**
   * The state after a step, and what that step changed.
   * @param {number} step
   * @returns {{ state: any, changes: Change[] }}
   */
  after(step) {
    const last = lastAtMost(this._data.steps.length, (at) => this._data.steps[at], step);
    if (last < 0 || this._data.steps[last] !== step) return { state: this._state(last + 1), changes: [] };
    const changes = /** @type {Change[]} */ ([]);
    return { state: this._play(this._state(last), last, last + 1, changes), changes };
  }

  /** The state after so many recorded steps. @param {number} count */
  _state(count) {
    const kept = Math.floor(count / KEPT_EVERY);
    while (this._kept.length <= kept) {
      const to = this._kept.length * KEPT_EVERY;
      this._kept.push(this._play(this._kept[this._kept.length - 1], to - KEPT_EVERY, to, null));
    }
    return this._play(this._kept[kept], kept * KEPT_EVERY, count, null);
  }

  /**
   * A state with the changes of recorded steps `from` up to `to` made.
   * @param {any} state
   * @param {number} from
   * @param {number} to
   * @param {Change[] | null} seen Where to note the changes.
   */
  _play(state, from, to, seen) {
    const ours = new Set();
    let made = state;
    for (let at = this._at[from]; at < this._at[to]; at++) {
      const change = this._change(at, made);
      made = put(made, change, 0, ours);
      seen?.push(change);
    }
    return made;
  }

  /**
   * Change number `at`, to be made in that state.
   * @param {number} at
   * @param {any} state
   */
  _change(at, state) {
    const path = this._data.paths[this._data.path[at]];
    const value = this._data.values[at];
    const isList = Array.isArray(value);
    /** @type {Change} */
    const change = { path };
    if (!(isList && value.length === 1)) change.before = found(state, path);
    if (!(isList && value.length === 0)) change.after = isList ? value[0] : value;
    return change;
  }
}

/**
 * @param {any} state
 * @param {(string | number)[]} path
 */
function found(state, path) {
  return path.reduce((node, key) => node?.[key], state);
}

/**
 * The node with the change made in it; copied first, if it is not one of ours.
 * @param {any} node
 * @param {Change} change
 * @param {number} depth
 * @param {Set<any>} ours
 */
function put(node, change, depth, ours) {
  const isList = Array.isArray(node);
  const made = ours.has(node) ? node : isList ? node.slice() : { ...node };
  ours.add(made);
  const key = change.path[depth];
  if (depth < change.path.length - 1) {
    set(made, key, put(made[key], change, depth + 1, ours));
  } else if (!("after" in change)) {
    if (isList) made.splice(key, 1);
    else delete made[key];
  } else if (isList && !("before" in change)) {
    made.splice(key, 0, change.after);
  } else {
    set(made, key, change.after);
  }
  return made;
}

/**
 * As an own property, whatever it is called: names of items come from outside.
 * @param {any} node
 * @param {string | number} key
 * @param {any} value
 */
function set(node, key, value) {
  if (key === "__proto__")
    Object.defineProperty(node, key, { value, enumerable: true, configurable: true, writable: true });
  else node[key] = value;
}
