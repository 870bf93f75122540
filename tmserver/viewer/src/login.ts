/** The login form. */

import type { Api } from './api';
import { messageOf } from './api';
import { keepAskedPage } from './asked_page';
import { element } from './page/dom';

function field(label: string, attributes: Record<string, string | boolean>): HTMLElement {
  return element(
    'label',
    { class: 'field' },
    label,
    element('input', { required: true, autocapitalize: 'none', spellcheck: 'false', ...attributes }),
  );
}

/** Adds what else logs in, where the server has it; without an answer the form is there all the same. */
async function addProviders(api: Api, form: HTMLFormElement): Promise<void> {
  const providers = await api.loginProviders().catch(() => []);
  form.append(
    ...providers.map(({ title, path }) =>
      element(
        'a',
        { class: 'button', href: `./${path}`, 'data-testid': 'login-provider', onclick: keepAskedPage },
        `Log in with ${title}`,
      ),
    ),
  );
}

/** A page that asks for user name and password, with a `reason` why, until the server accepts them. */
export function loginPage(api: Api, reason: string, onLogin: () => void): HTMLElement {
  const error = element('p', { class: 'error', role: 'alert', 'data-testid': 'login-error' }, reason);
  const button = element('button', { type: 'submit', class: 'primary' }, 'Log in');
  const form = element(
    'form',
    { class: 'card login', 'data-testid': 'login-form' },
    element('h1', {}, 'tmserver'),
    element('p', { class: 'hint' }, 'Log in to see your plates.'),
    field('User name', { name: 'username', autocomplete: 'username', autofocus: true }),
    field('Password', {
      name: 'password',
      type: 'password',
      autocomplete: 'current-password',
    }),
    error,
    button,
  );
  void addProviders(api, form);
  const logIn = async () => {
    const values = new FormData(form);
    const text = (name: string) => {
      const value = values.get(name);
      return typeof value === 'string' ? value : '';
    };
    button.disabled = true;
    error.textContent = '';
    try {
      await api.login(text('username'), text('password'));
      onLogin();
    } catch (failure) {
      error.textContent = messageOf(failure);
      form.querySelector<HTMLInputElement>('input[type=password]')?.select();
    } finally {
      button.disabled = false;
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void logIn();
  });
  return element('main', { class: 'centred' }, form);
}
