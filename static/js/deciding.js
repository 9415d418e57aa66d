// A form of data-deciding is sent once: while the answer takes its time, its buttons are off and it says so.
{
  const form = document.querySelector("[data-deciding]");

  const buttons = () => form.querySelectorAll("button[name]");
  const said = () => form.querySelector("[data-deciding-said]");

  if (form) {
    form.addEventListener("submit", () => {
      said().textContent = "Deciding …";
      // After the browser has taken up which of them was pressed.
      setTimeout(() => buttons().forEach((button) => { button.disabled = true; }));
    });
    // Back from the next page, it is as it was.
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      said().textContent = "";
      buttons().forEach((button) => { button.disabled = false; });
    });
  }
}
