// What a script adds to forms that work without one: checks while typing, a draft on this device, progress of uploads,
// the device's position, and the proof that a busy service asks for. Answers never stand in an address.
const days = 7;
const said = (form, zh, en) => (form.elements._lang?.value === "en" ? en : zh);
const draftKey = (form) => `xinmi-draft:${form.dataset.form}:${form.elements._form?.value.slice(0, 16)}`;
const kept = (input) => input.name && !input.name.startsWith("_") && !["hidden", "file"].includes(input.type) && !input.closest("[data-private]");

// As it was meant: a Chinese keyboard's digits and signs, and what a copied text brings along.
const plain = (text) => text.normalize("NFKC").replace(/[\u00AD\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/g, "").replace(/[\u2010-\u2015\u2212]/g, "-").trim();

// Check characters as GB 11643 and GB 32100 have them; formsapi checks again.
const checks = {
  phone: (text) => /^[0-9+\-() .转轉extEXT]+$/.test(text) && text.replace(/\D/g, "").length >= 7 && text.replace(/\D/g, "").length <= 15,
  email: (text) => /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(text),
  number: (text) => /^[+-]?\d[\d,]*(\.\d+)?$/.test(text),
  idnumber: (text) => {
    if (!/^[1-9]\d{16}[\dXx]$/.test(text)) return false;
    const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const sum = weights.reduce((total, weight, place) => total + weight * Number(text[place]), 0);
    return "10X98765432"[sum % 11] === text[17].toUpperCase();
  },
  uscc: (text) => {
    const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    const values = [...text.toUpperCase()].map((letter) => alphabet.indexOf(letter));
    if (values.length !== 18 || values.includes(-1)) return false;
    let weight = 1;
    let sum = 0;
    for (const value of values.slice(0, 17)) {
      sum += value * weight;
      weight = (weight * 3) % 31;
    }
    return values[17] === (31 - (sum % 31)) % 31;
  },
};

function check(input) {
  const text = plain(input.value);
  const isWrong = text !== "" && !checks[input.dataset.check](text);
  const id = `${input.id}-error`;
  const field = input.closest(".field");
  field.classList.toggle("has-error", isWrong);
  input.toggleAttribute("aria-invalid", isWrong);
  let note = document.getElementById(id);
  if (!isWrong) {
    note?.remove();
    return;
  }
  if (!note) {
    note = document.createElement("p");
    note.className = "error";
    note.id = id;
    input.before(note);
    input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} ${id}`.trim());
  }
  note.textContent = input.dataset.error;
}

// A note that comes or goes while somebody presses a button would move the button from under the finger.
let pressed = false;
document.addEventListener("pointerdown", () => { pressed = true; });
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(() => { pressed = false; }));
const afterPress = (act) => (pressed ? setTimeout(() => afterPress(act), 50) : act());

function restore(form) {
  let draft;
  try {
    draft = JSON.parse(localStorage.getItem(draftKey(form)) ?? "null");
  } catch {
    draft = null;
  }
  if (!draft || Date.now() - draft.at > days * 86_400_000) return localStorage.removeItem(draftKey(form));
  // What the server sent back is newer.
  const isEmpty = [...form.elements].filter(kept).every((input) => (["radio", "checkbox"].includes(input.type) ? !input.checked : !input.value));
  if (!isEmpty) return undefined;
  for (const input of [...form.elements].filter(kept)) {
    const values = draft.values[input.name] ?? [];
    if (["radio", "checkbox"].includes(input.type)) input.checked = values.includes(input.value);
    else if (values.length) input.value = values[0];
  }
  const note = document.createElement("p");
  note.className = "hint";
  note.setAttribute("role", "status");
  note.textContent = said(form, "已恢复您在本机上没有提交的草稿。", "The draft that you kept on this device is back. ");
  const forget = document.createElement("button");
  forget.type = "button";
  forget.className = "link";
  forget.textContent = said(form, "清除草稿", "Delete it");
  forget.addEventListener("click", () => {
    localStorage.removeItem(draftKey(form));
    form.reset();
    note.remove();
  });
  note.append(forget);
  form.prepend(note);
  return undefined;
}

function save(form) {
  const values = {};
  for (const input of [...form.elements].filter(kept)) {
    if (["radio", "checkbox"].includes(input.type) && !input.checked) continue;
    if (input.value) (values[input.name] ??= []).push(input.value);
  }
  try {
    localStorage.setItem(draftKey(form), JSON.stringify({ at: Date.now(), values }));
  } catch {
    // No room, or not allowed: then there is no draft.
  }
}

function position(form, hidden) {
  if (!navigator.geolocation || !window.isSecureContext) return;
  const [ask, done, failed] = hidden.dataset.position.split("|");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.textContent = ask;
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  button.addEventListener("click", () => {
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const metres = Math.min(1_000_000, Math.ceil(coords.accuracy));
        hidden.value = `${coords.longitude.toFixed(6)},${coords.latitude.toFixed(6)},${metres}`;
        status.textContent = ` ${done.replace("{m}", metres)}`;
      },
      () => { status.textContent = ` ${failed}`; },
      { enableHighAccuracy: true, timeout: 15_000 },
    );
  });
  hidden.after(button, status);
}

// Only the villages of the unit that was chosen are offered.
function narrow(select) {
  const list = document.getElementById(`${select.id}-villages`);
  if (!list) return;
  const all = [...list.children];
  const show = () => {
    const unit = select.selectedOptions[0]?.value ? select.selectedOptions[0].textContent : "";
    list.replaceChildren(...all.filter((option) => !unit || option.label === unit));
  };
  select.addEventListener("change", show);
  show();
}

async function solve(box) {
  const input = box.querySelector("input[name=_proof]");
  const { algorithm, challenge, salt, signature, maxnumber } = await (await fetch(box.dataset.challenge)).json();
  const encoder = new TextEncoder();
  for (let number = 0; number <= maxnumber; number += 1) {
    const digest = new Uint8Array(await crypto.subtle.digest(algorithm, encoder.encode(salt + number)));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (hex === challenge) {
      input.value = btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
      box.querySelector("p").textContent = said(input.form, "准备好了，请再按一次“提交”。", "Ready: press “Submit” again.");
      return;
    }
  }
}

// Files take a while: the bar says how far they are, and what comes back takes the page's place.
function upload(form, event) {
  const chosen = [...form.querySelectorAll("input[type=file]")].some((input) => input.files.length);
  if (!chosen) return;
  event.preventDefault();
  const data = new FormData(form);
  if (event.submitter?.name) data.append(event.submitter.name, event.submitter.value);
  const bar = document.createElement("progress");
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  status.textContent = said(form, "正在上传……", "Uploading…");
  (event.submitter ?? form).after(status, bar);
  const failed = () => {
    delete form.dataset.sent;
    bar.remove();
    status.textContent = said(form, "没有传上去，请检查网络后再试。您填写的内容都在。", "It did not get through. Check your connection and try again; what you typed is still here.");
  };
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.responseType = "document";
  request.upload.addEventListener("progress", (progress) => {
    if (!progress.lengthComputable) return;
    bar.max = progress.total;
    bar.value = progress.loaded;
    status.textContent = said(form, "正在上传：", "Uploading: ") + Math.round((progress.loaded / progress.total) * 100) + "%";
  });
  request.addEventListener("error", failed);
  request.addEventListener("load", () => {
    const main = request.response?.querySelector("main");
    if (!main) return failed();
    // Receipts and steps have addresses, which the back button needs.
    if (/\/(receipts|steps)\//.test(new URL(request.responseURL).pathname)) return location.assign(request.responseURL);
    document.title = request.response.title;
    document.querySelector("main").replaceWith(document.adoptNode(main));
    (main.querySelector(".error-summary") ?? main.querySelector("h1"))?.scrollIntoView();
    main.querySelector(".error-summary")?.focus();
    return prepare();
  });
  request.send(data);
}

function prepare() {
  for (const form of document.querySelectorAll("form[data-form]")) {
    restore(form);
    let timer;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => save(form), 500);
    });
    for (const input of form.querySelectorAll("[data-check]")) {
      input.addEventListener("change", () => afterPress(() => check(input)));
      input.addEventListener("input", () => { if (checks[input.dataset.check](plain(input.value))) check(input); });
    }
    for (const hidden of form.querySelectorAll("[data-position]")) position(form, hidden);
    for (const select of form.querySelectorAll(".address select")) narrow(select);
    for (const box of form.querySelectorAll("[data-challenge]")) solve(box).catch(() => {});
    form.addEventListener("submit", (event) => { if (!event.defaultPrevented) upload(form, event); });
  }
}
prepare();
// What was received needs no draft.
if (document.getElementById("receipt")) {
  for (const name of Object.keys(localStorage)) if (name.startsWith("xinmi-draft:")) localStorage.removeItem(name);
}
