// Dialogs: data-dialog-open="id" opens it; a click beside it closes it.
{
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog-open]");
    if (opener) {
      // A link leads to the same on a page of its own, for browsers without scripts.
      event.preventDefault();
      document.getElementById(opener.dataset.dialogOpen).showModal();
    } else if (event.target.matches("dialog")) event.target.close();
  });
}
