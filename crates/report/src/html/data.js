"use strict";

/** Instead of a number where there is none. */
const NONE = 0xffffffff;
/** Bits of `link.flags`. */
const STRING = 1, CHAIN = 2;

/** What is said of an object whose type a damaged image does not have. */
const UNKNOWN = { name: "bytes", type: null, size: 1, rank: 0 };

/** An image as tables; `data.rs` writes what is read here. */
class Data {
  /** Unpacks what the page holds: a head in JSON, then columns of numbers. */
  static async read(base64) {
    const packed = Data.#bytes(base64);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const buffer = await new Response(stream).arrayBuffer();
    const length = new DataView(buffer).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const kinds = { u8: Uint8Array, u32: Uint32Array, f64: Float64Array, u64: BigUint64Array };
    const columns = {};
    let at = 4 + length;
    for (const [name, kind, count] of head.columns) {
      columns[name] = new kinds[kind](buffer, at, count);
      at += Math.ceil(columns[name].byteLength / 8) * 8;
    }
    return new Data(head, columns);
  }

  static #bytes(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  constructor(head, columns) {
    Object.assign(this, head);
    this.columns = columns;
    this.memory = columns.memory;
    this.view = new DataView(this.memory.buffer, this.memory.byteOffset, this.memory.byteLength);
    this.count = columns["object.offset"].length;
    /** Index of a diagnostic by the location that it is about. */
    this.missing = new Map();
    head.diagnostics.forEach((one, index) => {
      if (one.at !== null) this.missing.set(one.at, index);
    });
    this.#noteReferrers();
    this.#sortByAddress();
  }

  // Objects.

  offset(object) { return this.columns["object.offset"][object]; }
  end(object) { return this.columns["object.end"][object]; }
  elements(object) { return this.columns["object.count"][object]; }
  parent(object) { return this.columns["object.parent"][object]; }
  kind(object) { return this.kinds[this.columns["object.kind"][object]] ?? UNKNOWN; }

  /** What an object is called in its own bytes, or "". */
  title(object) {
    const title = this.columns["object.title"][object];
    return title === NONE ? "" : this.titles[title];
  }

  /** The largest object that begins at `at`, or one that `at` is inside of. */
  objectAround(at) {
    const order = this.columns["object.order"];
    const after = partition(order.length, (i) => this.offset(order[i]) <= at);
    for (let i = after - 1; i >= Math.max(0, after - 64); i--) {
      if (this.end(order[i]) > at) return order[i];
    }
    return NONE;
  }

  // What lies at a location.

  /** The index of the pointer at `at`, or -1. */
  linkAt(at) { return find(this.columns["link.at"], at); }
  /** The index of the list whose head is at `at`, or -1. */
  listAt(at) { return find(this.columns["list.head"], at); }
  /** The symbol of the function pointer at `at`, or null. */
  functionAt(at) {
    const index = find(this.columns["function.at"], at);
    return index < 0 ? null : this.symbols[this.columns["function.symbol"][index]];
  }

  /** First and last element of a list, in the columns of elements. */
  listRange(list) {
    const first = this.columns["list.first"];
    return [first[list], list + 1 < first.length ? first[list + 1] : this.columns["element.at"].length];
  }

  /** Whether pointers lie in a range. */
  hasWords(start, end) {
    return ["link.at", "function.at"].some((name) => {
      const column = this.columns[name];
      const next = partition(column.length, (i) => column[i] < start);
      return next < column.length && column[next] < end;
    });
  }

  /** Whether bytes of a range changed while they were captured. */
  changed(start, end) {
    const offsets = this.columns["change.offset"];
    const after = partition(offsets.length, (i) => offsets[i] < end);
    return after > 0 && offsets[after - 1] + this.columns["change.size"][after - 1] > start;
  }

  // Addresses.

  /** The original address of a byte, or null. */
  address(at) {
    const offsets = this.columns["fragment.offset"], origins = this.columns["fragment.origin"];
    const index = partition(offsets.length, (i) => offsets[i] <= at) - 1;
    if (index < 0 || origins.length === 0) return null;
    if (at > offsets[index] + this.columns["fragment.size"][index]) return null;
    return BigInt.asUintN(64, origins[index] + BigInt(at - offsets[index]));
  }

  /** The offset of the byte that was at an address, or -1. */
  offsetOf(address) {
    const after = partition(this.byAddress.length, (i) => this.origin(this.byAddress[i]) <= address);
    if (after === 0) return -1;
    const fragment = this.byAddress[after - 1];
    const inside = address - this.origin(fragment);
    if (inside >= BigInt(this.columns["fragment.size"][fragment])) return -1;
    return this.columns["fragment.offset"][fragment] + Number(inside);
  }

  origin(fragment) { return this.columns["fragment.origin"][fragment]; }

  #sortByAddress() {
    const origins = this.columns["fragment.origin"];
    this.byAddress = Uint32Array.from(origins, (_, index) => index);
    let ascends = true;
    for (let i = 1; i < origins.length && ascends; i++) ascends = origins[i - 1] <= origins[i];
    if (!ascends) this.byAddress.sort((a, b) => (origins[a] < origins[b] ? -1 : 1));
  }

  // What leads from where to where.

  /**
   * Counts what leads to each object, and lists it: pointers by their index,
   * elements of lists by -1 - theirs.
   */
  #noteReferrers() {
    const { "link.source": source, "link.object": target, "link.flags": flags } = this.columns;
    const { "list.source": holder, "element.object": element } = this.columns;
    const each = (note) => {
      for (let i = 0; i < target.length; i++) {
        if (!(flags[i] & CHAIN) && source[i] !== NONE && target[i] < this.count) note(target[i], i);
      }
      for (let list = 0; list < holder.length; list++) {
        const [first, end] = this.listRange(list);
        for (let i = first; i < end; i++) if (element[i] < this.count) note(element[i], -1 - i);
      }
    };
    this.firstReferrer = new Uint32Array(this.count + 1);
    each((object) => this.firstReferrer[object + 1]++);
    for (let i = 0; i < this.count; i++) this.firstReferrer[i + 1] += this.firstReferrer[i];
    this.referrerOf = new Int32Array(this.firstReferrer[this.count]);
    const next = this.firstReferrer.slice();
    each((object, how) => { this.referrerOf[next[object]++] = how; });
    this.rootsTo = new Map();
    this.roots.forEach((root, index) => {
      if (root.object === null) return;
      this.rootsTo.set(root.object, [...(this.rootsTo.get(root.object) ?? []), index]);
    });
  }

  /** How many pointers, lists and roots lead to an object. */
  inDegree(object) {
    const links = this.firstReferrer[object + 1] - this.firstReferrer[object];
    return links + (this.rootsTo.get(object)?.length ?? 0);
  }

  /** What leads to an object, at most so much: object, and where in it. */
  referrers(object, most) {
    const first = this.firstReferrer[object];
    const end = Math.min(this.firstReferrer[object + 1], first + most);
    const found = [];
    for (let i = first; i < end; i++) {
      const how = this.referrerOf[i];
      if (how >= 0) {
        found.push({ object: this.columns["link.source"][how], at: this.columns["link.at"][how], index: -1 });
        continue;
      }
      const element = -1 - how, firsts = this.columns["list.first"];
      const list = partition(firsts.length, (k) => firsts[k] <= element) - 1;
      found.push({
        object: this.columns["list.source"][list],
        at: this.columns["list.head"][list],
        index: element - firsts[list],
      });
    }
    return found.filter((one) => one.object < this.count);
  }

  /** What an object leads to, at most so much, and how much there is beyond. */
  targets(object, most) {
    const found = [], start = this.offset(object), end = this.end(object);
    let more = 0;
    const note = (one) => (found.length < most ? found.push(one) : more++);
    const at = this.columns["link.at"];
    for (let i = partition(at.length, (k) => at[k] < start); i < at.length && at[i] < end; i++) {
      const flags = this.columns["link.flags"][i], target = this.columns["link.object"][i];
      if (flags & CHAIN || target >= this.count) continue;
      note({ object: target, at: at[i], index: -1, isString: (flags & STRING) !== 0 });
    }
    const heads = this.columns["list.head"];
    for (let list = partition(heads.length, (k) => heads[k] < start); list < heads.length && heads[list] < end; list++) {
      const [first, last] = this.listRange(list);
      for (let i = first; i < last; i++) {
        const element = this.columns["element.object"][i];
        if (element < this.count) note({ object: element, at: heads[list], index: i - first, isString: false });
      }
    }
    return { found, more };
  }
}

/** How many of `count` sorted things come first, those that `isBefore`. */
function partition(count, isBefore) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index of a number in a sorted column, or -1. */
function find(column, number) {
  const index = partition(column.length, (i) => column[i] < number);
  return index < column.length && column[index] === number ? index : -1;
}
