// The queue: j, k move along the rows; new alerts refresh them, but not under a moving pointer: then a chip says how
// many have come, and the rows follow when the hand rests.
{
  const REST_MS = 3000;
  const GROUP_MS = 400;
  const LOOK_MS = 30000;
  const chip = document.querySelector("[data-queue-show]");
  const waiting = new Set();
  let movedAt = -REST_MS;
  let timer = 0;
  let isRefreshing = false;

  const rows = () => document.querySelector("[data-queue]");
  const links = () => [...rows().querySelectorAll(".row-link")];
  const caseOf = (element) => element?.closest?.("[data-case]")?.dataset.case;

  const showCount = () => {
    const total = rows().dataset.queueTotal;
    document.title = document.title.replace(/^\(\d+\)/, `(${total})`);
    document.querySelectorAll("[data-open-count]").forEach((place) => { place.textContent = Number(total).toLocaleString("en"); });
    rows().dataset.queueCounts.trim().split(" ").forEach((view) => {
      const [name, count] = view.split("=");
      document.querySelectorAll(`[data-view-count="${name}"]`).forEach((place) => { place.textContent = Number(count).toLocaleString("en"); });
    });
    chip.hidden = waiting.size === 0;
    chip.textContent = `${waiting.size} with new alerts · show`;
  };

  const refresh = async () => {
    clearTimeout(timer);
    timer = 0;
    if (isRefreshing || !document.querySelector("[data-queue]")) return;
    isRefreshing = true;
    const arrived = new Set(waiting);
    const selected = caseOf(document.activeElement);
    try {
      await htmx.ajax("GET", rows().dataset.queueUrl, { target: "#queue-rows", swap: "outerHTML" });
      arrived.forEach((id) => waiting.delete(id));
      arrived.forEach((id) => rows().querySelector(`[data-case="${id}"]`)?.classList.add("arrived"));
      if (selected) rows().querySelector(`[data-case="${selected}"] .row-link`)?.focus({ preventScroll: true });
    } finally {
      isRefreshing = false;
      showCount();
    }
    if (waiting.size) plan();
  };

  // Refresh soon, or once the pointer has rested.
  const plan = () => {
    if (timer) return;
    const rest = REST_MS - (performance.now() - movedAt);
    timer = setTimeout(() => {
      timer = 0;
      if (performance.now() - movedAt < REST_MS) plan();
      else refresh();
    }, Math.max(GROUP_MS, rest));
  };

  const move = (step) => {
    const all = links();
    const at = all.indexOf(document.activeElement);
    all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))]?.focus();
  };

  document.addEventListener("feed:entries", (event) => {
    event.detail.entries.forEach((entry) => waiting.add(entry.case_id));
    if (!waiting.size) return;
    showCount();
    plan();
  });
  document.addEventListener("feed:resync", refresh);
  document.addEventListener("feed:queues", plan);
  document.addEventListener("pointermove", (event) => {
    if (event.target.closest("[data-queue] tr")) movedAt = performance.now();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea") || document.querySelector("dialog[open]")) return;
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
    if (event.key === "r") refresh();
  });
  chip.addEventListener("click", refresh);
  // Times left and claims change without an alert.
  setInterval(() => document.visibilityState === "visible" && plan(), LOOK_MS);
}
