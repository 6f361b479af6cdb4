"use strict";
(() => {
  const hidden = new Set();
  const said = document.getElementById("said");
  const tip = document.getElementById("tip");

  // Hiding: everything that carries the name of a series, in every chart and table.
  const switches = [...document.querySelectorAll("[data-switch]")];
  const marks = [...document.querySelectorAll("[data-series]")];
  const show = () => {
    for (const mark of marks) mark.classList.toggle("off", hidden.has(mark.dataset.series));
    for (const button of switches) button.setAttribute("aria-pressed", String(!hidden.has(button.dataset.switch)));
  };
  for (const button of switches) {
    button.addEventListener("click", () => {
      const name = button.dataset.switch;
      if (!hidden.delete(name)) hidden.add(name);
      show();
    });
  }
  const all = document.getElementById("all");
  if (all) all.addEventListener("click", () => { hidden.clear(); show(); });

  // Reading values: by pointer, or with the arrow keys on a focused chart.
  const text = (x) => x === null ? "–" : String(x).replace("-", "−");
  for (const svg of document.querySelectorAll("svg.chart")) {
    let data = null;
    let at = -1;
    const load = () => data ??= JSON.parse(svg.closest("figure").querySelector("script").textContent);
    const [left, top, right, bottom, low, high, log] = svg.dataset.plot.split(" ").map(Number);
    const f = (v) => log ? Math.log10(v) : v;
    const place = (key) => {
      const share = (f(key) - f(low)) / (f(high) - f(low));
      return load().lies ? top + share * (bottom - top) : left + share * (right - left);
    };
    const keys = () => {
      const { categories, series } = load();
      if (categories.length) return categories.map((_, i) => i);
      const seen = series.filter((s) => !hidden.has(s.name));
      return seen.reduce((most, s) => s.key.length > most.length ? s.key : most, []);
    };
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
    cursor.setAttribute("class", "cursor");
    const close = () => { tip.hidden = true; cursor.remove(); };

    // Everything visible at the place of number `i`, the largest value first.
    const read = (i) => {
      const { lies, key, value, categories, series } = load();
      const wanted = keys()[i];
      const rows = [];
      for (const s of series) {
        if (hidden.has(s.name)) continue;
        const j = s.key.indexOf(wanted);
        if (j >= 0) rows.push({ name: s.name, style: s.style, value: s.value[j], interval: s.interval[j] });
      }
      if (!lies) rows.sort((a, b) => b.value - a.value);
      const heading = categories.length ? `${key}: ${categories[wanted]}` : `${key}: ${text(wanted)}`;
      const p = place(wanted);
      cursor.setAttribute("d", lies ? `M${left} ${p}H${right}` : `M${p} ${top}V${bottom}`);
      svg.append(cursor);
      return { heading, value, rows };
    };
    const fill = ({ heading, rows }) => {
      const line = (row) => {
        const div = document.createElement("div");
        const dot = document.createElement("i");
        dot.style.background = row.style === null ? "var(--ink)" : `var(--s${row.style})`;
        const em = document.createElement("em");
        const ends = row.interval ? ` (${text(row.interval[0])} to ${text(row.interval[1])})` : "";
        em.textContent = text(row.value) + ends;
        div.append(dot, row.name, em);
        return div;
      };
      const b = document.createElement("b");
      b.textContent = heading;
      tip.replaceChildren(b, ...rows.map(line));
      tip.hidden = rows.length === 0;
    };
    const move = (x, y) => {
      const { offsetWidth: w, offsetHeight: h } = tip;
      tip.style.left = `${Math.max(4, x + 16 + w < innerWidth ? x + 16 : x - w - 16)}px`;
      tip.style.top = `${Math.max(4, Math.min(y + 12, innerHeight - h - 8))}px`;
    };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const unit = svg.viewBox.baseVal.width / box.width;
      const [x, y] = [(event.clientX - box.left) * unit, (event.clientY - box.top) * unit];
      if (x < left - 8 || x > right + 8 || y < top - 8 || y > bottom + 8) return close();
      const pointer = load().lies ? y : x;
      let nearest = -1;
      let least = Infinity;
      keys().forEach((key, i) => {
        const distance = Math.abs(place(key) - pointer);
        if (distance < least) [least, nearest] = [distance, i];
      });
      if (nearest < 0) return;
      at = nearest;
      fill(read(at));
      move(event.clientX, event.clientY);
    });
    svg.addEventListener("pointerleave", close);
    svg.addEventListener("blur", close);
    svg.addEventListener("keydown", (event) => {
      const last = keys().length - 1;
      const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
      if (event.key === "Escape") return close();
      if (event.key === "Home") at = 0;
      else if (event.key === "End") at = last;
      else if (event.key in steps) at += steps[event.key];
      else return;
      event.preventDefault();
      at = Math.max(0, Math.min(last, at));
      const found = read(at);
      fill(found);
      const box = cursor.getBoundingClientRect();
      move(box.right, box.top);
      said.textContent = `${found.heading}. ${found.value}: ` + found.rows.map((r) => `${r.name} ${text(r.value)}`).join(", ");
    });
  }
})();
