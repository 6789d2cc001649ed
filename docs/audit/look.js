// What is looked at in a page as it stands: cut code, figures, its width, contrast (WCAG 2.2, 1.4.3).
// The value is an object with functions, each of which returns what can be told in JSON.
({
  // Fonts, formulas and lazy pictures have to be there before anything has its size.
  async ready() {
    const still = document.createElement("style");
    still.textContent = "*, ::before, ::after { transition: none !important; animation: none !important; }";
    document.head.append(still);
    for (const image of document.images) image.loading = "eager";
    if (window.MathJax?.startup?.promise) await window.MathJax.startup.promise;
    await document.fonts.ready;
    await Promise.all([...document.images].map((image) => image.decode().catch(() => 0)));
    return document.readyState;
  },

  // What a page does when the window or the settings change, it does in the next frames.
  drawn: () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))),

  shape() {
    for (const box of document.querySelectorAll("details")) box.open = true;
    const seen = (node) => node.checkVisibility({ visibilityProperty: true });
    const cut = [...document.querySelectorAll("pre, .highlight")].filter(seen)
      .filter((box) => box.scrollWidth > box.clientWidth + 1)
      .map((box) => ({ text: box.textContent.trim().slice(0, 40), inside: box.clientWidth, all: box.scrollWidth }));
    const scrolls = (box) => box && (["auto", "scroll"].includes(getComputedStyle(box).overflowX)
      ? box.scrollWidth > box.clientWidth + 1 : scrolls(box.parentElement));
    const cards = ".sphx-glr-thumbcontainer, nav, header";
    const figures = [...document.images].filter((image) => seen(image) && !image.closest(cards))
      .map((image) => ({ source: image.currentSrc, width: image.getBoundingClientRect().width,
                         natural: image.naturalWidth, scrolls: Boolean(scrolls(image.parentElement)) }));
    return { cut, figures, page: document.documentElement.scrollWidth, window: innerWidth };
  },

  contrast() {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    const known = new Map();
    const rgba = (colour) => {  // every notation that a style may have, read from a drawn dot
      if (!known.has(colour)) {
        brush.clearRect(0, 0, 1, 1);
        brush.fillStyle = "#000";
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
        known.set(colour, [r, g, b, a / 255]);
      }
      return known.get(colour);
    };
    const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
    const light = (colour) => {
      const [r, g, b] = colour.slice(0, 3).map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const grounds = new Map();
    const ground = (node) => {
      if (!node) return rgba(getComputedStyle(document.documentElement).colorScheme.includes("dark")
        && matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#ffffff");
      if (!grounds.has(node)) {
        const own = rgba(getComputedStyle(node).backgroundColor);
        grounds.set(node, own[3] === 1 ? own : over(own, ground(node.parentElement)));
      }
      return grounds.get(node);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const faults = new Map();
    let texts = 0;
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const node = text.parentElement;
      if (!text.data.trim() || node.closest("script, style, noscript, mjx-assistive-mml, :disabled")) continue;
      if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      const box = node.getBoundingClientRect();
      if (box.width < 2 || box.height < 2) continue;  // for readers of screens alone
      texts += 1;
      const style = getComputedStyle(node);
      const behind = ground(node);
      let ink = [...rgba(node instanceof SVGElement ? style.fill : style.color)];
      for (let outer = node; outer; outer = outer.parentElement) ink[3] *= getComputedStyle(outer).opacity;
      ink = over(ink, behind);
      const [dark, bright] = [light(ink), light(behind)].sort((a, b) => a - b);
      const ratio = (bright + 0.05) / (dark + 0.05);
      const size = parseFloat(style.fontSize);
      const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
      if (ratio < least) {
        const hex = (c) => "#" + c.slice(0, 3).map((v) => Math.round(v).toString(16).padStart(2, "0")).join("");
        const key = `${hex(ink)} on ${hex(behind)}`;
        if (!faults.has(key))
          faults.set(key, { colours: key, ratio, least, text: text.data.trim().slice(0, 40),
                            where: `${node.tagName.toLowerCase()}.${node.getAttribute("class") || ""}` });
      }
    }
    const bright = document.querySelector("meta[name=color-scheme][content='only light']") !== null;
    return { texts, faults: [...faults.values()], ground: light(ground(document.body)), bright };
  },
})
