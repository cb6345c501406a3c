// Why a head stands on its rung, what it is a candidate for, and which heads are like it.
const verdict = (met) => make("td", {className: met ? "met" : "unmet"}, met ? "✓ " : "✗ ", make("span", {className: "word", textContent: met ? "met" : "not met"}));
const below = (text) => make("span", {className: "soft", textContent: text});

function criterionRow(model, probe, index, criterion, met) {
  const [value, low, high] = threeOf(probe, criterion.key, index);
  const label = make("th", {scope: "row", textContent: criterion.label});
  if (missing(value)) {
    return make("tr", {}, label, make("td", {colSpan: 2, className: "soft", textContent: whyNoNumber(probe, criterion)}));
  }
  const [number, more, needed] = said(probe, index, criterion, [value, low, high], model.alpha ?? "alpha");
  const found = cell(number, "num ends");
  if (more) found.append(below(more));
  if (needed) label.append(below(needed));
  return make("tr", {}, label, found, verdict(met));
}

function whyNoNumber(probe, criterion) {
  if (criterion.rung === 3) return "not measured: the dataset has none, or the head does not decode the feature";
  return whyMissing(probe, criterion.key);
}

// a p-value with as many digits as it takes to be seen on its side of alpha
function besides(value, alpha) {
  const digits = [2, 3, 4, 5, 6].find((count) => missing(value) || (Number(value.toPrecision(count)) < alpha) === (value < alpha));
  return missing(value) ? small(value) : String(Number(value.toPrecision(digits ?? 6)));
}

// [what was found, more of it, what the rung asks]
function said(probe, index, {key, rung, p, where}, ends, alpha) {
  if (key.startsWith("p_")) return [besides(ends[0], alpha), "", `has to lie below ${alpha}`];
  if (key === "accuracy") return [interval(ends, fixed), "", `lower end has to lie above ${fixed(at(probe.baselines.majority, index))}`];
  if (rung === 2) return [interval(ends, signed), stretched(probe, ends), ""];
  const place = at(probe.where[where], index);
  return [interval(ends, signed), `p ${besides(at(probe.values[p], index), alpha)}${place ? ` on ${place}` : ""}`, `lower end has to lie above 0, p below ${alpha}`];
}

// the lower end of an interval that holds for all heads and margins of the dataset at once
function stretched(probe, [value, low]) {
  return missing(probe.stretch) || missing(low) ? "" : `stretched lower end ${signed(value - probe.stretch * (value - low))}`;
}

function rungBody(model, probe, index, rung) {
  const met = at(probe.met, index);
  const rows = atlas.criteria.map((criterion, bit) => [criterion, Boolean(met & 1 << bit)]).filter(([criterion]) => criterion.rung === rung);
  if (rung >= model.rungs.length || !rows.length) return null;
  const note = rung === 3 ? ": one of the two, and rung 2" : rung === 2 ? ": the stretched lower ends of all of these above 0, and rung 1" : ": both";
  const title = make("th", {scope: "rowgroup", colSpan: 3, className: "group", textContent: `Rung ${rung}, ${model.rungs[rung]}${note}`});
  return make("tbody", {}, make("tr", {}, title), ...rows.map(([criterion, yes]) => criterionRow(model, probe, index, criterion, yes)));
}

function evidenceTable(model, probe, index) {
  const bodies = [1, 2, 3].map((rung) => rungBody(model, probe, index, rung)).filter(Boolean);
  const rung = probe.rungs[index];
  const stands = make("p", {className: "small"}, "Stands on rung ", make("strong", {textContent: `${rung}, ${model.rungs[rung]}`}), ` for ${probe.title}.`);
  const columns = [["what a rung asks"], ["found", "num"], ["verdict"]];
  return [...tableOf(`${probe.title}: the evidence by rung`, columns, bodies), stands];
}

// [cell of the survey, phase, highest rung, features], the best first
function candidates(model, index) {
  const found = new Map();
  for (const probe of model.probes) {
    const rung = probe.rungs[index];
    if (rung < 1) continue;
    for (const name of probe.cells) {
      const entry = found.get(name) ?? {name, phase: model.cells[name] ?? "", rung: 0, features: []};
      entry.rung = Math.max(entry.rung, rung);
      entry.features.push([probe.title, rung]);
      found.set(name, entry);
    }
  }
  const order = Object.keys(model.cells);
  return [...found.values()].sort((a, b) => b.rung - a.rung || order.indexOf(a.name) - order.indexOf(b.name));
}

function candidateTable(model, index) {
  const title = make("h4", {textContent: "Candidate for these heads of the survey"});
  const rows = candidates(model, index).map(({name, phase, rung, features}) => {
    const listed = features.sort((a, b) => b[1] - a[1]).map(([feature, reached]) => `${feature} (${reached})`).join(", ");
    const named = make("th", {scope: "row"}, name, make("span", {className: "soft", textContent: phase}));
    return make("tr", {}, named, cell(`${rung} ${model.rungs[rung]}`, "line"), cell(listed, ""));
  });
  if (!rows.length) return [title, make("p", {className: "soft small", textContent: "None: the head decodes no feature that speaks for one."})];
  const columns = [["head of the survey"], ["highest rung"], ["features that speak for it (rung)"]];
  const table = tableOf("Candidate cells of the survey", columns, [make("tbody", {}, ...rows)], "");
  const note = `Our mapping of features to heads; a probe alone confirms none. Labels and phases count from rung ${model.label_rung} on.`;
  return [title, ...table, make("p", {className: "soft small", textContent: note})];
}

function nearestHeads(model, index) {
  const title = make("h4", {textContent: "Heads with a like profile"}), like = model.nearest[index];
  if (!like.length) return [title, make("p", {className: "soft small", textContent: "None: fewer than two heads were probed."})];
  const items = like.map(([other, similarity]) => {
    const button = make("button", {type: "button", className: "plain", textContent: model.heads[other]});
    button.dataset.head = other;
    return make("li", {}, button, make("span", {className: "soft small", textContent: ` ${missing(similarity) ? "" : fixed(similarity, 2)}`}));
  });
  const note = "Correlation of the scores on all features.";
  return [title, make("ul", {}, ...items), make("p", {className: "soft small", textContent: note})];
}
