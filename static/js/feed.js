// The live feed's connection: data-feed="/ws/feed/" data-feed-after="N". Every page of entries becomes a "feed:entries"
// event, and a change of queues a "feed:queues" event. After a cut it asks for what came after the last number it saw,
// so nothing is lost and nothing comes twice. It says "live" once the server is "ready" to tell everything.
// "feed:filter" (detail: filter), "feed:pause" and "feed:resume" on document steer it.
{
  const WAIT_MS = [500, 1000, 2000, 5000, 10000];
  const STATES = { on: "live", off: "reconnecting", paused: "paused", out: "feed closed" };

  const start = (place) => {
    let seq = Number(place.dataset.feedAfter);
    let socket = null;
    let filter = {};
    let tries = 0;
    let timer = 0;
    let isPaused = false;

    const show = (state) => {
      const shown = document.querySelector("[data-feed-state]");
      if (!shown) return;
      shown.hidden = false;
      shown.textContent = STATES[state];
      shown.classList.toggle("on", state === "on");
    };

    const ask = () => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ after: seq, filter }));

    const take = (message) => {
      if (message.type === "ready") {
        tries = 0;
        show("on");
      } else if (message.type === "entries") {
        if (message.seq <= seq) return;
        const entries = message.entries.filter((entry) => entry.seq > seq);
        seq = message.seq;
        document.dispatchEvent(new CustomEvent("feed:entries", { detail: { seq, entries } }));
      } else if (message.type === "resync") {
        seq = message.seq;
        document.dispatchEvent(new CustomEvent("feed:resync", { detail: { seq } }));
        ask();
      } else if (message.type === "queues") {
        document.dispatchEvent(new CustomEvent("feed:queues", { detail: message }));
      }
    };

    const retry = (event) => {
      if (event.target !== socket) return;
      socket = null;
      if (isPaused) return;
      if (event.code === 4401 || event.code === 4403) return show("out");
      show("off");
      // Spread out, so that a restarted server is not met by every browser in the same instant.
      timer = setTimeout(connect, WAIT_MS[Math.min(tries++, WAIT_MS.length - 1)] * (0.5 + Math.random()));
    };

    const connect = () => {
      clearTimeout(timer);
      if (socket || isPaused) return;
      const scheme = location.protocol === "https:" ? "wss:" : "ws:";
      socket = new WebSocket(`${scheme}//${location.host}${place.dataset.feed}`);
      socket.addEventListener("open", ask);
      socket.addEventListener("message", (event) => take(JSON.parse(event.data)));
      socket.addEventListener("close", retry);
    };

    document.addEventListener("feed:filter", (event) => {
      filter = event.detail;
      ask();
    });
    document.addEventListener("feed:pause", () => {
      isPaused = true;
      socket?.close();
      show("paused");
    });
    document.addEventListener("feed:resume", () => {
      isPaused = false;
      socket = null;
      connect();
    });
    addEventListener("online", connect);
    connect();
  };

  const place = document.querySelector("[data-feed]");
  if (place) start(place);
}
