// The case page: says when a payment has joined the case since it was opened, and empties the note once it is kept.
{
  const place = document.querySelector("[data-case-watch]");
  document.addEventListener("feed:entries", (event) => {
    const hasJoined = event.detail.entries.some((entry) => entry.case_id === place.dataset.caseWatch);
    if (hasJoined) place.querySelector("[data-case-grew]").hidden = false;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.target.closest("[data-note-add]")) document.getElementById("note").value = "";
  });
}
