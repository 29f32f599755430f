"use strict";

/** The page: which object and field are selected, and what shows them. */
class Page {
  constructor(data) {
    this.data = data;
    this.values = new Values(data);
    this.rows = new Rows(data, this.values);
    this.selected = { object: NONE, from: 0, to: 0, row: null };
    this.isAsked = false;
    const { values } = this;
    const tree = (name) => new Tree(document.querySelector(`#${name} .tree`), data, {
      onSelect: (row) => this.#selectRow(row),
      onFollow: (row) => this.#follow(row),
    });
    this.trees = { roots: tree("roots"), types: tree("types"), missing: tree("missing") };
    this.graph = new Graph(by("graph"), data, values, { onSelect: (object) => this.go(object, -1) });
    this.hex = new Hex(by("hex"), by("field"), data, values, { onSelect: (at) => this.#selectByte(at) });
    this.search = new Search(by("query"), by("results"), data, values, {
      onGo: (object, at, size) => this.go(object, at, size),
      onLeave: () => this.focusTree(),
    });
    this.tab = "";
  }

  start() {
    const { data } = this;
    const title = data.target ?? data.name;
    document.title = `${title} · kflat report`;
    by("title").textContent = title;
    by("facts").textContent = facts(data);
    const missing = data.diagnostics.length;
    by("tab-missing").textContent = missing > 0 ? `Not captured (${missing.toLocaleString("en")})` : "All captured";
    captured(by("capture"), data);
    by("message").hidden = true;
    by("panes").hidden = false;
    this.trees.roots.set(this.rows.roots());
    this.trees.missing.set(this.rows.missing());
    this.#listen();
    this.#show(data.roots.length > 0 ? "roots" : "types");
    if (!this.#goToHash()) {
      const first = this.trees[this.tab].rows.find((row) => row.canOpen) ?? this.trees[this.tab].rows[0];
      if (first) {
        this.trees[this.tab].select(first);
        this.trees[this.tab].toggle(first, true);
      }
    }
    this.focusTree();
  }

  #listen() {
    for (const tab of document.querySelectorAll("[role=tab]")) {
      tab.addEventListener("click", () => this.#show(tab.id.slice(4)));
      tab.addEventListener("keydown", (event) => this.#tabKey(event, tab));
    }
    by("help").addEventListener("click", () => by("keys").showModal());
    addEventListener("hashchange", () => this.#goToHash());
    addEventListener("keydown", (event) => this.#key(event));
    this.#divider(by("divider"));
  }

  // What is selected.

  #selectRow(row) {
    const first = row.diagnostic || row.isField ? row.owner : row.leads;
    const at = row.diagnostic?.at ?? null;
    if (first === NONE) {
      if (row.diagnostic || row.objects || row.parent === null) this.#set(NONE, 0, 0, row);
      return;
    }
    if (at !== null) this.#set(first, at, at + 8, row);
    else if (row.isField) this.#set(first, row.from, row.to, row);
    else this.#set(first, this.data.offset(first), row.isRange ? row.to : this.data.end(first), row);
  }

  #set(object, from, to, row) {
    this.selected = { object, from, to, row };
    if (this.isAsked) return;
    this.isAsked = true;
    // While a key is held down, what is drawn is what one stops at.
    requestAnimationFrame(() => {
      this.isAsked = false;
      const now = this.selected;
      card(by("card"), this.data, this.values, now, (text, button) => this.#copy(text, button));
      this.graph.show(now.object);
      this.hex.show(now.object, now.from, now.to);
    });
  }

  /** What Enter does: to the object that a row leads to. */
  #follow(row) {
    if (row.diagnostic) {
      if (row.owner !== NONE) this.go(row.owner, row.diagnostic.at ?? -1);
    } else if (row.leads !== NONE) {
      this.go(row.leads, -1);
    }
  }

  /** Selects the field at a byte, in the object as it is shown now. */
  #selectByte(at) {
    const { object, row } = this.selected;
    if (!row || row.diagnostic || !this.trees[this.tab]) return this.go(object, at);
    let outer = row;
    while (outer && (outer.owner === object || outer.isRange)) outer = outer.parent;
    const found = outer && this.rows.descend(outer, at);
    if (!found || found === outer || found.owner !== object) return this.go(object, at);
    this.trees[this.tab].reveal(found);
  }

  /** Selects an object, or the field of it at `at`, and notes where one was. */
  go(object, at, size = 0) {
    const hash = `#${object}${at >= 0 ? `+${at - this.data.offset(object)}-${size}` : ""}`;
    if (location.hash === hash) this.#goToHash();
    else location.hash = hash;
  }

  #goToHash() {
    const [, object, inside, size] = location.hash.match(/^#(\d+)(?:\+(\d+)-(\d+))?$/) ?? [];
    if (object === undefined || Number(object) >= this.data.count) return false;
    const at = inside === undefined ? -1 : this.data.offset(Number(object)) + Number(inside);
    this.#reveal(Number(object), at, Number(size));
    return true;
  }

  #reveal(object, at, size) {
    let row = this.tab === "types" ? null : this.rows.toObject(this.trees.roots.roots, object);
    if (row) {
      this.#show("roots");
    } else {
      this.#show("types");
      const name = this.data.kind(object).name;
      const group = this.trees.types.roots.find((one) => one.before === name);
      row = this.rows.nth(group, partition(group.objects.length, (i) => group.objects[i] < object));
    }
    const found = at >= 0 && row.canOpen ? this.rows.descend(row, at, size) : row;
    this.trees[this.tab].reveal(found, false);
    // The row of a pointer stands for the object that it leads to.
    if (found === row) this.#set(object, this.data.offset(object), at >= 0 ? at + 1 : this.data.end(object), row);
    else this.#set(object, found.from, found.to, found);
    this.trees[this.tab].toggle(row, true);
    this.focusTree();
  }

  // Tabs and keys.

  #show(name) {
    this.tab = name;
    if (name === "types" && this.trees.types.roots.length === 0) this.trees.types.set(this.rows.types());
    for (const tab of document.querySelectorAll("[role=tab]")) {
      const isThis = tab.id === `tab-${name}`;
      tab.ariaSelected = String(isThis);
      tab.tabIndex = isThis ? 0 : -1;
      by(tab.id.slice(4)).hidden = !isThis;
    }
    this.trees[name]?.list.ask();
  }

  #tabKey(event, tab) {
    const all = [...document.querySelectorAll("[role=tab]")];
    const to = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!to) return;
    const next = all[(all.indexOf(tab) + to + all.length) % all.length];
    this.#show(next.id.slice(4));
    next.focus();
    event.preventDefault();
  }

  focusTree() {
    (this.trees[this.tab]?.element ?? by(this.tab)).focus();
  }

  #key(event) {
    const isTyping = event.target === by("query") || by("keys").open;
    if (isTyping || event.ctrlKey || event.altKey || event.metaKey) return;
    const tabs = { 1: "roots", 2: "types", 3: "missing", 4: "capture" };
    if (event.key === "/") this.search.focus();
    else if (event.key === "?") by("keys").showModal();
    else if (event.key === "t") this.focusTree();
    else if (event.key === "g") this.graph.focus();
    else if (event.key === "x") by("hex").focus();
    else if (tabs[event.key]) {
      this.#show(tabs[event.key]);
      this.focusTree();
    } else return;
    event.preventDefault();
  }

  /** Lets the explorer be made wider and narrower. */
  #divider(divider) {
    const set = (percent) => {
      const width = Math.max(20, Math.min(percent, 75));
      by("panes").style.setProperty("--explorer", `${width}%`);
      divider.ariaValueNow = Math.round(width);
    };
    set(48);
    divider.addEventListener("pointerdown", (event) => divider.setPointerCapture(event.pointerId));
    divider.addEventListener("pointermove", (event) => {
      if (divider.hasPointerCapture(event.pointerId)) set((event.clientX / innerWidth) * 100);
    });
    divider.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
      if (by) set(Number(divider.ariaValueNow) + by);
    });
  }

  async #copy(text, button) {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Can't copy: select it";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }
}

function by(id) { return document.getElementById(id); }

(async () => {
  try {
    const element = by("data");
    const data = await Data.read(element.textContent);
    element.remove();
    const page = new Page(data);
    page.start();
  } catch (error) {
    by("message").textContent = `The image can't be shown: ${error.message}`;
    throw error;
  }
})();
