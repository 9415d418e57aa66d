// Choosing rows of the queue: x the row that holds the focus, X all from the last chosen one to it, A all shown; the bar
// says how many and how much is at stake, and chooses what is like the last chosen row.
{
  const bar = document.querySelector("[data-bulk]");
  let last = null;

  const boxes = () => [...document.querySelectorAll("[data-queue] .c-pick input:not(:disabled)")];
  const rowOf = (element) => element?.closest?.("[data-queue] tbody tr");
  const chosen = () => boxes().filter((box) => box.checked).map(rowOf);
  const likes = (name) => last?.isConnected && last.dataset[name] ? boxes().filter((box) => rowOf(box).dataset[name] === last.dataset[name]) : [];

  const stakes = (rows) => {
    const sums = new Map();
    rows.forEach(({ dataset }) => sums.set(dataset.currency, (sums.get(dataset.currency) ?? 0) + Number(dataset.stake ?? 0)));
    return [...sums].map(([currency, sum]) => `${Math.round(sum).toLocaleString("en")} ${currency}`).join(", ");
  };

  const show = () => {
    const rows = chosen();
    if (!rows.includes(last)) last = rows.at(-1) ?? null;
    bar.classList.toggle("on", rows.length > 0);
    bar.querySelector("[data-bulk-count]").textContent = rows.length ? `${rows.length} chosen` : "None chosen";
    bar.querySelector("[data-bulk-stake]").textContent = rows.length ? `${stakes(rows)} at stake` : "";
    bar.querySelector("[data-bulk-go]").disabled = rows.length === 0;
    bar.querySelector("[data-bulk-none]").hidden = bar.querySelector("[data-bulk-likes]").hidden = rows.length === 0;
    bar.querySelectorAll("[data-bulk-like]").forEach((button) => {
      const alike = likes(button.dataset.bulkLike);
      button.disabled = alike.every((box) => box.checked);
      button.textContent = alike.length ? `${button.dataset.bulkLike} ${alike.length}` : button.dataset.bulkLike;
    });
  };

  const choose = (some, isChosen) => {
    some.forEach((box) => { box.checked = isChosen; });
    show();
  };

  const between = (one, other) => {
    const all = boxes();
    const [low, high] = [all.indexOf(one), all.indexOf(other)].sort((a, b) => a - b);
    return low < 0 ? [other] : all.slice(low, high + 1);
  };

  const toggle = (box, isRange) => {
    const from = last?.querySelector(".c-pick input");
    const isChosen = isRange || !box.checked;
    last = isChosen ? rowOf(box) : last;
    choose(isRange && from ? between(from, box) : [box], isChosen);
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("textarea, select, input:not([type=checkbox])")) return;
    const box = rowOf(event.target)?.querySelector(".c-pick input:not(:disabled)");
    if (box && event.key.toLowerCase() === "x") toggle(box, event.shiftKey);
    if (event.key === "A") choose(boxes(), boxes().some((each) => !each.checked));
  };

  const onClick = (event) => {
    const like = event.target.closest("[data-bulk-like]");
    if (like) choose(likes(like.dataset.bulkLike), true);
    if (event.target.closest("[data-bulk-none]")) choose(boxes(), false);
    const box = event.target.closest("[data-queue] .c-pick input");
    if (!box) return;
    const from = last?.querySelector(".c-pick input");
    if (box.checked) last = rowOf(box);
    choose(event.shiftKey && from && box.checked ? between(from, box) : [box], box.checked);
  };

  if (bar) {
    document.addEventListener("keydown", onKey);
    document.addEventListener("click", onClick);
    document.addEventListener("queue:placed", show);
    // A browser that comes back to the page has kept what was ticked.
    addEventListener("pageshow", show);
    show();
  }
}
