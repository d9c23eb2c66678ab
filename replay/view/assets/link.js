// @ts-check
// The place in the address: `call.html#t=83.412` opens there, and the address follows the cursor, so that it can be
// sent.
import { Cursor } from "./cursor.js";
import { h, say } from "./dom.js";

/** Browsers count how often an address changes, and stop it. */
const EVERY_MS = 300;

/**
 * Go to the place in the address, now and whenever it changes. Whether there was one.
 * @param {Cursor} cursor
 * @param {(ms: number) => void} focus
 */
export function followHash(cursor, focus) {
  const go = () => {
    const [, seconds] = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash) || [];
    if (!seconds) return false;
    focus(Number(seconds) * 1000);
    cursor.toTime(Number(seconds) * 1000);
    return true;
  };
  let isDue = false;
  const put = () => {
    isDue = false;
    if (location.hash !== hash(cursor)) history.replaceState(null, "", hash(cursor));
  };
  cursor.watch(() => {
    if (isDue) return;
    isDue = true;
    setTimeout(put, EVERY_MS);
  });
  addEventListener("hashchange", go);
  return go();
}

/** @param {Cursor} cursor */
export function linkButton(cursor) {
  return h(
    "button",
    {
      type: "button",
      title: "to this place",
      onclick: async () => {
        history.replaceState(null, "", hash(cursor));
        try {
          await navigator.clipboard.writeText(location.href);
          say("The link to this place is in the clipboard.");
        } catch {
          say("The browser does not let this page write to the clipboard: the link is in the address bar.");
        }
      },
    },
    "copy link",
  );
}

/** @param {Cursor} cursor */
function hash(cursor) {
  return `#t=${(cursor.ms / 1000).toFixed(3)}`;
}
