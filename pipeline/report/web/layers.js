// Where in the model each family is read: one chart for each family.
function layerRow(row) {
  const usual = row.share - row.shift;
  const name = row.attention === "self" ? String(row.layer) : `${row.layer} (${row.attention})`;
  return {
    ...row,
    stack: name,
    usual_low: missing(row.shift_low) ? null : usual + row.shift_low,
    usual_high: missing(row.shift_high) ? null : usual + row.shift_high,
    said: interval([row.share, row.share_low, row.share_high], (number) => fixed(number, 2)),
    said_shift: interval([row.shift, row.shift_low, row.shift_high], (number) => signed(number, 2)),
  };
}

function startLayers(block, model) {
  for (const element of block.querySelectorAll(".layer-chart")) {
    const rows = model.layers.filter(({family}) => family === element.dataset.family).map(layerRow);
    chart(element, atlas.charts.layers, {rows}, {hue: element.dataset.hue});
  }
}
