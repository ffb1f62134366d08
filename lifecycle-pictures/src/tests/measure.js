// In a page of frames, each with a picture: what is over what, and what is cut. A line for each.
const said = [];
const frames = [...document.querySelectorAll("iframe")];
const rect = (element) => element.getBoundingClientRect();
const over = (a, b) =>
  Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 &&
  Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5;
const inside = (a, b) =>
  a.left >= b.left - 0.5 && a.right <= b.right + 0.5 && a.top >= b.top - 0.5 && a.bottom <= b.bottom + 0.5;

function pairs(name, what, elements) {
  const sorted = elements.map((element) => [rect(element), element]).sort((a, b) => a[0].top - b[0].top);
  sorted.forEach(([a, element], at) => {
    for (let next = at + 1; next < sorted.length && sorted[next][0].top < a.bottom; next++) {
      const [b, other] = sorted[next];
      if (over(a, b)) said.push(`${name}: ${what} "${element.textContent}" is over "${other.textContent}"`);
    }
  });
}

function measure(frame) {
  const name = frame.title;
  const page = frame.contentDocument;
  const texts = [...page.querySelectorAll("svg text")].filter((text) => text.textContent);
  const boxes = [...page.querySelectorAll("svg rect.lc-box")];
  const bars = [...page.querySelectorAll("svg rect.lc-bar")];
  pairs(name, "text", texts);
  pairs(name, "box", boxes);
  for (const text of texts) {
    if (!inside(rect(text), rect(text.ownerSVGElement))) said.push(`${name}: "${text.textContent}" leaves the picture`);
    const own = text.closest("g")?.querySelector(":scope > rect.lc-box");
    if (own && !inside(rect(text), rect(own))) said.push(`${name}: "${text.textContent}" leaves its box`);
    if (bars.some((bar) => over(rect(bar), rect(text)))) said.push(`${name}: "${text.textContent}" is under a bar`);
    if (rect(text).width === 0) said.push(`${name}: "${text.textContent}" is not shown`);
  }
  for (const shape of [...boxes, ...bars, ...page.querySelectorAll("svg rect.lc-band")]) {
    if (!inside(rect(shape), rect(shape.ownerSVGElement)) && !shape.matches(".lc-band"))
      said.push(`${name}: a ${shape.getAttribute("class")} is cut`);
  }
  const root = page.documentElement;
  if (frame.dataset.kind === "page" && root.scrollWidth > root.clientWidth)
    said.push(`${name}: the page is ${root.scrollWidth} wide, the window ${root.clientWidth}`);
  if (frame.dataset.kind === "svg") {
    const markup = frame.srcdoc.slice(frame.srcdoc.indexOf("<svg"));
    const parsed = new DOMParser().parseFromString(markup, "image/svg+xml").querySelector("parsererror");
    if (parsed) said.push(`${name}: no XML: ${parsed.textContent}`);
  }
  return [name, page.querySelectorAll("svg").length, texts.length, boxes.length, bars.length].join(" ");
}

window.addEventListener("load", () => {
  const counts = frames.map(measure);
  document.body.innerHTML = "<pre></pre>";
  document.querySelector("pre").textContent = ["MEASURED", ...counts, "FOUND", ...said, "END"].join("\n");
});
