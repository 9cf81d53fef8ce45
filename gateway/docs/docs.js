// Shows the OpenAPI document: operations by subject, each with its parameters, body and answers. Text enters the
// page through textContent alone.

/** @type {any} */
let api = null;

/** @param {string} tag @param {Record<string, string>} [attributes] @param {...(Node | string)} children */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** @param {any} schema @returns {any} */
function resolved(schema) {
  const name = schema?.$ref?.split('/').pop();
  return name ? api.components.schemas[name] : schema;
}

/** A schema in short, as text: names for what has one, fields for what has none. @param {any} schema @param {number} depth @returns {string} */
function shape(schema, depth = 0) {
  if (!schema) return 'any';
  const pad = '  '.repeat(depth + 1);
  const it = resolved(schema);
  if (schema.$ref && depth > 3) return schema.$ref.split('/').pop();
  if (it.enum) return it.enum.map((/** @type {unknown} */ one) => JSON.stringify(one)).join(' | ');
  if (it.const !== undefined) return JSON.stringify(it.const);
  for (const many of ['oneOf', 'anyOf']) {
    if (it[many]) return it[many].map((/** @type {any} */ one) => shape(one, depth)).join(' | ');
  }
  if (it.allOf) return it.allOf.map((/** @type {any} */ one) => shape(one, depth)).join(' & ');
  const type = Array.isArray(it.type) ? it.type.join(' | ') : it.type;
  if (it.type === 'array' || it.items) return `[${shape(it.items, depth)}]`;
  if (it.properties) {
    const lines = Object.entries(it.properties).map(([name, field]) => {
      const optional = it.required?.includes(name) ? '' : '?';
      return `${pad}${name}${optional}: ${shape(field, depth + 1)}`;
    });
    return `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}`;
  }
  return it.format ? `${type} (${it.format})` : type ?? 'any';
}

/** @param {any[]} parameters */
function table(parameters) {
  const rows = parameters.map((one) =>
    element('tr', {}, element('td', {}, element('code', {}, one.name)), element('td', {}, one.in),
      element('td', {}, shape(one.schema)), element('td', {}, one.description ?? '')));
  return element('table', {}, element('tbody', {}, ...rows));
}

/** @param {string} path @param {string} method @param {any} operation */
function card(path, method, operation) {
  const inside = element('div');
  if (operation.description) inside.append(element('p', {}, operation.description));
  if (operation.parameters?.length) inside.append(element('h4', {}, 'Parameters'), table(operation.parameters));
  for (const [type, content] of Object.entries(operation.requestBody?.content ?? {})) {
    inside.append(element('h4', {}, `Body (${type})`), element('pre', {}, shape(content.schema)));
  }
  for (const [status, answer] of Object.entries(operation.responses ?? {})) {
    inside.append(element('h4', {}, `${status} ${answer.description ?? ''}`));
    for (const content of Object.values(answer.content ?? {})) inside.append(element('pre', {}, shape(content.schema)));
  }
  const summary = element('summary', {}, element('span', { class: 'method' }, method.toUpperCase()),
    element('code', {}, path), ' ', element('span', { class: 'note' }, operation.summary ?? ''));
  const made = element('details', {}, summary, inside);
  made.dataset.words = `${method} ${path} ${operation.summary ?? ''} ${operation.description ?? ''}`.toLowerCase();
  return made;
}

function show() {
  const main = /** @type {HTMLElement} */ (document.getElementById('operations'));
  main.replaceChildren();
  /** @type {HTMLElement} */ (document.getElementById('about')).textContent = api.info.description;
  for (const tag of api.tags) {
    const cards = [];
    for (const [path, item] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        if (operation.tags?.includes(tag.name)) cards.push(card(path, method, operation));
      }
    }
    if (cards.length === 0) continue;
    main.append(element('section', {}, element('h2', {}, tag.name), element('p', { class: 'note' }, tag.description), ...cards));
  }
}

function filter() {
  const wanted = /** @type {HTMLInputElement} */ (document.getElementById('find')).value.trim().toLowerCase();
  for (const section of document.querySelectorAll('section')) {
    let shown = 0;
    for (const one of section.querySelectorAll('details')) {
      one.hidden = !(one.dataset.words ?? '').includes(wanted);
      if (!one.hidden) shown += 1;
    }
    section.hidden = shown === 0;
  }
}

api = await (await fetch('/openapi.json')).json();
show();
/** @type {HTMLElement} */ (document.getElementById('find')).addEventListener('input', filter);
