// A photograph of where a device hangs is made small here, before it is sent: drawn anew it has no place, no time and no maker in it. It goes
// with its form when that is sent, and nothing of it is kept on the phone.

const SIDES = [640, 480, 360]; // pixels of the longer side
const FINE = [0.8, 0.65, 0.5, 0.35]; // how fine the JPEG is
const form = document.getElementById("photo-form");
const chosen = document.getElementById("photo-file");
const say = document.getElementById("photo-say");
const canvas = document.getElementById("photo-new");

async function small(file) {
  const picture = await createImageBitmap(file);
  for (const side of SIDES) {
    const by = Math.min(1, side / Math.max(picture.width, picture.height));
    canvas.width = Math.max(1, Math.round(picture.width * by));
    canvas.height = Math.max(1, Math.round(picture.height * by));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    for (const fine of FINE) {
      const made = await new Promise((done) => canvas.toBlob(done, "image/jpeg", fine));
      if (made && made.size <= Number(form.dataset.most)) return made;
    }
  }
  throw new Error("large");
}

if (form) {
  const button = form.querySelector("button");
  let turn = 0; // of what was chosen last; a slow phone may still be at the one before
  chosen.addEventListener("change", async () => {
    const file = chosen.files[0];
    const mine = ++turn;
    canvas.hidden = true;
    button.disabled = Boolean(file); // else the large one goes over a slow line, to be refused
    if (!file) return;
    say.textContent = document.body.dataset.works;
    try {
      const held = new DataTransfer();
      const made = await small(file);
      if (mine !== turn) return;
      held.items.add(new File([made], "photo.jpg", { type: "image/jpeg" }));
      chosen.files = held.files;
      canvas.hidden = false;
      say.textContent = form.dataset.ready;
    } catch {
      if (mine !== turn) return;
      if (file.type !== "image/jpeg" || file.size > Number(form.dataset.most)) chosen.value = ""; // it would be refused
      say.textContent = form.dataset.cannot;
    }
    button.disabled = false;
  });
}
