// @ts-check
// Panes of which one is seen at a time. Left and right go from one tab to the next, as tabs do everywhere.
import { add, fill, h } from "./dom.js";

export class Tabs {
  /**
   * @param {HTMLElement} place
   * @param {{ name: string, count: number | null, element: HTMLElement, shown?: () => void }[]} panes
   */
  constructor(place, panes) {
    this._panes = panes;
    this._tabs = panes.map((pane, at) =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${pane.name}`,
          "aria-controls": `pane-${pane.name}`,
          onclick: () => this.show(at),
        },
        pane.name,
        pane.count === null ? null : h("small", {}, pane.count),
      ),
    );
    const list = add(h("div", { class: "tabs", role: "tablist", "aria-label": "Ladder, turns, problems" }), this._tabs);
    list.addEventListener("keydown", (event) => this._key(event));
    panes.forEach((pane) => {
      pane.element.id = `pane-${pane.name}`;
      pane.element.setAttribute("role", "tabpanel");
      pane.element.setAttribute("aria-labelledby", `tab-${pane.name}`);
    });
    fill(
      place,
      list,
      panes.map((pane) => pane.element),
    );
    this.show(0);
  }

  /** @param {number} shown */
  show(shown) {
    this._panes.forEach((pane, at) => {
      pane.element.hidden = at !== shown;
      this._tabs[at].setAttribute("aria-selected", String(at === shown));
      this._tabs[at].tabIndex = at === shown ? 0 : -1;
    });
    this._panes[shown].shown?.();
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    const at =
      (this._tabs.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + way + this._tabs.length) %
      this._tabs.length;
    this.show(at);
    this._tabs[at].focus();
  }
}
