// @ts-check
// A list of any length of which only the rows that can be seen exist. All rows are of one height.
//
// To a keyboard it is one thing: it has the focus, and up and down move the row that is picked. To a screen reader it
// is a list box, whose active row is named.
import { add, h } from "./dom.js";

const SPARE_ROWS = 8;

export class List {
  /**
   * @param {string} label
   * @param {number} rowHeight
   * @param {number} count
   * @param {(index: number) => HTMLElement} make
   * @param {(index: number) => void} pick
   */
  constructor(label, rowHeight, count, make, pick) {
    this._rowHeight = rowHeight;
    this._count = count;
    this._make = make;
    this._pick = pick;
    this.picked = -1;
    /** @type {Map<number, HTMLElement>} */
    this._rows = new Map();
    this._name = label.toLowerCase().replace(/\W+/g, "-");
    this._room = h("div", { class: "room", role: "presentation" });
    this._room.style.height = `${count * rowHeight}px`;
    this.element = add(h("div", { class: "list", role: "listbox", tabindex: 0, "aria-label": label }), this._room);
    this.element.addEventListener("scroll", () => this._draw(), { passive: true });
    this.element.addEventListener("click", (event) => this._clicked(event));
    this.element.addEventListener("keydown", (event) => this._key(event));
    new ResizeObserver(() => this._draw()).observe(this.element);
  }

  /** Show which row is picked, and see to it that it can be seen. @param {number} index */
  show(index) {
    if (index === this.picked) return;
    this._rows.get(this.picked)?.setAttribute("aria-selected", "false");
    this.picked = index;
    this._rows.get(index)?.setAttribute("aria-selected", "true");
    const { element, _rowHeight: height } = this;
    if (index < 0 || !element.clientHeight) return;
    const top = index * height;
    if (top < element.scrollTop + height || top > element.scrollTop + element.clientHeight - 2 * height) {
      element.scrollTop = top - element.clientHeight / 2;
    }
    this._draw();
    element.setAttribute("aria-activedescendant", `${this._name}-${index}`);
  }

  _draw() {
    const { element, _rowHeight: height } = this;
    const from = Math.max(0, Math.floor(element.scrollTop / height) - SPARE_ROWS);
    const to = Math.min(this._count, Math.ceil((element.scrollTop + element.clientHeight) / height) + SPARE_ROWS);
    for (const [index, row] of this._rows) {
      if (index >= from && index < to) continue;
      row.remove();
      this._rows.delete(index);
    }
    for (let index = from; index < to; index++) if (!this._rows.has(index)) this._addRow(index);
  }

  /** @param {number} index */
  _addRow(index) {
    const row = this._make(index);
    row.id = `${this._name}-${index}`;
    row.dataset.index = String(index);
    row.style.transform = `translateY(${index * this._rowHeight}px)`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(index === this.picked));
    row.setAttribute("aria-posinset", String(index + 1));
    row.setAttribute("aria-setsize", String(this._count));
    this._rows.set(index, row);
    this._room.append(row);
  }

  /** @param {Event} event */
  _clicked(event) {
    const row = /** @type {Element} */ (event.target).closest("[data-index]");
    if (row instanceof HTMLElement) this._pick(Number(row.dataset.index));
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this._rowHeight) - 1);
    const ways = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const way = ways[/** @type {keyof typeof ways} */ (event.key)];
    if (!way || event.ctrlKey || event.metaKey || event.altKey || !this._count) return;
    event.preventDefault();
    this._pick(Math.min(Math.max(0, this.picked + way), this._count - 1));
  }
}
