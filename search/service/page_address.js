"use strict";
// The address is all of the page's state, so that links and Back work: q, sort and offset as GET /search has them,
// filter in the words of its grammar, and what was clicked as is.FIELD=value, from.FIELD and to.FIELD.

const CLICKED = /^(is|from|to)\.(.+)$/s;

function address() {
  return new URLSearchParams(location.search);
}

/** The address with something changed, from the first hit on. */
function changed(change) {
  const next = address();
  next.delete("offset");
  change(next);
  return next;
}

/** Take one value of a name away; the two arguments of delete() are too new. */
function without(parameters, name, value) {
  const kept = parameters.getAll(name).filter(other => other !== value);
  parameters.delete(name);
  for (const other of kept) parameters.append(name, other);
}

function isFilter(name) {
  return name === "filter" || CLICKED.test(name);
}

function withoutFilters() {
  return changed(next => { for (const name of [...next.keys()]) if (isFilter(name)) next.delete(name); });
}

function offsetOf(parameters) {
  const offset = Number(parameters.get("offset"));
  return Number.isSafeInteger(offset) && offset > 0 ? offset : 0;
}

/** What was clicked of each field: a Map from fields to {is: [values], from, to}. */
function clicked(parameters) {
  const fields = new Map();
  for (const [name, value] of parameters) {
    const [, how, field] = CLICKED.exec(name) ?? [];
    if (!how || (how !== "is" && !value)) continue;
    if (!fields.has(field)) fields.set(field, {is: []});
    const choice = fields.get(field);
    if (how !== "is") choice[how] = value;
    else if (!choice.is.includes(value)) choice.is.push(value);
  }
  return fields;
}

/** A name or a value in the grammar of filters. sign: that it is quoted with. */
function quoted(text, sign) {
  return sign + text.replace(/[\\"`]/g, "\\$&") + sign;
}

/** What a choice in a field means, in the grammar of filters. */
function conditions(field, choice) {
  const name = quoted(field, "`"), made = [];
  if (choice.is.length) made.push(`${name} in (${choice.is.map(value => quoted(value, '"')).join(", ")})`);
  if (choice.from) made.push(`${name} >= ${quoted(choice.from, '"')}`);
  if (choice.to) made.push(`${name} <= ${quoted(choice.to, '"')}`);
  return made;
}

/** All filters of an address, but for what was clicked in one field. */
function filtersOf(parameters, except) {
  const made = parameters.getAll("filter").filter(Boolean);
  for (const [field, choice] of clicked(parameters)) if (field !== except) made.push(...conditions(field, choice));
  return made;
}
