"""Tables as a reader sees them."""

from playwright.sync_api import Locator

CELLS = """table => [...table.rows]
  .filter((row) => row.checkVisibility())
  .map((row) => [...row.cells].map((cell) => cell.innerText.replaceAll("\\u00a0", " ").trim()))"""


def cells_of(table: Locator) -> list[list[str]]:
    """Return the words of every cell of the rows that are shown, the heading first."""
    found: list[list[str]] = table.evaluate(CELLS)
    return found


def row_of(place: Locator, name: str, having: str) -> dict[str, str]:
    """Return one row of the table within `place` that has a column `having`, by the heading of its columns.

    The row is that whose first line of its first cell is `name`.
    """
    tables = [cells_of(table) for table in place.locator("table").all()]
    heading, *rows = next(rows for rows in tables if having in rows[0])
    (row,) = [row for row in rows if row[0].split("\n")[0] == name]
    return dict(zip(heading, row, strict=True))
