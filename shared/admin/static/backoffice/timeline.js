// Fills the placement of an order's page from the API, through the same gateway and with the same sign-in.
const section = document.querySelector("[data-timeline-of]");

async function fill() {
  const list = section.querySelector("ol");
  const answer = await fetch(`/api/sagas/?order_id=${section.dataset.timelineOf}`, { headers: { accept: "application/json" } });
  const sagas = answer.ok ? (await answer.json()).results : [];
  const lines = sagas.flatMap(saga => saga.history).map(({ at, event, detail }) => {
    const item = document.createElement("li");
    item.textContent = `${at.slice(11, 23)}  ${event}${detail ? ` – ${detail}` : ""}`;
    return item;
  });
  const none = document.createElement("li");
  none.textContent = answer.ok ? "Nothing yet." : "The saga service does not answer right now.";
  list.replaceChildren(...(lines.length ? lines : [none]));
}

if (section) fill();
