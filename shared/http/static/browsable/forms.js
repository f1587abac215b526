// The forms of the API's pages: what was typed becomes the JSON that programs send, and what was wrong with it is
// said beside its field. The page stays as it is until the answer is good, so nothing that was typed is lost.

const NOTICE = "microcommerce-notice"; // what the next page says of what was done on this one

const owner = (part) => part.parentElement.closest("[data-name], [data-row], form");
const parts = (box) => [...box.querySelectorAll("[data-name]")].filter((part) => owner(part) === box);
const rows = (box) => [...box.querySelectorAll("[data-row]")].filter((row) => owner(row) === box);

// What a field says in JSON; undefined where it says nothing and is left out.
function read(part) {
  const { kind } = part.dataset;
  const mustBe = "required" in part.dataset || "had" in part.dataset;
  if (kind === "group") {
    const found = gather(part);
    return Object.keys(found).length || mustBe ? found : undefined;
  }
  if (kind === "rows") {
    const found = rows(part).map(gather);
    return found.length || mustBe ? found : undefined;
  }
  if (kind === "many") {
    const found = [...part.querySelectorAll("input:checked")].map((each) => each.value);
    return found.length || mustBe ? found : undefined;
  }
  if (kind === "lines") {
    const found = part.value.split("\n").map((line) => line.trim()).filter(Boolean);
    return found.length || mustBe ? found : undefined;
  }
  if (kind === "file") return part.files[0];
  const text = part.value;
  if (kind === "integer") return text === "" ? undefined : /^-?\d{1,15}$/.test(text) ? Number(text) : text;
  if (kind === "flag") return text === "" ? undefined : text === "true";
  if (kind === "choice") return text === "" ? undefined : text;
  if (kind === "json") return text.trim() === "" ? undefined : JSON.parse(text);
  return text === "" && !mustBe ? undefined : text;
}

function gather(box) {
  const found = {};
  for (const part of parts(box)) {
    const value = read(part);
    if (value !== undefined) found[part.dataset.name] = value;
  }
  return found;
}

// PATCH names what was changed, and nothing else.
const changed = (now, before) =>
  Object.fromEntries(Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));

// The field that `items.0.quantity` names, or the nearest thing around it.
function find(form, path) {
  let at = form;
  for (const name of path.split(".")) {
    const next = at.dataset.kind === "rows" ? rows(at)[Number(name)] : parts(at).find((part) => part.dataset.name === name);
    if (!next) break;
    at = next;
  }
  return at === form ? null : at;
}

function clear(form) {
  for (const each of form.querySelectorAll("p.error")) each.textContent = "";
  for (const each of form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
  form.querySelector(".said").replaceChildren();
}

function add(box, tag, text, more = {}) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  for (const [name, value] of Object.entries(more)) made.setAttribute(name, value);
  box.append(made);
  return made;
}

function mark(form, list, { field, detail }) {
  const part = find(form, field);
  const line = add(list, "li");
  if (!part) {
    line.textContent = field ? `${field}: ${detail}` : detail;
    return;
  }
  const beside = document.getElementById(`${part.id}-error`);
  beside.textContent = beside.textContent ? `${beside.textContent} ${detail}` : detail;
  if ("value" in part && part.tagName !== "FIELDSET") part.setAttribute("aria-invalid", "true");
  const label = form.querySelector(`label[for="${part.id}"]`) || part.querySelector("legend");
  const name = label ? (part.matches("[data-row]") ? label : label.firstChild).textContent.trim() : field;
  const link = add(line, "a", `${name}: ${detail}`, { href: `#${part.id}` });
  link.addEventListener("click", (event) => {
    event.preventDefault();
    (part.matches("input, select, textarea") ? part : part.querySelector("input, select, textarea, button"))?.focus();
  });
}

function complain(form, problem) {
  const said = form.querySelector(".said");
  const intro = add(said, "p");
  add(intro, "strong", problem.status === 401 ? "You are signed out." : problem.title || "That did not work.");
  if (problem.status === 401) {
    // The detail tells programs of tokens.
    const back = encodeURIComponent(location.pathname + location.search);
    add(said, "a", "Sign in and come back here", { href: `/login/?next=${back}` });
  } else if (problem.errors) {
    const list = add(said, "ul");
    for (const each of problem.errors) mark(form, list, each);
  } else if (problem.detail) {
    intro.append(` ${problem.detail}`);
  }
  if (problem.status === 412) add(said, "a", "Show it as it is now", { href: location.pathname });
  said.focus();
}

function cookie(name) {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return found ? found.slice(name.length + 1) : "";
}

// `crypto.randomUUID` is there in secure contexts only.
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function bodyOf(form) {
  if ("bodiless" in form.dataset) return {};
  if ("raw" in form.dataset) return { body: form.querySelector("textarea").value, type: "application/json" };
  const found = gather(form);
  if ("files" in form.dataset) {
    const body = new FormData();
    for (const [name, value] of Object.entries(found)) body.append(name, value);
    return { body };
  }
  const wanted = form.dataset.method === "PATCH" ? changed(found, form.before) : found;
  return { body: JSON.stringify(wanted), type: "application/json" };
}

const mebibytes = (bytes) => Math.round((bytes / 1024 / 1024) * 10) / 10;

// Sends the form; whether the page is left.
async function send(form) {
  const { body, type } = bodyOf(form);
  if (form.dataset.method === "PATCH" && body === "{}") {
    complain(form, { title: "Nothing was changed.", detail: "Change a field, then send it." });
    return false;
  }
  const tooLarge = [...form.querySelectorAll("[data-largest]")].filter((part) => part.files[0]?.size > Number(part.dataset.largest));
  if (tooLarge.length) {
    // The gateway would refuse it too, and may close the connection before the browser has read why.
    const errors = tooLarge.map((part) => ({ field: part.dataset.name, detail: `The file is larger than ${mebibytes(part.dataset.largest)} MiB.` }));
    complain(form, { title: "The file is too large.", errors });
    return false;
  }
  const headers = { Accept: "application/json", "X-CSRFToken": cookie("csrftoken") };
  if (type) headers["Content-Type"] = type;
  if (form.dataset.tag) headers["If-Match"] = form.dataset.tag;
  if (form.dataset.key) headers["Idempotency-Key"] = form.dataset.key;
  const answer = await fetch(form.dataset.address, { method: form.dataset.method, headers, body });
  if (answer.ok) {
    const made = answer.headers.get("Location");
    const there = form.dataset.then || (made ? new URL(made, location).pathname : form.dataset.address);
    sessionStorage.setItem(NOTICE, form.dataset.done);
    location.assign(there);
    return true;
  }
  const isJson = (answer.headers.get("Content-Type") || "").includes("json");
  const problem = isJson ? await answer.json() : { title: `The answer was ${answer.status}.`, status: answer.status };
  // Only where the key is known to be used up is what is sent next another request: an earlier try that had no answer
  // may have been done, whatever a later one is told.
  if (form.dataset.key && (problem.type || "").endsWith("idempotency-key-reused")) form.dataset.key = newKey();
  complain(form, problem);
  return false;
}

async function submit(form) {
  const buttons = [...form.querySelectorAll("button:not(:disabled)")];
  let leaves = false;
  clear(form);
  for (const each of buttons) each.disabled = true; // a double click is one request
  try {
    leaves = await send(form);
  } catch (error) {
    const isJson = error instanceof SyntaxError;
    complain(form, { title: isJson ? "This is not JSON." : "There was no answer.", detail: isJson ? error.message : "Look whether it was done before you try again." });
  } finally {
    if (!leaves) for (const each of buttons) each.disabled = false; // the next page may take a while to come
  }
}

function confirmed(form) {
  const dialog = form.querySelector("dialog");
  if (!dialog) return Promise.resolve(true);
  return new Promise((done) => {
    const close = (answer) => () => {
      dialog.close();
      done(answer);
    };
    dialog.querySelector("[data-yes]").onclick = close(true);
    dialog.querySelector("[data-no]").onclick = close(false);
    dialog.oncancel = () => done(false);
    dialog.showModal();
  });
}

// What the lines are called, in the order in which they stand.
function number(box) {
  rows(box).forEach((row, index) => {
    for (const each of row.querySelectorAll("[data-number]")) if (each.closest("[data-row]") === row) each.textContent = index + 1;
  });
}

function addRow(box) {
  const template = box.querySelector(":scope > template");
  const before = Number(box.dataset.made) || rows(box).length;
  box.dataset.made = before + 1;
  const made = template.content.cloneNode(true);
  for (const each of made.querySelectorAll("*")) {
    for (const attribute of [...each.attributes]) attribute.value = attribute.value.replaceAll("__row__", `new-${box.dataset.made}`);
  }
  template.before(made);
  number(box);
  rows(box).at(-1).querySelector("input, select, textarea")?.focus();
}

function removeRow(row) {
  const box = owner(row);
  row.remove();
  number(box);
  box.querySelector(":scope > [data-add]").focus(); // what had the focus is gone
}

for (const form of document.querySelectorAll("form[data-method]")) {
  form.before = gather(form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await confirmed(form)) await submit(form);
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add], [data-remove]");
    if (!button) return;
    if ("add" in button.dataset) addRow(button.closest("[data-name]"));
    else removeRow(button.closest("[data-row]"));
  });
}

// What is not looked for stands in no address.
for (const form of document.querySelectorAll("form[data-query]")) {
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });
}

// A page that a browser kept in memory has a key that was used, and says what was there before.
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted && document.querySelector("form[data-method]")) location.reload();
});

const notice = document.querySelector(".notice");
if (notice && sessionStorage.getItem(NOTICE)) {
  notice.textContent = sessionStorage.getItem(NOTICE);
  notice.hidden = false;
  sessionStorage.removeItem(NOTICE);
}
