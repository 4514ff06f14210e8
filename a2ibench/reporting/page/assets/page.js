"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Themes: the system's until somebody asks for the other one.
  const root = document.documentElement, theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("a2ibench-theme"); } catch { return null; } };
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; theme.setAttribute("aria-label", theme.textContent + " colours"); };
  if (stored()) root.dataset.theme = stored();
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("a2ibench-theme", root.dataset.theme); } catch { /* Files may have no storage. */ }
    label();
  });
  system.addEventListener("change", label);
  label();

  // Tables: the rows of methods are sorted, controls stay where they are.
  const key = (row, place) => {
    const cell = row.cells[place], value = cell.dataset.value;
    if (value === undefined) return cell.textContent.trim().toLowerCase();
    if (value === "") return null;
    return value === "inf" ? Infinity : value === "-inf" ? -Infinity : Number(value);
  };
  const sort = (table, place, direction) => {
    const body = table.tBodies[0], sign = direction === "descending" ? -1 : 1;
    const rows = [...body.rows].map((row) => [key(row, place), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" ? a - b || 0 : a.localeCompare(b, undefined, { numeric: true }));
    });
    body.append(...rows.map(([, row]) => row));
    [...table.tHead.rows[0].cells].forEach((cell, index) => cell.setAttribute("aria-sort", index === place ? direction : "none"));
  };
  all("table.sorts .sort").forEach((button) => button.addEventListener("click", () => {
    const head = button.closest("th"), first = button.dataset.first;
    const other = first === "ascending" ? "descending" : "ascending";
    sort(head.closest("table"), head.cellIndex, head.getAttribute("aria-sort") === first ? other : first);
  }));

  // Filters: of methods and datasets, in tables and curves.
  const field = document.getElementById("filter"), dataset = document.getElementById("dataset");
  const more = document.getElementById("more"), shown = document.getElementById("shown");
  const methods = new Set(all("#ranking tbody:not(.controls) tr[data-method]").map((row) => row.dataset.method));
  const filter = () => {
    const wanted = field.value.trim().toLowerCase();
    const fits = (name) => name.toLowerCase().includes(wanted);
    all("tr[data-method]").forEach((row) => row.classList.toggle("out", !row.closest(".controls") && !fits(row.dataset.method)));
    all("svg [data-method]").forEach((mark) => mark.classList.toggle("out", methods.has(mark.dataset.method) && !fits(mark.dataset.method)));
    all("[data-dataset]").forEach((part) => part.classList.toggle("out", dataset.value !== "" && part.dataset.dataset !== dataset.value));
    const count = [...methods].filter(fits).length;
    shown.textContent = wanted ? `${count} of ${methods.size} methods` : "";
  };
  if (field) {
    field.form.addEventListener("submit", (event) => event.preventDefault());
    field.addEventListener("input", filter);
    dataset.addEventListener("change", filter);
    more.addEventListener("change", () => all("table").forEach((table) => table.classList.toggle("all", more.checked)));
    // A browser that goes back keeps what was typed.
    filter();
    more.dispatchEvent(new Event("change"));
  }

  // What is shown, in files.
  const save = (name, content, type) => {
    const link = document.createElement("a");
    link.download = name.replace(/[^\w.+-]+/g, "-");
    link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const visible = (element) => element.getClientRects().length > 0;
  const cells = (table) => all("tr:not(.divider)", table).filter(visible)
    .map((row) => [...row.cells].filter(visible).map((cell) => cell.innerText.replace(/[↕↑↓]/g, "").replace(/\s+/g, " ").trim()));
  const csv = (rows) => rows.map((row) => row.map((text) => {
    // What a spreadsheet would take for a formula is text.
    const plain = /^[=+@\t]/.test(text) && isNaN(Number(text.split(" ")[0])) ? "'" + text : text;
    return /[",\n\r]/.test(plain) ? `"${plain.replace(/"/g, '""')}"` : plain;
  }).join(",")).join("\n") + "\n";
  const signs = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}", ">": "\\textgreater{}", "±": "$\\pm$", "≈": "$\\approx$", "—": "--", "×": "$\\times$" };
  const tex = (text) => text.replace(/[\\&%$#_{}~^<>±≈—×]/g, (sign) => signs[sign] || "\\" + sign);
  const latex = (rows, caption) => {
    const lines = rows.map((row) => `  ${row.map(tex).join(" & ")} \\\\`);
    lines.splice(1, 0, "  \\midrule");
    return ["% needs \\usepackage{booktabs}", `% ${caption}`, `\\begin{tabular}{l${"r".repeat(rows[0].length - 1)}}`, "  \\toprule", ...lines, "  \\bottomrule", "\\end{tabular}", ""].join("\n");
  };
  all(".save-table").forEach((button) => button.addEventListener("click", () => {
    const table = button.closest(".table").querySelector("table"), rows = cells(table), name = table.dataset.name;
    if (button.dataset.form === "csv") save(`${name}.csv`, csv(rows), "text/csv");
    else save(`${name}.tex`, latex(rows, table.caption.innerText.replace(/\s+/g, " ")), "application/x-tex");
  }));

  // Pictures leave in the colours of a light page, which every colour names behind the page's own.
  const picture = (svg) => {
    const copy = svg.cloneNode(true), [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    all(".out", copy).forEach((mark) => mark.remove());
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    const text = new XMLSerializer().serializeToString(copy).replace(/var\(--[\w-]+, (#[0-9a-f]{6})\)/g, "$1");
    return { text, width, height };
  };
  all(".save-picture").forEach((button) => button.addEventListener("click", () => {
    const figure = button.closest("figure"), name = figure.dataset.name;
    const { text, width, height } = picture(figure.querySelector("svg"));
    if (button.dataset.form === "svg") return save(`${name}.svg`, text, "image/svg+xml");
    const image = new Image(), canvas = document.createElement("canvas"), scale = 4;
    image.onload = () => {
      canvas.width = width * scale;
      canvas.height = height * scale;
      const context = canvas.getContext("2d");
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => save(`${name}.png`, blob));
    };
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  }));

  // Numbers leave by method, those that are shown; an x that is not there is that of the line before.
  all(".save-numbers").forEach((button) => button.addEventListener("click", () => {
    const figure = button.closest("figure"), { head, lines } = JSON.parse(button.dataset.numbers), rows = [head];
    const hidden = new Set(all("svg .out", figure).map((mark) => mark.dataset.method));
    let at = null;
    for (const [name, x, ...columns] of lines) {
      at = x || at;
      if (!hidden.has(name)) at.forEach((value, n) => rows.push([name, value, ...columns.map((one) => one[n])].map((one) => String(one ?? ""))));
    }
    save(`${figure.dataset.name}.csv`, csv(rows), "text/csv");
  }));

  all(".copy").forEach((button) => button.addEventListener("click", async () => {
    const before = button.innerHTML;
    try { await navigator.clipboard.writeText(button.dataset.copy); button.textContent = "Copied"; }
    catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => { button.innerHTML = before; }, 2000);
  }));

  // On paper nothing can be unfolded.
  addEventListener("beforeprint", () => all("details:not([open])").forEach((one) => { one.open = true; one.dataset.folded = ""; }));
  addEventListener("afterprint", () => all("details[data-folded]").forEach((one) => { one.open = false; delete one.dataset.folded; }));
})();
