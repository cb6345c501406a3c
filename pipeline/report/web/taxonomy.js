// The table of heads: sort, filter, download, open.
const order = new Intl.Collator("en", {numeric: true});
const keyOf = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
const empty = (text) => text === "" || text === "–";

function sortBy(table, column) {
  const header = table.tHead.rows[0].cells[column];
  const descending = header.getAttribute("aria-sort") === "ascending";
  for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const keyed = [...table.tBodies[0].rows].map((row) => [keyOf(row, column), row]);
  keyed.sort(([left], [right]) => {
    if (empty(left) !== empty(right)) return empty(left) ? 1 : -1;
    return (descending ? -1 : 1) * order.compare(left, right);
  });
  table.tBodies[0].append(...keyed.map(([, row]) => row));
}

// a spreadsheet takes text that begins like this for a formula
const safe = (value) => typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
const quoted = (text) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

// heads.csv of the rows shown, in the order shown
function asCsv(model, rows) {
  const lines = [model.table.columns, ...rows.map((row) => model.table.rows[Number(row.dataset.row)])];
  return lines.map((line) => line.map((value) => quoted(safe(value))).join(",")).join("\n") + "\n";
}

function save(text, name) {
  const url = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
  make("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function filterOf(block, model) {
  const column = (name) => model.table.columns.indexOf(name);
  const [label, family, rung] = ["label", "family", "rung"].map(column);
  const words = block.querySelector(".filter").value.toLowerCase().split(/\s+/);
  const chosen = Object.fromEntries(["label", "family", "rung"].map((name) => [name, block.querySelector(`.by-${name}`).value]));
  return (row, text) => {
    const values = model.table.rows[Number(row.dataset.row)];
    return words.every((word) => text.includes(word))
      && (!chosen.label || values[label] === chosen.label)
      && (!chosen.family || values[family].split(";").includes(chosen.family))
      && (!chosen.rung || values[rung] >= Number.parseInt(chosen.rung, 10));
  };
}

function startTable(block, model, open) {
  const table = block.querySelector("table"), status = block.querySelector(".shown"), body = table.tBodies[0];
  const texts = new Map([...body.rows].map((row) => [row, row.textContent.toLowerCase()]));
  const apply = () => {
    const wanted = filterOf(block, model);
    let count = 0;
    for (const [row, text] of texts) {
      row.hidden = !wanted(row, text);
      count += !row.hidden;
    }
    status.textContent = `${count.toLocaleString("en")} of ${texts.size.toLocaleString("en")} heads`;
  };
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = make("button", {type: "button", textContent: cell.textContent});
    button.addEventListener("click", () => sortBy(table, column));
    cell.replaceChildren(button);
  });
  for (const row of body.rows) {
    const link = row.querySelector("a"), head = model.table.index[Number(row.dataset.row)];
    if (link) link.href = address(model, head);
  }
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-row]"), head = row && model.table.index[Number(row.dataset.row)];
    if (missing(head) || event.ctrlKey || event.metaKey || event.shiftKey || String(getSelection())) return;
    event.preventDefault();
    open(head);
  });
  block.querySelector(".filter").addEventListener("input", later(60, apply));
  for (const select of block.querySelectorAll("select")) select.addEventListener("change", apply);
  block.querySelector(".download").addEventListener("click", () => {
    save(asCsv(model, [...body.rows].filter((row) => !row.hidden)), `${model.slug}_heads.csv`);
  });
  apply();
}
