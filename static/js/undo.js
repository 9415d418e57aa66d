// The offer to undo: counts down, and says once that the time is over.
{
  const bar = document.querySelector("[data-undo]");

  const end = () => {
    bar.querySelector("button").remove();
    const when = bar.querySelector("[data-undo-when]");
    if (when) when.textContent = "The time to undo is over.";
    setTimeout(() => bar.remove(), 4000);
  };

  if (bar) {
    const until = performance.now() + Number(bar.dataset.undo) * 1000;
    const left = bar.querySelector("[data-undo-left]");
    const timer = setInterval(() => {
      const seconds = Math.ceil((until - performance.now()) / 1000);
      if (left) left.textContent = `${Math.max(0, seconds)} s`;
      if (seconds > 0) return;
      clearInterval(timer);
      end();
    }, 250);
  }
}
