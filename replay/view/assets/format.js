// @ts-check
// Numbers for eyes, as `replay` prints them in a terminal.

/**
 * Stream time as m:ss.mmm.
 * @param {number | null | undefined} ms
 */
export function clock(ms) {
  if (ms === null || ms === undefined) return "unknown";
  const whole = Math.max(0, Math.round(ms));
  const seconds = String(Math.floor(whole / 1000) % 60).padStart(2, "0");
  return `${Math.floor(whole / 60000)}:${seconds}.${String(whole % 1000).padStart(3, "0")}`;
}

/** @param {number} value A whole number, with a comma between thousands. */
export function number(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** @param {number | null | undefined} value */
export function ms(value) {
  return value === null || value === undefined ? "" : `${number(value)} ms`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** @param {string} startedAt ISO 8601. */
export function when(startedAt) {
  return startedAt.slice(0, 19).replace("T", " ") + (startedAt.endsWith("+00:00") ? " UTC" : "");
}
