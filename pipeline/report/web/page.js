// Brings the parts together: one view for each model, started when the model is shown.
const views = new Map();  // number of the model -> its view

function best(model, probe) {
  const accuracy = (index) => at(probe.values.accuracy, index) ?? -1;
  return model.heads.reduce((top, _, index) => accuracy(index) > accuracy(top) ? index : top, 0);
}

function summary(model, index) {
  const place = model.table.index.indexOf(index);
  const fact = (name) => model.table.rows[place]?.[model.table.columns.indexOf(name)];
  const listed = (name) => String(fact(name) ?? "").split(";").filter(Boolean).join(", ") || "none";
  const stability = missing(fact("stability")) ? "not measured" : fixed(fact("stability"), 2) + (fact("stable") === "False" ? ", unstable" : "");
  const special = missing(fact("specialisation")) ? "–" : fixed(fact("specialisation"), 2);
  const rung = fact("rung");
  const facts = [
    ["label", fact("label") ?? "none"], ["stability of the label", stability], ["families", listed("family")],
    ["candidate phases", listed("phase")], ["highest rung", missing(rung) ? "none" : `${rung} ${model.rungs[rung] ?? ""}`], ["specialisation", special],
  ];
  return make("dl", {className: "facts"}, ...facts.map(([term, text]) => (
    make("div", {}, make("dt", {textContent: term}), make("dd", {textContent: text}))
  )));
}

// the parts of the head's panel stay, what is in them changes: so the chart need not be drawn anew
function panel(detail, pick) {
  const part = (name) => make("div", {className: name});
  const parts = Object.fromEntries(["about", "evidence", "comparison", "candidates", "nearest", "scores"].map((name) => [name, part(name)]));
  const title = make("h3", {tabIndex: -1}), picture = make("div", {className: "chart profile-chart", role: "img"});
  picture.style.minHeight = `${atlas.charts.profile.height + 80}px`;  // so that what is below stays in place once it is drawn
  const families = [...new Set(atlas.models.flatMap(({probes}) => probes.map(({family}) => family)))];
  const key = make("p", {className: "small soft key"}, "Dot and bar: accuracy and its interval, hollow where the feature is not decodable. ");
  families.forEach((name) => key.append(make("span", {className: "line"}, make("i", {className: "hue", style: `background:${hueOf(name)}`}), name), " "));
  const profile = make("div", {className: "profile"}, make("h4", {textContent: "On every feature, beside the baselines; choose one to see more of it below"}), picture, key);
  const table = make("details", {}, make("summary", {textContent: "The same as a table"}), parts.scores);
  detail.replaceChildren(title, parts.about, profile, table, parts.comparison, parts.evidence, parts.candidates, parts.nearest);
  return {...parts, title, picture, table, pick};
}

const hueOf = (family) => {
  const {domain, range} = atlas.charts.profile.layer.find(({encoding}) => encoding.color).encoding.color.scale;
  return range[domain.indexOf(family)] ?? "#8a8f98";
};

function startView(block, number) {
  const model = atlas.models[number];
  const probeSelect = block.querySelector(".probe"), quantitySelect = block.querySelector(".quantity");
  const cells = [];
  for (const cell of block.querySelectorAll("td[data-i]")) {
    cell.tabIndex = -1;  // so that a click brings the keys to the cell
    cells[Number(cell.dataset.i)] = cell;
  }
  const map = {block, cells, chosen: best(model, model.probes[0]), steps: block.querySelectorAll(".ramp i").length, numbered: !block.querySelector(".dense")};
  const parts = panel(block.querySelector(".detail"));
  const probe = () => model.probes[probeSelect.value], quantity = () => atlas.quantities[quantitySelect.value];

  const showHead = (index) => {
    const current = Number(probeSelect.value);
    mark(map, index);
    parts.title.textContent = `${model.heads[index]} of ${model.slug}`;
    parts.about.replaceChildren(summary(model, index));
    parts.evidence.replaceChildren(...evidenceTable(model, probe(), index));
    parts.comparison.replaceChildren(...comparisons(probe(), index));
    parts.candidates.replaceChildren(...candidateTable(model, index));
    parts.nearest.replaceChildren(...nearestHeads(model, index));
    if (parts.table.open) parts.scores.replaceChildren(...scoreTable(model, index, current));
    parts.picture.setAttribute("aria-label", `${model.heads[index]} on every feature; the table below says the same`);
    const data = {rows: profileRows(model, index, current), marks: baselineMarks(model, index)};
    chart(parts.picture, atlas.charts.profile, data, {pick: ({order}) => openProbe(order)});
  };
  const show = () => {
    paint(map, model, probe(), quantity());
    explain(map, probe(), quantity(), quantitySelect.selectedOptions[0].dataset.note);
    showHead(map.chosen);
  };
  const note = () => {
    remember(address(model, map.chosen, probe(), quantity()));
    block.querySelector(".said").textContent = `${model.heads[map.chosen]}, ${probe().title}: shown beside the map`;
  };
  const open = (index) => { showHead(index); note(); };
  const openProbe = (order) => {
    const focused = parts.table.contains(document.activeElement);
    probeSelect.value = order;
    show();
    note();
    if (focused) parts.scores.querySelector("[aria-current]")?.focus();
  };
  probeSelect.addEventListener("change", () => { map.chosen = best(model, probe()); show(); note(); });
  quantitySelect.addEventListener("change", () => { show(); note(); });
  parts.table.addEventListener("toggle", () => { if (parts.table.open) showHead(map.chosen); });
  block.querySelector(".detail").addEventListener("click", (event) => {
    const {probe: order, head} = event.target.closest("button")?.dataset ?? {};
    if (order !== undefined) openProbe(Number(order));
    if (head !== undefined) { open(Number(head)); parts.title.focus(); }
  });
  listen(map, {open, readout: block.querySelector(".readout")});
  show();
  return (index, order, shownQuantity) => {
    if (order >= 0) probeSelect.value = order;
    if (shownQuantity >= 0) quantitySelect.value = shownQuantity;
    if (index !== undefined) map.chosen = index;
    show();
    note();
  };
}

function showModel(number) {
  const model = atlas.models[number];
  for (const part of document.querySelectorAll("[data-model]")) part.hidden = part.dataset.model !== model.slug;
  if (views.has(number)) return;
  const of = (kind) => [...document.querySelectorAll(kind)].filter((part) => part.dataset.model === model.slug);
  for (const block of of(".atlas")) views.set(number, startView(block, number));
  for (const block of of("#overview [data-model]")) startLayers(block, model);
  for (const block of of(".taxonomy")) startTable(block, model, (index) => { keepPlace(); views.get(number)(index); jumpTo("map"); });
}

const jumpTo = (id) => document.getElementById(id).scrollIntoView();

function follow() {
  const wanted = asked(location.hash);
  if (!wanted) return false;
  const select = document.getElementById("model");
  if (select) select.value = atlas.models[wanted.number].slug;
  showModel(wanted.number);
  const known = history.state === SHOWN;
  views.get(wanted.number)(wanted.index, wanted.probe, wanted.quantity);
  if (!known) jumpTo("map");
  return true;
}

document.documentElement.classList.add("js");
document.getElementById("model")?.addEventListener("change", ({target}) => {
  const number = atlas.models.findIndex(({slug}) => slug === target.value);
  showModel(number);
  views.get(number)();
});
document.getElementById("datasets").addEventListener("click", ({target}) => {
  const link = target.closest('a[href^="#dataset-"]');
  if (link) document.getElementById(link.getAttribute("href").slice(1)).closest("details").open = true;
});
addEventListener("hashchange", follow);
if (!follow()) showModel(0);
