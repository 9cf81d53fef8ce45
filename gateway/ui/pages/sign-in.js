// Signing in.

import { session } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon, mark } from '../icons.js';
import { currentLanguage, t } from '../i18n.js';
import { problemText } from '../problems.js';
import { chooseLanguage } from '../session.js';

/** @param {(me: import('../types.js').Me) => void} enter */
export function signInPage(enter) {
  const element = h('main', { class: 'sign-in' });
  /** @type {{name: string, url: string, here: boolean}[]} */
  let regions = [];

  const draw = () => {
    const error = h('p', { class: 'form-error', role: 'alert', hidden: true });
    const login = h('input', { type: 'text', name: 'username', autocomplete: 'username', required: true, autocapitalize: 'none', spellcheck: 'false' });
    const password = h('input', { type: 'password', name: 'password', autocomplete: 'current-password', required: true });
    const button = h('button', { type: 'submit', class: 'primary big' }, t('sign-in.button'));
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      button.disabled = true;
      error.hidden = true;
      try {
        enter(await session.signIn(login.value.trim(), password.value));
      } catch (problem) {
        error.replaceChildren(icon('warn'), problemText(problem));
        error.hidden = false;
        button.disabled = false;
        password.select();
        password.focus();
      }
    };
    const other = currentLanguage() === 'fr' ? { code: 'en', name: 'English' } : { code: 'fr', name: 'Français' };
    document.title = `${t('sign-in.title')} · Clew`;
    fill(
      element,
      h(
        'div',
        { class: 'sign-in-card' },
        h('div', { class: 'sign-in-brand' }, mark(), h('span', null, 'Clew')),
        h('h1', null, t('sign-in.title')),
        h('p', { class: 'muted' }, t('sign-in.intro')),
        h('form', { class: 'form', onSubmit: submit }, regions.length > 1 && platform(), h('label', { class: 'field' }, h('span', null, t('sign-in.login')), login), h('label', { class: 'field' }, h('span', null, t('sign-in.password')), password), error, button),
        h('button', { type: 'button', class: 'link', lang: other.code, onClick: async () => (await chooseLanguage(other.code), draw()) }, icon('globe'), other.name),
      ),
    );
    login.focus();
  };

  /** Each platform is an installation of its own: choosing another goes to its sign-in page. */
  function platform() {
    const here = regions.findIndex((r) => r.here);
    const input = h('select', { name: 'region', onChange: () => regions[Number(input.value)]?.here || location.assign(regions[Number(input.value)].url) }, regions.map((r, index) => h('option', { value: String(index), selected: index === here }, r.name)));
    return h('label', { class: 'field' }, h('span', null, t('sign-in.region')), input);
  }

  session
    .regions()
    .then(({ items }) => (regions = items))
    .catch(() => undefined)
    .finally(draw);
  return element;
}
