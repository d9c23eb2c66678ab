// @ts-check
// The call's sound, out of what `replay/view/sound.py` packed, as a WAV file that exists in this page only: stereo, 16
// bits, the caller left, the ear right. Each piece of work is a few milliseconds, so that the page answers meanwhile.
import { rest, unpacking } from "./blobs.js";

/** Samples at a time. */
const PIECE = 1 << 17;
const HEADER_BYTES = 44;

/** @typedef {{ bits: number, rate: number, samples: number, values: number[], tracks: string[] }} About */
/** @typedef {{ caller: boolean, ear: boolean, unheard: boolean }} Wanted What is to be heard. */

export class Sound {
  /** @param {About} about */
  constructor(about) {
    this.about = about;
    this._values = Int16Array.from(about.values);
    /** Ranks of each track. @type {Record<string, Uint8Array>} */
    this._ranks = {};
  }

  async load() {
    for (const name of this.about.tracks) this._ranks[name] = await this._unpacked(`sound-${name}`);
  }

  /** What was packed are differences: each sample less the one before, modulo 256. @param {string} name */
  async _unpacked(name) {
    const ranks = new Uint8Array(this.about.samples);
    const reader = unpacking(name);
    let at = 0;
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      sumUp(piece.value, ranks, at);
      at += piece.value.length;
      await rest();
    }
    return ranks;
  }

  /**
   * A WAV file of what is wanted. What was cut off is heard right, where the ear heard nothing.
   * @param {Wanted} wanted
   */
  async wav(wanted) {
    const { samples } = this.about;
    const left = wanted.caller ? this._ranks.caller : undefined;
    const right = wanted.ear ? this._ranks.ear : undefined;
    const ghost = wanted.unheard ? this._ranks.unheard : undefined;
    /** @type {BlobPart[]} */
    const parts = [this._header()];
    for (let from = 0; from < samples; from += PIECE) {
      parts.push(this._piece(from, Math.min(samples, from + PIECE), left, right, ghost));
      await rest();
    }
    return new Blob(parts, { type: "audio/wav" });
  }

  /**
   * @param {number} from
   * @param {number} to
   * @param {Uint8Array | undefined} left
   * @param {Uint8Array | undefined} right
   * @param {Uint8Array | undefined} ghost
   */
  _piece(from, to, left, right, ghost) {
    const values = this._values;
    const made = new Int16Array(2 * (to - from));
    for (let at = from, place = 0; at < to; at++, place += 2) {
      if (left) made[place] = values[left[at]];
      if (right) made[place + 1] = values[right[at]];
      if (ghost && !made[place + 1]) made[place + 1] = values[ghost[at]];
    }
    return made;
  }

  _header() {
    const { rate, samples } = this.about;
    const bytes = 4 * samples;
    const view = new DataView(new ArrayBuffer(HEADER_BYTES));
    const text = (/** @type {number} */ at, /** @type {string} */ letters) => {
      for (let each = 0; each < letters.length; each++) view.setUint8(at + each, letters.charCodeAt(each));
    };
    text(0, "RIFF");
    view.setUint32(4, HEADER_BYTES - 8 + bytes, true);
    text(8, "WAVEfmt ");
    view.setUint32(16, 16, true);
    view.setUint16(20, 1, true);
    view.setUint16(22, 2, true);
    view.setUint32(24, rate, true);
    view.setUint32(28, 4 * rate, true);
    view.setUint16(32, 4, true);
    view.setUint16(34, 16, true);
    text(36, "data");
    view.setUint32(40, bytes, true);
    return view.buffer;
  }
}

/**
 * @param {Uint8Array} differences
 * @param {Uint8Array} ranks
 * @param {number} from
 */
function sumUp(differences, ranks, from) {
  let rank = from ? ranks[from - 1] : 0;
  for (let at = 0; at < differences.length; at++) {
    rank = (rank + differences[at]) & 255;
    ranks[from + at] = rank;
  }
}
