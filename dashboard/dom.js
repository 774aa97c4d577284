// The little of a framework that this page needs. Text enters the page as text only: nothing here
// or elsewhere parses markup.

/** An element. Attributes by name; `class` and `on…` as one would write them in HTML. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Sets text only when it changes, so that selections and screen readers are left alone. */
export function say(element, text) {
  const wanted = text == null ? "" : String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** [number, unit] of format.js, the unit in an element of its own. */
export function sayValue(element, [number, unit]) {
  if (!element.firstElementChild) {
    element.replaceChildren(h("span", { class: "number" }), h("span", { class: "unit" }));
  }
  say(element.firstElementChild, number);
  say(element.lastElementChild, unit);
}

export function mark(element, name, value) {
  const wanted = value == null ? "" : String(value);
  if (element.dataset[name] !== wanted) element.dataset[name] = wanted;
}

/** A share of 0 to 1 that the style sheet reads as --share. */
export function share(element, value) {
  const wanted = Math.min(1, Math.max(0, value || 0)).toFixed(3);
  if (element.style.getPropertyValue("--share") !== wanted) {
    element.style.setProperty("--share", wanted);
  }
}

/**
 * One child of `parent` for each item, in their order. Children are kept by key, so focus, hover
 * and selection survive; `create(item)` answers {root, update(item)}.
 */
export function keyed(parent, items, keyOf, create) {
  const rows = (parent.keyedRows ??= new Map());
  const seen = new Set();
  let at = parent.firstElementChild;
  items.forEach((item, index) => {
    let key = String(keyOf(item, index));
    while (seen.has(key)) key += "'";
    seen.add(key);
    let row = rows.get(key);
    if (!row) {
      row = create(item);
      rows.set(key, row);
    }
    row.update(item);
    if (row.root === at) at = at.nextElementSibling;
    else parent.insertBefore(row.root, at);
  });
  for (const [key, row] of rows) {
    if (!seen.has(key)) {
      row.root.remove();
      rows.delete(key);
    }
  }
}

/** A choice that outlives the page; storage may be forbidden. */
export function remembered(name, fallback) {
  try {
    return localStorage.getItem(`paceline.${name}`) ?? fallback;
  } catch {
    return fallback;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`paceline.${name}`, value);
  } catch {
    // Then it lasts as long as the page.
  }
}
