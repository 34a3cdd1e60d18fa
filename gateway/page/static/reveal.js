// A new password is typed once, where it can be looked at. Without script it is typed twice, unseen.

for (const again of document.querySelectorAll("[data-once]")) {
  const password = document.getElementById(again.dataset.once);
  const look = Object.assign(document.createElement("button"), { type: "button", textContent: again.dataset.show });
  const field = again.closest(".field");
  look.setAttribute("aria-pressed", "false");
  look.setAttribute("aria-controls", password.id);
  look.addEventListener("click", () => {
    const shown = password.type === "text";
    password.type = shown ? "password" : "text";
    look.setAttribute("aria-pressed", String(!shown));
    password.focus();
  });
  password.closest(".field").append(look);
  field.remove();
}
