"use strict";
// Takes over the tables whose first page is already there. Values are only ever set as text.
for (const root of document.querySelectorAll(".fl-table")) {
  const data = JSON.parse(root.querySelector("script").textContent);
  const { rows, kinds, page: size } = data;
  const body = root.querySelector("tbody");
  const heads = [...root.querySelectorAll("thead th")];
  const lower = rows.map((row) => row.join("\u0001").toLowerCase());
  const keys = rows.map((row) => row.map((text, c) => key(text, kinds[c] === "n")));
  let order = rows.map((_, i) => i);
  let sorted = { column: -1, way: 1 };
  let page = 0;

  function key(text, isNumber) {
    if (text === "") return null;
    return isNumber ? Number(text.replace(/[,%]/g, "")) : text;
  }

  // Numbers in names count as numbers: host-9 stands before host-10.
  const names = new Intl.Collator("en", { numeric: true });

  function compare(a, b) {
    const x = keys[a][sorted.column];
    const y = keys[b][sorted.column];
    if (x === null || y === null) return (x === null) - (y === null) || a - b;
    const less = typeof x === "number" ? x - y : names.compare(x, y);
    return less * sorted.way || a - b;
  }

  const bar = document.createElement("div");
  bar.className = "fl-bar";
  const label = document.createElement("label");
  label.textContent = "Search ";
  const box = document.createElement("input");
  box.type = "search";
  box.placeholder = "words, all must fit";
  label.append(box);
  const previous = button("Previous");
  const next = button("Next");
  const said = document.createElement("output");
  said.setAttribute("aria-live", "polite");
  bar.append(label, previous, next, said);
  root.querySelector(".fl-note")?.remove();
  if (rows.length > size) root.prepend(bar);

  function button(text) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    return made;
  }

  function draw() {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = order.filter((i) => words.every((word) => lower[i].includes(word)));
    const pages = Math.max(1, Math.ceil(hits.length / size));
    page = Math.max(0, Math.min(page, pages - 1));
    body.replaceChildren(
      ...hits.slice(page * size, (page + 1) * size).map((i) => {
        const line = document.createElement("tr");
        rows[i].forEach((text, c) => {
          const cell = document.createElement("td");
          cell.textContent = text;
          if (kinds[c]) cell.className = kinds[c];
          line.append(cell);
        });
        return line;
      }),
    );
    const found = words.length ? `${count(hits.length)} of ${count(rows.length)}` : count(rows.length);
    said.textContent = `${found} rows, page ${page + 1} of ${pages}`;
    previous.disabled = page === 0;
    next.disabled = page === pages - 1;
  }

  function count(number) {
    return number.toLocaleString("en-US");
  }

  heads.forEach((head, column) => {
    const press = button(head.textContent);
    head.replaceChildren(press);
    head.setAttribute("aria-sort", "none");
    press.addEventListener("click", () => {
      // Amounts are mostly wanted largest first.
      const first = kinds[column] === "n" ? -1 : 1;
      const again = sorted.column === column;
      sorted = { column, way: again ? -sorted.way : first };
      heads.forEach((other, c) =>
        other.setAttribute(
          "aria-sort",
          c !== column ? "none" : sorted.way > 0 ? "ascending" : "descending",
        ),
      );
      order = rows.map((_, i) => i).sort(compare);
      page = 0;
      draw();
    });
  });
  box.addEventListener("input", () => {
    page = 0;
    draw();
  });
  previous.addEventListener("click", () => {
    page -= 1;
    draw();
  });
  next.addEventListener("click", () => {
    page += 1;
    draw();
  });
  draw();
}
