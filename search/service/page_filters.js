"use strict";
// The filters: values to check with their counts, from and to of numbers and days, and which are in use.

const AT_ONCE = 7, MOST_LETTERS = 80;
const unfolded = new Set(), known = new Set();  // fields: whose values are all seen, and that were once to choose by

/** The values of a field that people can choose among; none of ids, addresses and long texts, but of a field that had
    some before, however few there are now. values: the most frequent. */
function choosable(name, values, total) {
  const isShort = ({value}) => String(value).length <= MOST_LETTERS && !/^[a-z][a-z0-9+.-]*:\/\//i.test(value);
  const kept = values.filter(isShort), isChoice = ({count}) => values.length > 1 ? count > 1 : count < total;
  if (2 * kept.length > values.length && kept.some(isChoice)) known.add(name);
  return known.has(name) ? kept : [];
}

function facetValueText(value, kind) {
  if (kind === "boolean") return value === "true" ? "Yes" : "No";
  return cut(value, MOST_LETTERS) || "(empty)";
}

/** A field's values as checkboxes. others: how many more values it has. change: is told the new address. */
function facet({name, kind}, values, others, chosen, change) {
  const group = element("fieldset"), counts = new Map(values.map(({value, count}) => [String(value), count]));
  group.append(element("legend", label(name)));
  for (const value of chosen) if (!counts.has(value)) counts.set(value, 0);
  const boxes = [...counts].map(([value, count]) => {
    const line = element("label", undefined, "choice"), box = element("input");
    box.type = "checkbox";
    box.checked = chosen.includes(value);
    box.dataset.key = JSON.stringify(["is", name, value]);
    box.addEventListener("change", () => change(changed(next => {
      without(next, `is.${name}`, value);
      if (box.checked) next.append(`is.${name}`, value);
    })));
    line.append(box, element("bdi", facetValueText(value, kind), "value"), element("span", numberText(count), "count"));
    return line;
  });
  const isFirst = (line, row) => row < AT_ONCE || line.firstChild.checked || boxes.length <= AT_ONCE + 2;
  const rest = boxes.filter((line, row) => !isFirst(line, row));
  group.append(...boxes.filter(isFirst));
  const unseen = others ? [element("p", `… and ${numberText(others)} more ${others === 1 ? "value" : "values"}`, "others")] : [];
  if (rest.length) {
    const more = element("details"), summary = element("summary", `${numberText(rest.length + others)} more`);
    summary.dataset.key = JSON.stringify(["more", name]);
    summary.append(element("span", ` of ${label(name)}`, "unseen"));
    more.open = unfolded.has(name);
    more.addEventListener("toggle", () => { if (more.open) unfolded.add(name); else unfolded.delete(name); });
    more.append(summary, ...rest, ...unseen);
    group.append(more);
  } else group.append(...unseen);
  return group;
}

/** From and to of a number or of days. */
function range({name, kind}, choice, change) {
  const group = element("fieldset"), line = element("div", undefined, kind === "number" ? "range" : "range days");
  group.append(element("legend", label(name)), line);
  for (const end of ["from", "to"]) {
    const named = element("label"), box = element("input");
    box.type = kind === "timestamp" ? "date" : "number";
    if (kind === "number") box.step = "any";
    box.value = choice[end] ?? "";
    box.dataset.key = JSON.stringify([end, name]);
    box.addEventListener("change", () => change(changed(next => {
      next.delete(`${end}.${name}`);
      if (box.value) next.set(`${end}.${name}`, box.value);
    })));
    named.append(element("span", end === "from" ? "From" : "To"), box);
    line.append(named);
  }
  return group;
}

/** Replace an element's children, and leave the focus, and what is being typed, where they were. */
function replaceKeepingFocus(parent, children) {
  const before = parent.contains(document.activeElement) ? document.activeElement : null;
  const typed = before?.type === "number" || before?.type === "date" ? before.value : null;
  parent.replaceChildren(...children);
  if (!before) return;
  const after = [...parent.querySelectorAll("[data-key]")].find(found => found.dataset.key === before.dataset.key);
  if (after && typed !== null) after.value = typed;
  after?.focus({preventScroll: true});
}

/** The choices of all fields. counts, more: Maps from fields to their values with counts, and to how many more they have. */
function choices(fields, {counts, more, total}, parameters, change) {
  const chosen = clicked(parameters), made = [];
  for (const field of fields) {
    const choice = chosen.get(field.name) ?? {is: []};
    if (field.kind === "number" || field.kind === "timestamp") made.push(range(field, choice, change));
    else {
      const values = choosable(field.name, counts.get(field.name) ?? [], total);
      if (values.length || choice.is.length) made.push(facet(field, values, more.get(field.name) ?? 0, choice.is, change));
    }
  }
  return made;
}

/** The filters in use, each of which a click takes away. link: makes a link of a text and an address. */
function inUse(parameters, kinds, link) {
  const made = [];
  const add = (text, next) => {
    const item = element("li"), remove = link("", next);
    remove.append(element("span", "Remove ", "unseen"), element("bdi", text), element("span", " ×", "cross"));
    item.append(remove);
    made.push(item);
  };
  for (const filter of parameters.getAll("filter")) add(cut(filter, MOST_LETTERS), changed(next => without(next, "filter", filter)));
  for (const [field, choice] of clicked(parameters)) {
    for (const value of choice.is) {
      add(`${label(field)}: ${facetValueText(value, kinds.get(field))}`, changed(next => without(next, `is.${field}`, value)));
    }
    for (const end of ["from", "to"]) {
      if (choice[end]) add(`${label(field)} ${end} ${cut(choice[end], 20)}`, changed(next => next.delete(`${end}.${field}`)));
    }
  }
  if (made.length) {
    const item = element("li");
    item.append(link("Clear all filters", withoutFilters()));
    made.push(item);
  }
  return made;
}
