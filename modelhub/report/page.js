// Opens and closes boxes, shows facts under the pointer, picks layers. The page is complete without.
// The hash keeps what was done: #close=3,7&pick=12 (numbers of boxes and steps of the first graph).
"use strict";
(() => {
const PAD = 14, GAP_X = 18, GAP_Y = 24, BEND = 10, HEADER = 26, HEIGHT = 40, SWEEPS = 6;
// With more steps than this, boxes are closed at first until fewer are seen.
const SEEN_MAX = 60;

// The same as graph_place.py, which says how.
function settle(layer, wished, widths, x) {
  const offsets = [0];
  for (let i = 1; i < layer.length; i++)
    offsets.push(offsets[i - 1] + (widths[layer[i - 1]] + widths[layer[i]]) / 2 + GAP_X);
  const pools = [];
  layer.forEach((item, i) => {
    let mean = wished[i] - offsets[i], count = 1;
    while (pools.length && pools[pools.length - 1][0] > mean) {
      const [before, many] = pools.pop();
      mean = (mean * count + before * many) / (count + many);
      count += many;
    }
    pools.push([mean, count]);
  });
  let i = 0;
  for (const [mean, count] of pools)
    for (let k = 0; k < count; k++, i++) x[layer[i]] = mean + offsets[i];
}

function columns(plan, widths) {
  const x = widths.map(() => 0), above = {}, below = {};
  for (const layer of plan.layers) settle(layer, layer.map(() => 0), widths, x);
  for (const link of plan.links)
    for (let i = 1; i < link.length; i++) {
      (above[link[i]] ||= []).push(link[i - 1]);
      (below[link[i - 1]] ||= []).push(link[i]);
    }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0, near = down ? above : below;
    for (const layer of down ? plan.layers : [...plan.layers].reverse())
      settle(layer, layer.map(item => near[item]
        ? near[item].reduce((sum, other) => sum + x[other], 0) / near[item].length
        : x[item]), widths, x);
  }
  return x;
}

function place(data, id, closed, out) {
  const plan = data.boxes[id], root = id === data.root;
  if (!root && closed.has(id)) return out[id] = {width: plan.size[0], height: HEIGHT, shut: true};
  const sizes = plan.items.map(([kind, item]) => {
    if (kind === "step") return data.steps[item];
    if (kind === "box") { const inner = place(data, item, closed, out); return [inner.width, inner.height]; }
    return [BEND, 0];
  });
  const has = kind => plan.items.some(item => item[0] === kind);
  const heights = plan.layers.map(layer => Math.max(0, ...layer.map(item => sizes[item][1])));
  let top = (root ? 0 : HEADER) + (has("entry") ? 0 : PAD);
  const tops = heights.map(height => { const at = top; top += height + GAP_Y; return at; });
  const x = columns(plan, sizes.map(size => size[0]));
  let left = Infinity, right = -Infinity;
  x.forEach((c, i) => {
    left = Math.min(left, c - sizes[i][0] / 2);
    right = Math.max(right, c + sizes[i][0] / 2);
  });
  if (!x.length) left = right = 0;
  const width = Math.max(right - left + 2 * PAD, root ? 0 : plan.size[0]);
  const shift = (width - (right - left)) / 2 - left, items = [];
  plan.layers.forEach((layer, row) => layer.forEach(i => {
    const bend = plan.items[i][0] === "bend", [w, h] = sizes[i];
    items[i] = {x: x[i] + shift, y: bend ? tops[row] : tops[row] + (heights[row] - h) / 2, w,
                h: bend ? heights[row] : h};
  }));
  const last = tops.length - 1, bottom = last < 0 ? HEADER : tops[last] + heights[last];
  return out[id] = {width, height: bottom + (has("exit") ? 0 : PAD), items};
}

function path(link, plan, items) {
  const r = Math.round;
  let {x, y} = items[link[0]];
  y += items[link[0]].h;
  let d = `M${r(x)} ${r(y)}`;
  for (const i of link.slice(1)) {
    const spot = items[i], middle = r((y + spot.y) / 2);
    d += `C${r(x)} ${middle} ${r(spot.x)} ${middle} ${r(spot.x)} ${r(spot.y)}`;
    [x, y] = [spot.x, spot.y];
    if (plan.items[i][0] === "bend") { y += spot.h; d += `V${r(y)}`; }
  }
  return d;
}

const tip = Object.assign(document.createElement("div"), {id: "tip", hidden: true});
document.body.append(tip);
const facts = new WeakMap();
for (const title of document.querySelectorAll("svg.net title")) {
  // The browser's own tip would cover ours.
  facts.set(title.parentNode, title.textContent);
  title.parentNode.setAttribute("aria-label", title.textContent);
  title.remove();
}
document.addEventListener("mousemove", event => {
  const over = event.target.closest && event.target.closest("svg.net [data-step], svg.net .handle, svg.net [data-box]");
  const text = over && (facts.get(over) || facts.get(over.parentNode));
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const {width, height} = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8)) + "px";
  tip.style.top = Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 8)) + "px";
});

const graphs = [...document.querySelectorAll("div.graph")].map((element, number) => {
  const data = JSON.parse(document.getElementById("data" + number).textContent);
  const closed = new Set(), picked = new Set();
  const all = name => [...element.querySelectorAll(`[data-${name}]`)];
  const boxes = all("box"), steps = all("step");

  function layOut() {
    const out = {};
    const whole = place(data, data.root, closed, out);
    for (const svg of element.querySelectorAll("svg.net")) {
      svg.setAttribute("width", Math.round(whole.width));
      svg.setAttribute("height", Math.round(whole.height));
      svg.setAttribute("viewBox", `0 0 ${Math.round(whole.width)} ${Math.round(whole.height)}`);
    }
    for (const box of boxes) {
      const id = Number(box.dataset.box), spot = out[id];
      if (!spot) continue;
      if (id !== data.root) {
        box.classList.toggle("closed", !!spot.shut);
        const [frame, handle] = [box.querySelector(":scope > .frame"), box.querySelector(":scope > .handle")];
        for (const rect of [frame, handle.querySelector(".header")]) rect.setAttribute("width", Math.round(spot.width));
        frame.setAttribute("height", Math.round(spot.height));
        handle.querySelector(".header").setAttribute("height", spot.shut ? HEIGHT : HEADER);
        handle.querySelector(".turn").textContent = spot.shut ? "▸" : "▾";
        handle.setAttribute("aria-expanded", String(!spot.shut));
      }
      if (spot.shut) continue;
      const plan = data.boxes[id], spots = {};
      plan.items.forEach(([kind, item], i) => spots[kind + item] = spot.items[i]);
      for (const child of box.querySelector(":scope > .inside").children) {
        if (child.dataset.link !== undefined) {
          child.setAttribute("d", path(plan.links[child.dataset.link], plan, spot.items));
          continue;
        }
        const at = spots[child.dataset.box !== undefined ? "box" + child.dataset.box : "step" + child.dataset.step];
        child.setAttribute("transform", `translate(${Math.round(at.x - at.w / 2)} ${Math.round(at.y)})`);
      }
    }
  }

  const panel = Object.assign(document.createElement("div"), {className: "picks"});
  element.after(panel);
  function showPicks() {
    for (const step of steps) {
      const on = picked.has(Number(step.dataset.step));
      step.classList.toggle("picked", on);
      step.setAttribute("aria-pressed", String(on));
    }
    panel.replaceChildren(...steps.filter(step => step.classList.contains("picked")).map(step =>
      Object.assign(document.createElement("pre"), {textContent: facts.get(step) || ""})));
    showStrips();
    keep();
  }

  function toggle(id) { closed.has(id) ? closed.delete(id) : closed.add(id); layOut(); keep(); }
  function pick(id) { picked.has(id) ? picked.delete(id) : picked.add(id); showPicks(); }
  function button(target, run) {
    target.setAttribute("role", "button");
    target.setAttribute("tabindex", "0");
    target.addEventListener("click", run);
    target.addEventListener("keydown", event => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); run(); }
    });
  }
  for (const box of boxes) {
    const handle = box.querySelector(":scope > .handle");
    if (handle) button(handle, () => toggle(Number(box.dataset.box)));
  }
  for (const step of steps) button(step, () => pick(Number(step.dataset.step)));

  function closeAll() { for (const id of Object.keys(data.boxes)) if (Number(id) !== data.root) closed.add(Number(id)); }
  // Opens level by level while few enough steps and boxes are seen.
  function begin() {
    closeAll();
    let level = [data.root], seen = data.boxes[data.root].items.length;
    while (level.length) {
      const next = level.flatMap(id => data.boxes[id].items.filter(item => item[0] === "box").map(item => item[1]));
      seen += next.reduce((sum, id) => sum + data.boxes[id].items.filter(item => item[0] === "box" || item[0] === "step").length, 0);
      if (seen > SEEN_MAX && Object.keys(data.steps).length > SEEN_MAX) break;
      next.forEach(id => closed.delete(id));
      level = next;
    }
  }

  const tools = Object.assign(document.createElement("div"), {className: "tools"});
  for (const [text, run] of [
    ["open all", () => { closed.clear(); layOut(); keep(); }],
    ["close all", () => { closeAll(); layOut(); keep(); }],
    ["clear picks", () => { picked.clear(); showPicks(); }],
  ]) {
    const made = Object.assign(document.createElement("button"), {type: "button", textContent: text});
    made.addEventListener("click", run);
    tools.append(made);
  }
  tools.append(Object.assign(document.createElement("span"), {textContent:
    "Click a block's title to open or close it, a layer to pick it; point at one for its facts."}));
  element.before(tools);
  const scrolls = [...element.querySelectorAll(".scroll")];
  for (const one of scrolls)
    one.addEventListener("scroll", () => scrolls.forEach(other => {
      if (other !== one) [other.scrollTop, other.scrollLeft] = [one.scrollTop, one.scrollLeft];
    }));
  begin();
  return {closed, picked, steps, layOut, showPicks};
});

function showStrips() {
  const wanted = new Set(), any = graphs.some(graph => graph.picked.size);
  for (const graph of graphs)
    for (const step of graph.steps)
      if (step.classList.contains("picked"))
        for (const strip of (step.dataset.strips || "").split(" ")) wanted.add(strip);
  for (const strip of document.querySelectorAll("[data-strip]"))
    strip.classList.toggle("hidden", any && !wanted.has(strip.dataset.strip));
}

let ready = false;
function keep() {
  if (!ready || !graphs.length) return;
  const {closed, picked} = graphs[0];
  const list = set => [...set].sort((a, b) => a - b).join(",");
  history.replaceState(null, "", `#close=${list(closed)}&pick=${list(picked)}`);
}

const asked = new URLSearchParams(location.hash.slice(1)), first = graphs[0];
if (first) {
  const numbers = key => (asked.get(key) || "").split(",").filter(Boolean).map(Number);
  if (asked.has("close")) { first.closed.clear(); numbers("close").forEach(id => first.closed.add(id)); }
  numbers("pick").forEach(id => first.picked.add(id));
}
for (const graph of graphs) { graph.layOut(); graph.showPicks(); }
ready = true;
})();
