// The numbers of the back office's first page: each service is asked for its own, now and every 30 seconds while somebody looks.
// A service that is slow or away holds up none of the others, and is said to be so.
const GIVEN_UP_AFTER = 8000; // milliseconds
const AGAIN_AFTER = 30000;
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const cards = [...document.querySelectorAll("[data-figure]")];
const services = [...new Set(cards.map(card => card.dataset.service))];

function ageOf(oldest) {
  const seconds = Math.max(0, (Date.now() - Date.parse(oldest)) / 1000);
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? UNITS.at(-1);
  const count = Math.floor(seconds / length);
  return `the oldest for ${count} ${unit}${count === 1 ? "" : "s"}`;
}

function show(card, figure, note) {
  const { count, is_more: isMore, oldest_at: oldest } = figure ?? {};
  card.querySelector("output").value = figure ? count.toLocaleString("en") + (isMore ? "+" : "") : "–";
  card.querySelector("small").textContent = note ?? (oldest ? ageOf(oldest) : "");
  card.toggleAttribute("data-waiting", Boolean(count));
}

async function ask(service) {
  let figures = {}, note = "not available now";
  try {
    const signal = AbortSignal.timeout(GIVEN_UP_AFTER);
    const answer = await fetch(`/admin/${service}/figures/`, { headers: { accept: "application/json" }, signal });
    if (answer.status === 401) note = "you are signed out: reload this page";
    if (answer.status === 403) note = "you are no manager any more";
    if (answer.ok) figures = await answer.json();
  } catch {
    // The note says it.
  }
  for (const card of cards.filter(card => card.dataset.service === service)) {
    const figure = figures[card.dataset.figure];
    show(card, figure, figure ? undefined : note);
  }
}

const all = () => document.hidden || services.forEach(ask);
all();
setInterval(all, AGAIN_AFTER);
document.addEventListener("visibilitychange", all);
