// Sorting and hiding only: no number is made or changed here.
(() => {
  "use strict";

  const sortValue = (row, column) => {
    const cell = row.cells[column];
    const data = cell && cell.querySelector("data");
    return data ? Number(data.value) : null;
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    table.tHead.querySelectorAll("th").forEach((heading, column) => {
      const button = document.createElement("button");
      button.textContent = heading.textContent;
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = heading.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", up ? "ascending" : "descending");
        for (const body of table.tBodies) {
          const rows = [...body.rows].filter((row) => !row.matches(".group, .reason"));
          const reasons = new Map(rows.map((row) => [row, row.nextElementSibling?.matches(".reason") ? row.nextElementSibling : null]));
          rows.sort((a, b) => {
            if (column === 0) return a.cells[0].textContent.localeCompare(b.cells[0].textContent) * (up ? 1 : -1);
            const [x, y] = [sortValue(a, column), sortValue(b, column)];
            if (x === null || y === null) return (x === null) - (y === null);
            return (x - y) * (up ? 1 : -1);
          });
          for (const row of rows) {
            body.append(row);
            if (reasons.get(row)) body.append(reasons.get(row));
          }
        }
      });
    });
  }

  for (const legend of document.querySelectorAll(".legend")) {
    const section = legend.closest("section");
    for (const item of legend.querySelectorAll("li[data-series]")) {
      const colour = `var(${item.dataset.series})`;
      const button = document.createElement("button");
      button.setAttribute("aria-pressed", "true");
      button.append(...item.childNodes);
      item.append(button);
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        for (const drawn of section.querySelectorAll(`svg [stroke="${colour}"], svg [fill="${colour}"]`)) {
          drawn.style.display = shown ? "" : "none";
        }
      });
    }
  }
})();
