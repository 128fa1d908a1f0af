// Timelines: windows into lanes, where lanes next part, filters, and why a slice began.

// A lane's slices come as length, state, cause and why, one after the other.
function unpacked(lane, causes) {
  const items = [];
  let at = lane.begin;
  for (let i = 0; i < lane.slices.length; i += 4) {
    const [length, state, cause, why] = lane.slices.slice(i, i + 4);
    const [text, was, now] = causes[cause];
    items.push({ begin: at, length, state, text, was, now, why });
    at += length;
  }
  return { ...lane, items };
}

// The number of the first slice that ends after a time.
function from(items, at) {
  let low = 0, high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].begin + items[middle].length <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

class Timelines {
  constructor(given, panel) {
    this.given = given;
    this.panel = panel;
    this.lanes = given.lanes.map((lane) => unpacked(lane, given.causes));
    [this.begin, this.end] = given.window;
    this.filter = null;
    this.chosen = null;
    this.told = "";
    this.svgs = all("svg.timeline", panel);
    this.said = make("p", { class: "readout", role: "status" });
    this.whys = make("div", { class: "whys", "aria-live": "polite" });
    this.keys = {
      ArrowLeft: () => this.pan(-0.25),
      ArrowRight: () => this.pan(0.25),
      "+": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      Home: () => this.move(given.start, given.end - given.start, ""),
      n: () => this.next(this.partings(), "nowhere apart"),
      s: () => this.next(this.switches(), "no such switch in what is shown here"),
    };
    this.addControls();
    this.addFilters();
    for (const svg of this.svgs) this.listen(svg);
    addEventListener("resize", () => this.show());
    this.show();
  }

  label(lane) {
    return this.given.labels[lane.policy];
  }

  tell(lane, item) {
    const state = this.given.states[item.state];
    const when = `at ${time(item.begin)} for ${time(item.length)}`;
    return `${this.label(lane)}, vCPU ${lane.vcpu}, ${when}: ${state}. ${item.text}`;
  }

  matches(lane, item) {
    if (!this.filter) return true;
    const { policy, was, now } = this.filter;
    return policy === this.label(lane) && item.was === was && item.now === now;
  }

  // ---- Drawing ----

  show() {
    for (const svg of this.svgs) {
      const width = svg.getBoundingClientRect().width || 800;
      const mine = this.lanes.filter((lane) => lane.vcpu === +svg.dataset.vcpu);
      svg.replaceChildren(svg.querySelector("title"));
      this.drawTimes(svg, width, mine.length * this.given.sizes[0] + 14);
      mine.forEach((lane, row) => this.drawLane(svg, lane, row, width));
    }
    const span = `${time(this.begin)} to ${time(this.end)}`;
    this.said.textContent = this.told ? `${span}. ${this.told}` : span;
  }

  drawTimes(svg, width, foot) {
    const least = ((this.end - this.begin) * 90) / width;
    const ten = 10 ** Math.floor(Math.log10(least));
    const step = ten * [1, 2, 5, 10].find((each) => each * ten >= least);
    for (let at = Math.ceil(this.begin / step) * step; at <= this.end; at += step) {
      const x = ((at - this.begin) / (this.end - this.begin)) * width;
      const where = x < 20 ? "" : x > width - 40 ? "end" : "mid";
      svg.append(draw("line", { class: "grid", x1: x, x2: x, y1: 0, y2: foot - 12 }));
      svg.append(draw("text", { class: `tick ${where}`, x, y: foot }, time(at)));
    }
  }

  drawLane(svg, lane, row, width) {
    const [high, bar] = this.given.sizes;
    const top = row * high + 17, scale = width / (this.end - this.begin);
    const x = (at) => Math.min(Math.max(0, (at - this.begin) * scale), width);
    svg.append(draw("text", { class: "label", x: 0, y: top - 5 }, this.label(lane)));
    let last = -1;
    for (let i = from(lane.items, this.begin); i < lane.items.length; i++) {
      const item = lane.items[i];
      if (item.begin >= this.end) break;
      const left = x(item.begin), right = x(item.begin + item.length);
      // Of what lies within one pixel the first is drawn.
      if (right <= last || (!item.length && item !== this.chosen)) continue;
      if (right - left < 1) last = left + 1;
      this.drawSlice(svg, lane, item, left, Math.max(right - left, 1), top);
    }
    for (const [at, until] of lane.apart) {
      if (until <= this.begin || at >= this.end) continue;
      const place = { x: x(at), y: top + bar + 1, width: Math.max(x(until) - x(at), 1) };
      svg.append(draw("rect", { class: "apart", height: 3, ...place }));
    }
    for (const [at, cause] of lane.instants) {
      if (at < this.begin || at > this.end) continue;
      const mark = draw("path", { class: "instant", d: `M${x(at)},${top}l-3,-5h6z` });
      mark.append(draw("title", {}, `${time(at)}: ${this.given.causes[cause][0]}`));
      svg.append(mark);
    }
  }

  drawSlice(svg, lane, item, x, width, y) {
    const { kinds, states, sizes } = this.given;
    const mine = this.matches(lane, item), state = states[item.state];
    const more = (mine ? "" : " faded") + (item === this.chosen ? " chosen" : "");
    const rect = draw("rect", { class: kinds[item.state] + more, x, y, width, height: sizes[1] });
    rect.addEventListener("click", () => this.choose(lane, item));
    rect.append(draw("title", {}, this.tell(lane, item)));
    svg.append(rect);
    if (width > 48 && mine && !["switching", "blocked"].includes(state))
      svg.append(draw("text", { class: "inside", x: x + 4, y: y + 12 }, state));
  }

  // ---- Moving ----

  move(at, wide, told = this.told) {
    const { start, end } = this.given;
    const span = Math.min(Math.max(wide, 100), end - start);
    this.begin = Math.min(Math.max(at, start), end - span);
    this.end = this.begin + span;
    this.told = told;
    this.show();
  }

  zoom(by, middle = (this.begin + this.end) / 2) {
    this.move(middle - (middle - this.begin) * by, (this.end - this.begin) * by);
  }

  pan(part) {
    const span = this.end - this.begin;
    this.move(this.begin + part * span, span);
  }

  choose(lane, item, at = item.begin) {
    this.chosen = item;
    this.told = this.tell(lane, item);
    this.show();
    this.explain(lane, item, at);
  }

  // Where a slice of `found`, as [time, lane, slice], comes next after the middle of the window.
  next(found, none) {
    const middle = (this.begin + this.end) / 2, span = this.end - this.begin;
    const later = found.filter(([at]) => at > middle + 1).sort((a, b) => a[0] - b[0]);
    const [at, lane, item] = later[0] || found[0] || [];
    if (!item) {
      this.told = none;
      return this.show();
    }
    this.move(at - span / 2, span);
    return this.choose(lane, item, at);
  }

  partings() {
    const of = (lane) => lane.apart.map(([at]) => [at, lane, lane.items[from(lane.items, at)]]);
    return this.lanes.flatMap(of);
  }

  switches() {
    const entered = (item) => item.was >= 0 && item.was !== item.now;
    const of = (lane) => lane.items
      .filter((item) => entered(item) && this.matches(lane, item))
      .map((item) => [item.begin, lane, item]);
    return this.lanes.flatMap(of);
  }

  // ---- Why ----

  // The explanation of a slice, as the page has it below, beside the first policy's at that time.
  explain(lane, item, at) {
    const first = this.lanes.find((other) => other.vcpu === lane.vcpu && other.policy === 0);
    const pairs = [[lane, item]];
    if (first && first !== lane) {
      const beside = Math.min(from(first.items, at), first.items.length - 1);
      pairs.unshift([first, first.items[beside]]);
    }
    this.whys.replaceChildren(...pairs.map(([of, which]) => this.explained(of, which)));
  }

  explained(lane, item) {
    const head = make("p", { class: "hint" }, this.tell(lane, item));
    const found = document.getElementById(`why-${item.why}`);
    if (!found) return make("div", {}, head, "Why is not known here.");
    const shown = found.cloneNode(true);
    for (const each of [shown, ...all("[id]", shown)]) each.removeAttribute("id");
    for (const each of all(".tools", shown)) each.remove();
    shown.open = true;
    return make("div", {}, head, shown);
  }

  // ---- Controls ----

  addControls() {
    const { keys, given } = this;
    this.following = button("Next switch", keys.s);
    this.clear = button("All switches", () => this.setFilter(null), { hidden: "" });
    const parting = given.labels.length > 1 ? [button("Next divergence", keys.n)] : [];
    const row = tools(
      button("Earlier", keys.ArrowLeft), button("Later", keys.ArrowRight),
      button("Closer", keys["+"]), button("Farther", keys["-"]), button("Whole", keys.Home),
      ...parting, this.following, this.clear,
      "Keys in a timeline: arrows, +, -, Home, n and s",
    );
    this.panel.querySelector(".legend").before(row, this.said);
    this.panel.append(this.whys);
  }

  setFilter(wanted, cell) {
    for (const pressed of all(".matrix button[aria-pressed=true]"))
      pressed.setAttribute("aria-pressed", "false");
    this.filter = wanted;
    this.clear.hidden = !wanted;
    this.following.textContent = wanted
      ? `Next ${wanted.was} to ${wanted.now} of ${wanted.policy}` : "Next switch";
    if (!wanted) return this.show();
    cell.setAttribute("aria-pressed", "true");
    return this.keys.s();
  }

  // Each count of a matrix becomes a button that shows these switches alone.
  addFilters() {
    for (const cell of all(".matrix td[data-switch]")) {
      if (cell.textContent === "-") continue;
      const [was, now] = cell.dataset.switch.split(" ").map(Number);
      const policy = data.labels[+cell.closest("table").dataset.policy];
      const choose = ({ target }) => {
        const pressed = target.getAttribute("aria-pressed") === "true";
        this.setFilter(pressed ? null : { was, now, policy }, target);
      };
      const which = `${cell.textContent} switches of ${policy} from plane ${was} to ${now}`;
      const named = { "aria-pressed": "false", "aria-label": `${which}: show in the timelines` };
      cell.replaceChildren(button(cell.textContent, choose, named));
    }
  }

  listen(svg) {
    const part = (event) => {
      const box = svg.getBoundingClientRect();
      return (event.clientX - box.left) / box.width;
    };
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "group"); // now there is something to do in it
    svg.addEventListener("dblclick", (event) => {
      this.zoom(0.5, this.begin + part(event) * (this.end - this.begin));
    });
    svg.addEventListener("keydown", (event) => {
      if (!this.keys[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.keys[event.key]();
    });
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey) return; // the page scrolls as ever
      event.preventDefault();
      const by = event.deltaY + event.deltaX > 0 ? 1.25 : 0.8;
      this.zoom(by, this.begin + part(event) * (this.end - this.begin));
    }, { passive: false });
    svg.addEventListener("pointerdown", (down) => {
      const was = this.begin, span = this.end - this.begin;
      const drag = (event) => {
        if (Math.abs(event.clientX - down.clientX) < 4) return; // that is a click
        this.move(was - (part(event) - part(down)) * span, span);
      };
      const stop = () => {
        removeEventListener("pointermove", drag);
        removeEventListener("pointerup", stop);
      };
      addEventListener("pointermove", drag);
      addEventListener("pointerup", stop);
    });
  }
}

if (data.timeline) new Timelines(data.timeline, document.getElementById("timelines"));
