// Adds to a page that is whole without it: sorting, one target at a time, a level at a time, and the terms behind a dot.
(() => {
  "use strict";
  const FIRST_ROWS = 12;
  const FEWEST_HIDDEN = 4;
  const LARGE = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
  const SMALL = ["", "m", "µ", "n", "p", "f", "a"];
  const data = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip");
  document.documentElement.classList.add("scripted");

  const make = (tag, text, className) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (className) node.className = className;
    return node;
  };
  const shown = (name) => name.replace(/[\p{C}\u2028\u2029]/gu, (c) => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"));

  // Numbers as the rest of the page writes them: three digits, halves to the even neighbour, an SI prefix.
  const threeDigits = (value) => {
    const near = Number(value.toExponential(2));
    const [digits, power] = Math.abs(value).toExponential(40).split("e");
    const isTie = /^\d\.\d\d50*$/.test(digits);
    if (!isTie || Number(digits[3]) % 2) return near;
    return Math.sign(value) * Number(digits.slice(0, 4) + "e" + power);
  };
  const si = (value, unit) => {
    if (value === null || value === undefined) return "unknown";
    const rounded = threeDigits(value);
    if (rounded === 0) return `0 ${unit}`;
    const head = unit.split("/")[0];
    const least = ["s", "J", "W"].includes(head) ? 1 - SMALL.length : 0;
    const power = Number(Math.abs(rounded).toExponential(2).split("e")[1]);
    const step = Math.min(Math.max(Math.floor(power / 3), least), LARGE.length - 1);
    const scaled = Number((rounded / 10 ** (3 * step)).toPrecision(3));
    return `${scaled} ${step >= 0 ? LARGE[step] : SMALL[-step]}${unit}`;
  };
  const intensity = (value) => {
    if (value === null || value === undefined) return "unknown";
    const rounded = threeDigits(value);
    return rounded >= 10000 ? si(rounded, "").trim() : String(rounded);
  };
  const percent = (fraction) => {
    if (fraction === null || fraction === undefined || !Number.isFinite(fraction)) return "unknown";
    const value = fraction * 100;
    if (value === 0 || value === 100) return `${value} %`;
    if (value > 0 && value < 0.05) return "< 0.1 %";
    if (value >= 99.95 && value < 100) return "> 99.9 %";
    return ((value >= 9.95 && value < 99) || value > 100 ? value.toFixed(0) : value.toFixed(1)) + " %";
  };
  const boundWords = (bound) => {
    const colon = bound.indexOf(":");
    if (colon < 0) return { launch: "launch overhead", static: "static power", "": "unknown" }[bound] ?? bound;
    const name = shown(bound.slice(colon + 1));
    return `${name} ${bound.startsWith("memory") ? "bandwidth" : "compute"}`;
  };

  // Sorting: unknown is last in both directions.
  const sortBy = (table, index, direction) => {
    const isNumber = table.tHead.rows[0].cells[index].classList.contains("num");
    const key = (cell) => cell.dataset.sort ?? cell.textContent.toLowerCase();
    const rows = [...table.tBodies[0].rows].map((row) => [key(row.cells[index]), row]);
    rows.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      return direction * (isNumber ? Number(a) - Number(b) : a.localeCompare(b));
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, index) => {
      const button = make("button", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("num") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", order);
        sortBy(table, index, order === "ascending" ? 1 : -1);
      });
    });
  }

  // One target at a time; all of them again in print.
  const show = (anchor) => {
    const chosen = anchor && document.getElementById(anchor);
    if (!chosen || !chosen.matches(".target")) return;
    const model = chosen.closest(".model");
    for (const target of model.querySelectorAll(".target")) target.classList.toggle("away", target !== chosen);
    for (const link of model.querySelectorAll(".tabs a")) {
      if (link.hash === `#${anchor}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  for (const model of document.querySelectorAll(".model")) show(model.querySelector(".target")?.id);
  addEventListener("hashchange", () => show(location.hash.slice(1)));
  show(location.hash.slice(1));

  const place = (x, y) => {
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 16 + box.width + 8 <= innerWidth ? x + 16 : x - 16 - box.width;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${y + 16 + box.height > innerHeight ? Math.max(8, y - box.height - 12) : y + 16}px`;
  };

  const describe = (group, plan, more) => {
    const list = make("dl");
    const line = (label, value) => list.append(make("dt", label), make("dd", value));
    const terms = (title, values, unit, words) => {
      const known = Object.entries(values).sort((a, b) => b[1] - a[1]);
      if (known.length) list.append(make("dt", title, "lead"));
      for (const [name, value] of known) line(words(name), unit ? si(value, unit) : intensity(value));
    };
    const name = group.nodes.length ? shown(group.nodes[0]) : group.id;
    const others = group.nodes.length > 1 ? ` + ${group.nodes.length - 1}` : "";
    const title = make("b", (name.length > 80 ? `${name.slice(0, 40)}…${name.slice(-39)}` : name) + others);
    line("Operators", shown([...new Set(group.op_types)].slice(0, 5).join(" + ")));
    if (group.alike > 1) line("Alike groups; figures are of one", String(group.alike));
    if (group.repeat > 1) line("Runs", String(group.repeat));
    line("Operations", group.ops === null ? "unknown" : si(group.ops, "OP"));
    line("Least time", si(group.latency_s, "s"));
    if (plan.latency_s && group.latency_s !== null) line("Share of the time", percent((group.latency_s * group.alike) / plan.latency_s));
    line("Bound by", boundWords(group.time_bound));
    line("Energy", si(group.energy_j, "J"));
    terms("Time if each acted alone", group.time_terms_s, "s", boundWords);
    terms("Energy", group.energy_terms_j, "J", (name) => boundWords(name).replace(" bandwidth", " access"));
    terms("Traffic", group.traffic_bytes, "B", shown);
    terms("Operational intensity, ops/byte", group.intensity_ops_per_byte, "", shown);
    line("with compulsory traffic alone", intensity(group.compulsory_intensity_ops_per_byte));
    if (group.spatial_utilization !== null || group.temporal_utilization !== null) {
      list.append(make("dt", "Utilization", "lead"));
      line("spatial × temporal", `${percent(group.spatial_utilization)} × ${percent(group.temporal_utilization)}`);
      if (group.ceiling_ops_per_s !== null) line("ceiling so filled", si(group.ceiling_ops_per_s, "OP/s"));
    }
    tip.replaceChildren(title, list);
    if (more > 0) tip.append(make("p", `and ${more} more at this point`, "note"));
  };

  for (const section of document.querySelectorAll(".target")) {
    const target = data.models[section.closest(".model").dataset.model].targets[section.dataset.target];
    const plan = target.plans.find((each) => each.fusion === target.best_plan);
    const svg = section.querySelector(".rooflines");
    const table = section.querySelector("tr[data-g]")?.closest("table");
    if (table) linkRows(section, table);
    chooseLevels(section, svg);
    explainDots(section, svg, plan);
  }

  // Rows after the first are shown on demand; without a script, and in print, all of them.
  function linkRows(section, table) {
    const hit = (row, isOn) => {
      for (const dot of section.querySelectorAll(`circle[data-g="${row.dataset.g}"]`)) dot.classList.toggle("hit", isOn);
    };
    const body = table.tBodies[0];
    for (const [name, isOn] of [["pointerover", true], ["pointerout", false]]) {
      body.addEventListener(name, (event) => {
        const row = event.target.closest("tr");
        if (row) hit(row, isOn);
      });
    }
    const hidden = body.rows.length - FIRST_ROWS;
    if (hidden < FEWEST_HIDDEN) return;
    table.classList.add("cut");
    const button = make("button", `Show ${hidden} more`, "more");
    button.type = "button";
    button.addEventListener("click", () => {
      table.classList.remove("cut");
      button.remove();
    });
    table.closest(".table").append(button);
  }

  function chooseLevels(section, svg) {
    const items = [...section.querySelectorAll(".legend.levels > li")];
    const buttons = items.map((item) => {
      const button = make("button");
      button.type = "button";
      button.append(...item.childNodes);
      item.append(button);
      return button;
    });
    const choose = (level) => {
      svg.dataset.chosen = level;
      buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === level)));
      for (const part of svg.querySelectorAll(".dots, .regimes, .power")) {
        part.classList.toggle("unselected", Number(part.dataset.level) !== level);
      }
      const dots = svg.querySelectorAll(`.dots[data-level="${level}"]`);
      for (const part of dots) part.parentNode.append(part);
    };
    buttons.forEach((button, level) => button.addEventListener("click", () => choose(level)));
    choose(0);
  }

  function explainDots(section, svg, plan) {
    const points = [];
    const add = (element, x, y, group, more) => {
      const level = Number(element.closest(".dots").dataset.level);
      points.push({ element, level, isEnergy: Boolean(element.closest(".energy")), x, y, group: Number(group), more: Number(more) });
    };
    for (const dot of svg.querySelectorAll(".dots circle")) {
      add(dot, Number(dot.getAttribute("cx")), Number(dot.getAttribute("cy")), dot.dataset.g, dot.dataset.more ?? 0);
      dot.querySelector("title")?.remove();
    }
    for (const path of svg.querySelectorAll(".dots .many")) {
      const groups = path.dataset.g.split(" ");
      const more = path.dataset.more.split(" ");
      path.getAttribute("d").slice(1, -2).split("h0M").forEach((pair, index) => {
        const [x, y] = pair.split(" ").map(Number);
        add(path, x, y, groups[index], more[index]);
      });
    }
    if (!points.length) return;
    let current = null;
    const ceiling = svg.querySelector(".throughput .own");
    const [low, high, bottom, top] = svg.querySelector(".throughput").dataset.y.split(" ").map(Number);
    const lift = (value) => bottom + ((top - bottom) * Math.log(value / low)) / Math.log(high / low);
    const highlight = (point, isOn) => {
      const height = plan.groups[point.group]?.ceiling_ops_per_s;
      ceiling.toggleAttribute("hidden", !(isOn && height));
      if (isOn && height) ceiling.setAttribute("transform", `translate(0 ${lift(height)})`);
      if (point.element.tagName === "circle") point.element.classList.toggle("hit", isOn);
      section.querySelector(`tr[data-g="${point.group}"]`)?.classList.toggle("hit", isOn);
    };
    const leave = () => {
      if (current) highlight(current, false);
      current = null;
      tip.hidden = true;
    };
    const tell = (point, x, y) => {
      if (point !== current) {
        leave();
        current = point;
        highlight(point, true);
        const group = plan.groups[point.group];
        if (group) describe(group, plan, point.more);
        else tip.replaceChildren(make("p", "One of the faster groups: its figures are in the JSON.", "note"));
      }
      place(x, y);
    };
    const toScreen = (point) => new DOMPoint(point.x, point.y).matrixTransform(svg.getScreenCTM());
    svg.addEventListener("pointermove", (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const chosen = Number(svg.dataset.chosen);
      let [nearest, least] = [null, 196];
      for (const point of points) {
        const distance = (point.x - at.x) ** 2 + (point.y - at.y) ** 2;
        if (point.level === chosen && distance < least) [nearest, least] = [point, distance];
      }
      if (nearest) tell(nearest, event.clientX, event.clientY);
      else leave();
    });
    svg.addEventListener("pointerleave", leave);
    svg.addEventListener("blur", leave);
    svg.tabIndex = 0;
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") leave();
      if (!step) return;
      event.preventDefault();
      const reachable = points.filter((point) => point.level === Number(svg.dataset.chosen) && !point.isEnergy);
      reachable.sort((a, b) => a.group - b.group);
      if (!reachable.length) return;
      const next = reachable[Math.min(Math.max(reachable.indexOf(current) + step, 0), reachable.length - 1)];
      const { x, y } = toScreen(next);
      tell(next, x, y);
    });
  }
})();
