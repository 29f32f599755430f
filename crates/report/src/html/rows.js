"use strict";

/** Types that lie in themselves, as only damaged ones do, are opened no deeper. */
const DEEPEST = 64;
/** Of more elements than this, ranges are shown first. */
const MOST_ROWS = 10000;

/** A row of a tree. What it opens into is made when it is opened. */
class Row {
  constructor(parent, fields) {
    this.parent = parent;
    this.level = parent ? parent.level + 1 : 1;
    this.position = 1;
    this.siblings = 1;
    this.isOpen = false;
    this.made = null;
    /** Name and the declaration around it. */
    this.name = "";
    this.before = "";
    this.after = "";
    /** The typed place that it stands for, or null. */
    this.place = null;
    /** The object that it lies in, and the one that it leads to. */
    this.owner = NONE;
    this.leads = NONE;
    /** What it adds to its parent's path. */
    this.step = "";
    /** Elements and bytes that it and the rows in it stand for. */
    this.first = -1;
    this.last = -1;
    this.from = 0;
    this.to = 0;
    this.isRange = false;
    this.words = () => [];
    /** Makes the rows in it; null: it can't be opened. */
    this.make = null;
    Object.assign(this, fields);
  }

  get canOpen() { return this.make !== null; }

  /** Whether it stands for bytes of its owner. */
  get isField() { return this.to > this.from && !this.isRange; }

  get children() {
    if (this.made === null) {
      this.made = this.make ? this.make(this) : [];
      this.made.forEach((row, index) => {
        row.position = index + 1;
        row.siblings = this.made.length;
      });
    }
    return this.made;
  }

  /** How it is reached: `file->f_path.dentry`. */
  get path() {
    const steps = [];
    for (let row = this; row; row = row.parent) steps.push(row.step);
    return steps.reverse().join("");
  }

  /** Whether it leads to an object that it lies in. */
  get isCycle() {
    if (this.leads === NONE) return false;
    for (let row = this; row; row = row.parent) if (row.owner === this.leads) return true;
    return false;
  }
}

/** Makes rows. */
class Rows {
  constructor(data, values) {
    this.data = data;
    this.values = values;
  }

  // Where trees begin.

  roots() {
    return number(this.data.roots.map((root) => {
      const object = root.object ?? NONE;
      const [before, after] = root.declared ?? ["", ""];
      return new Row(null, {
        name: root.name, step: root.name, leads: object,
        before: before && `${before}*`, after,
        make: this.opensObject(object) ? (row) => this.inObject(row, object) : null,
        words: () => {
          if (object !== NONE) return [["arrow", "→ "], ...this.values.object(object)];
          if (root.reason) return [["quiet", "NULL"], ["missing", root.reason]];
          return root.target === null ? [["quiet", "NULL"]] : [["arrow", `→ memory + ${hex(root.target)}`]];
        },
      });
    }));
  }

  types() {
    const { data } = this;
    const groups = new Map();
    for (let object = 0; object < data.count; object++) {
      const name = data.kind(object).name;
      let group = groups.get(name);
      if (!group) groups.set(name, group = { objects: [], bytes: 0 });
      group.objects.push(object);
      group.bytes += data.end(object) - data.offset(object);
    }
    const sorted = [...groups].sort(([, a], [, b]) => b.bytes - a.bytes);
    return number(sorted.map(([name, { objects, bytes }]) => new Row(null, {
      before: name, objects, first: 0, last: objects.length - 1,
      words: () => [["count", counted(objects.length, "object")], ["note", ` ${sized(bytes)}`]],
      make: (row) => this.many(row, objects.length, (parent, index) => this.object(parent, objects[index], index)),
    })));
  }

  missing() {
    const groups = new Map();
    for (const one of this.data.diagnostics) {
      if (!groups.has(one.reason)) groups.set(one.reason, []);
      groups.get(one.reason).push(one);
    }
    const sorted = [...groups].sort(([, a], [, b]) => b.length - a.length);
    return number(sorted.map(([reason, all]) => {
      const row = new Row(null, {
        name: reason, words: () => [["count", `${all.length.toLocaleString("en")} ×`]],
        make: (parent) => this.many(parent, all.length, (inner, index) => new Row(inner, {
          name: all[index].path ?? "the capture as a whole", first: index, last: index, diagnostic: all[index],
          owner: all[index].object ?? NONE,
          words: () => [["missing", all[index].what]],
        })),
      });
      row.isOpen = true;
      return row;
    }));
  }

  // What rows open into.

  /** An object among others of its type. */
  object(parent, object, index) {
    const address = this.data.address(this.data.offset(object));
    const name = address === null ? `memory + ${hex(this.data.offset(object))}` : hex(address);
    return new Row(parent, {
      name, leads: object, first: index, last: index,
      step: `*(${this.data.kind(object).name} *)${name}`,
      make: this.opensObject(object) ? (row) => this.inObject(row, object) : null,
      words: () => {
        const title = this.data.title(object), count = this.data.elements(object);
        const words = title ? [["text", `“${title}”`]] : [];
        if (count !== 1) words.push(["count", `${count} ×`]);
        return words;
      },
    });
  }

  opensObject(object) {
    if (object === NONE) return false;
    const kind = this.data.kind(object), type = this.values.types[kind.type];
    if (kind.type === null) return this.data.hasWords(this.data.offset(object), this.data.end(object));
    return type !== undefined && type.is !== "other" && !type.char;
  }

  inObject(row, object) {
    if (this.data.kind(object).type === null) return this.inBytes(row, object);
    const place = this.values.part(object, 0);
    if (this.data.elements(object) === 1) {
      if (this.values.list(place) >= 0) return this.inList(row, this.values.list(place));
      if (this.values.type(place).is === "composite") return this.inComposite(row, place, object, "->");
    }
    return this.many(row, this.data.elements(object), (parent, index) =>
      this.element(parent, this.values.part(object, index), object, index), this.data.kind(object).size, place.at);
  }

  /** Of an object without a type, the pointers in it. */
  inBytes(row, object) {
    const { data } = this, start = data.offset(object), end = data.end(object);
    const within = (column) => {
      const first = partition(column.length, (i) => column[i] < start);
      return Array.from(column.subarray(first, partition(column.length, (i) => column[i] < end)));
    };
    const locations = [...within(data.columns["link.at"]), ...within(data.columns["function.at"])];
    locations.sort((a, b) => a - b);
    return this.many(row, locations.length, (parent, index) => {
      const at = locations[index], link = data.linkAt(at), name = `+${hex(at - start)}`;
      const leads = link < 0 ? NONE : data.columns["link.object"][link];
      return new Row(parent, {
        name, step: `[${hex(at - start)}]`, owner: object, leads, from: at, to: at + 8, first: index, last: index,
        make: this.opensObject(leads) ? (inner) => this.inObject(inner, leads) : null,
        words: () => {
          if (link < 0) return [["arrow", "ƒ "], ["symbol", data.functionAt(at)]];
          return [["arrow", "→ "], ...(leads === NONE ? [["number", hex(data.columns["link.to"][link])]] : this.values.object(leads))];
        },
      });
    });
  }

  inComposite(row, place, owner, arrow) {
    return this.values.members(place).map((member) => {
      const type = this.values.type(member.place);
      // Members of unnamed structures are their holder's.
      const fields = member.name ? { step: arrow + member.name } : { arrow, words: () => [] };
      if (!member.name) member.before = type?.union ? "union" : "struct";
      if (member.place.bits) member.after += ` : ${member.place.bits[1]}`;
      return this.at(row, member.place, owner, {
        name: member.name, before: member.before, after: member.after, ...fields,
        isOpen: !member.name && type?.is === "composite" && row.level < DEEPEST,
      });
    });
  }

  inList(row, list) {
    const [first, end] = this.data.listRange(list);
    const { "element.at": at, "element.object": objects, "list.type": types } = this.data.columns;
    return this.many(row, end - first, (parent, index) => {
      const owner = objects[first + index];
      const size = this.values.types[types[list]]?.size ?? 0;
      const end = owner === NONE ? at[first + index] + size : this.data.end(owner);
      const place = { type: types[list], at: at[first + index], end, bits: null };
      return this.element(parent, place, owner, index);
    });
  }

  element(parent, place, owner, index) {
    return this.at(parent, place, owner, { name: `[${index}]`, step: `[${index}]`, first: index, last: index });
  }

  /** The row of a typed place. */
  at(parent, place, owner, fields) {
    const { data, values } = this;
    const type = values.type(place);
    const row = new Row(parent, {
      place, owner, from: place.at, to: place.at + Math.max(values.size(place), 1),
      words: () => values.words(place), ...fields,
    });
    if (!type || (type.is !== "array" && values.isMissing(place))) return row;
    if (type.is === "composite") {
      const list = values.list(place);
      if (list >= 0) {
        const [first, end] = data.listRange(list);
        if (end > first) row.make = () => this.inList(row, list);
      } else if (type.members.length > 0) {
        row.make = () => this.inComposite(row, place, owner, row.arrow ?? ".");
        const title = row.first >= 0 && owner !== NONE && data.offset(owner) === place.at ? data.title(owner) : "";
        if (title) row.words = () => [["text", `“${title}” `], ...values.words(place)];
      }
    } else if (type.is === "array") {
      const element = values.types[type.of];
      const isText = values.words(place)[0]?.[0] === "text";
      if (type.count > 0 && element && !isText && values.bytes(place, type.size)) {
        row.make = () => this.many(row, type.count, (inner, index) =>
          this.element(inner, values.element(place, index), owner, index), element.size, place.at);
      }
    } else if (type.is === "pointer") {
      const link = data.linkAt(place.at);
      if (link >= 0) this.#leads(row, link, type);
      else row.leads = this.#elsewhere(place);
    }
    return row;
  }

  /** The object that an address which was not followed leads to all the same. */
  #elsewhere(place) {
    const at = this.data.offsetOf(this.data.view.getBigUint64(place.at, true));
    return at < 0 ? NONE : this.data.objectAround(at);
  }

  #leads(row, link, type) {
    const object = this.data.columns["link.object"][link], to = this.data.columns["link.to"][link];
    row.leads = object;
    if (this.opensObject(object)) {
      row.make = () => this.inObject(row, object);
    } else if (object === NONE && (this.values.types[type.to]?.size ?? 0) > 0) {
      const place = { type: type.to, at: to, end: this.data.memory.length, bits: null };
      row.make = () => [this.at(row, place, NONE, { name: "*", step: "[0]" })];
    }
  }

  /** Rows for so many elements, in ranges where there are very many. */
  many(row, count, make, size = 0, start = 0) {
    const some = (parent, first, end) =>
      Array.from({ length: end - first }, (_, index) => make(parent, first + index));
    if (count <= MOST_ROWS) return some(row, 0, count);
    const step = count <= MOST_ROWS * 100 ? 1000 : MOST_ROWS;
    return Array.from({ length: Math.ceil(count / step) }, (_, index) => {
      const first = index * step, end = Math.min(first + step, count);
      return new Row(row, {
        name: `[${first.toLocaleString("en")} … ${(end - 1).toLocaleString("en")}]`, isRange: true,
        first, last: end - 1, from: start + first * size, to: start + end * size,
        owner: row.owner, make: (range) => some(range, first, end),
      });
    });
  }

  // Ways through rows.

  /**
   * The row for the `size` bytes at `at` in the object that `row` opens into, or else
   * the innermost one that the byte at `at` is in.
   */
  descend(row, at, size = 0) {
    let here = row;
    for (let depth = 0; here.canOpen && depth < DEEPEST; depth++) {
      const next = here.children.find((child) => child.from <= at && at < child.to);
      if (!next) return here;
      if (next.from === at && next.to === at + size && next.name) return next;
      if (!next.isRange) {
        const isInside = next.place && ["composite", "array"].includes(this.values.type(next.place)?.is);
        if (!isInside || this.values.list(next.place) >= 0) return next;
      }
      here = next;
    }
    return here;
  }

  /** The row for element `index` in `row`. */
  nth(row, index) {
    const next = row.children.find((child) => child.first <= index && index <= child.last);
    return next?.isRange ? this.nth(next, index) : next;
  }

  /** The row that leads to an object on the way on which it was captured, or null. */
  toObject(roots, object) {
    const LONGEST = 40;
    const chain = [];
    for (let at = object; at !== NONE; at = this.data.parent(at)) {
      chain.push(at);
      if (chain.length > LONGEST) return null;
    }
    chain.reverse();
    let row = roots.find((root) => root.leads === chain[0]);
    for (let i = 1; row && i < chain.length; i++) row = this.#hop(row, chain[i - 1], chain[i]);
    return row ?? null;
  }

  #hop(row, from, to) {
    const MOST = 1000;
    const way = this.data.referrers(to, MOST).find((one) => one.object === from);
    if (!way) return null;
    const found = this.descend(row, way.at);
    if (way.index < 0) return found.leads === to ? found : null;
    // A list's head may be all that the object is.
    const element = found.canOpen ? this.nth(found, way.index) : null;
    return element?.owner === to ? element : null;
  }
}

/** Tells rows their places among each other. */
function number(rows) {
  rows.forEach((row, index) => Object.assign(row, { position: index + 1, siblings: rows.length }));
  return rows;
}
