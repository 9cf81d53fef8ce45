// The language of the screen: texts from locales/, dates, numbers and relative times from Intl.

import en from './locales/en.js';

/** @typedef {keyof typeof en} Key */
/** @typedef {string|Partial<Record<Intl.LDMLPluralRule, string>>} Text */

/** @type {Record<string, () => Promise<{default: Record<Key, Text>}>>} */
const LOCALES = { en: async () => ({ default: en }), fr: () => import('./locales/fr.js') };

/** @type {Record<string, Text>} */
let texts = en;
let language = 'en';
/** The language with the browser's region, where it has one: 'en-GB' writes dates as 'en-US' does not. */
let region = 'en';
/** @type {Map<string, any>} */
let formats = new Map();

/** The language in force. */
export const currentLanguage = () => language;

/** The language to use for a preference, which may be none. @param {string|null|undefined} wanted */
export function languageFor(wanted) {
  if (wanted && wanted in LOCALES) return wanted;
  return navigator.languages.map((l) => l.slice(0, 2)).find((l) => l in LOCALES) ?? 'en';
}

/** @param {string} wanted */
export async function useLanguage(wanted) {
  texts = (await LOCALES[wanted]()).default;
  language = wanted;
  region = navigator.languages.find((l) => l.slice(0, 2) === wanted) ?? wanted;
  formats = new Map();
  document.documentElement.lang = wanted;
}

/**
 * The text of a key; `{name}` places are filled from `values`, and `n` chooses the plural.
 * @param {Key} key
 * @param {Record<string, any>} [values]
 * @returns {string}
 */
export function t(key, values) {
  return render(texts[key], values) ?? key;
}

/**
 * The text of a slug that the server may add to: `prefix.slug` if we have it, else the slug made readable.
 * @param {string} prefix @param {string} slug @param {Record<string, any>} [values]
 */
export function tSlug(prefix, slug, values) {
  return render(texts[`${prefix}.${slug}`], values) ?? slug.replaceAll(/[_-]/g, ' ');
}

/** Whether there is a text. @param {string} key */
export const hasText = (key) => key in texts;

/** @param {Text|undefined} text @param {Record<string, any>} [values] */
function render(text, values) {
  if (text === undefined) return undefined;
  const chosen = typeof text === 'string' ? text : (text[pluralOf(Number(values?.n ?? 0))] ?? text.other ?? '');
  return chosen.replaceAll(/\{(\w+)\}/g, (_, name) => {
    const value = values?.[name];
    return typeof value === 'number' ? number(value) : String(value ?? '');
  });
}

/** @param {number} n */
const pluralOf = (n) => format('plural', () => new Intl.PluralRules(language)).select(n);

/** @template T @param {string} name @param {() => T} make @returns {T} */
function format(name, make) {
  if (!formats.has(name)) formats.set(name, make());
  return formats.get(name);
}

/** @param {number} value */
export function number(value) {
  // Written alike everywhere: the first format that a page makes takes a tenth of all the time until it is usable.
  if (Number.isInteger(value) && Math.abs(value) < 1000) return String(value);
  return format('number', () => new Intl.NumberFormat(region)).format(value);
}

/** A size in bytes. @param {number} bytes */
export function size(bytes) {
  const unit = bytes < 1000 ? 'byte' : bytes < 1e6 ? 'kilobyte' : 'megabyte';
  const value = unit === 'byte' ? bytes : bytes / (unit === 'kilobyte' ? 1e3 : 1e6);
  return format(unit, () => new Intl.NumberFormat(region, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 1 })).format(value);
}

/** Hours and minutes. @param {string} at */
export function clock(at) {
  return format('clock', () => new Intl.DateTimeFormat(region, { hour: 'numeric', minute: '2-digit' })).format(new Date(at));
}

/** The exact instant, for tooltips and the audit trail. @param {string} at */
export function exact(at) {
  return format('exact', () => new Intl.DateTimeFormat(region, { dateStyle: 'full', timeStyle: 'long' })).format(new Date(at));
}

/** A date and time, short. @param {string} at */
export function moment(at) {
  return format('moment', () => new Intl.DateTimeFormat(region, { dateStyle: 'medium', timeStyle: 'short' })).format(new Date(at));
}

/** A date and time to the second, short. @param {string} at */
export function second(at) {
  return format('second', () => new Intl.DateTimeFormat(region, { dateStyle: 'short', timeStyle: 'medium' })).format(new Date(at));
}

/** A day, as 'Today', 'Yesterday' or its date. @param {string} at */
export function day(at) {
  const date = new Date(at);
  const days = Math.round((startOfDay(new Date()) - startOfDay(date)) / 86400e3);
  if (days === 0 || days === 1) {
    const text = format('day', () => new Intl.RelativeTimeFormat(region, { numeric: 'auto' })).format(-days, 'day');
    return text.charAt(0).toLocaleUpperCase(language) + text.slice(1);
  }
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : 'numeric';
  return format(`date${year}`, () => new Intl.DateTimeFormat(region, { weekday: 'long', day: 'numeric', month: 'long', year })).format(date);
}

/** @param {Date} date */
const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** A short time for a list: the clock today, else the day. @param {string} at */
export function brief(at) {
  const date = new Date(at);
  if (Date.now() - date.getTime() < 60e3) return t('time.now');
  if (startOfDay(date) === startOfDay(new Date())) return clock(at);
  return format('brief', () => new Intl.DateTimeFormat(region, { day: 'numeric', month: 'short' })).format(date);
}

/** How long ago, in words. @param {string} at */
export function ago(at) {
  const seconds = (Date.now() - new Date(at).getTime()) / 1000;
  const relative = format('ago', () => new Intl.RelativeTimeFormat(region, { numeric: 'auto' }));
  if (Math.abs(seconds) < 60) return t('time.now');
  if (Math.abs(seconds) < 3600) return relative.format(-Math.round(seconds / 60), 'minute');
  if (Math.abs(seconds) < 86400) return relative.format(-Math.round(seconds / 3600), 'hour');
  return relative.format(-Math.round(seconds / 86400), 'day');
}

/** A length of time, as '45 s', '12 min', '3 h 05', '2 d'. @param {number} ms @param {'narrow'|'long'} [style] */
export function duration(ms, style = 'narrow') {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return unit(seconds, 'second', style);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return unit(minutes, 'minute', style);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return unit(Math.floor(hours / 24), 'day', style);
  return `${unit(hours, 'hour', style)} ${unit(minutes % 60, 'minute', style)}`;
}

/** @param {number} n @param {string} name @param {'narrow'|'long'} style */
const unit = (n, name, style) => t(/** @type {Key} */ (`unit.${name}.${style}`), { n });
