// Signing with a finger, and the print. What is drawn becomes a few short lines of whole numbers; without script the name is typed.

const pad = document.getElementById("pad");
if (pad) signing();

function signing() {
  const wide = Number(pad.dataset.wide);
  const high = Number(pad.dataset.high);
  const most = Number(pad.dataset.most); // characters that the gateway takes
  const into = document.getElementById("strokes");
  const say = document.getElementById("pad-say");
  const pen = pad.getContext("2d");
  let strokes = [];
  let line = null;
  document.getElementById("pad-field").hidden = false;

  const near = (value, end) => Math.min(end, Math.max(0, Math.round(value)));
  function place(event) {
    const box = pad.getBoundingClientRect();
    return [near(((event.clientX - box.left) / box.width) * wide, wide), near(((event.clientY - box.top) / box.height) * high, high)];
  }

  function draw() {
    const sharp = Math.min(3, devicePixelRatio || 1);
    pad.width = Math.max(1, Math.round(pad.clientWidth * sharp));
    pad.height = Math.max(1, Math.round(pad.clientHeight * sharp));
    pen.scale(pad.width / wide, pad.height / high);
    pen.lineWidth = 4.5;
    pen.lineCap = pen.lineJoin = "round";
    pen.strokeStyle = getComputedStyle(pad).color;
    for (const points of strokes) {
      pen.beginPath();
      pen.moveTo(...points[0]);
      for (const point of points) pen.lineTo(...point);
      pen.stroke();
    }
  }

  // Leaves out places that lie on the way between their neighbours (Ramer, Douglas and Peucker).
  function thinned(points, off) {
    if (points.length < 3) return points;
    const [ax, ay] = points[0];
    const [bx, by] = points[points.length - 1];
    const long = Math.hypot(bx - ax, by - ay);
    let far = 0;
    let at = 0;
    for (let n = 1; n < points.length - 1; n += 1) {
      const [x, y] = points[n];
      const away = long ? Math.abs((by - ay) * x - (bx - ax) * y + bx * ay - by * ax) / long : Math.hypot(x - ax, y - ay);
      if (away > far) [far, at] = [away, n];
    }
    if (far <= off) return [points[0], points[points.length - 1]];
    return [...thinned(points.slice(0, at + 1), off).slice(0, -1), ...thinned(points.slice(at), off)];
  }

  const steps = (points) => points.flatMap(([x, y], n) => (n ? [x - points[n - 1][0], y - points[n - 1][1]] : [x, y]));

  function write() {
    let kept = strokes.map((points) => thinned(points, 0.8));
    let text = strokes.length ? JSON.stringify(kept.map(steps)) : "";
    for (let off = 1.2; text.length > most; off *= 1.5) {
      // first what lies on the way, then, of a scribble, every other place
      kept = off < 20 ? strokes.map((points) => thinned(points, off)) : kept.map((p) => p.filter((_, n) => n % 2 === 0 || n === p.length - 1));
      text = JSON.stringify(kept.map(steps));
    }
    into.value = text;
    pad.classList.toggle("done", strokes.length > 0);
    say.textContent = strokes.length ? say.dataset.done : "";
  }

  pad.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button > 0 || strokes.length >= 150) return;
    event.preventDefault();
    pad.setPointerCapture(event.pointerId);
    line = [place(event)];
    strokes.push(line);
    draw();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!line || !event.isPrimary) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of all.length ? all : [event]) {
      const [x, y] = place(one);
      const [lx, ly] = line[line.length - 1];
      if (Math.hypot(x - lx, y - ly) >= 2 && line.length < 2000) line.push([x, y]);
    }
    draw();
  });
  const up = () => {
    if (!line) return;
    line = null;
    write();
  };
  pad.addEventListener("pointerup", up);
  pad.addEventListener("pointercancel", up);
  document.getElementById("pad-clear").addEventListener("click", () => {
    strokes = [];
    line = null;
    write();
    draw();
  });
  new ResizeObserver(draw).observe(pad);
}

const print = document.getElementById("print");
if (print) {
  document.getElementById("print-field").hidden = false;
  print.addEventListener("click", () => window.print());
  document.getElementById("slots").hidden = false;
  for (const typed of document.querySelectorAll("input[data-slot]")) {
    const slot = document.getElementById(typed.dataset.slot);
    typed.addEventListener("input", () => (slot.textContent = typed.value.trim()));
  }
}
