// Looks at the expression of a rule while it is typed (textarea with data-rule-text): what is wrong with it and where, or
// what it reads. The address stands on the group of rules; without it, or without an answer, the form's own errors serve.
{
  const WAIT = 300;
  // The admin loads its scripts before the page is there.
  const group = () => document.querySelector("[data-rule-check]");
  const timers = new WeakMap();

  const toldOf = (text) => {
    const known = text.parentNode.querySelector(".rule-told");
    if (known) return known;
    const told = document.createElement("output");
    told.className = "rule-told";
    told.setAttribute("aria-live", "polite");
    text.insertAdjacentElement("afterend", told);
    return told;
  };

  // Places count characters, as the server does; JavaScript counts some of them twice.
  const marked = (asked, [start, end]) => {
    const text = [...asked];
    const shown = document.createElement("code");
    const mark = document.createElement("mark");
    mark.textContent = text.slice(start, Math.max(end, start + 1)).join("") || " ";
    shown.append(text.slice(0, start).join(""), mark, text.slice(Math.max(end, start + 1)).join(""));
    return shown;
  };

  const tell = (field, asked, answer) => {
    if (field.value !== asked) return;
    const told = toldOf(field);
    told.classList.toggle("bad", !answer.is_good);
    field.setAttribute("aria-invalid", String(!answer.is_good));
    told.replaceChildren(answer.words);
    if (answer.place) told.append(marked(asked, answer.place));
  };

  const check = async (field) => {
    const asked = field.value;
    if (!asked.trim()) {
      toldOf(field).replaceChildren();
      return;
    }
    const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    const answer = await fetch(group().dataset.ruleCheck, {
      method: "POST", headers: { "X-CSRFToken": token }, body: new URLSearchParams({ expression: asked }),
    }).catch(() => null);
    if (answer?.ok) tell(field, asked, await answer.json());
  };

  document.addEventListener("input", ({ target }) => {
    if (!group() || !target.matches("[data-rule-text]")) return;
    clearTimeout(timers.get(target));
    timers.set(target, setTimeout(() => check(target), WAIT));
  });
  // The row was cloned folded as the one it was made from; what is wanted is its first field.
  document.addEventListener("formset:added", ({ target }) => {
    const folded = target.querySelector("details");
    if (!folded || !group()?.contains(target)) return;
    folded.open = true;
    folded.querySelector("input:not([type=hidden])")?.focus();
  });
}
