// The page on paper: its button opens the browser's print dialog.
{
  const button = document.querySelector("[data-print]");
  button.hidden = false;
  button.addEventListener("click", () => print());
}
