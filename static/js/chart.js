// A data-chart: the pointer or the arrow keys pick a column, whose row of the table below is read out.
for (const chart of document.querySelectorAll("[data-chart]")) {
  const plot = chart.querySelector("[data-chart-plot]");
  const drawing = plot.querySelector("svg");
  const cross = chart.querySelector("[data-chart-cross]");
  const readout = chart.querySelector("[data-chart-readout]");
  const rows = [...chart.querySelectorAll("tbody tr")];
  const names = [...chart.querySelectorAll("thead th")].map((cell) => cell.textContent);
  const left = Number(drawing.dataset.left);
  const step = Number(drawing.dataset.step);
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -7, PageDown: 7, Home: -Infinity, End: Infinity };
  let at = -1;

  const part = (name, value) => {
    const text = document.createElement("span");
    const number = document.createElement("b");
    number.textContent = value;
    text.append(` · ${name} `, number);
    return text;
  };

  const show = (column) => {
    if (column === at) return;
    at = Math.max(0, Math.min(rows.length - 1, column));
    const [time, ...values] = [...rows[at].cells].map((cell) => cell.textContent);
    const day = document.createElement("b");
    day.textContent = time;
    readout.replaceChildren(day, ...values.map((value, i) => part(names[i + 1], value)));
    cross.setAttribute("x", left + at * step);
    cross.setAttribute("visibility", "visible");
  };

  const hide = () => {
    at = -1;
    readout.replaceChildren();
    cross.setAttribute("visibility", "hidden");
  };

  const columnAt = (event) => {
    const box = drawing.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * Number(drawing.dataset.width);
    return Math.floor((x - left) / step);
  };

  plot.addEventListener("pointermove", (event) => {
    const column = columnAt(event);
    if (column >= 0 && column < rows.length) show(column);
    else hide();
  });
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("blur", hide);
  plot.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return hide();
    if (!(event.key in steps)) return;
    event.preventDefault();
    const beginsAtEnd = at < 0 && steps[event.key] < 0 && event.key !== "Home";
    show(beginsAtEnd ? rows.length - 1 : at + steps[event.key]);
  });
}
