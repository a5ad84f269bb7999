"use strict";
// Elements and values. All that is shown of an index or a query goes through textContent: it may be anything.

const IMAGE_HOSTS = new Set(document.querySelector("meta[name=image-hosts]").content.split(" ").filter(Boolean));
const IMAGE_NAME = /(image|img|picture|photo|thumbnail)(_?ur[li]|_?link|_?src)?$/i;
const IMAGE_PATH = /\.(avif|gif|jpe?g|png|svg|webp)$/i;

function element(name, content, kind) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (content !== undefined) made.textContent = content;
  return made;
}

/** The first characters of a text that may be long; none of them is halved. */
function cut(text, most) {
  if (text.length <= most) return text;
  return `${[...text.slice(0, 2 * most)].slice(0, most).join("").trimEnd()}…`;
}

/** A field's name as people write it: in_stock is In stock. */
function label(name) {
  const words = name.replace(/[\s._-]+/g, " ").trim() || name;
  return cut(words[0].toUpperCase() + words.slice(1), 60);
}

function numberText(number) {
  const digits = Number.isInteger(number) ? {maximumFractionDigits: 0} : {maximumSignificantDigits: 15};
  return number.toLocaleString(undefined, {...digits, useGrouping: Math.abs(number) >= 10000});
}

function timeText(iso) {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const style = /T00:00:00(\.0+)?Z$/.test(iso) ? {} : {timeStyle: "short"};
  return time.toLocaleString(undefined, {dateStyle: "medium", timeZone: "UTC", ...style}) + (style.timeStyle ? " UTC" : "");
}

/** A field's value in words. */
function valueText(value, kind) {
  if (Array.isArray(value)) return value.map(String).join(", ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return numberText(value);
  return kind === "timestamp" ? timeText(String(value)) : String(value);
}

/** A price, which may also be a text that says its currency itself. currency: three letters, if there is one. */
function priceText(price, currency) {
  if (typeof price !== "number") return cut(String(price), 40);
  const style = /^[A-Za-z]{3}$/.test(currency) ? {style: "currency", currency} : {minimumFractionDigits: 2, maximumFractionDigits: 4};
  return price.toLocaleString(undefined, style);
}

/** The address of a picture that may be fetched: from a host that the service allows, or from this one if its path ends
    as a picture's does, for what else is asked of it may do something. */
function imageAddress(name, value) {
  if (typeof value !== "string" || value.length > 4096) return null;
  let address;
  try { address = new URL(value, location); } catch { return null; }
  if (!["http:", "https:"].includes(address.protocol) || address.username || address.password) return null;
  if (address.origin === location.origin) return IMAGE_PATH.test(address.pathname) ? address.href : null;
  const isPicture = IMAGE_NAME.test(name) || IMAGE_PATH.test(address.pathname);
  return isPicture && IMAGE_HOSTS.has(address.hostname) ? address.href : null;
}
