// The address of a view: #head=<model>/<L3H4>&feature=<dataset>&shown=<quantity>.
function address(model, index, probe, quantity) {
  const parts = [`head=${encodeURIComponent(model.slug)}/${model.names[index]}`];
  if (probe) parts.push(`feature=${encodeURIComponent(probe.dataset)}`);
  if (quantity) parts.push(`shown=${quantity.key}`);
  return `#${parts.join("&")}`;
}

// what an address asks for as places in the data; null where it asks for no head of this run
function asked(hash) {
  const parts = new URLSearchParams(hash.slice(1).replaceAll("+", "%2B"));
  const [, slug, name] = /^(.*)\/([^/]+)$/.exec(parts.get("head") ?? "") ?? [];
  const number = atlas.models.findIndex((model) => model.slug === slug);
  const index = number < 0 ? -1 : atlas.models[number].names.indexOf(name);
  if (index < 0) return null;
  return {
    number, index,
    probe: atlas.models[number].probes.findIndex(({dataset}) => dataset === parts.get("feature")),
    quantity: atlas.quantities.findIndex(({key}) => key === parts.get("shown")),
  };
}

const SHOWN = "shown";  // marks the entries of the history that the page wrote: going back to one moves no view

function remember(hash) {
  try { history.replaceState(SHOWN, "", hash); } catch { /* a page within a page may not */ }
}

// before leading away from where a reader is, so that going back leads there again
function keepPlace() {
  try { history.pushState(SHOWN, "", location.href); } catch { /* a page within a page may not */ }
}
