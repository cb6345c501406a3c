// Vega-Lite charts: drawn when they come into view, in the colours of the page, again when these change.
const drawn = new Map();  // element -> {spec, data, view}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function theme() {
  const [ink, soft, line] = ["--ink", "--soft", "--line"].map(colour);
  const font = getComputedStyle(document.body).fontFamily;
  const text = {labelColor: ink, titleColor: soft, labelFont: font, titleFont: font, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal"};
  return {
    background: "transparent", font, view: {stroke: null},
    axis: {...text, domainColor: line, tickColor: line, gridColor: line},
    legend: {...text, symbolStrokeColor: soft, symbolSize: 60, rowPadding: 3, offset: 8, labelLimit: 220},
  };
}

// a spec with what the theme and the room decide; an expression for the columns would grow the legend out of the chart
function filled({spec, hue, data}, width) {
  const longest = Math.max(0, ...data.rows.map(({title}) => title?.length ?? 0));  // letters beside the plot, of 6.6 pixels
  const room = width - Math.min(170, 6.6 * longest);
  const known = {"@family": hue, "@columns": room < 300 ? 1 : room < 500 ? 2 : 3};
  const fill = (value) => /^@\w+$/.test(value) ? known[value] ?? colour(`--${value.slice(1)}`) : value;
  return JSON.parse(JSON.stringify(spec), (_, value) => typeof value === "string" ? fill(value) : value);
}

// ast: expressions are interpreted, so that the page may forbid eval
async function draw(element) {
  const chart = drawn.get(element);
  chart.view?.finalize();
  const options = {ast: true, actions: false, renderer: "svg", mode: "vega-lite", tooltip: {theme: "atlas"}, config: theme()};
  const description = element.getAttribute("aria-label");  // or the library would put its own words there
  const {view} = await vegaEmbed(element, {...filled(chart, element.clientWidth), description, datasets: chart.data}, options);
  chart.view = view;
  // a pointer and a title say what a chart says; its marks would be thousands of words to a screen reader
  element.firstElementChild?.setAttribute("aria-hidden", "true");
  if (chart.pick) view.addEventListener("click", (_, item) => { if (item?.datum) chart.pick(item.datum); });
  element.dataset.drawn = "true";
}

const seen = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) if (isIntersecting && drawn.has(target)) first(target);
}, {rootMargin: "300px"});

function first(element) {
  seen.unobserve(element);
  if (drawn.get(element).asked) return;
  drawn.get(element).asked = true;
  draw(element);
}

// what nobody has scrolled to is printed, too; a chart that is not shown has no width yet
addEventListener("load", () => requestIdleCallback(() => {
  for (const element of drawn.keys()) if (element.offsetParent) first(element);
}));

// put a chart into an element, or new data into the chart that is there
function chart(element, spec, data, {hue, pick} = {}) {
  const old = drawn.get(element);
  if (old) {
    old.data = data;
    if (!old.view) return;
    for (const [name, rows] of Object.entries(data)) old.view.data(name, rows);
    old.view.runAsync();
    return;
  }
  drawn.set(element, {spec, data, hue, pick});
  seen.observe(element);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [element, {view}] of drawn) if (view) draw(element);
});
