// data-dialog-instead="id" on a button of a form: it opens the dialog rather than sending the form. The first field of
// text there takes what stands in the form's note, and data-dialog-close goes back.
{
  document.querySelectorAll("[data-dialog-instead]").forEach((button) => {
    const dialog = document.getElementById(button.dataset.dialogInstead);
    if (!dialog) return;
    const reason = dialog.querySelector("input[type=text]");
    button.addEventListener("click", (event) => {
      event.preventDefault();
      reason.value ||= button.form.elements.note.value.replace(/\s+/g, " ").trim().slice(0, reason.maxLength);
      dialog.showModal();
      reason.focus();
    });
    dialog.querySelector("[data-dialog-close]").addEventListener("click", () => dialog.close());
  });
}
