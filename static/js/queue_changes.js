// Others' claims and verdicts as they happen: data-changes="/ws/board/". A claim is written into its row; of a case that
// is open no more the row is told ("queue:gone"). "queue:changed" says that the list is no longer quite right, and
// "queue:missed" that the connection was cut for a while.
{
  const WAIT_MS = [1000, 2000, 5000, 10000, 30000];
  const place = document.querySelector("[data-changes]");
  let tries = 0;
  let wasCut = false;

  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

  const showClaim = (row, change) => {
    const cell = row.querySelector("[data-claim]");
    const said = document.createElement("span");
    const isMine = change.username === place.dataset.changesMe;
    said.className = change.username ? `claimant${isMine ? " mine" : ""}` : "soft";
    said.textContent = change.username ? (isMine ? "you" : change.claimed_by) : row.querySelector(".lookers") ? "" : "–";
    if (cell.firstElementChild?.firstChild?.textContent.trim() !== said.textContent) cell.replaceChildren(said);
  };

  const take = (change) => {
    const row = document.querySelector(`[data-queue] [data-case="${CSS.escape(change.case)}"]`);
    if (row && change.gone) tell("queue:gone", { case: change.case, words: change.gone });
    else if (row && !row.hasAttribute("data-gone")) showClaim(row, change);
    tell("queue:changed");
  };

  const begin = () => {
    tries = 0;
    document.body.dataset.changesState = "on";
    if (wasCut) tell("queue:missed");
    wasCut = false;
  };

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${place.dataset.changes}`);
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if (message.type === "ready") begin();
      else message.changes.forEach(take);
    });
    socket.addEventListener("close", (event) => {
      wasCut = true;
      delete document.body.dataset.changesState;
      // Logged out, or not allowed any more: the page looks now and then by itself, and says so.
      if (event.code === 4401 || event.code === 4403) return;
      setTimeout(connect, WAIT_MS[Math.min(tries++, WAIT_MS.length - 1)] * (0.5 + Math.random()));
    });
  };

  if (place) connect();
}
