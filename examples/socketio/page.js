// What all pages share: finding elements and adding lines. Texts of others are never read as HTML.

export const $ = (id) => document.getElementById(id);

/** A line at the end of a list, beside a bar in a colour if it has one. */
export function line(list, text, { color, className } = {}) {
  const item = document.createElement("li");
  item.textContent = text;
  if (color) item.style.borderColor = color;
  if (className) item.className = className;
  list.append(item);
  list.scrollTop = list.scrollHeight;
  return item;
}

/** Calls `take` with the text of a form's first field, and empties it. */
export function onText(form, take) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const field = form.querySelector("input");
    if (field.value.trim()) take(field.value);
    field.value = "";
  });
}

/** `?transport=polling` or `websocket` keeps a page on one transport. */
export function options() {
  const transport = new URLSearchParams(location.search).get("transport");
  return transport ? { transports: [transport] } : {};
}
