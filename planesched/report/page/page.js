"use strict";
// What a page can do beyond being read: choose baselines, prices and windows, read off, and copy.
// All figures are the page's own; here they are only chosen, and times along an axis are written.

const data = JSON.parse(document.getElementById("data").textContent);
const NS = "http://www.w3.org/2000/svg";
const all = (query, from = document) => [...from.querySelectorAll(query)];

function make(name, given = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null) made.setAttribute(key, value);
  }
  made.append(...inside);
  return made;
}

function draw(name, given, text) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const button = (text, click, given = {}) => make("button", { type: "button", onclick: click, ...given }, text);

function time(ns) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["us", 1e3]])
    if (Math.abs(ns) >= size) return `${+(ns / size).toPrecision(6)} ${unit}`;
  return `${Math.round(ns)} ns`;
}

// ---- Copying ----

async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a page from disk may have no clipboard of that kind
    const area = document.body.appendChild(make("textarea", { "aria-hidden": "true" }));
    area.value = text;
    area.select();
    document.execCommand("copy");
    area.remove();
    from.focus();
  }
  const was = from.textContent;
  from.textContent = "copied";
  setTimeout(() => { from.textContent = was; }, 1200);
}

function cells(table) {
  return all("tr", table)
    .filter((row) => row.cells.length > 1)
    .map((row) => [...row.cells].map((cell) => cell.innerText.trim().replace(/\s+/g, " ")));
}

function columnsOf(rows, columns) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const right = widths.map((_, i) => i && rows.slice(1).every((row) => /^[-+\d.,]*( ?(ns|us|ms|s|%))?$/.test(row[i])));
  const parts = [[0]];
  for (let i = 1; i < widths.length; i++) {  // what is too wide goes below, with the first column again
    const last = parts[parts.length - 1];
    const wide = last.reduce((sum, j) => sum + widths[j] + 2, widths[i]);
    if (wide > columns && last.length > 1) parts.push([0, i]);
    else last.push(i);
  }
  const pad = (row, i) => (right[i] ? row[i].padStart(widths[i]) : row[i].padEnd(widths[i]));
  return parts.map((part) => rows.map((row) => part.map((i) => pad(row, i)).join("  ").trimEnd()).join("\n")).join("\n\n");
}

const asText = (table) => columnsOf(cells(table), 72);
const asMarkdown = (table) => {
  const rows = cells(table).map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
  rows.splice(1, 0, `|${" --- |".repeat(cells(table)[0].length)}`);
  return rows.join("\n");
};
const asCsv = (table) =>
  cells(table).map((row) => row.map((cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")).join("\n");

function svgText(svg) {
  const whole = svg.cloneNode(true);
  const box = svg.getBoundingClientRect();
  whole.setAttribute("width", Math.round(box.width));
  whole.setAttribute("height", Math.round(box.height));
  whole.prepend(draw("style", {}, document.querySelector("style").textContent));
  return new XMLSerializer().serializeToString(whole);
}

function save(svg) {
  const href = URL.createObjectURL(new Blob([svgText(svg)], { type: "image/svg+xml" }));
  make("a", { href, download: `${svg.id}.svg` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

function addTools() {
  const cite = document.getElementById("cite");
  if (cite) cite.after(make("div", { class: "tools" }, button("Copy for a mail", (event) => copy(cite.textContent, event.target))));
  for (const table of all("table")) {
    const name = table.caption ? table.caption.innerText : "table";
    const as = ([text, write]) => button(text, (event) => copy(write(table), event.target), { "aria-label": `Copy as ${text}: ${name}` });
    table.parentNode.after(make("div", { class: "tools" }, "Copy:", ...[["text", asText], ["Markdown", asMarkdown], ["CSV", asCsv]].map(as)));
  }
  for (const svg of all("svg[role=img]")) {
    const tools = make("div", { class: "tools" }, button("Save as SVG", () => save(svg), { "aria-label": `Save as SVG: ${svg.id}` }));
    svg.after(tools);
  }
}

// ---- Scoreboard: a click makes a column the baseline ----

function addBaselines() {
  const table = document.getElementById("scores");
  if (!table || data.baselines.length < 2) return;
  const heads = all("th[data-column]", table);
  const choose = (base) => {
    heads.forEach((head, i) => head.firstChild.firstChild.setAttribute("aria-pressed", i === base));
    for (const row of all("tr", table))
      [...row.cells].forEach((cell, i) => cell.colSpan === 1 && cell.classList.toggle("based", i === base + 1));
    for (const row of all("tr[data-row]", table))
      all("td", row).forEach((cell, i) => {
        const apart = cell.querySelector(".apart");
        if (apart) apart.textContent = data.baselines[base][row.dataset.row][i].replace(/[[\]]/g, "");
      });
    table.caption.textContent = `Figures of each policy, and beside each by how much it differs from ${data.labels[base]}`;
  };
  heads.forEach((head, i) => {
    const swatch = head.firstChild;
    const title = `Make ${data.labels[i]} the baseline`;
    swatch.replaceChildren(button(swatch.textContent, () => choose(i), { title, "aria-pressed": "false" }));
  });
  choose(0);
}

// ---- Where the time went: a switch or an exit at another price ----

function addPrices() {
  const prices = document.getElementById("prices");
  const svg = document.getElementById("time-bars");
  if (!prices || !svg) return;
  const bars = data.labels.map((label) => all(`rect`, svg).filter((rect) => rect.firstChild.textContent.startsWith(`${label}: `)));
  const inside = all("text.inside", svg);
  const said = make("p", { class: "readout", role: "status" });
  const slider = (of) => {
    const shown = make("output", {}, "0 ns");
    const input = make("input", { type: "range", min: 0, max: 60, value: 0, "data-price": of, oninput: () => change() });
    return { input, shown, ns: () => (+input.value ? Math.round(10 ** (2 + +input.value / 20)) : 0), label: make("label", {}, `each ${of} dearer by`, input, shown) };
  };
  const switches = slider("switch"), exits = slider("exit");
  const names = bars[0].map((rect) => rect.dataset.part);
  const change = () => {
    let text = 0;
    const words = data.time.map((was, at) => {
      const parts = [...was.parts];
      const more = (was.switches * switches.ns() + was.exits * exits.ns()) / 1e9;
      const blocked = names.indexOf("blocked");
      const idle = Math.min(more, parts[blocked]);
      const worked = Math.min(more - idle, parts[0]);
      parts[blocked] -= idle;
      parts[0] -= worked;
      parts[names.indexOf("switching")] += idle + worked;
      let begin = 0;
      parts.forEach((share, i) => {
        bars[at][i].setAttribute("x", `${100 * begin}%`);
        bars[at][i].setAttribute("width", `${100 * share}%`);
        bars[at][i].firstChild.textContent = `${data.labels[at]}: ${names[i]} ${(100 * share).toFixed(2)} %`;
        inside[text].setAttribute("x", `${100 * (begin + share / 2)}%`);
        inside[text].setAttribute("class", `inside mid${share < 0.12 ? " narrow" : ""}`);
        inside[text++].textContent = share >= 0.04 ? `${(100 * share).toFixed(1)} %` : "";
        begin += share;
      });
      const over = more > idle + worked + 1e-12 ? ", more than there is" : "";
      return `${data.labels[at]}: switching ${(100 * parts[names.indexOf("switching")]).toFixed(2)} %, ${names[0]} ${(100 * parts[0]).toFixed(2)} %${over}`;
    });
    for (const each of [switches, exits]) each.shown.textContent = time(each.ns());
    said.textContent = switches.ns() + exits.ns() ? words.join("; ") : "";
  };
  prices.prepend(make("div", { class: "tools" }, switches.label, exits.label));
  prices.append(said);
  prices.hidden = false;
}

// ---- Charts: what lies at the pointer ----

function addReadings() {
  for (const [id, curves] of Object.entries(data.nines || {})) {
    const svg = document.getElementById(id);
    if (!svg) continue;
    const [left, right, top, foot] = svg.dataset.plot.split(" ").map(Number);
    const span = Math.log(+svg.dataset.span);
    const cursor = draw("line", { class: "cursor", y1: top, y2: foot, visibility: "hidden" });
    const said = make("p", { class: "readout" });
    svg.append(cursor);
    svg.nextSibling.append(said);
    svg.addEventListener("pointerleave", () => { cursor.setAttribute("visibility", "hidden"); said.textContent = ""; });
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      const log = ((x - left) / (right - left)) * span;
      if (log < 0 || log > span) return;
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      cursor.setAttribute("visibility", "visible");
      const words = curves.map(([policy, count, times]) => {
        const at = Math.round((log / Math.log(Math.max(count, 2))) * (times.length - 1));
        return at < times.length ? `${policy} ${times[at]}` : `${policy} has no more`;
      });
      said.textContent = `${+(100 - 100 / Math.exp(log)).toPrecision(6)} % waited no longer than: ${words.join(", ")}`;
    });
  }
}

// ---- Timelines ----

function addTimelines() {
  const given = data.timeline;
  const panel = document.getElementById("timelines");
  if (!given || !panel) return;
  const [LANE, BAR] = given.sizes;
  for (const lane of given.lanes) {
    let at = lane.begin;
    lane.items = [];
    for (let i = 0; i < lane.slices.length; i += 4) {
      const [length, state, cause, why] = lane.slices.slice(i, i + 4);
      lane.items.push({ begin: at, length, state, cause: given.causes[cause], why });
      at += length;
    }
  }
  let [begin, end] = given.window;
  let filter = null, chosen = null, told = "";
  const svgs = all("svg.timeline", panel);
  const said = make("p", { class: "readout", role: "status" });
  const box = make("div", { class: "whys", "aria-live": "polite" });
  // The explanation of a slice, as the page has it below, beside the one of the first policy.
  function tellWhy(lane, item, at = item.begin) {
    const one = given.lanes.find((other) => other.vcpu === lane.vcpu && other.policy === 0);
    const pairs = [[lane, item]];
    if (one && lane !== one) pairs.unshift([one, one.items[Math.min(from(one.items, at), one.items.length - 1)]]);
    box.replaceChildren(...pairs.map(([of, which]) => {
      const found = which && document.getElementById(`why-${which.why}`);
      const head = make("p", { class: "hint" }, which ? tell(of, which) : given.labels[of.policy]);
      if (!found) return make("div", {}, head, "no explanation: the state before is not known");
      const shown = found.cloneNode(true);
      for (const each of [shown, ...all("[id]", shown)]) each.removeAttribute("id");
      for (const tools of all(".tools", shown)) tools.remove();
      shown.open = true;
      return make("div", {}, head, shown);
    }));
  }
  const from = (items, at) => {  // the first slice that ends after a time
    let low = 0, high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (items[middle].begin + items[middle].length <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const matches = (lane, item) => !filter || (filter.policy === given.labels[lane.policy] && item.cause[1] === filter.was && item.cause[2] === filter.now);
  const tell = (lane, item) =>
    `${given.labels[lane.policy]}, vCPU ${lane.vcpu}, at ${time(item.begin)} for ${time(item.length)}: ${given.states[item.state]}. ${item.cause[0]}`;

  function drawLane(svg, lane, row, width) {
    const top = row * LANE + 17, scale = width / (end - begin);
    svg.append(draw("text", { class: "label", x: 0, y: row * LANE + 12 }, given.labels[lane.policy]));
    let last = -1;
    for (let i = from(lane.items, begin); i < lane.items.length && lane.items[i].begin < end; i++) {
      const item = lane.items[i];
      const left = Math.max(0, (item.begin - begin) * scale);
      const right = Math.min(width, (item.begin + item.length - begin) * scale);
      if (right <= last || (!item.length && item !== chosen)) continue;  // less than a pixel after the last
      const wide = Math.max(right - left, 1);
      if (right - left < 1) last = left + 1;
      const kind = given.kinds[item.state] + (matches(lane, item) ? "" : " faded") + (item === chosen ? " chosen" : "");
      const rect = draw("rect", { class: kind, x: left, y: top, width: wide, height: BAR });
      rect.addEventListener("click", () => choose(lane, item));
      rect.append(draw("title", {}, tell(lane, item)));
      svg.append(rect);
      if (wide > 48 && !["switching", "blocked"].includes(given.states[item.state]) && matches(lane, item))
        svg.append(draw("text", { class: "inside", x: left + 4, y: top + 12 }, given.states[item.state]));
    }
    for (const [at, until] of lane.apart) {
      const left = Math.max(0, (at - begin) * scale), right = Math.min(width, (until - begin) * scale);
      if (right > left) svg.append(draw("rect", { class: "apart", x: left, y: top + BAR + 1, width: Math.max(right - left, 1), height: 3 }));
    }
    for (const [at, cause] of lane.instants) {
      if (at < begin || at > end) continue;
      const x = (at - begin) * scale;
      const mark = draw("path", { class: "instant", d: `M${x},${top}l-3,-5h6z` });
      mark.append(draw("title", {}, `${time(at)}: ${given.causes[cause][0]}`));
      svg.append(mark);
    }
  }

  function ticks(width) {  // round times, no closer than there is room for
    const least = ((end - begin) * 90) / width;
    const ten = 10 ** Math.floor(Math.log10(least));
    const step = ten * [1, 2, 5, 10].find((each) => each * ten >= least);
    const found = [];
    for (let at = Math.ceil(begin / step) * step; at <= end; at += step) found.push(at);
    return found;
  }

  function choose(lane, item) {
    chosen = item;
    show(tell(lane, item));
    tellWhy(lane, item);
  }

  function show(text) {
    for (const svg of svgs) {
      const width = svg.getBoundingClientRect().width || 800;
      const mine = given.lanes.filter((lane) => lane.vcpu === +svg.dataset.vcpu);
      svg.replaceChildren(svg.querySelector("title"));
      mine.forEach((lane, row) => drawLane(svg, lane, row, width));
      const foot = mine.length * LANE + 14;
      for (const at of ticks(width)) {
        const x = ((at - begin) / (end - begin)) * width;
        svg.prepend(draw("line", { class: "grid", x1: x, x2: x, y1: 0, y2: foot - 12 }));
        svg.append(draw("text", { class: `tick ${x < 20 ? "" : x > width - 40 ? "end" : "mid"}`, x, y: foot }, time(at)));
      }
    }
    const span = `${time(begin)} to ${time(end)}`;
    told = text;
    said.textContent = text ? `${span}. ${text}` : span;
  }

  function move(at, wide, text) {
    wide = Math.min(Math.max(wide, 100), given.end - given.start);
    begin = Math.min(Math.max(at, given.start), given.end - wide);
    end = begin + wide;
    show(text);
  }
  const zoom = (by, middle = (begin + end) / 2) => move(middle - (middle - begin) * by, (end - begin) * by);
  const pan = (part) => move(begin + part * (end - begin), end - begin);
  // Where the wanted one of what is sorted by time comes after the middle of what is shown.
  function next(found, none) {
    const middle = (begin + end) / 2;
    const first = found.filter(([at]) => at > middle + 1).sort((a, b) => a[0] - b[0])[0] || found[0];
    if (!first) return show(none);
    const [at, lane, item] = first;
    chosen = item || null;
    move(at - (end - begin) / 2, end - begin, item ? tell(lane, item) : time(at));
    return item && tellWhy(lane, item, at);
  }
  const divergence = () => next(
    given.lanes.flatMap((lane) => lane.apart.map(([at]) => [at, lane, lane.items[from(lane.items, at)]])),
    "nowhere apart",
  );
  const match = () => next(
    given.lanes.flatMap((lane) => lane.items.filter((item) => matches(lane, item) && item.cause[1] >= 0 && item.cause[1] !== item.cause[2])
      .map((item) => [item.begin, lane, item])),
    "no such switch in what is shown here",
  );
  const clear = button("All switches", () => setFilter(null), { hidden: "" });
  const following = button("Next switch", match);

  function setFilter(wanted, cell) {
    for (const pressed of all(".matrix button[aria-pressed=true]")) pressed.setAttribute("aria-pressed", "false");
    filter = wanted;
    clear.hidden = !wanted;
    following.textContent = wanted ? `Next ${wanted.was} to ${wanted.now} of ${wanted.policy}` : "Next switch";
    if (!wanted) return show("");
    cell.setAttribute("aria-pressed", "true");
    return match();
  }
  for (const cell of all(".matrix td[data-switch]")) {
    if (cell.textContent === "-") continue;
    const [was, now] = cell.dataset.switch.split(" ").map(Number);
    const policy = data.labels[+cell.closest("table").dataset.policy];
    const choose = (event) => {
      const pressed = event.target.getAttribute("aria-pressed") === "true";
      setFilter(pressed ? null : { was, now, policy }, event.target);
    };
    cell.replaceChildren(button(cell.textContent, choose, {
      "aria-pressed": "false", "aria-label": `${cell.textContent} switches of ${policy} from plane ${was} to ${now}: show in the timelines`,
    }));
  }
  const keys = { ArrowLeft: () => pan(-0.25), ArrowRight: () => pan(0.25), "+": () => zoom(0.5), "-": () => zoom(2), n: divergence, s: match, Home: () => move(given.start, given.end - given.start) };
  const tools = make("div", { class: "tools" },
    button("Earlier", keys.ArrowLeft), button("Later", keys.ArrowRight), button("Closer", keys["+"]), button("Farther", keys["-"]), button("Whole", keys.Home),
    ...(given.labels.length > 1 ? [button("Next divergence", divergence)] : []), following, clear,
    "Keys in a timeline: arrows, +, -, Home, n and s");
  panel.querySelector(".legend").before(tools, said);
  for (const svg of svgs) {
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey) return;  // the page scrolls as ever
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      zoom(event.deltaY + event.deltaX > 0 ? 1.25 : 0.8, begin + ((event.clientX - box.left) / box.width) * (end - begin));
    }, { passive: false });
    svg.addEventListener("pointerdown", (down) => {
      const was = begin, box = svg.getBoundingClientRect();
      const drag = (event) => { if (Math.abs(event.clientX - down.clientX) > 3) move(was - ((event.clientX - down.clientX) / box.width) * (end - begin), end - begin); };
      const stop = () => { removeEventListener("pointermove", drag); removeEventListener("pointerup", stop); };
      addEventListener("pointermove", drag);
      addEventListener("pointerup", stop);
    });
  }
  panel.append(box);
  addEventListener("resize", () => show(told));
  show("");
}

// ---- Ladders: a link opens what it leads to ----

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();

addTools();
addBaselines();
addPrices();
addReadings();
addTimelines();
