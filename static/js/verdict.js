// The verdict's form: the buttons say what would follow from what is chosen now.
{
  const form = document.querySelector("[data-verdict]");

  const counted = (number) => `${number.toLocaleString("en")} payment${number === 1 ? "" : "s"}`;

  const tell = () => {
    const block = form.querySelector("[data-verdict-block]");
    if (block) block.textContent = form.querySelector("[data-verdict-days]").selectedOptions[0].dataset.words;
    const own = [...document.querySelectorAll("[data-payment-label]")].filter((select) => select.value);
    const recent = form.querySelectorAll("[name=recent]:checked").length;
    const isRecent = form.querySelector("[name=include_recent]")?.checked;
    const flagged = Number(form.elements.seen_alerts.value);
    const count = form.querySelector("[data-verdict-recent-count]");
    if (count) count.textContent = recent;
    form.querySelectorAll("[data-verdict-labels]").forEach((place) => {
      const others = own.filter((select) => select.value !== place.dataset.verdictLabels).length;
      const same = flagged - others + (isRecent ? recent : 0);
      place.textContent = counted(same) + (others ? `, ${others} otherwise` : "");
    });
  };

  if (form) {
    document.addEventListener("change", (event) => event.target.form === form && tell());
    // Opened by its key, the list is where the hand goes on.
    form.querySelector("details summary")?.addEventListener("click", (event) => {
      const list = event.target.closest("details");
      requestAnimationFrame(() => list.open && list.querySelector("[name=recent]").focus());
    });
    tell();
  }
}
