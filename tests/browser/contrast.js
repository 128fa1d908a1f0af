// Elements with words of their own that stand out too little from what is behind (WCAG 2.1, 1.4.3).
(() => {
  const parts = (text) => (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return parts(getComputedStyle(document.body).backgroundColor);
  };
  const low = [];
  for (const node of document.querySelectorAll("body *")) {
    const words = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const unseen = !node.getClientRects().length || ["SCRIPT", "title"].includes(node.tagName);
    if (!words || unseen) continue;
    const style = getComputedStyle(node);
    const ink = light(parts(node.namespaceURI.endsWith("svg") ? style.fill : style.color));
    // Words inside of a bar stand on its part, which comes before them.
    const bar = node.classList.contains("inside") && node.previousElementSibling;
    const back = light(bar ? parts(getComputedStyle(bar).fill) : behind(node));
    const ratio = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
    const kind = node.className.baseVal ?? node.className;
    if (ratio < 4.5) low.push(`${node.tagName}.${kind} ${ratio.toFixed(2)}`);
  }
  return [...new Set(low)];
})()
