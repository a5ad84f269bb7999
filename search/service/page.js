"use strict";
// Ask the service for what the address says, and show it.

const MOST_FACETS = 12, KINDS_WITH_FACETS = ["string", "strings", "boolean"];
const part = name => document.getElementById(name);
const form = part("search"), ids = new Set();  // ids: fields that have another value in each document
const MANY = 100;  // documents, among which the most frequent values stand more than once unless all are different
const HITS = limit("hits"), MOST_OFFSET = limit("offset");
let index = {fields: [], kinds: new Map(), roles: roles([])}, asking = new AbortController();
let key = storedKey(), ready = describe();

/** What the service takes at most, as the page is told. */
function limit(name) {
  return Number(document.querySelector(`meta[name=most-${name}]`).content);
}

async function ask(path, parameters, signal) {
  const response = await fetch(`${path}?${parameters}`, {signal, headers: key ? {Authorization: `Bearer ${key}`} : {}});
  if (response.status === 401) askForKey();
  let content;
  try { content = await response.json(); } catch { throw new Error(`the service said ${response.status} ${response.statusText}`); }
  if (!response.ok) throw new Error(typeof content.detail === "string" ? content.detail : response.statusText);
  return content;
}

/** The key that was typed in this tab, which forgets it when it is closed. */
function storedKey() {
  try { return sessionStorage.getItem("sparton-key"); } catch { return null; }  // a browser that keeps nothing
}

/** Have somebody type a key, as none was sent, or a wrong one. */
function askForKey() {
  if (!part("unlock").hidden) return;
  part("key").value = "";
  part("unlock").hidden = false;
  part("key").focus();
}

/** Name, size and fields of the index; a page that cannot be told them searches all the same. */
async function describe() {
  let content;
  try { content = await ask("index", ""); } catch { return; }
  const fields = content.fields ?? [];
  index = {fields, kinds: new Map(fields.map(({name, kind}) => [name, kind])), roles: roles(fields)};
  part("name").textContent = cut(content.name, 80) || "Sparton";
  part("size").textContent = content.documents === 1 ? "1 document" : `${numberText(content.documents)} documents`;
}

function link(text, next) {
  const made = element("a", text);
  made.href = `?${next}`;
  made.addEventListener("click", event => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(next);
    part("results").focus({preventScroll: true});
    scrollTo(0, 0);
  });
  return made;
}

function go(next) {
  history.pushState(null, "", `?${next}`);
  fromAddress();
}

/** Fields that are offered to choose from. */
function offered() {
  const {title, currency} = index.roles;
  return index.fields.filter(({name}) => name !== title && name !== currency && !IMAGE_NAME.test(lastName(name)));
}

/** The parameters of GET /search for an address. except: the field whose own filter is left out. */
function request(parameters, {k = HITS, facets = [], except, more = {}} = {}) {
  const made = new URLSearchParams({q: parameters.get("q") ?? "", k, ...more});
  for (const filter of filtersOf(parameters, except)) made.append("filter", filter);
  for (const name of facets) made.append("facet", name);
  return made;
}

/** A query's response, and the counts of each field's values among all that its own filter leaves out too, with how many
    more values there are. */
async function responseTo(parameters, signal) {
  const names = offered().filter(({name, kind}) => KINDS_WITH_FACETS.includes(kind) && !ids.has(name)).map(({name}) => name);
  const chosen = clicked(parameters), asked = {explain: true};
  const facets = [...names.filter(name => chosen.has(name)), ...names.filter(name => !chosen.has(name))].slice(0, MOST_FACETS);
  if (parameters.get("sort")) asked.sort = parameters.get("sort");
  if (offsetOf(parameters)) asked.offset = offsetOf(parameters);
  const own = facets.filter(name => chosen.get(name)?.is.length);
  const [response, ...others] = await Promise.all([
    ask("search", request(parameters, {facets, more: asked}), signal),
    ...own.map(name => ask("search", request(parameters, {k: 1, facets: [name], except: name}), signal)),
  ]);
  const counts = new Map(Object.entries(response.facets ?? {})), more = new Map(Object.entries(response.more_values ?? {}));
  own.forEach((name, number) => {
    counts.set(name, new Map(Object.entries(others[number].facets ?? {})).get(name) ?? []);
    more.set(name, new Map(Object.entries(others[number].more_values ?? {})).get(name) ?? 0);
  });
  // Few documents, or those that a filter leaves, may have different brands, too.
  if (response.total >= MANY && !filtersOf(parameters).length) {
    for (const [name, values] of counts) if (values.length >= 20 && values.every(({count}) => count === 1)) ids.add(name);
  }
  return {...response, counts, more, total: response.total ?? null};
}

/** Why there is no hit, and links to what may be done. */
async function whyNothing(parameters, response, signal) {
  if (!response.query.trim()) return ["Type what you are looking for."];
  let {reason} = response;
  if (response.terms.length && offsetOf(parameters)) return ["There are no more hits.", link("Go to the first hits", changed(() => {}))];
  if (response.terms.length && filtersOf(parameters).length) {
    const everything = await ask("search", new URLSearchParams({q: response.query, k: 1}), signal);
    if (everything.hits.length) {
      return ["There are hits for this query, but the filters leave none of them.", link("Clear all filters", withoutFilters())];
    }
    ({reason} = everything);
  }
  return [`${reason.charAt(0).toUpperCase()}${reason.slice(1)}. Try other words.`];
}

/** Say in short what was found, and why nothing was. A screen reader says both. */
function say(text, why, ...links) {
  part("said").textContent = text;
  if (why) part("said").append(element("span", ` ${why}`, "unseen"));
  part("nothing").replaceChildren(...(why ? [element("p", why), ...links] : []));
  part("nothing").hidden = !why;
}

function showSorting(parameters) {
  const sorts = [["", "Best match"]];
  for (const {name, kind} of index.fields) {
    const [up, down] = {number: ["low to high", "high to low"], timestamp: ["oldest first", "newest first"]}[kind] ?? [];
    if (up) sorts.push([name, `${label(name)}, ${up}`], [`-${name}`, `${label(name)}, ${down}`]);
  }
  const now = parameters.get("sort") ?? "";
  if (!sorts.some(([value]) => value === now)) sorts.push([now, cut(now, 60)]);
  part("sort").replaceChildren(...sorts.map(([value, text]) => new Option(text, value, value === now, value === now)));
  part("sorting").hidden = sorts.length < 2;
}

function showPages(parameters, response) {
  const offset = offsetOf(parameters), made = [], count = response.hits.length;
  const at = start => changed(next => { if (start > 0) next.set("offset", start); });
  if (offset) made.push(link("← Previous", at(Math.max(0, offset - HITS))));
  if (response.total !== null && count) {
    made.push(element("span", `Page ${numberText(Math.floor(offset / HITS) + 1)} of ${numberText(Math.ceil(response.total / HITS))}`));
  }
  const isMore = response.total === null ? count === HITS : offset + count < response.total;
  if (isMore && offset + HITS <= MOST_OFFSET) made.push(link("Next →", at(offset + HITS)));
  part("pages").replaceChildren(...made);
  part("pages").hidden = !made.some(one => one.href);
}

function said(parameters, response) {
  const first = offsetOf(parameters) + 1, count = response.hits.length;
  if (!count) return response.query.trim() ? "No hits" : "";
  if (count === 1 && response.total === 1) return "1 hit";
  const of = response.total === null ? "" : ` of ${numberText(response.total)}`;
  return `Hits ${numberText(first)} to ${numberText(first + count - 1)}${of}`;
}

function show(parameters, response, why) {
  const took = response.milliseconds;
  say(said(parameters, response), ...why);
  part("took").textContent = `${took.encode.toFixed(1)} ms to encode, ${took.search.toFixed(1)} to search, ${took.fetch.toFixed(1)} to fetch`;
  part("terms").replaceChildren(...queryTerms(response.terms));
  part("understood").hidden = !response.terms.length;
  part("hits").replaceChildren(...response.hits.map(hit => item(hit, index.kinds, index.roles)));
  const made = choices(offered(), response, parameters, go);
  replaceKeepingFocus(part("choices"), made);
  part("filters").hidden = !made.length;
  showPages(parameters, response);
}

/** No hits: before there is a query, and where it failed. */
function clear() {
  part("took").textContent = "";
  for (const name of ["hits", "terms", "pages"]) part(name).replaceChildren();
  for (const name of ["understood", "pages"]) part(name).hidden = true;
}

async function fromAddress() {
  asking.abort();
  const {signal} = asking = new AbortController();
  const parameters = address(), query = parameters.get("q");
  form.q.value = query ?? "";
  document.title = query ? `${cut(query, 60)} – Sparton` : "Sparton";
  part("said").textContent = query === null ? "" : "Searching…";
  await ready;
  if (signal.aborted) return;
  const used = inUse(parameters, index.kinds, link);
  part("used").replaceChildren(...used);
  part("used").hidden = !used.length;
  showSorting(parameters);
  if (query === null) { clear(); say(""); return; }
  part("results").setAttribute("aria-busy", "true");
  try {
    const response = await responseTo(parameters, signal);
    show(parameters, response, response.hits.length ? [] : await whyNothing(parameters, response, signal));
  } catch (error) {
    if (signal.aborted) return;
    clear();
    say("No response", error.message, ...(used.length ? [link("Clear all filters", withoutFilters())] : []));
  } finally {
    if (!signal.aborted) part("results").removeAttribute("aria-busy");
  }
}

form.addEventListener("submit", event => {
  event.preventDefault();
  go(changed(next => next.set("q", form.q.value)));
});
part("unlock").addEventListener("submit", event => {
  event.preventDefault();
  key = part("key").value;
  try { sessionStorage.setItem("sparton-key", key); } catch { /* then it is kept until the page is left */ }
  part("unlock").hidden = true;
  ready = describe();
  form.q.focus();
  fromAddress();
});
part("sort").addEventListener("change", () => go(changed(next => {
  next.delete("sort");
  if (part("sort").value) next.set("sort", part("sort").value);
})));
document.querySelector(".skip").addEventListener("click", event => {
  event.preventDefault();
  part("results").focus();
});
addEventListener("popstate", fromAddress);
if (matchMedia("(max-width: 48rem)").matches) document.querySelector("#filters > details").open = false;
if (!address().get("q")) form.q.focus();
fromAddress();
