// @ts-check
// A frame for eyes: indented, and otherwise every character as it is. It is cut into tokens and never read as JSON,
// since reading would change it: numbers lose digits, keys that stand twice are lost.
import { add, h } from "./dom.js";

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
const LINES_MAX = 4000;

/**
 * The text with line breaks and colours; as it is, where it is no JSON.
 * @param {string} text
 * @returns {HTMLElement}
 */
export function pretty(text) {
  const made = h("code", { class: "json" });
  if (!isJson(text)) return add(made, text);
  const tokens = text.match(TOKEN) || [];
  let depth = 0;
  let lines = 0;
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    const next = tokens[at + 1];
    if (token === "{" || token === "[") {
      const isEmpty = next === "}" || next === "]";
      made.append(isEmpty ? token + next : token + line(++depth));
      if (isEmpty) at++;
    } else if (token === "}" || token === "]") {
      made.append(line(--depth) + token);
    } else if (token === ",") {
      made.append(token + line(depth));
      if (++lines > LINES_MAX) return add(made, "…");
    } else if (token === ":") {
      made.append(": ");
    } else {
      made.append(h("span", { class: next === ":" ? "key" : token[0] === '"' ? "string" : "literal" }, token));
    }
  }
  return made;
}

/** @param {number} depth */
function line(depth) {
  return `\n${"  ".repeat(depth)}`;
}

/** @param {string} text */
function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
