// Lets the phone keep the page's own files and a word for when the box is away. A browser that does not trust the box's certificate refuses.

if ("serviceWorker" in navigator) {
  addEventListener("load", () => navigator.serviceWorker.register("/sw.js").catch(() => {}));
}
