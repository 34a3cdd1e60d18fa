// Keeps the walk test up to date. Without it the page loads itself.

import { fetching, listen, part } from "./part.js";

let shown = part.innerHTML;

// The numbers in a form's hidden fields change each time: what a person sees decides.
const visible = (html) => html.replace(/name="once" value="[0-9a-f]+"/g, "");

function renew(html) {
  if (visible(html) === visible(shown)) return;
  shown = html;
  const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
  const ran = part.querySelector(".running")?.id;
  part.innerHTML = html;
  const runs = part.querySelector(".running")?.id;
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  if (ran && !runs) document.getElementById("sum")?.scrollIntoView({ block: "start" });
}

listen(fetching(renew));
