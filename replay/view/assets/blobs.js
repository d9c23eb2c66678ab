// @ts-check
// The data in the page: JSON that is read at once, and large parts that are unpacked when they are needed.
import { byId } from "./dom.js";

/** @param {string} name */
export function readJson(name) {
  return JSON.parse(byId(name).textContent || "null");
}

/**
 * What was packed under that name, piece by piece: a long one never holds up the page.
 * @param {string} name
 * @returns {ReadableStreamDefaultReader<Uint8Array>}
 */
export function unpacking(name) {
  const packed = new Blob([fromBase64((byId(name).textContent || "").trim())]);
  return packed.stream().pipeThrough(new DecompressionStream("deflate")).getReader();
}

/** @param {string} name */
export async function unpack(name) {
  const pieces = [];
  for (let reader = unpacking(name), piece = await reader.read(); !piece.done; piece = await reader.read()) {
    pieces.push(/** @type {BlobPart} */ (piece.value));
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** @param {string} name */
export async function unpackJson(name) {
  return JSON.parse(new TextDecoder().decode(await unpack(name)));
}

/** Let the page draw and answer, before work goes on. */
export function rest() {
  return new Promise((resume) => setTimeout(resume));
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
function fromBase64(text) {
  const native = /** @type {any} */ (Uint8Array).fromBase64;
  if (native) return native.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}
