// The rows of the queue: fresh ones take their places with a short movement, but the row under the pointer and the row
// that holds the focus keep theirs until they are left. A row that is open no more stays as long, greyed, and says why.
// In: "queue:fresh" (detail: section, arrived), "queue:gone" (detail: case, words). Out: "queue:placed".
{
  const MOVE_MS = 220;
  const SETTLE_MS = 250;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let wanted = null;
  let timer = 0;

  const section = () => document.querySelector("[data-queue]");
  const body = () => section().querySelector("tbody");
  const rowOf = (element) => element?.closest?.("[data-queue] tbody tr") ?? null;
  const pinned = () => new Set([body().querySelector("tr:hover"), rowOf(document.activeElement)].filter(Boolean));
  const isGone = (row) => row.hasAttribute("data-gone");

  const markGone = (row, words) => {
    if (isGone(row)) return;
    row.dataset.gone = words;
    row.querySelector(".why-cell .clip").textContent = words;
    row.querySelector(".row-link").setAttribute("aria-disabled", "true");
    const box = row.querySelector("input[type=checkbox]");
    if (box) Object.assign(box, { checked: false, disabled: true });
  };

  // Take over what differs; whatever holds the focus gets it back.
  const patch = (row, fresh) => {
    const focused = row.contains(document.activeElement) && document.activeElement;
    const wasGone = isGone(row);
    for (const name of row.getAttributeNames()) if (name.startsWith("data-") && !fresh.hasAttribute(name)) row.removeAttribute(name);
    for (const { name, value } of fresh.attributes) row.setAttribute(name, value);
    [...fresh.cells].forEach((cell, index) => {
      const isBox = cell.matches(".c-pick") && !wasGone;
      if (!isBox && !row.cells[index].isEqualNode(cell)) row.cells[index].replaceWith(cell);
    });
    if (focused && !focused.isConnected) row.querySelector(".row-link").focus({ preventScroll: true });
    return row;
  };

  // Pinned rows keep their numbers, the others fill the places between; where too few are left above a pinned row,
  // rows that are gone hold the places.
  const arrange = (before, order, pins) => {
    const at = new Map([...pins].map((row) => [before.indexOf(row), row]));
    const rest = order.filter((row) => !pins.has(row));
    const spare = before.filter((row) => !order.includes(row) && !pins.has(row));
    const result = [];
    while (rest.length || at.size) {
      const row = at.get(result.length) ?? rest.shift() ?? spare.shift();
      at.delete(result.length);
      result.push(row);
    }
    return result;
  };

  const put = (rows, pins) => {
    const list = body();
    const kept = new Set(rows);
    [...list.rows].forEach((row) => kept.has(row) || row.remove());
    let next = null;
    for (const row of [...rows].reverse()) {
      // A pinned row is never taken out: it would lose the focus, or the press that has begun on it.
      if (!pins.has(row) && (row.nextElementSibling !== next || row.parentNode !== list)) list.insertBefore(row, next);
      next = row;
    }
  };

  const animate = (tops) => {
    if (still.matches) return;
    const list = body();
    const moves = [...list.rows].map((row) => [row, tops.get(row) - row.getBoundingClientRect().top]).filter(([, way]) => Math.abs(way) > 1);
    list.dataset.moving = "";
    const runs = moves.map(([row, way]) => row.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }], { duration: MOVE_MS, easing: "ease-out" }));
    Promise.allSettled(runs.map((run) => run.finished)).then(() => delete list.dataset.moving);
  };

  const place = () => {
    clearTimeout(timer);
    if (!wanted || !body()) return;
    const before = [...body().rows];
    const pins = pinned();
    const rows = arrange(before, wanted, pins);
    const tops = new Map(before.map((row) => [row, row.getBoundingClientRect().top]));
    rows.filter((row) => !wanted.includes(row)).forEach((row) => markGone(row, "no longer in this list"));
    if (rows.length !== before.length || rows.some((row, index) => row !== before[index])) {
      put(rows, pins);
      const [first] = pins;
      // On a narrow screen rows differ in height.
      if (first) scrollBy({ top: first.getBoundingClientRect().top - tops.get(first), behavior: "instant" });
      animate(tops);
    }
    document.dispatchEvent(new Event("queue:placed"));
  };

  document.addEventListener("queue:fresh", (event) => {
    const { section: fresh, arrived } = event.detail;
    const [old, list] = [section(), fresh.querySelector("tbody")];
    const columns = (table) => table.querySelectorAll("thead th").length;
    // A new queue brings a column: rows that are open cannot be patched then.
    if (!body() || !list || columns(old) !== columns(fresh)) {
      wanted = null;
      const ticked = new Set([...old.querySelectorAll(".c-pick input:checked")].map((box) => box.value));
      old.replaceWith(fresh);
      fresh.querySelectorAll(".c-pick input").forEach((box) => { box.checked = ticked.has(box.value); });
      return document.dispatchEvent(new Event("queue:placed"));
    }
    const known = new Map([...body().rows].map((row) => [row.dataset.case, row]));
    wanted = [...list.rows].map((row) => (known.has(row.dataset.case) ? patch(known.get(row.dataset.case), row) : row));
    wanted.forEach((row) => arrived.has(row.dataset.case) && row.classList.add("arrived"));
    for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
    old.querySelector(".foot")?.remove();
    old.append(...fresh.querySelectorAll(".foot"));
    place();
  });
  document.addEventListener("queue:gone", (event) => {
    const row = document.querySelector(`[data-queue] [data-case="${CSS.escape(event.detail.case)}"]`);
    if (!row) return;
    markGone(row, event.detail.words);
    document.dispatchEvent(new Event("queue:placed"));
  });
  ["pointerout", "focusout"].forEach((leaving) => document.addEventListener(leaving, (event) => {
    if (!rowOf(event.target) || rowOf(event.target) === rowOf(event.relatedTarget)) return;
    clearTimeout(timer);
    timer = setTimeout(place, SETTLE_MS);
  }));
  // What is decided leads nowhere, and a press does not pin it.
  document.addEventListener("mousedown", (event) => event.target.closest("[data-gone]") && event.preventDefault());
  document.addEventListener("click", (event) => event.target.closest("[data-gone] .row-link") && event.preventDefault());
}
