// Drawings: on a narrow screen a drawing is scrolled to its data-show; a box that is pointed at lights its lines.
{
  const show = (root) => {
    for (const mark of root.querySelectorAll("[data-show]")) {
      const frame = mark.closest(".scroll");
      const { left, width } = mark.getBoundingClientRect();
      frame.scrollLeft += left + width / 2 - frame.getBoundingClientRect().left - frame.clientWidth / 2;
    }
  };

  const light = (event) => {
    const svg = event.target.closest?.("svg.graph");
    if (!svg) return;
    const box = event.target.closest("[data-box]")?.dataset.box;
    for (const line of svg.querySelectorAll("[data-ends]")) {
      line.classList.toggle("lit", box !== undefined && line.dataset.ends.split(" ").includes(box));
    }
  };

  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, light);
  document.addEventListener("htmx:afterSwap", (event) => show(event.detail.elt.parentElement ?? document));
  show(document);
}
