// Whatever shows words too faint: WCAG 2 asks for a contrast of 4.5 between ink and ground, of large words for 3.
() => {
  const parse = (text) => {
    const parts = text.match(/[\d.]+/g).map(Number);
    const scale = text.startsWith("color(srgb") ? 255 : 1;
    return [...parts.slice(0, 3).map((part) => part * scale), parts[3] ?? 1];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((part, i) => part * a + under[i] * (1 - a));
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const under = element.parentElement ? ground(element.parentElement) : [255, 255, 255];
    return over(parse(getComputedStyle(element).backgroundColor), under);
  };
  const contrast = (element, ink) => {
    const under = ground(element);
    const [light, dark] = [luminance(over(parse(ink), under)), luminance(under)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const speaks = (element) =>
    element.matches("input, select") || [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const shown = (element, style) =>
    element.checkVisibility({opacityProperty: true, visibilityProperty: true}) &&
    !element.closest("script, style, [aria-hidden=true]") && style.fontSize !== "0px" && style.clipPath === "none";
  const needed = (style) => {
    const size = parseFloat(style.fontSize);
    return size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    if (!speaks(element) || !shown(element, style)) continue;
    const found = contrast(element, element.closest("svg") ? style.fill : style.color);
    const words = element.textContent.trim().slice(0, 40);
    if (found < needed(style)) faint.push(`${element.tagName} ${element.getAttribute("class")}: ${words}: ${found.toFixed(2)}`);
  }
  return faint;
}
