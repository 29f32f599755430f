"use strict";

/** Hues of types, in degrees: the same as in `kflat graph`. */
const HUES = [210, 25, 145, 275, 45, 330, 180, 0, 95, 240];

/**
 * The objects around one: on the left what leads to it, on the right what it
 * leads to, and where that leads.
 */
class Graph {
  constructor(element, data, values, { onSelect }) {
    this.element = element;
    this.data = data;
    this.values = values;
    this.onSelect = onSelect;
    this.object = NONE;
    element.addEventListener("click", (event) => this.#activate(event.target.closest(".node")));
    element.addEventListener("keydown", (event) => this.#key(event));
  }

  show(object) {
    if (object === this.object) return;
    this.object = object;
    this.limits = { before: 8, after: 10 };
    this.#build();
  }

  #build() {
    this.nodes = [];
    this.edges = [];
    if (this.object === NONE) {
      this.element.replaceChildren();
      return;
    }
    const places = new Map();
    const place = (object, column) => {
      if (places.has(object)) return places.get(object);
      const node = { object, column, lines: this.#lines(object), title: this.data.kind(object).name };
      places.set(object, node);
      this.nodes.push(node);
      return node;
    };
    const centre = place(this.object, 1);
    this.#after(centre, place, places);
    this.#before(centre, place);
    this.#layOut();
    this.#draw(centre);
  }

  #after(centre, place, places) {
    const NEAR = 3, MOST_LATER = 24;
    const { found, more } = this.data.targets(this.object, this.limits.after + 64);
    const later = [];
    let hidden = more, room = this.limits.after;
    for (const one of found) {
      const label = this.#label(this.object, one);
      if (one.isString) {
        const text = this.data.title(one.object);
        if (centre.lines.length < 6) centre.lines.push(["text", clip(`${label} = “${text}”`, 34)]);
      } else if (one.object === this.object) {
        this.#edge(centre, centre, label);
      } else if (places.has(one.object) || room > 0) {
        if (!places.has(one.object)) { room--; later.push(one.object); }
        this.#edge(centre, place(one.object, 2), label);
      } else {
        hidden++;
      }
    }
    if (hidden > 0) this.#more(centre, hidden, 2, "after");
    let laterRoom = MOST_LATER;
    for (const object of later) {
      const from = places.get(object);
      let near = NEAR, beyond = 0;
      const next = this.data.targets(object, 64);
      for (const one of next.found) {
        if (one.isString || one.object === object) continue;
        const known = places.has(one.object);
        if (known || (near > 0 && laterRoom > 0)) {
          if (!known) { near--; laterRoom--; }
          this.#edge(from, place(one.object, 3), this.#label(object, one));
        } else {
          beyond++;
        }
      }
      if (beyond + next.more > 0) from.beyond = beyond + next.more;
    }
  }

  #before(centre, place) {
    const all = this.data.inDegree(this.object);
    let shown = 0;
    for (const root of this.data.rootsTo.get(this.object) ?? []) {
      if (shown++ >= this.limits.before) break;
      const node = { root, object: NONE, column: 0, lines: [["root", clip(this.data.roots[root].name, 26)]] };
      this.nodes.push(node);
      this.#edge(node, centre, "");
    }
    for (const one of this.data.referrers(this.object, Math.max(0, this.limits.before - shown))) {
      shown++;
      if (one.object !== this.object) this.#edge(place(one.object, 0), centre, this.#label(one.object, one));
    }
    if (all > shown) this.#more(centre, all - shown, 0, "before");
  }

  #more(centre, count, column, side) {
    const node = { object: NONE, column, side, lines: [["more", `${count.toLocaleString("en")} more`]] };
    this.nodes.push(node);
    if (column === 0) this.#edge(node, centre, "");
    else this.#edge(centre, node, "");
  }

  /** What is written in a node. */
  #lines(object) {
    const { data } = this;
    const count = data.elements(object), title = data.title(object), address = data.address(data.offset(object));
    const lines = [["name", clip(data.kind(object).name + (count === 1 ? "" : ` × ${count}`), 30)]];
    if (title) lines.push(["text", clip(`“${title}”`, 30)]);
    if (address !== null) lines.push(["address", hex(address)]);
    return lines;
  }

  #label(object, { at, index }) {
    const field = this.values.field(object, at);
    if (index < 0) return field?.path || `+${hex(at - this.data.offset(object))}`;
    return `${(field?.path ?? "").replace(/\.?(next|first)$/, "")}[${index}]`;
  }

  /** Several pointers from one object to another are one edge. */
  #edge(from, to, label) {
    const known = this.edges.find((edge) => edge.from === from && edge.to === to);
    if (!known) this.edges.push({ from, to, labels: [label] });
    else known.labels.push(label);
  }

  // Where everything goes.

  #layOut() {
    const LINE = 16, PADDING = 9, CHARACTER = 7.3, GAP = 12, ACROSS = 132;
    const columns = [[], [], [], []];
    for (const node of this.nodes) {
      const longest = Math.max(...node.lines.map(([, text]) => [...text].length));
      node.width = longest * CHARACTER + 2 * PADDING + 4 + (node.beyond ? 30 : 0);
      node.height = node.lines.length * LINE + 2 * PADDING - 4;
      columns[node.column].push(node);
    }
    let x = 24;
    for (const column of columns) {
      if (column.length === 0) continue;
      const width = Math.max(...column.map((node) => node.width));
      for (const node of column) {
        node.x = node.column === 0 ? x + width - node.width : x;
        node.y = 0;
      }
      x += width + ACROSS;
    }
    this.width = x - ACROSS + 24;
    for (const [index, column] of [columns[1], columns[0], columns[2], columns[3]].entries()) {
      this.#settle(column, index === 0, GAP);
    }
    const top = Math.min(...this.nodes.map((node) => node.y)) - 28;
    for (const node of this.nodes) node.y -= top;
    this.height = Math.max(...this.nodes.map((node) => node.y + node.height)) + 24;
  }

  /** Puts each node of a column beside what it is linked with, as far as the others allow. */
  #settle(column, isFirst, gap) {
    if (isFirst || column.length === 0) return;
    const middle = (node) => node.y + node.height / 2;
    const index = column[0].column;
    for (const node of column) {
      const near = this.edges
        .filter((edge) => edge.from === node || edge.to === node)
        .map((edge) => (edge.from === node ? edge.to : edge.from))
        .filter((other) => (index === 0 ? other.column === 1 : other.column === index - 1));
      node.wanted = near.reduce((sum, other) => sum + middle(other), 0) / (near.length || 1);
    }
    const sorted = column.map((node, order) => ({ node, order }))
      .sort((a, b) => a.node.wanted - b.node.wanted || (a.node.side ? 1 : 0) - (b.node.side ? 1 : 0) || a.order - b.order);
    let free = -Infinity, shift = 0;
    for (const { node } of sorted) {
      const top = node.wanted - node.height / 2;
      node.y = Math.max(top, free);
      free = node.y + node.height + gap;
      shift += node.y - top;
    }
    for (const node of column) node.y -= shift / column.length;
  }

  // Drawing.

  #draw(centre) {
    // A little smaller, the more so if all of it can be seen then.
    const fitting = this.element.clientWidth / this.width;
    const scale = fitting >= 0.75 ? Math.min(1, fitting) : 0.85;
    const svg = shape("svg", {
      width: this.width * scale, height: this.height * scale,
      viewBox: `0 0 ${this.width} ${this.height}`, role: "group",
    });
    const marker = shape("marker", {
      id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto",
    });
    marker.append(shape("path", { d: "M0 0L8 4L0 8z" }));
    const definitions = shape("defs", {});
    definitions.append(marker);
    svg.append(definitions);
    const labels = [];
    for (const edge of this.edges) {
      const curve = this.#curve(edge);
      const isNear = edge.from === centre || edge.to === centre;
      svg.append(shape("path", { d: curve.d, class: isNear ? "edge near" : "edge", "marker-end": "url(#tip)" }));
      const names = edge.labels.filter(Boolean);
      if (names.length === 0) continue;
      const text = shape("text", { x: curve.x, y: curve.y - 4, class: "label", "text-anchor": curve.anchor });
      text.textContent = clipStart(names.length > 1 ? `${names[0]}, +${names.length - 1}` : names[0], 18);
      const full = shape("title", {});
      full.textContent = names.slice(0, 20).join(", ");
      text.append(full);
      labels.push(text);
    }
    for (const node of this.nodes) svg.append(this.#node(node, node === centre));
    svg.append(...labels);
    this.element.replaceChildren(svg);
    this.element.scrollLeft = (centre.x + centre.width / 2) * scale - this.element.clientWidth * 0.4;
    this.element.scrollTop = (centre.y + centre.height / 2) * scale - this.element.clientHeight / 2;
  }

  #curve({ from, to }) {
    const middle = (node) => node.y + node.height / 2;
    if (from === to) {
      const x = from.x + from.width / 2, y = from.y;
      return { d: `M${x - 14} ${y}C${x - 30} ${y - 26} ${x + 30} ${y - 26} ${x + 14} ${y}`, x, y: y - 16, anchor: "middle" };
    }
    let x1 = from.x + from.width, x2 = to.x, out = 1, into = -1;
    if (to.column < from.column) [x1, x2, out, into] = [from.x, to.x + to.width, -1, 1];
    else if (to.column === from.column) [x2, into] = [to.x + to.width, 1];
    const bend = Math.min(160, Math.max(30, Math.abs(x2 - x1) / 2));
    // What leads back is below what leads there.
    const aside = to.column < from.column ? 11 : 0;
    const c1 = x1 + out * bend, c2 = x2 + into * bend, y1 = middle(from) + aside, y2 = middle(to) + aside;
    // The label is at the end where other edges of the centre are apart.
    const label = { x: (x1 + x2) / 2 + out * bend * 0.6, y: (y1 + y2) / 2, anchor: "middle" };
    if (from.column === 0) Object.assign(label, { x: x1 + 7, y: y1, anchor: "start" });
    else if (aside > 0) Object.assign(label, { x: x1 - 7, y: y1 + 17, anchor: "end" });
    else if (to.column > from.column) Object.assign(label, { x: x2 - 11, y: y2, anchor: "end" });
    return { d: `M${x1} ${y1}C${c1} ${y1} ${c2} ${y2} ${x2} ${y2}`, ...label };
  }

  #node(node, isCentre) {
    const kind = node.root !== undefined ? "root" : node.side ? "beyond" : "object";
    const group = shape("g", {
      class: `node ${kind}${isCentre ? " centre" : ""}`, transform: `translate(${node.x} ${node.y})`,
      tabindex: isCentre ? 0 : -1, role: "button",
      "aria-label": node.lines.map(([, text]) => text).join(", "),
    });
    if (node.object !== NONE) {
      group.style.setProperty("--hue", HUES[this.data.kind(node.object).rank % HUES.length]);
    }
    group.node = node;
    node.element = group;
    group.append(shape("rect", { rx: 7, width: node.width, height: node.height }));
    node.lines.forEach(([tone, text], index) => {
      const line = shape("text", { class: tone, x: 11, y: 20 + index * 16 });
      line.textContent = text;
      group.append(line);
    });
    if (node.beyond) {
      const dots = shape("text", { class: "beyond", x: node.width - 9, y: 20, "text-anchor": "end" });
      dots.textContent = `+${node.beyond}`;
      group.append(dots);
    }
    return group;
  }

  // Moving about.

  #activate(element) {
    const node = element?.node;
    if (!node) return;
    if (node.side) {
      this.limits[node.side] = Math.min(this.limits[node.side] + 20, 120);
      this.#build();
    } else if (node.object !== NONE) {
      this.onSelect(node.object);
    } else if (node.root !== undefined) {
      this.onSelect(this.object);
    }
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !this.nodes?.length) return;
    const here = document.activeElement?.node ?? this.nodes[0];
    if (event.key === "Enter" || event.key === " ") {
      this.#activate(here.element);
      event.preventDefault();
      this.focus();
      return;
    }
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    const centreOf = (node) => [node.x + node.width / 2, node.y + node.height / 2];
    const [x, y] = centreOf(here);
    let best = null, least = Infinity;
    for (const node of this.nodes) {
      const [dx, dy] = [centreOf(node)[0] - x, centreOf(node)[1] - y];
      const along = dx * way[0] + dy * way[1], aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
      const isWithin = way[0] ? node.column !== here.column : node.column === here.column;
      if (node === here || along <= 0 || !isWithin) continue;
      const cost = along + aside * (way[0] ? 0.4 : 3);
      if (cost < least) [best, least] = [node, cost];
    }
    best?.element.focus();
  }

  focus() {
    const centre = this.nodes?.find((node) => node.column === 1);
    (centre?.element ?? this.element).focus();
  }
}

function shape(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** The first characters of a text. */
function clip(text, most) {
  const all = [...text];
  return all.length > most ? `${all.slice(0, most - 1).join("")}…` : text;
}

/** The last characters of a text. */
function clipStart(text, most) {
  const all = [...text];
  return all.length > most ? `…${all.slice(1 - most).join("")}` : text;
}
