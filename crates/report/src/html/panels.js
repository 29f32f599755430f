"use strict";

/** Fills in what is said of the image, and of the selected object. */

/** The line under the page's title. */
function facts(data) {
  const context = new Map(data.context);
  const parts = [];
  if (data.hit) parts.push(`${data.hit.comm || "?"}, pid ${data.hit.pid}`);
  if (context.has("kernel")) parts.push(`Linux ${context.get("kernel")}`);
  parts.push(counted(data.count, data.typed ? "object" : "fragment"), sized(data.memory.length));
  return parts.join(" · ");
}

/** What is selected, in the card above the graph. */
function card(element, data, values, { object, row }, onCopy) {
  if (object === NONE) {
    element.replaceChildren(make("p", "quiet", "Nothing is selected"));
    return;
  }
  const head = make("h2");
  head.append(...spans(values.object(object)));
  const address = data.address(data.offset(object));
  const parts = [
    address === null ? `memory + ${hex(data.offset(object))}` : hex(address),
    sized(data.end(object) - data.offset(object)), `${counted(data.inDegree(object), "reference")} to it`,
  ];
  const line = make("p", "quiet", parts.join(" · "));
  const path = make("p", "path");
  const steps = row?.path ?? "";
  if (steps) {
    const code = make("code", "", steps);
    const copy = make("button", "", "Copy");
    copy.type = "button";
    copy.title = "Copy the path, as `kflat show FILE PATH` takes it";
    copy.addEventListener("click", () => onCopy(steps, copy));
    path.append(code);
    if (!steps.startsWith("*")) path.append(copy);
  }
  element.replaceChildren(head, line, path);
}

/** Where, when and by whom the image was captured; with which recipe. */
function captured(element, data) {
  const parts = [];
  const section = (title, entries) => {
    const list = make("dl");
    for (const [name, value] of entries) {
      const pair = make("div");
      pair.append(make("dt", "", name), make("dd", "", String(value)));
      list.append(pair);
    }
    parts.push(make("h2", "", title), list);
  };
  if (data.warnings.length > 0) section("Warnings", data.warnings.map((text, index) => [index + 1, text]));
  const { columns } = data;
  section("Image", [
    ["file", data.name], ["memory", sized(data.memory.length)],
    ["fragments", columns["fragment.offset"].length.toLocaleString("en")],
    ["objects", data.count.toLocaleString("en")],
    ["pointers", columns["link.at"].length.toLocaleString("en")],
    ["function pointers", columns["function.at"].length.toLocaleString("en")],
    ["not captured", data.diagnostics.length.toLocaleString("en")],
    ["changed meanwhile", counted(columns["change.offset"].length, "range")],
  ]);
  const { hit } = data;
  if (hit) {
    section("Hit", [
      ["function", data.target ?? "?"], ["process", `${hit.comm}, pid ${hit.pid}, tid ${hit.tid}, CPU ${hit.cpu}`],
      ...(hit.wall_ms > 0 ? [["at", new Date(hit.wall_ms).toISOString()]] : []),
      ["after boot", `${(hit.boot_ns / 1e9).toFixed(6)} s`],
      ["captured in", `${(hit.capture_ns / 1000).toLocaleString("en")} µs`],
      ...(hit.stop_machine ? [["other CPUs", `halted for ${(hit.pause_ns / 1000).toLocaleString("en")} µs`]] : []),
    ]);
  }
  if (data.context.length > 0) section("Machine", data.context);
  if (data.recipe) parts.push(make("h2", "", "Recipe"), make("pre", "", data.recipe.split("\n").map(visible).join("\n")));
  if (hit?.registers.length > 0) section("Registers", hit.registers);
  element.replaceChildren(...parts);
}
