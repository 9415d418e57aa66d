// Keys: an element with data-key="x" is pressed (or, when it takes text, focused) by typing x.
// data-key-guard on a form ignores its keys for a moment: the page came right after a verdict, said or refused, and a
// key that was pressed twice must not decide the next case, or this one as it is now.
{
  const GUARD_MS = 500;
  const opened = performance.now();

  const isTyping = (element) => element.closest("textarea, select, [contenteditable], input:not([type=radio]):not([type=checkbox])");

  const isGuarded = (element) => element.closest("[data-key-guard]") && performance.now() - opened < GUARD_MS;

  const press = (element) => {
    if (element.matches("input[type=search]")) element.select();
    else if (element.matches("textarea, select, input[type=text]")) element.focus();
    else element.click();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (event.key === "Escape" && isTyping(event.target)) return event.target.blur();
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    // A digit is two reasons: what it means is said by the verdict.
    const elements = [...document.querySelectorAll(`[data-key="${CSS.escape(event.key)}"]`)];
    if (!elements.length || elements.some(isGuarded)) return;
    event.preventDefault();
    elements.forEach(press);
  });
}
