// The live page: new entries go on top, as text; pause closes the connection and resume asks for what was missed.
// They are drawn four times a second at most: nobody reads faster, and a browser that draws each by itself does little
// else when many come.
{
  const MAX_ROWS = 200;
  const DRAW_MS = 250;
  const MARKED_AT_ONCE = 5;
  const rows = document.querySelector("[data-live-rows]");
  const template = document.querySelector("[data-live-row]");
  const pause = document.querySelector("[data-live-pause]");
  const form = document.querySelector("[data-live-filter]");
  const note = document.querySelector("[data-live-note]");
  const OUTCOMES = { decline: ["declined", "declined"], review: ["review", "reviewed"] };

  const build = (entry) => {
    const row = template.content.cloneNode(true);
    const cell = (name) => row.querySelector(`[data-cell="${name}"]`);
    const [outcome, outcomeClass] = OUTCOMES[entry.outcome];
    const texts = { ...entry, outcome, amount: entry.amount_shown, time: entry.decided_at.slice(11, 19) };
    texts.score = entry.score === null ? "–" : entry.score.toFixed(3);
    if (entry.is_score_hidden) texts.reason = "after the verdict";
    row.querySelectorAll("[data-cell]").forEach((place) => { place.textContent = texts[place.dataset.cell]; });
    cell("outcome").classList.add(outcomeClass);
    cell("time").dateTime = entry.decided_at;
    cell("card").href = entry.case_url;
    cell("reason").title = entry.reason;
    cell("reason").classList.toggle("soft", entry.is_score_hidden);
    return row;
  };

  const filter = () => {
    const data = new FormData(form);
    return { outcome: data.getAll("outcome"), min_stake: Math.max(0, Number(data.get("min_stake")) || 0) };
  };

  let waiting = [];
  let drawnAt = -DRAW_MS;

  const draw = () => {
    const entries = waiting.splice(0);
    const added = new DocumentFragment();
    // The newest first; what would fall off at the end is not built.
    entries.slice(-MAX_ROWS).reverse().forEach((entry) => added.append(build(entry)));
    // A mark on each of many marks none, and all those fading marks would be painted sixty times a second.
    if (entries.length <= MARKED_AT_ONCE) for (const row of added.children) row.classList.add("arrived");
    document.querySelector("[data-live-empty]")?.remove();
    rows.prepend(added);
    while (rows.rows.length > MAX_ROWS) rows.lastElementChild.remove();
    drawnAt = performance.now();
    document.dispatchEvent(new CustomEvent("live:drawn", { detail: { entries } }));
  };

  document.addEventListener("feed:entries", (event) => {
    if (!event.detail.entries.length) return;
    if (!waiting.length) setTimeout(draw, Math.max(0, drawnAt + DRAW_MS - performance.now()));
    waiting.push(...event.detail.entries);
  });
  document.addEventListener("feed:resync", () => {
    note.textContent = "Much has happened meanwhile: older entries are in the queue.";
  });
  pause.addEventListener("click", () => {
    const isPaused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", isPaused);
    pause.querySelector("[data-live-pause-text]").textContent = isPaused ? "Resume" : "Pause";
    note.textContent = isPaused ? "Paused. What comes meanwhile is shown when you resume." : "";
    document.dispatchEvent(new Event(isPaused ? "feed:pause" : "feed:resume"));
  });
  form.addEventListener("change", () => document.dispatchEvent(new CustomEvent("feed:filter", { detail: filter() })));
  form.addEventListener("submit", (event) => event.preventDefault());
}
