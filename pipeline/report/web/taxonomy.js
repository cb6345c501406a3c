// The table of heads: sort, filter, download, open.
const order = new Intl.Collator("en", {numeric: true});
const keyOf = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
const PAGE = 120;  // rows
const empty = (text) => text === "" || text === "–";

// rows by a column, the other way round if they are already; what is empty comes last both ways
function sorted(table, column, rows) {
  const header = table.tHead.rows[0].cells[column];
  const descending = header.getAttribute("aria-sort") === "ascending";
  for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const keyed = rows.map((row) => [keyOf(row, column), row]);
  keyed.sort(([left], [right]) => {
    if (empty(left) !== empty(right)) return empty(left) ? 1 : -1;
    return (descending ? -1 : 1) * order.compare(left, right);
  });
  return keyed.map(([, row]) => row);
}

// puts rows into the table as they are scrolled to: a thousand at once would take the browser a second to lay out
function pager(block, body) {
  const region = block.querySelector(".tall"), more = block.querySelector(".more");
  let rows = [], count = 0;
  const show = (wanted) => {
    const next = rows.slice(count, wanted);
    count += next.length;
    body.append(...next);
    more.hidden = count === rows.length;
  };
  region.addEventListener("scroll", () => {
    if (region.scrollTop + 2 * region.clientHeight > region.scrollHeight) show(count + PAGE);
  });
  more.addEventListener("click", () => show(rows.length));
  addEventListener("beforeprint", () => show(rows.length));
  return (wanted) => {
    [rows, count] = [wanted, 0];
    body.replaceChildren();
    show(PAGE);
  };
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
  let rows = [...body.rows], matching = rows;
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  for (const row of rows) {
    const link = row.querySelector("a"), head = model.table.index[Number(row.dataset.row)];
    if (link) link.href = address(model, head);
  }
  const fill = pager(block, body);
  const apply = () => {
    const wanted = filterOf(block, model);
    matching = rows.filter((row) => wanted(row, texts.get(row)));
    fill(matching);
    status.textContent = `${matching.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} heads`;
  };
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = make("button", {type: "button", textContent: cell.textContent});
    button.addEventListener("click", () => { rows = sorted(table, column, rows); apply(); });
    cell.replaceChildren(button);
  });
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-row]"), head = row && model.table.index[Number(row.dataset.row)];
    if (missing(head) || event.ctrlKey || event.metaKey || event.shiftKey || String(getSelection())) return;
    event.preventDefault();
    open(head);
  });
  block.querySelector(".filter").addEventListener("input", later(60, apply));
  for (const select of block.querySelectorAll("select")) select.addEventListener("change", apply);
  block.querySelector(".download").addEventListener("click", () => save(asCsv(model, matching), `${model.slug}_heads.csv`));
  apply();
}
