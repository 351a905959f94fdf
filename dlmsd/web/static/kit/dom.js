// Elements. Data becomes text here and never markup.

export function make(tag, className = "", ...content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...content);
  return node;
}

export function link(href, className, ...content) {
  const node = make("a", className, ...content);
  node.href = href;
  return node;
}

export function button(words, className, act) {
  const node = make("button", className, words);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
}

// The word beside it says the same.
export function dot() {
  const node = make("span", "dot");
  node.setAttribute("aria-hidden", "true");
  return node;
}

// A part of a view with its heading.
export function section(title, ...content) {
  return make("section", "", make("h2", "", title), ...content);
}

// Writes only what differs: most of a page shows in most seconds what it showed before.
export function setText(node, text) {
  const first = node.firstChild;
  if (first === null || first.data !== text) node.textContent = text;
}

export function setData(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

// What a button does, unless it still does it. aria-disabled instead of disabled: the focus stays
// where it is.
export async function busy(node, work) {
  if (node.ariaDisabled === "true") return;
  node.ariaDisabled = "true";
  try {
    await work();
  } finally {
    node.ariaDisabled = null;
  }
}

// A list of terms whose figures change: `words` has the text of each; returns the <dl> and a
// function that sets one.
export function figures(terms, words) {
  const list = make("dl", "figures");
  const values = new Map();
  for (const term of terms) {
    const value = make("dd");
    values.set(term, value);
    list.append(make("div", "", make("dt", "", words(term)), value));
  }
  return [list, (term, text) => setText(values.get(term), text)];
}
