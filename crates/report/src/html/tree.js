"use strict";

/** What browsers still lay out; beyond it, the scroll bar moves in larger steps. */
const MOST_PIXELS = 8e6;

/** A list of any length, of which only the rows in sight are in the document. */
class VirtualList {
  /** `draw(element, index)` fills in a row. */
  constructor(viewport, rowHeight, draw) {
    this.viewport = viewport;
    this.rowHeight = rowHeight;
    this.draw = draw;
    this.count = 0;
    this.spacer = make("div", "spacer");
    this.holder = make("div", "holder");
    this.holder.role = "presentation";
    this.spacer.role = "presentation";
    viewport.replaceChildren(this.spacer, this.holder);
    this.isAsked = false;
    viewport.addEventListener("scroll", () => this.ask(), { passive: true });
    new ResizeObserver(() => this.ask()).observe(viewport);
  }

  resize(count) {
    this.count = count;
    this.spacer.style.height = `${Math.min(count * this.rowHeight, MOST_PIXELS)}px`;
    this.ask();
  }

  /** Draws once before the next frame, however often it is asked. */
  ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      this.render();
    });
  }

  /** Pixels of the whole list for each pixel of the scroll bar. */
  get #stretch() {
    const height = this.viewport.clientHeight, all = this.count * this.rowHeight;
    return all <= MOST_PIXELS ? 1 : (all - height) / (MOST_PIXELS - height);
  }

  render() {
    const height = this.viewport.clientHeight;
    if (height === 0) return;
    const top = this.viewport.scrollTop * this.#stretch;
    const first = Math.max(0, Math.floor(top / this.rowHeight) - 2);
    const end = Math.min(this.count, Math.ceil((top + height) / this.rowHeight) + 2);
    const rows = this.holder.children;
    while (rows.length > Math.max(0, end - first)) this.holder.lastChild.remove();
    while (rows.length < end - first) this.holder.append(make("div", "row"));
    this.holder.style.transform = `translateY(${this.viewport.scrollTop + first * this.rowHeight - top}px)`;
    for (let index = first; index < end; index++) this.draw(rows[index - first], index);
  }

  /** Scrolls as little as needed for a row to be in sight. */
  show(index) {
    const height = this.viewport.clientHeight, stretch = this.#stretch;
    const top = this.viewport.scrollTop * stretch, at = index * this.rowHeight;
    // With a few rows around it, if there is room.
    const margin = Math.min(2 * this.rowHeight, Math.max(0, (height - this.rowHeight) / 2));
    if (at - margin < top) this.viewport.scrollTop = Math.max(0, at - margin) / stretch;
    else if (at + this.rowHeight + margin > top + height) {
      this.viewport.scrollTop = (at + this.rowHeight + margin - height) / stretch;
    }
    this.ask();
  }

  get page() { return Math.max(1, Math.floor(this.viewport.clientHeight / this.rowHeight) - 1); }
}

/** A tree of rows, with the keys that trees have. */
class Tree {
  /** `onSelect(row)`: a row was selected; `onFollow(row)`: what it leads to is wanted. */
  constructor(element, data, { onSelect, onFollow }) {
    this.element = element;
    this.data = data;
    this.onSelect = onSelect;
    this.onFollow = onFollow;
    this.roots = [];
    /** All rows that are not in a closed one. */
    this.rows = [];
    this.selected = null;
    this.list = new VirtualList(element, 24, (row, index) => this.#draw(row, index));
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("click", (event) => this.#click(event));
    element.addEventListener("dblclick", (event) => this.#click(event));
  }

  set(roots) {
    this.roots = roots;
    this.rows = roots.flatMap((row) => [row, ...visibleIn(row)]);
    this.list.resize(this.rows.length);
  }

  /** Opens or closes a row. */
  toggle(row, open = !row.isOpen) {
    if (!row.canOpen || row.isOpen === open) return;
    const index = this.rows.indexOf(row);
    if (open) {
      row.isOpen = true;
      const rows = visibleIn(row);
      this.rows = this.rows.slice(0, index + 1).concat(rows, this.rows.slice(index + 1));
    } else {
      const inside = this.#behind(index) - index - 1;
      row.isOpen = false;
      this.rows.splice(index + 1, inside);
      if (this.selected && !this.rows.includes(this.selected)) this.select(row);
    }
    this.list.resize(this.rows.length);
  }

  /** Opens rows, as long as there are not too many; between slices of it the page lives. */
  async #openAll(rows) {
    let room = MOST_ROWS * 20 - this.rows.length;
    const pause = slices(() => false);
    for (const row of rows) {
      if (!row.canOpen || row.isOpen || room < 0) continue;
      row.isOpen = true;
      room -= row.children.length;
      await pause();
    }
    this.set(this.roots);
    this.select(this.selected ?? this.rows[0]);
  }

  select(row, tell = true) {
    this.selected = row;
    this.list.show(this.rows.indexOf(row));
    if (tell) this.onSelect(row);
  }

  /** Opens all that is around a row, and selects it. */
  reveal(row, tell = true) {
    const around = [];
    for (let outer = row.parent; outer; outer = outer.parent) around.unshift(outer);
    for (const outer of around) this.toggle(outer, true);
    this.select(row, tell);
  }

  /** The index behind all rows in the one at `index`. */
  #behind(index) {
    const level = this.rows[index].level;
    let next = index + 1;
    while (next < this.rows.length && this.rows[next].level > level) next++;
    return next;
  }

  #draw(element, index) {
    const row = this.rows[index];
    element.id = `${this.element.parentElement.id}-${index}`;
    element.role = "treeitem";
    element.className = row.isRange ? "row range" : "row";
    element.style.setProperty("--level", row.level - 1);
    element.ariaLevel = row.level;
    element.ariaPosInSet = row.position;
    element.ariaSetSize = row.siblings;
    element.ariaExpanded = row.canOpen ? String(row.isOpen) : null;
    element.ariaSelected = String(row === this.selected);
    if (row === this.selected) this.element.setAttribute("aria-activedescendant", element.id);
    element.dataset.index = index;
    const parts = [make("span", row.canOpen ? "twist" : "twist none")];
    if (row.before) parts.push(make("span", "type", row.before));
    if (row.name) parts.push(make("span", row.before ? "name" : "name bare", row.name));
    if (row.after) parts.push(make("span", "type after", row.after));
    const words = row.words();
    const isValue = words.length > 0 && !["count", "missing"].includes(words[0][0]);
    if (isValue && row.name) parts.push(make("span", "is", " = "));
    parts.push(...spans(words));
    parts.push(...this.#badges(row));
    element.replaceChildren(...parts);
  }

  #badges(row) {
    const badges = [];
    if (row.isCycle) {
      badges.push(make("span", "badge cycle", "↺ cycle"));
    } else if (row.leads !== NONE) {
      const count = this.data.inDegree(row.leads);
      if (count > 1) badges.push(make("span", "badge", `⇉ shared by ${count.toLocaleString("en")}`));
    }
    const isSmall = row.place && !["composite", "array"].includes(this.data.types?.[row.place.type]?.is);
    if (isSmall && this.data.changed(row.from, row.to)) {
      badges.push(make("span", "badge changed", "changed meanwhile"));
    }
    return badges;
  }

  #click(event) {
    const element = event.target.closest(".row");
    const row = this.rows[element?.dataset.index];
    if (!row) return;
    if (event.type === "dblclick") {
      if (!event.target.closest(".twist")) this.#enter(row);
      return;
    }
    this.select(row);
    if (event.target.closest(".twist")) this.toggle(row);
  }

  #enter(row) {
    if (row.leads !== NONE || row.diagnostic) this.onFollow(row);
    else this.toggle(row);
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || this.rows.length === 0) return;
    const row = this.selected, index = row ? this.rows.indexOf(row) : -1;
    const to = (wanted) => this.select(this.rows[Math.max(0, Math.min(wanted, this.rows.length - 1))]);
    switch (event.key) {
      case "ArrowDown": case "j": to(index + 1); break;
      case "ArrowUp": case "k": to(index - 1); break;
      case "PageDown": to(index + this.list.page); break;
      case "PageUp": to(index - this.list.page); break;
      case "Home": to(0); break;
      case "End": to(this.rows.length - 1); break;
      case "ArrowRight":
        if (!row) to(0);
        else if (row.canOpen && !row.isOpen) this.toggle(row, true);
        else if (row.isOpen && row.children.length > 0) to(index + 1);
        break;
      case "ArrowLeft":
        if (row?.isOpen) this.toggle(row, false);
        else if (row?.parent) this.select(row.parent);
        break;
      case "Enter": case " ":
        if (row) this.#enter(row);
        break;
      case "*":
        this.#openAll(row?.parent?.children ?? this.roots);
        break;
      default: return;
    }
    event.preventDefault();
  }
}

/** The rows in an open row that are to be seen. */
function visibleIn(row, rows = []) {
  if (!row.isOpen) return rows;
  for (const child of row.children) {
    rows.push(child);
    visibleIn(child, rows);
  }
  return rows;
}

/** An element with a class and text; nothing is ever markup. */
function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** Words as elements of their tones. */
function spans(words) {
  return words.map(([tone, text]) => make("span", `w ${tone}`, text));
}

/** Lets the page breathe when a slice of time is over; says whether to stop. */
function slices(isOver) {
  const SLICE = 8;
  let end = performance.now() + SLICE;
  return async () => {
    if (performance.now() < end) return isOver();
    await new Promise((resume) => setTimeout(resume));
    end = performance.now() + SLICE;
    return isOver();
  };
}
