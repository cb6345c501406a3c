// Small things that all parts use: elements, numbers as people read them, columns of the data.
const atlas = JSON.parse(document.getElementById("atlas-data").textContent);

const make = (tag, options, ...children) => {
  const element = Object.assign(document.createElement(tag), options);
  element.append(...children);
  return element;
};
const missing = (value) => value === null || value === undefined;
// a size with its decimals as the tables round it: toFixed takes a tie up, they to the even digit
function decimals(size, digits) {
  const exact = size.toFixed(20), cut = exact.slice(0, digits - 20);
  const even = /[02468]\.?$/.test(cut) && /^50*$/.test(exact.slice(digits - 20));
  return even ? cut.replace(/\.$/, "") : size.toFixed(digits);
}
const fixed = (value, digits = 3) => missing(value) ? "not measured" : (value < 0 ? "−" : "") + decimals(Math.abs(value), digits);
const signed = (value, digits = 3) => (value < 0 ? "−" : "+") + decimals(Math.abs(value), digits);
const small = (value) => missing(value) ? "not measured" : String(Number(value.toPrecision(2)));
// a column is a list, or one value where all heads share it
const at = (column, index) => Array.isArray(column) ? column[index] : column;
const threeOf = (probe, key, index) => ["", "_low", "_high"].map((end) => at(probe.values[key + end], index));
const later = (wait, act) => {
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(act, wait); };
};

function interval([value, low, high], show) {
  if (missing(value)) return "not measured";
  return missing(low) || missing(high) ? show(value) : `${show(value)} (${show(low)}\u00a0to\u00a0${show(high)})`;
}
const withInterval = (probe, key, index, show) => interval(threeOf(probe, key, index), show);

// why a quantity has no number: that of the baseline it is a margin over, if it is one
function whyMissing(probe, key) {
  const baseline = atlas.baselines.find(({margin}) => margin === key);
  return baseline && probe.missing[baseline.key] || "not measured";
}

const cell = (text, className = "num") => make("td", {className, textContent: text});
const header = (text, className = "") => make("th", {scope: "col", textContent: text, className});

// a table with its visible title; columns are [text, class]
function tableOf(caption, columns, bodies, title = caption) {
  const head = make("tr", {}, ...columns.map(([text, className]) => header(text, className)));
  const table = make("table", {className: "data"}, make("caption", {className: "hidden", textContent: caption}), make("thead", {}, head), ...bodies);
  const scroll = make("div", {className: "scroll", tabIndex: 0, role: "region", ariaLabel: caption}, table);
  return title ? [make("h4", {textContent: title}), scroll] : [scroll];
}
