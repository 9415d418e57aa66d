// A button with data-copy="text" puts the text on the clipboard and says so. It is hidden where a page may not copy.
{
  const SAID_MS = 2000;

  const copy = async (button) => {
    const text = button.querySelector("[data-copy-text]");
    const before = button.dataset.copyLabel ??= text.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      text.textContent = "Copied";
    } catch {
      text.textContent = "Not copied";
    }
    setTimeout(() => { text.textContent = before; }, SAID_MS);
  };

  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", () => copy(button));
  });
}
