// Dialogs: data-dialog-open="id" opens it; a click beside it closes it.
{
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog-open]");
    if (opener) document.getElementById(opener.dataset.dialogOpen).showModal();
    else if (event.target.matches("dialog")) event.target.close();
  });
}
