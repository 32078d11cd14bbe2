// Making and keeping elements. Text only ever goes in as text, never as markup.

// el("p", { class: "name", title: "…", onclick: f }, "text", otherElement, null)
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// Make the children of `parent` these nodes, touching only what differs: focus and scroll stay.
export function keep(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  let at = parent.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

// Set text only where it differs, so that screen readers aren't told twice.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
