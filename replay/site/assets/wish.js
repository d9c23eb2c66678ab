// @ts-check
// What the person wants to see: what is searched, which calls, in which order. It stands in the address, so that it can be
// sent: `index.html#q=discount&heard=no&show=diverged&sort=started`.

/** Which words of the assistant a search looks at: all, those that were heard, those that were not. */
export const HEARD = { all: "said", yes: "heard", no: "unheard" };

/** @type {Record<string, { label: string, keeps: (call: any) => boolean }>} */
export const FILTERS = {
  diverged: { label: "diverged", keeps: (call) => call.verdict === "diverged" },
  interrupted: { label: "interrupted", keeps: (call) => call.interruptions > 0 },
  problems: { label: "with problems", keeps: (call) => call.spot !== null },
  crashed: { label: "crashed", keeps: (call) => call.ended === "crashed" },
};

export class Wish {
  constructor() {
    this.query = "";
    this.heard = "all";
    /** @type {Set<string>} */
    this.show = new Set();
    this.sort = "worst";
    this.isUp = false;
    this._changed = () => {};
    addEventListener("hashchange", () => {
      this._read();
      this._changed();
    });
    this._read();
  }

  /** Call this now and after each change. @param {() => void} changed */
  watch(changed) {
    this._changed = changed;
    changed();
  }

  /** @param {Partial<{ query: string, heard: string, show: Set<string>, sort: string, isUp: boolean }>} change */
  set(change) {
    Object.assign(this, change);
    history.replaceState(null, "", this._hash() || location.pathname);
    this._changed();
  }

  _read() {
    const given = new URLSearchParams(location.hash.slice(1));
    const heard = given.get("heard") || "all";
    const sort = given.get("sort") || "worst";
    this.query = given.get("q") || "";
    this.heard = Object.hasOwn(HEARD, heard) ? heard : "all";
    this.show = new Set((given.get("show") || "").split(",").filter((name) => Object.hasOwn(FILTERS, name)));
    this.isUp = sort.startsWith("-");
    this.sort = sort.replace(/^-/, "");
  }

  _hash() {
    const told = new URLSearchParams();
    if (this.query) told.set("q", this.query);
    if (this.heard !== "all") told.set("heard", this.heard);
    if (this.show.size) told.set("show", [...this.show].join(","));
    if (this.sort !== "worst" || this.isUp) told.set("sort", `${this.isUp ? "-" : ""}${this.sort}`);
    return told.size ? `#${told}` : "";
  }
}
