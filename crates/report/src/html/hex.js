"use strict";

/** The bytes of an object, a line for 16, with its fields marked. */
class Hex {
  /** `onSelect(at)`: the byte at `at` was chosen. */
  constructor(element, status, data, values, { onSelect }) {
    this.element = element;
    this.status = status;
    this.data = data;
    this.values = values;
    this.onSelect = onSelect;
    this.object = NONE;
    this.from = this.to = this.start = this.end = 0;
    this.list = new VirtualList(element, 22, (row, index) => this.#draw(row, index));
    element.addEventListener("click", (event) => {
      const at = event.target.closest("[data-at]")?.dataset.at;
      if (at !== undefined) onSelect(Number(at));
    });
    element.addEventListener("mouseover", (event) => {
      const at = event.target.closest("[data-at]")?.dataset.at;
      this.#tell(at === undefined ? this.from : Number(at));
    });
    element.addEventListener("mouseleave", () => this.show(this.object, this.from, this.to));
    element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows an object, and marks the bytes from `from` to `to`. */
  show(object, from, to) {
    if (object !== this.object) {
      this.object = object;
      this.start = object === NONE ? 0 : this.data.offset(object);
      this.end = object === NONE ? 0 : this.data.end(object);
      // Lines begin where the kernel's do: at multiples of 16.
      const address = this.data.address(this.start);
      this.base = this.start - Number((address ?? BigInt(this.start)) & 15n);
      this.element.scrollTop = 0;
      this.list.resize(this.end > this.start ? Math.ceil((this.end - this.base) / 16) : 0);
    }
    [this.from, this.to] = [from, to];
    // Of a whole object nothing is marked.
    this.isWhole = from <= this.start && to >= this.end;
    if (!this.isWhole && object !== NONE) this.list.show(Math.floor((from - this.base) / 16));
    this.list.ask();
    if (this.isWhole) this.status.replaceChildren();
    else this.#tell(from);
  }

  #draw(element, index) {
    const first = this.base + index * 16, { memory } = this.data;
    const address = this.data.address(Math.max(first, this.start));
    const shown = address === null ? BigInt(first) : address - BigInt(Math.max(first, this.start) - first);
    element.className = "row hex-row";
    const bytes = make("span", "bytes"), text = make("span", "ascii");
    let at = first;
    while (at < first + 16) {
      if (at < this.start || at >= this.end) {
        const until = at < this.start ? Math.min(this.start, first + 16) : first + 16;
        bytes.append(make("span", "none", "   ".repeat(until - at)));
        text.append(make("span", "none", " ".repeat(until - at)));
        at = until;
        continue;
      }
      const { tone, until, isStart } = this.#run(at, Math.min(first + 16, this.end));
      const run = memory.subarray(at, until);
      const isMarked = !this.isWhole && this.from < until && at < this.to;
      const name = `${tone}${isMarked ? " marked" : ""}${isStart ? " starts" : ""}${this.data.changed(at, until) ? " changed" : ""}`;
      const digits = make("span", name, Array.from(run, (byte) => byte.toString(16).padStart(2, "0")).join(" "));
      const letters = make("span", name, Array.from(run, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join(""));
      digits.dataset.at = letters.dataset.at = at;
      bytes.append(digits, document.createTextNode(" "));
      text.append(letters);
      at = until;
    }
    element.replaceChildren(make("span", "gutter", hex(shown).padStart(address === null ? 8 : 18)), bytes, text);
  }

  /** The bytes from `at` on that belong to one field, and what it is. */
  #run(at, end) {
    if (this.data.kind(this.object).type === null) return this.#word(at, end);
    const field = this.values.field(this.object, at);
    if (field === null) {
      let until = at + 1;
      while (until < end && this.values.field(this.object, until) === null) until++;
      return { tone: "padding", until, isStart: false };
    }
    const until = Math.min(end, Math.max(at + 1, field.place.at + field.size));
    return { tone: this.#tone(field), until, isStart: field.place.at === at };
  }

  /** In an object without a type, words are what there is. */
  #word(at, end) {
    const start = at - (at - this.start) % 8;
    let tone = "plain";
    if (this.data.functionAt(start) !== null) tone = "function";
    else if (this.data.linkAt(start) >= 0) tone = "pointer";
    return { tone, until: Math.min(end, start + 8), isStart: at === start };
  }

  #tone({ place, size }) {
    const type = this.values.type(place);
    if (type?.is === "pointer") {
      if (this.data.functionAt(place.at) !== null) return "function";
      if (this.data.linkAt(place.at) >= 0) return "pointer";
      const isNull = this.values.bytes(place, size)?.every((byte) => byte === 0);
      return isNull ? "zero" : "outside";
    }
    if (type?.is === "array" || type?.char) return "letters";
    if (type?.is === "other") return "plain";
    return this.values.bytes(place, size)?.every((byte) => byte === 0) ? "zero" : "scalar";
  }

  /** Says what is at a byte. */
  #tell(at) {
    if (this.object === NONE || at < this.start || at >= this.end) {
      this.status.replaceChildren();
      return;
    }
    const field = this.values.field(this.object, at);
    const inside = `+${hex(field ? field.place.at - this.start : at - this.start)}`;
    if (!field) {
      const what = this.data.kind(this.object).type === null ? "" : " padding";
      this.status.replaceChildren(make("span", "offset", inside), make("span", "quiet", what));
      return;
    }
    const after = field.after + (field.place.bits ? ` : ${field.place.bits[1]}` : "");
    this.status.replaceChildren(
      make("span", "offset", inside), make("span", "type", ` ${field.before}`),
      make("span", "name", field.path), make("span", "type", after),
      make("span", "is", " = "), ...spans(this.values.words(field.place)));
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || this.object === NONE) return;
    const size = Math.max(1, this.to - this.from);
    const steps = { ArrowLeft: -1, ArrowRight: size, ArrowUp: -16, ArrowDown: 16 };
    let at = this.from + (steps[event.key] ?? 0);
    if (event.key === "Home") at = this.start;
    else if (event.key === "End") at = this.end - 1;
    else if (!(event.key in steps)) return;
    event.preventDefault();
    if (this.isWhole) at = this.start;
    // Padding is passed over.
    const way = steps[event.key] < 0 ? -1 : 1;
    while (at > this.start && at < this.end - 1 && this.values.field(this.object, at) === null) at += way;
    if (at >= this.start && at < this.end) this.onSelect(at);
  }
}
