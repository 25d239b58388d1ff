// Sorting, hiding and reading out: no number is made or changed here.
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

  // A point's row in its figure's table: what is read out is taken from there.
  const rowOf = (point) => {
    const table = point.closest("figure").querySelector("details table");
    return table && table.tBodies[0].rows[Number(point.dataset.row)];
  };
  const seriesOf = (point) => rowOf(point).cells[0].textContent;

  for (const legend of document.querySelectorAll(".legend")) {
    const section = legend.closest("section");
    for (const item of legend.querySelectorAll("li[data-series]")) {
      const name = item.dataset.series;
      const button = document.createElement("button");
      button.setAttribute("aria-pressed", "true");
      button.append(...item.childNodes);
      item.append(button);
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        for (const mark of section.querySelectorAll("svg [data-series], svg [data-row]")) {
          if ((mark.dataset.series ?? seriesOf(mark)) === name) mark.style.display = shown ? "" : "none";
        }
      });
    }
  }

  // The nearest point to the pointer, or the one that the arrow keys have reached, read out below its chart.
  const middle = (point) => {
    const box = point.getBoundingClientRect();
    return { point, x: box.x + box.width / 2, y: box.y + box.height / 2 };
  };
  const nearest = (points, x, y) =>
    points.reduce((best, p) => (Math.hypot(p.x - x, p.y - y) < Math.hypot(best.x - x, best.y - y) ? p : best));

  const across = (points, x) =>
    points.reduce((best, p) => (Math.abs(p.x - x) < Math.abs(best.x - x) ? p : best));

  for (const chart of document.querySelectorAll("figure > [role=img]")) {
    if (!chart.querySelector("[data-row]")) continue;
    const readout = document.createElement("p");
    readout.className = "readout";
    readout.setAttribute("role", "status");
    chart.after(readout);
    chart.tabIndex = 0;
    chart.setAttribute("role", "application");
    chart.setAttribute("aria-roledescription", "chart, arrow keys read its points, Escape leaves");
    let read = null;

    const points = () =>
      [...chart.querySelectorAll("[data-row]")].filter((point) => point.getClientRects().length).map(middle);
    const leave = () => {
      read?.classList.remove("read");
      read = null;
      readout.replaceChildren();
    };
    const show = (point) => {
      if (point === read) return;
      leave();
      read = point;
      read.classList.add("read");
      const row = rowOf(point);
      const headings = row.closest("table").tHead.rows[0].cells;
      const name = document.createElement("b");
      name.append(...row.cells[0].cloneNode(true).childNodes);
      readout.append(name);
      for (const cell of [...row.cells].slice(1)) {
        if (!cell.textContent.trim()) continue;
        readout.append(`, ${headings[cell.cellIndex].textContent} `, ...cell.cloneNode(true).childNodes);
      }
    };
    // Left and right stay in a series; up and down go to another, the nearest across in each.
    const step = (key) => {
      const all = points();
      const here = all.find((p) => p.point === read);
      if (!all.length) return;
      if (!here) return show(all[0].point);
      const series = all.filter((p) => seriesOf(p.point) === seriesOf(read)).sort((a, b) => a.x - b.x);
      const back = key === "ArrowLeft" || key === "ArrowUp";
      let line = series;
      if (series.length < 2 || key === "ArrowUp" || key === "ArrowDown") {
        const groups = {};
        for (const p of all) (groups[seriesOf(p.point)] ??= []).push(p);
        line = Object.values(groups).map((group) => (group.includes(here) ? here : across(group, here.x)));
        line.sort((a, b) => a.y - b.y || a.x - b.x);
      }
      const next = line[line.indexOf(here) + (back ? -1 : 1)];
      if (next) show(next.point);
    };

    chart.addEventListener("pointermove", (event) => {
      const all = points();
      if (all.length) show(nearest(all, event.clientX, event.clientY).point);
    });
    chart.addEventListener("pointerleave", leave);
    chart.addEventListener("blur", leave);
    chart.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leave();
      else if (event.key.startsWith("Arrow")) {
        event.preventDefault();
        step(event.key);
      }
    });
  }
})();
