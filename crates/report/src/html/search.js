"use strict";

/** Finds objects, members, functions and addresses as one types. */
class Search {
  /** `onGo(object, at, size)`: what was found is wanted; `at` is -1 for a whole object. */
  constructor(input, results, data, values, { onGo, onLeave }) {
    this.input = input;
    this.results = results;
    this.data = data;
    this.values = values;
    this.onGo = onGo;
    this.onLeave = onLeave;
    this.found = [];
    this.total = 0;
    this.chosen = 0;
    this.run = 0;
    this.texts = null;
    this.list = new VirtualList(results, 30, (row, index) => this.#draw(row, index));
    input.addEventListener("input", () => this.#search());
    input.addEventListener("focus", () => this.#search());
    input.addEventListener("blur", () => this.#close());
    input.addEventListener("keydown", (event) => this.#key(event));
    // Before the input loses the focus.
    results.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const index = event.target.closest(".row")?.dataset.index;
      if (index !== undefined) this.#go(Number(index));
    });
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  /** Looks in slices between which the page stays alive; a newer search ends it. */
  async #search() {
    const MOST = 2000;
    const run = ++this.run;
    const query = this.input.value.trim().toLowerCase();
    if (query === "") return this.#close();
    const found = [], words = query.split(/\s+/);
    let total = 0;
    const note = (one) => {
      total++;
      if (found.length < MOST) found.push(one);
    };
    const pause = slices(() => run !== this.run);
    this.#address(query, note);
    this.#members(words, note);
    await this.#objects(words, note, pause);
    await this.#functions(words, note, pause);
    if (run !== this.run || document.activeElement !== this.input) return;
    found.sort((a, b) => a.rank - b.rank);
    this.found = found;
    this.total = total;
    this.chosen = 0;
    this.#open();
  }

  #address(query, note) {
    if (!/^(0x)?[0-9a-f]{4,16}$/.test(query)) return;
    const address = BigInt(query.startsWith("0x") ? query : `0x${query}`);
    const at = this.data.offsetOf(address);
    const object = at < 0 ? NONE : this.data.objectAround(at);
    if (object === NONE) return;
    const field = this.values.field(object, at);
    const isStart = at === this.data.offset(object);
    const place = isStart ? " " : ` ${field?.path ?? "padding"} in `;
    note({
      rank: -1, object, at: isStart ? -1 : at, what: "address",
      words: [["number", hex(address)], ["quiet", place], ...this.values.object(object)],
    });
  }

  /** Members of types that there are objects of, and members of these. */
  #members(words, note) {
    const MOST = 60, LOOKED_AT = 20000, DEEPEST = 4;
    let room = MOST, steps = LOOKED_AT;
    const look = (number, at, path, of, depth) => {
      const type = this.values.types[number];
      if (type?.is !== "composite" || depth > DEEPEST) return;
      for (const [name, before, after, inner, first, bits] of type.members) {
        if (room === 0 || steps-- <= 0) return;
        const start = at + Math.floor(first / 8), full = name && path ? `${path}.${name}` : path + name;
        if (name && matches(name.toLowerCase(), `${of.name}.${full}`.toLowerCase(), words)) {
          room--;
          note({
            rank: rankOf(name.toLowerCase(), words[0]) + 1 + depth / 8,
            object: of.object, at: start, size: bits > 0 ? 0 : this.values.types[inner]?.size, what: "member",
            words: [["type", before], ["name", full], ["type", after], ["quiet", ` of ${of.name}`]],
          });
        }
        look(inner, start, full, of, depth + 1);
      }
    };
    this.firstOf ??= this.#firstObjects();
    for (const [number, object] of this.firstOf) {
      look(number, this.data.offset(object), "", { object, name: this.data.kind(object).name }, 0);
    }
  }

  #firstObjects() {
    const first = new Map();
    for (let object = 0; object < this.data.count; object++) {
      const type = this.data.kind(object).type;
      if (type !== null && !first.has(type)) first.set(type, object);
    }
    return first;
  }

  async #objects(words, note, pause) {
    const { data } = this;
    this.texts ??= { titles: data.titles.map((text) => text.toLowerCase()), kinds: data.kinds.map((kind) => kind.name.toLowerCase()) };
    const { titles, kinds } = this.texts;
    const titleOf = data.columns["object.title"], kindOf = data.columns["object.kind"];
    for (let object = 0; object < data.count; object++) {
      if ((object & 1023) === 0 && await pause()) return;
      const title = titleOf[object] === NONE ? "" : titles[titleOf[object]];
      const kind = kinds[kindOf[object]];
      if (!words.every((word) => title.includes(word) || kind.includes(word))) continue;
      const rank = title && title.includes(words[0]) ? rankOf(title, words[0]) : rankOf(kind.replace(/^(struct|union) /, ""), words[0]) + 4;
      note({ rank, object, at: -1, what: "object", words: null });
    }
  }

  async #functions(words, note, pause) {
    const { "function.at": at, "function.symbol": symbol } = this.data.columns;
    const symbols = this.data.symbols.map((text) => text.toLowerCase());
    for (let i = 0; i < at.length; i++) {
      if ((i & 1023) === 0 && await pause()) return;
      if (!words.every((word) => symbols[symbol[i]].includes(word))) continue;
      const object = this.data.objectAround(at[i]);
      if (object === NONE) continue;
      note({
        rank: rankOf(symbols[symbol[i]], words[0]) + 2, object, at: at[i], what: "function",
        words: [["symbol", this.data.symbols[symbol[i]]], ["quiet", ` at ${this.values.field(object, at[i])?.path ?? "?"} of ${this.data.kind(object).name}`]],
      });
    }
  }

  #open() {
    this.results.hidden = false;
    this.input.ariaExpanded = "true";
    const beyond = this.total - this.found.length;
    const rows = this.found.length + (beyond > 0 || this.found.length === 0 ? 1 : 0);
    this.results.style.height = `${Math.min(rows, 14) * 30 + 2}px`;
    this.results.scrollTop = 0;
    this.list.resize(rows);
    this.list.render();
  }

  #close() {
    this.run++;
    this.results.hidden = true;
    this.input.ariaExpanded = "false";
    this.input.removeAttribute("aria-activedescendant");
  }

  #draw(element, index) {
    element.id = `found-${index}`;
    element.className = "row found";
    element.dataset.index = index;
    const one = this.found[index];
    if (!one) {
      element.role = "presentation";
      const beyond = this.total - this.found.length;
      const text = this.found.length === 0 ? "Nothing found" : `and ${beyond.toLocaleString("en")} more: type more of it`;
      element.replaceChildren(make("span", "quiet", text));
      return;
    }
    element.role = "option";
    element.ariaSelected = String(index === this.chosen);
    if (index === this.chosen) this.input.setAttribute("aria-activedescendant", element.id);
    const address = this.data.address(one.at < 0 ? this.data.offset(one.object) : one.at);
    const words = make("span", "words");
    words.append(...spans(one.words ?? this.values.object(one.object)));
    element.replaceChildren(
      make("span", "what", one.what), words,
      make("span", "address", address === null ? "" : hex(address)));
  }

  #go(index) {
    const one = this.found[index];
    if (!one) return;
    this.#close();
    this.onGo(one.object, one.at, one.size);
  }

  #key(event) {
    const to = (index) => {
      this.chosen = Math.max(0, Math.min(index, this.found.length - 1));
      this.list.show(this.chosen);
    };
    switch (event.key) {
      case "ArrowDown": to(this.chosen + 1); break;
      case "ArrowUp": to(this.chosen - 1); break;
      case "PageDown": to(this.chosen + 10); break;
      case "PageUp": to(this.chosen - 10); break;
      case "Enter": if (!this.results.hidden) this.#go(this.chosen); break;
      case "Escape":
        if (this.input.value) { this.input.value = ""; this.#close(); } else this.onLeave();
        break;
      default: return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Whether the first word is in a name, and all of them are in its longer form. */
function matches(name, text, words) {
  return words.every((word) => text.includes(word)) && words.some((word) => name.includes(word.replace(/^.*\./, "")));
}

/** Less is better: the same, its beginning, somewhere in it. */
function rankOf(text, word) {
  if (text === word) return 0;
  return text.startsWith(word) ? 1 : 2;
}
