// @ts-check
// Elements, made of data. All text that comes from a call gets into the page here, as text: nothing parses markup.

/** @typedef {Node | string | number | null | undefined | false | any[]} Child */

/**
 * An element. `on…` properties are listeners, `class` and attributes are set as such; `true` is an attribute without
 * a value; null and false are left out.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  return add(element, ...children);
}

/**
 * Put children behind those that are there.
 * @template {Element} T
 * @param {T} element
 * @param {...Child} children
 * @returns {T}
 */
export function add(element, ...children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(element, ...child);
    else element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/**
 * Put these children in the place of all that were there.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, ...children);
}

/**
 * The element of that id, which is in the page's frame.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no ${id}`);
  return found;
}

const SAID_MS = 4000;
/** @type {number | undefined} */
let saying;

/** Tell something, for a moment. @param {string} message */
export function say(message) {
  byId("said").textContent = message;
  clearTimeout(saying);
  saying = setTimeout(() => (byId("said").textContent = ""), SAID_MS);
}
