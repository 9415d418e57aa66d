// The queue: j, k move along the rows; it is read again when alerts come, when others have changed something, and now
// and then. While the pointer moves over the rows it waits, and a chip says how many have new alerts.
{
  const REST_MS = 700;
  const GROUP_MS = 400;
  const CHANGED_MS = 5000;
  const LOOK_MS = 30000;
  const chip = document.querySelector("[data-queue-show]");
  const waiting = new Set();
  let movedAt = -REST_MS;
  let timer = 0;
  let changedTimer = 0;
  let isRefreshing = false;

  const rows = () => document.querySelector("[data-queue]");
  const links = () => [...rows().querySelectorAll(".row-link")];
  const grouped = (number) => Number(number).toLocaleString("en");

  const showCount = () => {
    const total = rows().dataset.queueTotal;
    document.title = document.title.replace(/^\(\d+\)/, `(${total})`);
    document.querySelectorAll("[data-open-count]").forEach((place) => { place.textContent = grouped(total); });
    rows().dataset.queueCounts.trim().split(" ").forEach((view) => {
      const [name, count] = view.split("=");
      document.querySelectorAll(`[data-view-count="${CSS.escape(name)}"]`).forEach((place) => { place.textContent = grouped(count); });
    });
    chip.hidden = waiting.size === 0;
    chip.textContent = `${waiting.size} with new alerts · show`;
  };

  const read = async () => {
    const answer = await fetch(rows().dataset.queueUrl, { headers: { "HX-Request": "true" } });
    if (answer.headers.has("HX-Refresh")) return location.reload();
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-queue]");
  };

  const refresh = async () => {
    clearTimeout(timer);
    clearTimeout(changedTimer);
    timer = changedTimer = 0;
    if (isRefreshing || !rows()) return;
    isRefreshing = true;
    const arrived = new Set(waiting);
    try {
      const section = await read();
      if (!section) return;
      arrived.forEach((id) => waiting.delete(id));
      document.dispatchEvent(new CustomEvent("queue:fresh", { detail: { section: document.adoptNode(section), arrived } }));
      showCount();
    } catch {
      // The server is away: the next look finds it again.
    } finally {
      isRefreshing = false;
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
  document.addEventListener("queue:missed", plan);
  // The rows know already; the order and the counts may follow together.
  document.addEventListener("queue:changed", () => { changedTimer ||= setTimeout(plan, CHANGED_MS); });
  document.addEventListener("pointermove", (event) => {
    if (event.target.closest("[data-queue] tbody tr")) movedAt = performance.now();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("textarea, select, input:not([type=checkbox])")) return;
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
    if (event.key === "r") refresh();
  });
  chip.addEventListener("click", refresh);
  // Times left change without anybody doing anything.
  setInterval(() => document.visibilityState === "visible" && plan(), LOOK_MS);
}
