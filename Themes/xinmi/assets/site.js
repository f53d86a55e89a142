// Large text: the choice stays on this device.
const key = "xinmi-large";
const button = document.querySelector("[data-large]");
const set = (on) => {
  document.documentElement.classList.toggle("large", on);
  button?.setAttribute("aria-pressed", String(on));
};
set(localStorage.getItem(key) === "1");
if (button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const on = !document.documentElement.classList.contains("large");
    localStorage.setItem(key, on ? "1" : "0");
    set(on);
  });
}
// A form is sent once: a second press while the first is under way does nothing.
for (const form of document.querySelectorAll("form[data-form]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-form]")) delete form.dataset.sent;
});
