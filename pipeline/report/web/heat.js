// The layer x head map: colours, what a cell says, moving about with keys.
const shown = (value, quantity, rungs) => quantity.whole ? rungs[value] : quantity.log ? small(value) : quantity.diverging ? signed(value) : fixed(value);

function inCell(value, quantity) {
  if (quantity.whole) return String(value);
  return quantity.log && value < 0.005 ? "<.01" : fixed(value, 2).replace(/^−0\.00$/, ".00").replace(/^(−?)0\./, "$1.");
}

const columnOf = (probe, quantity) => quantity.whole ? probe.rungs : probe.values[quantity.key];

function describe(model, probe, quantity, index) {
  const value = at(columnOf(probe, quantity), index), name = model.heads[index];
  if (missing(value)) return `${name}: ${whyMissing(probe, quantity.key)}`;
  if (quantity.whole) return `${name}: rung ${value}, ${model.rungs[value]}`;
  const rung = probe.rungs[index] ? `, ${model.rungs[probe.rungs[index]]}` : "";
  return `${name}: ${quantity.label} ${withInterval(probe, quantity.key, index, (number) => shown(number, quantity))}${rung}`;
}

function stepper([low, high], log, steps) {
  const place = log ? (number) => Math.log10(Math.max(number, 1e-12)) : (number) => number;
  const start = place(low), reach = place(high) - start;
  return (value) => Math.min(steps - 1, Math.max(0, Math.floor((place(value) - start) / reach * steps)));
}

function paint(map, model, probe, quantity) {
  const column = columnOf(probe, quantity), colours = quantity.diverging ? "d" : "q";
  const step = stepper(probe.domain[quantity.key], quantity.log, map.steps);
  map.cells.forEach((cell, index) => {
    if (!cell) return;
    const value = at(column, index), rung = probe.rungs[index], text = describe(model, probe, quantity, index);
    const name = missing(value) ? "none" : colours + step(value);
    cell.className = `${name}${rung >= 1 ? " pass" : ""}${rung >= 2 ? " selective" : ""}${index === map.chosen ? " chosen" : ""}`;
    if (map.numbered) cell.textContent = missing(value) ? "" : inCell(value, quantity);
    cell.title = text;
    cell.setAttribute("aria-label", text);
  });
  map.block.querySelector(".heat-title").textContent = `${probe.title}: ${quantity.label}`;
  legend(map, probe, quantity, colours, model.rungs);
}

function legend({block, steps}, probe, quantity, colours, rungs) {
  const [low, high] = probe.domain[quantity.key], parts = block.querySelectorAll(".ramp i"), ticks = block.querySelector(".ticks");
  ticks.classList.toggle("whole", quantity.whole);
  if (quantity.whole) {  // no colours but those that a rung has, each above its name
    const step = stepper([low, high], false, steps), names = rungs.slice(low, high + 1);
    parts.forEach((part, i) => { part.className = colours + step(low + Math.floor(i / parts.length * names.length)); });
    ticks.replaceChildren(...names.map((name, i) => make("span", {textContent: `${low + i} ${name}`})));
    return;
  }
  parts.forEach((part, i) => { part.className = `${colours}${i}`; });
  const middle = quantity.log ? Math.sqrt(low * high) : (low + high) / 2;
  const said = (value) => quantity.log ? small(value) : fixed(value, 2);
  ticks.replaceChildren(...[low, middle, high].map((value) => make("span", {textContent: said(value)})));
}

function explain({block}, probe, quantity, note) {
  const nothing = missing(columnOf(probe, quantity));
  const reason = nothing ? ` No head has a number: ${whyMissing(probe, quantity.key)}.` : "";
  block.querySelector(".scale-note").textContent = `The scale ${note}.${reason}`;
  const warnings = block.querySelector(".cell-warnings");
  warnings.hidden = !probe.warnings.length;
  warnings.replaceChildren(make("ul", {}, ...probe.warnings.map((text) => make("li", {textContent: text}))));
}

// the cell that a key leads to: heads are columns, layers rows, and rows without the column are passed over
function neighbour(from, key) {
  const row = from.parentElement, rows = [...row.closest("table").rows], column = from.cellIndex;
  const along = (cells) => cells.find((other) => other?.dataset.i !== undefined);
  const cells = [...row.cells], place = rows.indexOf(row);
  return {
    ArrowLeft: () => along(cells.slice(0, column).reverse()),
    ArrowRight: () => along(cells.slice(column + 1)),
    ArrowUp: () => along(rows.slice(0, place).reverse().map((other) => other.cells[column])),
    ArrowDown: () => along(rows.slice(place + 1).map((other) => other.cells[column])),
    Home: () => along(cells),
    End: () => along(cells.reverse()),
  }[key]?.();
}

function listen(map, {open, readout}) {
  const table = map.block.querySelector(".heat");
  const on = (event) => event.target.closest?.("td[data-i]");
  table.setAttribute("role", "grid");
  table.addEventListener("click", (event) => { const cell = on(event); if (cell) open(Number(cell.dataset.i)); });
  for (const kind of ["pointerover", "focusin"]) {
    table.addEventListener(kind, (event) => { const cell = on(event); if (cell) readout.textContent = cell.title; });
  }
  table.addEventListener("keydown", (event) => {
    const cell = on(event);
    if (!cell) return;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(Number(cell.dataset.i)); return; }
    const next = neighbour(cell, event.key);
    if (next) { event.preventDefault(); cell.tabIndex = -1; next.tabIndex = 0; next.focus(); }
  });
}

function mark(map, index) {
  for (const cell of [map.cells[map.chosen], map.block.querySelector('td[tabindex="0"]')]) {
    cell?.classList.remove("chosen");
    if (cell) cell.tabIndex = -1;
  }
  map.chosen = index;
  map.cells[index]?.classList.add("chosen");
  if (map.cells[index]) map.cells[index].tabIndex = 0;
}
