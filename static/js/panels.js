// Panels (details with data-panel): opening one closes the others and goes to its first field; escape or a press beside
// it closes it. A form with data-filter-form leaves out of the address what is empty.
{
  const panels = [...document.querySelectorAll("[data-panel]")];

  const close = (panel, takesFocus) => {
    panel.open = false;
    if (takesFocus) panel.querySelector("summary").focus();
  };

  panels.forEach((panel) => {
    panel.addEventListener("toggle", () => {
      if (!panel.open) return;
      panels.filter((other) => other !== panel).forEach((other) => close(other, false));
      panel.querySelector("[aria-invalid=true], input:not([type=hidden]), select, button:not([hidden])")?.focus();
    });
    panel.addEventListener("keydown", (event) => event.key === "Escape" && close(panel, true));
  });
  document.addEventListener("pointerdown", (event) => {
    panels.filter((panel) => panel.open && !panel.contains(event.target)).forEach((panel) => close(panel, false));
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-filter-form]")) return;
    const empty = [...event.target.elements].filter((field) => field.name && !field.value);
    empty.forEach((field) => { field.disabled = true; });
    // For a browser that comes back to the page as it was.
    addEventListener("pageshow", () => empty.forEach((field) => { field.disabled = false; }), { once: true });
  });
}
