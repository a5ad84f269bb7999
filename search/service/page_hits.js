"use strict";
// A hit as a product: title, price, picture and fields, if it has them, and why it was found.

const TITLE = /^(title|name|product_?name|product_?title)$/i, CURRENCY = /^(price_?)?currency(_?code)?$/i;
// Names of prices, the likeliest to be paid first, and of what was asked before, or is asked of the shop itself.
const PRICES = [/^price$/i, /(sale|special|offer|discount(ed)?|reduced|current|final|selling)[\s_-]*price$/i, /price$/i];
const NO_PRICE = /compare|(?<![a-z])(old|was|before|previous|former|original|cost|purchase|wholesale)[\s_-]*price/i;
const MOST_FACTS = 6;

/** The last part of a field's name: price of offer.price. */
function lastName(name) {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** The part of a field's name that may say that it is a price: price of offer.price, and of price.amount. */
function priceName(name) {
  return lastName(name.replace(/\.(amount|value)$/i, ""));
}

/** The fields that have prices, the likeliest to be paid first. */
function prices(fields) {
  const found = new Set(), named = fields.filter(({name, kind}) => ["number", "string"].includes(kind) && !NO_PRICE.test(priceName(name)));
  for (const pattern of PRICES) for (const {name} of named) if (pattern.test(priceName(name))) found.add(name);
  return [...found];
}

/** Which fields are shown in a way of their own. fields: of the index. */
function roles(fields) {
  const find = pattern => fields.find(({name, kind}) => kind === "string" && pattern.test(lastName(name)))?.name;
  return {title: find(TITLE), prices: prices(fields), currency: find(CURRENCY)};
}

/** Title and text: the field that is one, or else the first words of the text. */
function titleAndText(hit, values, title) {
  const named = values.get(title), text = hit.text ?? "";
  if (typeof named === "string" && named.trim()) {
    return [cut(named, 160), text.startsWith(named) ? text.slice(named.length).trimStart() : text];
  }
  const first = /^\s*\S.{0,90}?(?=\s|$)(?:.{0,50}(?=\s|$))?/su.exec(text.slice(0, 400))?.[0]
    ?? [...text.slice(0, 180)].slice(0, 90).join("");
  if (!first.trim()) return [hit.id, ""];
  return first.length < text.trimEnd().length ? [`${first.trim()}…`, `…${text.slice(first.length)}`] : [first.trim(), ""];
}

/** The picture of a hit, in a box that goes when it cannot be had. */
function picture(values, title) {
  const addresses = [...values].map(([name, value]) => imageAddress(lastName(name), value));
  const found = addresses.find(Boolean);
  if (!found) return null;
  const box = element("div", undefined, "picture"), image = element("img");
  image.loading = "lazy";
  image.decoding = "async";
  image.width = image.height = 128;
  image.alt = title;
  image.addEventListener("error", () => box.remove());
  image.src = found;
  box.append(image);
  return box;
}

function pairs(entries, kinds, most) {
  const list = element("dl");
  for (const [name, value] of entries) {
    const pair = element("div");
    pair.append(element("dt", label(name)), element("dd", cut(valueText(value, kinds.get(name)), most)));
    list.append(pair);
  }
  return list;
}

function isShort([, value]) {
  const text = valueText(value);
  return text && text.length <= 60 && !/^\s*[a-z][a-z0-9+.-]*:\S/i.test(text) && !IMAGE_PATH.test(text);
}

function termClass(term) {
  return term.expanded ? "added" : "own";
}

/** What each term of the query gave to the score. */
function contributions(hit) {
  const table = element("table"), head = table.createTHead().insertRow();
  table.append(element("caption", "What the score is made of"));
  for (const name of ["Term", "Query × document", "Part of the score"]) {
    const cell = element("th", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const match of hit.matches) {
    const row = body.insertRow(), name = element("th"), part = element("td"), bar = element("div", undefined, "bar");
    row.className = termClass(match);
    name.scope = "row";
    name.append(element("bdi", `${match.expanded ? "+ " : ""}${match.term}`));
    bar.style.width = `${Math.max(1, 100 * match.contribution / hit.score)}%`;
    part.append(element("span", numberText(match.contribution)), bar);
    row.append(name, element("td", `${match.query_impact} × ${match.document_impact}`), part);
  }
  return table;
}

function details(hit, values, kinds, rest) {
  const made = element("details", undefined, "why"), summary = element("summary", "Details"), about = element("span");
  const passage = hit.passage === undefined ? "" : `, passage ${hit.passage}`;
  about.append(element("bdi", cut(hit.id, 80), "id"), `${passage} · score ${numberText(hit.score)}`);
  summary.append(about);
  made.append(summary);
  if (rest.length > 300) made.append(element("p", cut(rest, 20000), "whole"));
  if (values.size) made.append(pairs(values, kinds, 2000));
  if (hit.matches?.length) made.append(contributions(hit));
  return made;
}

/** A hit as an item of the list. shown: the roles of fields. */
function item(hit, kinds, shown) {
  const made = element("li", undefined, "hit"), body = element("div", undefined, "body");
  const values = new Map(Object.entries(hit.fields ?? {}));
  const [title, rest] = titleAndText(hit, values, shown.title), image = picture(values, title);
  const priced = shown.prices.find(name => values.has(name)), head = element("div", undefined, "head");
  head.append(element("h3", title, "title"));
  if (priced) head.append(element("p", priceText(values.get(priced), values.get(shown.currency)), "price"));
  body.append(head);
  const elsewhere = [shown.title, priced, shown.currency];
  const facts = [...values].filter(([name]) => !elsewhere.includes(name)).filter(isShort).slice(0, MOST_FACTS);
  if (facts.length) body.append(pairs(facts, kinds, 60));
  if (rest) body.append(element("p", cut(rest, 600), "text"));
  body.append(details(hit, values, kinds, rest));
  if (image) made.append(image);
  made.append(body);
  return made;
}

/** The query as the model has it, heaviest terms first. */
function queryTerms(terms) {
  const most = 12, made = terms.slice(0, most).map(term => {
    const pill = element("span", undefined, `term ${termClass(term)}`);
    pill.append(element("bdi", `${term.expanded ? "+ " : ""}${cut(term.term, 40)}`));
    return pill;
  });
  if (terms.length > most) made.push(element("span", `and ${numberText(terms.length - most)} more`));
  return made;
}
