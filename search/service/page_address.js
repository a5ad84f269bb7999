"use strict";
// The address is all of the page's state, so that links and Back work: q, sort and offset as GET /search has them,
// filter in the words of its grammar, and what was clicked as is.FIELD=value, from.FIELD and to.FIELD.

const CLICKED = /^(is|from|to)\.(.+)$/s;
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const WORDS = new Set(["and", "or", "not", "in", "exists", "true", "false"]);

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
    if (!how || !value) continue;
    if (!fields.has(field)) fields.set(field, {is: []});
    const choice = fields.get(field);
    if (how !== "is") choice[how] = value;
    else if (!choice.is.includes(value)) choice.is.push(value);
  }
  return fields;
}

function quotedName(name) {
  return PLAIN_NAME.test(name) && !WORDS.has(name.toLowerCase()) ? name : `\`${name}\``;
}

function quotedValue(value) {
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}

/** The day after one, as 2026-02-01. */
function dayAfter(day) {
  const next = new Date(`${day}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + 1);
  return Number.isNaN(next.getTime()) ? day : next.toISOString().slice(0, 10);
}

/** What a choice in a field means, in the grammar of filters. */
function conditions(field, kind, choice) {
  const name = quotedName(field), made = [];
  if (kind === "boolean") {
    if (choice.is.length === 1) made.push(`${name} = ${choice.is[0]}`);
  } else if (choice.is.length) {
    made.push(`${name} in (${choice.is.map(quotedValue).join(", ")})`);
  }
  if (choice.from) made.push(`${name} >= ${choice.from}`);
  if (choice.to) made.push(kind === "timestamp" ? `${name} < ${dayAfter(choice.to)}` : `${name} <= ${choice.to}`);
  return made;
}

/** All filters of an address, but for what was clicked in one field. kinds: of the fields, a Map. */
function filtersOf(parameters, kinds, except) {
  const made = parameters.getAll("filter").filter(Boolean);
  for (const [field, choice] of clicked(parameters)) {
    if (field !== except) made.push(...conditions(field, kinds.get(field), choice));
  }
  return made;
}
