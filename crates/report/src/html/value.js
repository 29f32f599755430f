"use strict";

/**
 * What stands at a place of the memory, as words for people.
 *
 * A place is `{type, at, end, bits}`: a number of a type, its first byte, where
 * the captured bytes around it end, and for bit fields `[first, count]`. Words
 * are `[tone, text]`; a tone is a class of the style sheet.
 */
class Values {
  constructor(data) {
    this.data = data;
    this.types = data.types ?? [];
  }

  type(place) { return this.types[place.type]; }

  size(place) { return this.type(place)?.size ?? 0; }

  /** The bytes of a place, or null if some of them were not captured. */
  bytes(place, size) {
    if (place.at + size > Math.min(place.end, this.data.memory.length)) return null;
    return this.data.memory.subarray(place.at, place.at + size);
  }

  isMissing(place) {
    const size = place.bits ? Math.ceil((place.bits[0] + place.bits[1]) / 8) : this.size(place);
    return this.bytes(place, size) === null;
  }

  isZero(place) {
    const size = this.size(place), bytes = this.bytes(place, size);
    return size > 0 && bytes !== null && bytes.every((byte) => byte === 0)
      && !this.data.hasWords(place.at, place.at + size);
  }

  /** The list that a place is the head of, or -1. */
  list(place) {
    const type = this.type(place);
    return type?.is === "composite" && type.size === 16 ? this.data.listAt(place.at) : -1;
  }

  /** The words for a place; `brief`: as part of others. */
  words(place, brief = false) {
    const type = this.type(place);
    if (!type) return [["note", "no type"]];
    if (type.is !== "array" && this.isMissing(place)) return [["missing", "not captured"]];
    switch (type.is) {
      case "composite": return this.#composite(place, type, brief);
      case "array": return this.#array(place, type, brief);
      case "pointer": return this.pointer(place, type);
      case "int": return this.#int(place, type);
      case "enum": return this.#enum(place, type);
      case "float": return this.#float(place, type);
      default: return [["note", type.size ? `${type.size} bytes of unknown type` : "unknown type"]];
    }
  }

  /** An integer or bit field, as a BigInt. */
  integer(place, signed, size = this.size(place)) {
    const [first, count] = place.bits ?? [0, size * 8];
    const bytes = Math.ceil((first + count) / 8);
    let number = 0n;
    for (let i = bytes - 1; i >= 0; i--) number = number << 8n | BigInt(this.data.memory[place.at + i] ?? 0);
    number >>= BigInt(first);
    return signed ? BigInt.asIntN(count, number) : BigInt.asUintN(count, number);
  }

  #int(place, type) {
    if (type.size > 16) return [["note", `${type.size} bytes`]];
    const number = this.integer(place, type.signed);
    if (type.bool && number < 2n) return [["number", number === 1n ? "true" : "false"]];
    if (type.char && number >= 0x20n && number < 0x7fn) {
      return [["text", `'${String.fromCharCode(Number(number))}'`]];
    }
    return [["number", written(number, type.signed)]];
  }

  #float(place, type) {
    const { view } = this.data;
    if (type.size === 4) return [["number", String(view.getFloat32(place.at, true))]];
    if (type.size === 8) return [["number", String(view.getFloat64(place.at, true))]];
    return [["note", `${type.size} bytes`]];
  }

  #enum(place, type) {
    const number = this.integer(place, type.signed);
    const same = type.names.find(([, value]) => BigInt(value) === number);
    if (same) return [["symbol", same[0]], ["note", ` ${number}`]];
    let rest = number;
    const names = [];
    for (const [name, value] of type.names) {
      const bit = BigInt(value);
      if (bit > 0n && (bit & (bit - 1n)) === 0n && rest & bit) {
        rest &= ~bit;
        names.push(name);
      }
    }
    if (rest !== 0n || names.length === 0) return [["number", written(number, number < 0n)]];
    return [["symbol", names.join(" | ")]];
  }

  #composite(place, type, brief) {
    const list = this.list(place);
    if (list >= 0) return this.#list(list);
    if (this.isZero(place)) return [["number", "{ 0 }"]];
    if (this.#isEmptyList(place, type)) return [["quiet", "empty list"]];
    if (brief) return [["quiet", "{…}"]];
    return [["quiet", "{ "], ...this.#preview(this.members(place)), ["quiet", " }"]];
  }

  /** Whether a `struct list_head` leads to itself. */
  #isEmptyList(place, type) {
    if (type.name !== "struct list_head" || type.size !== 16) return false;
    return this.data.view.getBigUint64(place.at, true) === this.data.address(place.at);
  }

  #list(list) {
    const [first, end] = this.data.listRange(list);
    const type = this.types[this.data.columns["list.type"][list]];
    const by = this.data.links[this.data.columns["list.by"][list]];
    const words = [["arrow", "list of "], ["type", type?.name ?? "?"]];
    if (by) words.push(["quiet", ` by ${by}`]);
    words.push(["count", counted(end - first, "element")]);
    if (!this.data.columns["list.complete"][list]) words.push(["missing", "rest not captured"]);
    return words;
  }

  /** The first few members that say something. */
  #preview(members) {
    const MOST = 3, LONGEST = 60, LOOKED_AT = 24;
    const words = [];
    let shown = 0, length = 0, tried = 0;
    for (const { name, place } of members) {
      if (++tried > LOOKED_AT || shown === MOST || length > LONGEST) break;
      const type = this.type(place);
      if (!name || !type || type.is === "composite" || this.isMissing(place)) continue;
      if (type.is === "pointer" && this.data.linkAt(place.at) < 0 && this.data.functionAt(place.at) === null) continue;
      const part = this.words(place, true);
      if (shown++ > 0) words.push(["quiet", ", "]);
      words.push(["quiet", `${name}: `], ...part.filter(([tone]) => tone !== "note"));
      length += part.reduce((sum, [, text]) => sum + text.length, name.length);
    }
    words.push(["quiet", shown > 0 ? ", …" : "…"]);
    return words;
  }

  #array(place, type, brief) {
    const element = this.types[type.of];
    const bytes = this.bytes(place, type.size);
    if (type.count === 0 || !element) return [["quiet", "{ }"]];
    if (bytes === null) return [["missing", "not captured"]];
    if (element.is === "int" && element.size === 1 && !element.bool) {
      const text = asText(bytes, element.char ? 0 : 3);
      if (text !== null) return [["text", quoted(text)]];
    }
    if (this.isZero(place)) return [["number", "{ 0 }"]];
    if (brief) return [["quiet", "{…}"]];
    const words = [["count", `${type.count.toLocaleString("en")} ×`]];
    if (!["int", "enum", "float"].includes(element.is)) return words;
    const SHOWN = 8;
    for (let i = 0; i < Math.min(type.count, SHOWN); i++) {
      if (i > 0) words.push(["quiet", ", "]);
      words.push(...this.words(this.element(place, i)).filter(([tone]) => tone !== "note"));
    }
    if (type.count > SHOWN) words.push(["quiet", ", …"]);
    return words;
  }

  pointer(place, type) {
    const { data } = this;
    const symbol = data.functionAt(place.at);
    if (symbol !== null) return [["arrow", "ƒ "], ["symbol", symbol || "no symbol"]];
    const link = data.linkAt(place.at);
    if (link >= 0) return this.#link(link, type);
    const address = data.view.getBigUint64(place.at, true);
    if (address === 0n) return [["quiet", "NULL"]];
    const words = [["number", hex(address)]];
    const at = data.offsetOf(address);
    const missing = data.missing.get(place.at);
    if (missing !== undefined) words.push(["missing", data.diagnostics[missing].reason]);
    else if (at >= 0 && data.objectAround(at) !== NONE) {
      words.push(["note", " captured as "], ...this.object(data.objectAround(at)));
    }
    else words.push(["note", " not followed"]);
    return words;
  }

  #link(link, type) {
    const { data } = this;
    const to = data.columns["link.to"][link], object = data.columns["link.object"][link];
    const isString = (data.columns["link.flags"][link] & STRING) !== 0;
    if (isString && object !== NONE) {
      const text = asText(data.memory.subarray(to, data.end(object)), 0);
      if (text !== null) return [["arrow", "→ "], ["text", quoted(text)]];
    }
    if (object === NONE) return [["arrow", "→ "], ["type", this.types[type.to]?.name ?? "bytes"]];
    const words = [["arrow", "→ "]];
    const inside = to - data.offset(object);
    if (inside !== 0) {
      const path = this.#within(object, to, type.to);
      words.push(["arrow", path ? `.${path} of ` : `byte ${inside} of `]);
    }
    return [...words, ...this.object(object)];
  }

  /** The member of an object that a pointer to a type leads to, or "". */
  #within(object, at, to) {
    let place = this.part(object, 0), path = "";
    for (let depth = 0; depth < 16; depth++) {
      if (this.type(place)?.is !== "composite") break;
      const member = this.members(place).find((one) => this.#covers(one.place, at));
      if (!member) return "";
      place = member.place;
      if (member.name) path += (path ? "." : "") + member.name;
      if (place.at === at && place.type === to) break;
    }
    return place.at === at ? path : "";
  }

  /** The words for a whole object: its type, number of elements and title. */
  object(object) {
    const { data } = this;
    const kind = data.kind(object), title = data.title(object), count = data.elements(object);
    const words = [["type", kind.name]];
    if (count !== 1) words.push(["quiet", ` × ${count}`]);
    if (title) words.push(["text", ` “${title}”`]);
    return words;
  }

  // What places are made of.

  members(place) {
    return this.type(place).members.map(([name, before, after, type, first, count]) => ({
      name, before, after,
      place: {
        type, at: place.at + Math.floor(first / 8), end: place.end,
        bits: count > 0 ? [first % 8, count] : null,
      },
    }));
  }

  element(place, index) {
    const of = this.type(place).of;
    return { type: of, at: place.at + index * (this.types[of]?.size || 1), end: place.end, bits: null };
  }

  /** Element `index` of an object. */
  part(object, index) {
    const kind = this.data.kind(object);
    return { type: kind.type, at: this.data.offset(object) + index * kind.size, end: this.data.end(object), bits: null };
  }

  /**
   * The innermost field of an object that the byte at `at` is in: its path, place
   * and size. A byte of padding is in none.
   */
  field(object, at) {
    const { data } = this;
    const kind = data.kind(object);
    if (!kind || kind.type === null || at < data.offset(object) || at >= data.end(object)) return null;
    const index = Math.floor((at - data.offset(object)) / kind.size);
    let place = this.part(object, index);
    let path = data.elements(object) === 1 ? "" : `[${index}]`;
    let before = this.type(place)?.name ?? "", after = "";
    for (let depth = 0; depth < 32; depth++) {
      const type = this.type(place);
      if (type?.is === "array" && this.types[type.of]?.size > 0 && type.count > 0) {
        // Text is one field, and other bytes are.
        if (this.types[type.of].is === "int" && this.types[type.of].size === 1) break;
        const inside = Math.floor((at - place.at) / this.types[type.of].size);
        place = this.element(place, inside);
        path += `[${inside}]`;
      } else if (type?.is === "composite") {
        const member = this.members(place).find((one) => this.#covers(one.place, at));
        if (!member) return null;
        place = member.place;
        [before, after] = [member.before, member.after];
        if (member.name) path += (path ? "." : "") + member.name;
      } else {
        break;
      }
    }
    const size = place.bits ? Math.ceil((place.bits[0] + place.bits[1]) / 8) : this.size(place);
    return { path, place, size: Math.max(size, 1), before, after };
  }

  #covers(place, at) {
    const size = place.bits ? Math.ceil((place.bits[0] + place.bits[1]) / 8) : this.size(place);
    return at >= place.at && at < place.at + size;
  }
}

/** An integer as it is easiest to recognise: addresses and flags in hexadecimal. */
function written(number, signed) {
  if (signed || number < 65536n) return String(number);
  return number < 1n << 47n ? `${hex(number)} (${number})` : hex(number);
}

function hex(number) { return `0x${number.toString(16)}`; }

/** So many of something: `1 root`, `2,000 roots`. */
function counted(count, what) {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}

/** Bytes for people. */
function sized(bytes) {
  if (bytes < 1024) return counted(bytes, "byte");
  const units = ["KiB", "MiB", "GiB"];
  let unit = 0, size = bytes / 1024;
  while (size >= 1024 && unit < units.length - 1) { size /= 1024; unit++; }
  return `${size.toFixed(1)} ${units[unit]}`;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** Bytes up to a NUL as text; null if they are none, or shorter than `shortest`. */
function asText(bytes, shortest) {
  const LONGEST = 400;
  let end = bytes.subarray(0, LONGEST).indexOf(0);
  const isCut = end < 0 && bytes.length > LONGEST;
  if (end < 0) end = Math.min(bytes.length, LONGEST);
  if (end < shortest) return null;
  try {
    const text = UTF8.decode(bytes.subarray(0, end), { stream: isCut });
    // Ends what was decoded in part.
    if (isCut) { try { UTF8.decode(); } catch { /* the part that was cut */ } }
    return /[\u0001-\u0008\u000b-\u001f\u007f]/.test(text) ? null : text + (isCut ? "…" : "");
  } catch {
    return null;
  }
}

/** Text as C writes it, with what can't be seen or misleads spelled out. */
function quoted(text) {
  const escaped = text.replace(/["\\]/g, "\\$&").replace(/\n/g, "\\n").replace(/\t/g, "\\t");
  return `"${visible(escaped)}"`;
}

/** Text with what can't be seen, or moves other characters, spelled out. */
function visible(text) {
  const hidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;
  return text.replace(hidden, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}
