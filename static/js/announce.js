// The live page tells of new entries where nobody looks: by a sound, and by a notification while its tab is in the back.
// Both are off until somebody wants them; this browser remembers. Who wants them is told in the queue too, of cases that
// are nearly due.
{
  const QUIET_MS = 3000;
  // What the queue's filter of the time left knows, in minutes.
  const SPANS = [10, 30, 60, 240, 1440];
  const note = document.querySelector("[data-live-note]");
  const isOn = (name) => localStorage.getItem(`live-${name}`) === "on";
  let audio = null;
  let lastAt = -QUIET_MS;

  const beep = () => {
    audio ??= new AudioContext();
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = 880;
    volume.gain.setValueAtTime(0.1, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.25);
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.25);
  };

  const show = (title, body, tag, address) => {
    // One at a time: each takes the place of the one before.
    const shown = new Notification(title, { body, tag });
    shown.addEventListener("click", () => {
      focus();
      location.assign(address);
    });
  };

  const isShown = () => isOn("notify") && document.hidden && Notification.permission === "granted";

  const notify = (entries) => {
    const largest = entries.reduce((one, other) => (Number(other.amount) > Number(one.amount) ? other : one));
    const title = entries.length === 1 ? "Flagged payment" : `${entries.length} flagged payments`;
    const body = `${largest.card}, ${largest.amount_shown} ${largest.currency}: ${largest.reason}`;
    show(title, body, "fraud-desk-live", largest.case_url);
  };

  const set = (button, value) => {
    localStorage.setItem(`live-${button.dataset.liveAnnounce}`, value ? "on" : "off");
    button.setAttribute("aria-pressed", value);
  };

  // Whether the browser lets us; it asks the person the first time.
  const isAllowed = async (name) => {
    if (name === "sound") return true;
    if (!("Notification" in window)) return false;
    return (await Notification.requestPermission()) === "granted";
  };

  const toggle = async (button) => {
    const name = button.dataset.liveAnnounce;
    const isWanted = !isOn(name);
    const isRefused = isWanted && !(await isAllowed(name));
    set(button, isWanted && !isRefused);
    note.textContent = isRefused ? "The browser does not allow notifications here: see its settings for this site." : "";
    // Made here, in answer to a press: browsers play nothing otherwise.
    if (name === "sound" && isWanted) beep();
  };

  document.querySelectorAll("[data-live-announce]").forEach((button) => {
    button.setAttribute("aria-pressed", isOn(button.dataset.liveAnnounce));
    button.addEventListener("click", () => toggle(button));
  });

  // After a reload a browser plays nothing until the person has pressed something.
  if (isOn("sound")) audio = new AudioContext();
  ["keydown", "pointerdown"].forEach((press) => addEventListener(press, () => audio?.resume()));

  document.addEventListener("feed:entries", (event) => {
    const { entries } = event.detail;
    if (!note || !entries.length || performance.now() - lastAt < QUIET_MS) return;
    lastAt = performance.now();
    if (isOn("sound")) beep();
    if (isShown()) notify(entries);
  });

  document.addEventListener("feed:queues", (event) => {
    const { due, minutes } = event.detail;
    if (!due.length) return;
    if (isOn("sound")) beep();
    const count = due.reduce((sum, one) => sum + one.cases, 0);
    const title = `${count} ${count === 1 ? "case" : "cases"} due in ${minutes} min`;
    if (isShown()) show(title, due.map((one) => `${one.queue}: ${one.cases}`).join(", "), "fraud-desk-due", SPANS.includes(minutes) ? `/queue/?due=${minutes}` : "/queue/?view=due");
  });
}
