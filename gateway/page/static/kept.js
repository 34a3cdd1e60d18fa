// The two pages that a phone keeps. Shown in place of a page that was asked for, at its address: to ask again is to load it.

const LOOK = 5000; // ms between two looks whether the box is back
const here = document.getElementById("kept").dataset.here;

async function look() {
  try {
    const answer = await fetch("/static/icon.svg", { method: "HEAD", cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status); // it begins, or has too much to do
    location.reload();
  } catch {
    setTimeout(look, LOOK);
  }
}

if (here === "opening") {
  location.reload();
} else {
  document.getElementById("again").addEventListener("click", (event) => {
    event.preventDefault();
    location.reload();
  });
  setTimeout(look, LOOK);
}
