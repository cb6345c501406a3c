// A head on every feature, as a chart and as a table, and beside its baselines on one.
function axis(start, end) {
  const box = make("div", {className: "plot", ariaHidden: "true"});
  const percent = (value) => Math.min(100, Math.max(0, 100 * (value - start) / (end - start)));
  const put = (name, value, other) => {
    if (missing(value)) return;
    const mark = make("i", {className: name});
    mark.style.left = `${percent(value)}%`;
    if (!missing(other)) mark.style.width = `${percent(other) - percent(value)}%`;
    box.append(mark);
  };
  const score = ([value, low, high]) => {
    if (!missing(low) && !missing(high)) put("whisker", low, high);
    put("dot", value);
  };
  return {box, put, score};
}

function comparisonRow(probe, index, {key, label, margin}, reach) {
  const row = make("tr", {}, make("th", {scope: "row", textContent: label}));
  const reached = at(probe.baselines[key], index);
  if (missing(reached)) {
    row.append(make("td", {colSpan: 2, className: "soft", textContent: probe.missing[key] ?? "not measured"}), make("td"));
    return row;
  }
  const plot = axis(-reach, reach);
  plot.put("zero", 0);
  plot.score(threeOf(probe, margin, index));
  row.append(cell(fixed(reached)), cell(withInterval(probe, margin, index, signed), "num ends"), make("td", {}, plot.box));
  return row;
}

function comparisons(probe, index) {
  const ends = atlas.baselines.flatMap(({margin}) => threeOf(probe, margin, index).map((end) => Math.abs(end ?? 0)));
  const reach = Math.max(0.1, ...ends);
  const rows = atlas.baselines.map((baseline) => comparisonRow(probe, index, baseline, reach));
  const caption = `${probe.title}: accuracy ${withInterval(probe, "accuracy", index, fixed)}, beside the baselines`;
  const columns = [["baseline"], ["accuracy", "num"], ["margin (interval)", "num"], [`margin, −${reach.toFixed(1)} to ${reach.toFixed(1)}`]];
  return tableOf(caption, columns, [make("tbody", {}, ...rows)]);
}

function profileRows(model, index, current) {
  return model.probes.map((probe, order) => {
    const [accuracy, low, high] = threeOf(probe, "accuracy", index), rung = probe.rungs[index];
    const row = {
      order, title: probe.title, family: probe.family, accuracy, low, high, rung, chosen: order === current,
      said: withInterval(probe, "accuracy", index, fixed), p: small(at(probe.values.p_value, index)), rung_name: `${rung} ${model.rungs[rung]}`,
    };
    atlas.baselines.forEach(({key}, number) => { row[`baseline_${number}`] = fixed(at(probe.baselines[key], index)); });
    return row;
  });
}

function baselineMarks(model, index) {
  return model.probes.flatMap((probe, order) => atlas.baselines.map(({key, label}) => (
    {order, title: probe.title, baseline: label, value: at(probe.baselines[key], index)}
  )).filter(({value}) => !missing(value)));
}

const scoreColumns = (model) => [
  ["feature"], ["accuracy (interval)", "num"], ["p over heads", "num"], ["rung"], ["selectivity (interval)", "num"],
  ["balanced acc.", "num"], ["AUROC", "num"], ["bits", "num"],
  ...(hasCodelength(model) ? [["codelength", "num"]] : []),
];
const hasCodelength = (model) => model.probes.some(({values}) => !missing(values.codelength));

function scoreRow(model, probe, number, index, current) {
  const button = make("button", {type: "button", textContent: probe.title});
  button.dataset.probe = number;
  if (current) button.setAttribute("aria-current", "true");
  const row = make("tr", {}, make("th", {scope: "row"}, button));
  row.append(cell(withInterval(probe, "accuracy", index, fixed), "num ends"), cell(small(at(probe.values.p_value, index))));
  row.append(cell(model.rungs[probe.rungs[index]], "line"), cell(withInterval(probe, "selectivity", index, signed), "num ends"));
  row.append(...["balanced_accuracy", "auroc", "information_bits"].map((key) => cell(fixed(at(probe.values[key], index)))));
  if (hasCodelength(model)) row.append(cell(fixed(at(probe.values.codelength, index), 0)));
  return row;
}

function scoreTable(model, index, current) {
  const rows = model.probes.map((probe, number) => scoreRow(model, probe, number, index, number === current));
  return tableOf(`${model.heads[index]} on every feature`, scoreColumns(model), [make("tbody", {}, ...rows)], "");
}
