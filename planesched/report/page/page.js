"use strict";
// What a page can do beyond being read: choose baselines and prices, read off, copy.
// All figures are the page's own; here they are only chosen.

const data = JSON.parse(document.getElementById("data").textContent);
const NS = "http://www.w3.org/2000/svg";
const all = (query, from = document) => [...from.querySelectorAll(query)];

function make(name, given = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
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

const button = (text, click, given = {}) =>
  make("button", { type: "button", onclick: click, ...given }, text);
const tools = (...inside) => make("div", { class: "tools" }, ...inside);
const percent = (share, digits = 2) => `${(100 * share).toFixed(digits)} %`;

function time(ns) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["us", 1e3]])
    if (Math.abs(ns) >= size) return `${+(ns / size).toPrecision(6)} ${unit}`;
  return `${Math.round(ns)} ns`;
}

// ---- Copying ----

async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // a page from disk may have no clipboard of that kind
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
  const words = (cell) => cell.innerText.trim().replace(/\s+/g, " ");
  return all("tr", table).filter((row) => row.cells.length > 1)
    .map((row) => [...row.cells].map(words));
}

// A table as text, 72 columns wide: what has no room goes below, with the first column again.
function asText(table) {
  const rows = cells(table);
  const number = /^[-+\d.,]*( ?(ns|us|ms|s|%))?$/;
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const right = widths.map((_, i) => i && rows.slice(1).every((row) => number.test(row[i])));
  const parts = [[0]];
  for (let i = 1; i < widths.length; i++) {
    const last = parts[parts.length - 1];
    const wide = last.reduce((sum, j) => sum + widths[j] + 2, widths[i]);
    if (wide > 72 && last.length > 1) parts.push([0, i]);
    else last.push(i);
  }
  const pad = (row, i) => (right[i] ? row[i].padStart(widths[i]) : row[i].padEnd(widths[i]));
  const lined = (part) => (row) => part.map((i) => pad(row, i)).join("  ").trimEnd();
  return parts.map((part) => rows.map(lined(part)).join("\n")).join("\n\n");
}

function asMarkdown(table) {
  const rows = cells(table);
  const lines = rows.map((row) => `| ${row.map((c) => c.replaceAll("|", "\\|")).join(" | ")} |`);
  lines.splice(1, 0, `|${" --- |".repeat(rows[0].length)}`);
  return lines.join("\n");
}

function asCsv(table) {
  const quoted = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return cells(table).map((row) => row.map(quoted).join(",")).join("\n");
}

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
  const mail = button("Copy for a mail", (event) => copy(cite.textContent, event.target));
  cite.after(tools(mail));
  for (const table of all("table")) {
    const as = (text, write) => {
      const label = { "aria-label": `Copy as ${text}: ${table.caption.innerText}` };
      return button(text, (event) => copy(write(table), event.target), label);
    };
    const kinds = [as("text", asText), as("Markdown", asMarkdown), as("CSV", asCsv)];
    table.parentNode.after(tools("Copy:", ...kinds));
  }
  for (const svg of all("svg[role=img]")) {
    const label = { "aria-label": `Save as SVG: ${svg.id}` };
    svg.after(tools(button("Save as SVG", () => save(svg), label)));
  }
}

// ---- Scoreboard: a click makes a column the baseline ----

function addBaselines() {
  const table = document.getElementById("scores");
  if (!table || data.baselines.length < 2) return;
  const heads = all("th[data-column]", table);
  const choose = (base) => {
    heads.forEach((head, i) =>
      head.querySelector("button").setAttribute("aria-pressed", i === base));
    for (const row of all("tr", table))
      [...row.cells].forEach((cell, i) => {
        if (cell.colSpan === 1) cell.classList.toggle("based", i === base + 1);
      });
    for (const row of all("tr[data-row]", table))
      all("td", row).forEach((cell, i) => {
        const apart = cell.querySelector(".apart");
        const told = data.baselines[base][row.dataset.row][i];
        if (apart) apart.textContent = told.replace(/[[\]]/g, "");
      });
    const than = data.labels[base];
    table.caption.textContent =
      `Figures of each policy, and beside each by how much it differs from ${than}`;
  };
  heads.forEach((head, i) => {
    const swatch = head.firstChild;
    const given = { title: `Make ${data.labels[i]} the baseline`, "aria-pressed": "false" };
    swatch.replaceChildren(button(swatch.textContent, () => choose(i), given));
  });
  choose(0);
}

// ---- Where the time went: a switch or an exit at another price ----

function slider(of, change) {
  const shown = make("output", {}, "0 ns");
  const input = make("input", {
    type: "range", min: 0, max: 60, value: 0, "data-price": of, oninput: change,
  });
  const label = make("label", {}, `each ${of} dearer by`, input, shown);
  // From 0 the first step is 112 ns; twenty steps are a factor of ten.
  const ns = () => (+input.value ? Math.round(10 ** (2 + +input.value / 20)) : 0);
  return { label, ns, tell: () => { shown.textContent = time(ns()); } };
}

function addPrices() {
  const prices = document.getElementById("prices");
  if (!prices) return;
  const svg = document.getElementById("time-bars");
  const rects = all("rect", svg), texts = all("text.inside", svg);
  const said = make("p", { class: "readout", role: "status" });
  const switches = slider("switch", change), exits = slider("exit", change);

  function priced(label, was, names) {
    const parts = [...was.parts];
    const more = (was.switches * switches.ns() + was.exits * exits.ns()) / 1e9;
    const blocked = names.indexOf("blocked"), switching = names.indexOf("switching");
    const idle = Math.min(more, parts[blocked]);
    const worked = Math.min(more - idle, parts[0]);
    parts[blocked] -= idle;
    parts[0] -= worked;
    parts[switching] += idle + worked;
    const over = more > idle + worked + 1e-12 ? ", more than there is" : "";
    const told = `switching ${percent(parts[switching])}, ${names[0]} ${percent(parts[0])}${over}`;
    return [parts, `${label}: ${told}`];
  }

  function change() {
    let first = 0;
    const words = data.time.map((was, at) => {
      const mine = rects.slice(first, first + was.parts.length);
      const names = mine.map((rect) => rect.dataset.part);
      const [parts, told] = priced(data.labels[at], was, names);
      let begin = 0;
      parts.forEach((share, i) => {
        mine[i].setAttribute("x", `${100 * begin}%`);
        mine[i].setAttribute("width", `${100 * share}%`);
        mine[i].firstChild.textContent = `${data.labels[at]}: ${names[i]} ${percent(share)}`;
        const text = texts[first + i];
        text.setAttribute("x", `${100 * (begin + share / 2)}%`);
        text.classList.toggle("narrow", share < 0.12);
        text.textContent = share >= 0.04 ? percent(share, 1) : "";
        begin += share;
      });
      first += parts.length;
      return told;
    });
    for (const each of [switches, exits]) each.tell();
    said.textContent = switches.ns() + exits.ns() ? words.join("; ") : "";
  }

  prices.prepend(tools(switches.label, exits.label));
  prices.append(said);
  prices.hidden = false;
}

// ---- Charts: what lies at the pointer ----

function addReading(svg, curves) {
  const [left, right, top, foot] = svg.dataset.plot.split(" ").map(Number);
  const span = Math.log(+svg.dataset.span);
  const cursor = draw("line", { class: "cursor", y1: top, y2: foot, visibility: "hidden" });
  const said = make("p", { class: "readout" });
  svg.append(cursor);
  svg.nextSibling.append(said);
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    said.textContent = "";
  });
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const log = ((x - left) / (right - left)) * span;
    if (log < 0 || log > span) return;
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, x);
    cursor.setAttribute("visibility", "visible");
    const words = curves.map(([policy, count, times]) => {
      const at = Math.round((log / Math.log(Math.max(count, 2))) * (times.length - 1));
      return at < times.length ? `${policy} ${times[at]}` : `${policy} has no more`;
    });
    const part = +(100 - 100 / Math.exp(log)).toPrecision(6);
    said.textContent = `${part} % waited no longer than: ${words.join(", ")}`;
  });
}

function addReadings() {
  for (const [id, curves] of Object.entries(data.nines || {})) {
    const svg = document.getElementById(id);
    if (svg) addReading(svg, curves);
  }
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
