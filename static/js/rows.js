// A list of data-rows: j, k move along the links of its rows.
{
  const move = (step) => {
    const all = [...document.querySelectorAll("[data-rows] .row-link")];
    const at = all.indexOf(document.activeElement);
    all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))]?.focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select")) return;
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
  });
}
