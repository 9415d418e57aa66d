// Snooze, tags and files: data-chooses="value" on a field ticks the choice of that value once something is written into
// it; a file that is dropped anywhere on the page goes into the form with data-drop.
{
  document.addEventListener("input", (event) => {
    const value = event.target.dataset?.chooses;
    if (value && event.target.value) event.target.form.querySelector(`[type=radio][value="${value}"]`).checked = true;
  });

  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    const form = document.querySelector("[data-drop]");
    if (!hasFiles(event)) return;
    // Else the browser leaves the page and shows the file.
    event.preventDefault();
    if (!form) return;
    const field = form.querySelector("[type=file]");
    field.files = event.dataTransfer.files;
    const dialog = form.closest("dialog");
    if (dialog && !dialog.open) dialog.showModal();
    form.querySelector("button").focus();
  });
}
