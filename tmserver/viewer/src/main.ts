/** Decides which page is on show, by the address. */

import 'ol/ol.css';
import './style.css';
import './plate/plate.css';
import './operations/operations.css';
import './shell/shell.css';
import './facility/facility.css';
import type { Profile } from './api_types';
import { Api, ApiError, messageOf } from './api';
import { takeAskedPage } from './asked_page';
import { experimentAddress, settingsAddress } from './experiments/addresses';
import { seesProposals } from './facility/facility';
import { loginPage } from './login';
import { OPERATIONS_ADDRESS, workflowAddress } from './operations/address';
import { element } from './page/dom';
import { leave, warnOnUnload } from './page/unsaved';
import { pipelineAddress } from './pipeline/address';
import { part } from './shell/part';
import { experimentList, SHELL_PAGES } from './shell/pages';
import type { Ready } from './shell/ready';
import type { Shell } from './shell/shell';
import { uploadAddress } from './upload/address';
import { setUpAddress } from './workflow/address';

const api = new Api();
const app = document.querySelector<HTMLElement>('#app') ?? document.body;

let user: Profile | null = null;
/** Whether this user sees proposals, once that was asked. */
let hasProposals: boolean | undefined;
let current: { dispose(): void } | undefined;
/** Tells late answers for a page that was left from those for the one on show. */
let visit = 0;
/** What was asked for before a provider of logins, from which the browser may come. */
let askedPage = takeAskedPage();
/** The address of the page on show. */
let here = location.href;

function show(page: HTMLElement, title: string): void {
  current?.dispose();
  current = undefined;
  app.replaceChildren(page);
  document.title = title;
  page.querySelector<HTMLElement>('[autofocus]')?.focus();
}

/** Shows a page of the shell, which has all that it needs. */
function showReady(ready: Ready): void {
  const place = element('div');
  show(place, `${ready.title} - tmserver`);
  current = { dispose: ready.mount(place) };
  place.querySelector<HTMLElement>('[autofocus]')?.focus();
}

function showLogin(reason: string): void {
  visit += 1;
  user = null;
  hasProposals = undefined;
  const page = loginPage(api, reason, () => void route());
  show(page, 'Log in - tmserver');
}

function showMessage(message: string, ...children: Node[]): void {
  const card = element('div', { class: 'card', role: 'alert', 'data-testid': 'message' });
  card.append(element('p', {}, message), ...children);
  show(element('div', { class: 'centred' }, card), 'tmserver');
}

function showFailure(error: unknown): void {
  const retry = element('button', { onclick: () => void route() }, 'Try again');
  const others = element('button', { onclick: () => { open(null); } }, 'All experiments');
  const status = error instanceof ApiError ? error.status : undefined;
  const hint = status === 404 ? 'It may have been deleted, or not be shared with you.' : '';
  showMessage(
    messageOf(error),
    element('p', { class: 'hint' }, hint),
    element('div', { class: 'row' }, retry, others),
  );
}

/** Goes to an experiment, or with null to the list of them. */
function open(experimentId: string | null): void {
  goTo(experimentId === null ? '.' : experimentAddress(experimentId));
}

function goTo(address: string): void {
  leave(() => {
    history.pushState(null, '', new URL(address, document.baseURI));
    void route();
  });
}

function leaveAndLogOut(): void {
  leave(() => void logOut());
}

async function logOut(): Promise<void> {
  try {
    await api.logout();
  } catch (error) {
    // With a session that has ended already, the user is where they wanted to be.
    if (!(error instanceof ApiError && error.status === 401)) {
      showFailure(error);
      return;
    }
  }
  history.pushState(null, '', new URL('.', document.baseURI));
  showLogin('');
}

/** A link within the viewer, which loads no page. */
function link(address: string, testId: string, text: string): HTMLAnchorElement {
  const made = element('a', { href: address, class: 'back', 'data-testid': testId }, text);
  made.addEventListener('click', (event) => {
    event.preventDefault();
    goTo(made.getAttribute('href') ?? address);
  });
  return made;
}

/** The way to the pipeline, which is tried out where the map is when it is followed. */
function pipelineLink(experimentId: string): HTMLElement {
  const made = link(pipelineAddress(experimentId), 'pipeline-link', 'Pipeline');
  for (const event of ['pointerdown', 'focus']) {
    made.addEventListener(event, () => {
      const at = new URLSearchParams(location.search).get('at');
      made.setAttribute('href', pipelineAddress(experimentId, at));
    });
  }
  return made;
}

function plateHeader(experimentId: string, name: string): HTMLElement {
  return element(
    'header',
    {},
    element(
      'div',
      { class: 'row' },
      link('.', 'all-experiments', '‹ Experiments'),
      element('span', { class: 'grow' }),
      element(
        'button',
        { class: 'small', onclick: leaveAndLogOut, 'data-testid': 'logout' },
        'Log out',
      ),
    ),
    element('h1', { title: name }, name),
    element(
      'nav',
      { class: 'row', 'aria-label': 'Experiment' },
      link(workflowAddress(experimentId), 'workflow-link', 'Workflow'),
      pipelineLink(experimentId),
      link(uploadAddress(experimentId), 'upload-link', 'Upload'),
      link(settingsAddress(experimentId), 'settings-link', 'Settings'),
    ),
  );
}

async function showPlate(experimentId: string): Promise<void> {
  const number = visit;
  showMessage('Loading …');
  const { loadPlate, PlatePage } = await part(import('./plate/plate_page'));
  const data = await loadPlate(api, experimentId);
  if (number !== visit) return;
  const { name } = data.experiment;
  if (!data.channels.some((channel) => channel.layers.length > 0)) {
    showMessage(
      `There are no images of “${name}” to show yet. The map appears here when the workflow has ` +
        'made the image pyramids (its step illuminati).',
      element(
        'div',
        { class: 'row' },
        element(
          'button',
          {
            class: 'primary',
            'data-testid': 'upload-link',
            onclick: () => {
              goTo(uploadAddress(experimentId));
            },
          },
          'Upload images',
        ),
        element(
          'button',
          {
            'data-testid': 'workflow-link',
            onclick: () => {
              goTo(workflowAddress(experimentId));
            },
          },
          'Workflow',
        ),
        element('button', { onclick: () => void route() }, 'Look again'),
        element('button', { onclick: () => { open(null); } }, 'All experiments'),
      ),
    );
    return;
  }
  const page = element('div', { class: 'viewer' });
  show(page, `${name} - tmserver`);
  current = new PlatePage(page, api, data, plateHeader(experimentId, name), user?.id ?? '');
}

async function showUpload(experimentId: string): Promise<void> {
  const number = visit;
  const [experiment, plates, { UploadPage }] = await Promise.all([
    api.experiment(experimentId),
    api.plates(experimentId),
    part(import('./upload/upload_page')),
  ]);
  if (number !== visit) return;
  const back = link(experimentAddress(experimentId), 'to-experiment', `‹ ${experiment.name}`);
  const page = new UploadPage(api, experiment, plates, back);
  show(page.element, `Upload to ${experiment.name} - tmserver`);
  current = page;
}

async function showWorkflow(experimentId: string): Promise<void> {
  const number = visit;
  const [experiment, { WorkflowPage }] = await Promise.all([
    api.experiment(experimentId),
    part(import('./operations/workflow_page')),
  ]);
  if (number !== visit) return;
  const links = element(
    'div',
    { class: 'row' },
    link(experimentAddress(experimentId), 'to-experiment', '‹ Plate'),
    link('.', 'all-experiments', 'Experiments'),
    link(setUpAddress(experimentId), 'set-up-link', 'Set up and start'),
    ...operationsLink(),
  );
  const page = new WorkflowPage(api, experiment, links, showFailure);
  show(page.element, `Workflow of ${experiment.name} - tmserver`);
  current = page;
}

async function showOperations(): Promise<void> {
  const number = visit;
  const { OperationsPage } = await part(import('./operations/operations_page'));
  if (number !== visit) return;
  const links = element('div', { class: 'row' }, link('.', 'all-experiments', '‹ Experiments'));
  const page = new OperationsPage(api, links, goTo, showFailure);
  show(page.element, 'Operations - tmserver');
  current = page;
}

/** The way to what only administrators see. */
function operationsLink(): HTMLElement[] {
  return user?.is_admin === true ? [link(OPERATIONS_ADDRESS, 'operations-link', 'Operations')] : [];
}

/** What each part of an address shows besides the pages of the shell; its value is an experiment's id. */
const PAGES: Readonly<Record<string, (experimentId: string) => Promise<void>>> = {
  upload: showUpload,
  workflow: showWorkflow,
  operations: showOperations,
  experiment: showPlate,
};

function isPage(name: string): boolean {
  return Object.hasOwn(PAGES, name) || Object.hasOwn(SHELL_PAGES, name);
}

/** Turns to the page that was asked for before the login by a provider, which leads to the first one. */
function comeBack(): void {
  if (askedPage !== undefined && location.search === '') {
    history.replaceState(null, '', new URL(askedPage, document.baseURI));
    here = location.href;
  }
  askedPage = undefined;
}

/** Shows what the address asks for, after the login if there was none. */
async function route(): Promise<void> {
  const number = ++visit;
  here = location.href;
  try {
    user ??= await api.currentUser();
    if (number !== visit) return;
    if (user === null) {
      showLogin('');
      return;
    }
    comeBack();
    const address = new URLSearchParams(location.search);
    const [name, value] = [...address].find(([each]) => isPage(each)) ?? [];
    const page = name === undefined ? undefined : PAGES[name];
    if (page !== undefined) {
      await page(value ?? '');
      return;
    }
    hasProposals ??= await seesProposals(api);
    if (number !== visit) return;
    const shell: Shell = {
      api,
      user,
      seesProposals: hasProposals,
      goTo,
      logOut: leaveAndLogOut,
    };
    const ready = await (SHELL_PAGES[name ?? ''] ?? experimentList)(shell, value ?? '');
    if (number === visit) showReady(ready);
  } catch (error) {
    // Another page is on show already: what was gone to since, or the login.
    if (number !== visit || (error instanceof ApiError && error.status === 401)) return;
    showFailure(error);
  }
}

api.onUnauthorized = () => {
  if (user !== null) showLogin('Your session has ended. Log in again to go on.');
};
// Links within the application load no page; a click that asks for a new tab is the browser's.
app.addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const address = link?.getAttribute('href');
  if (link == null || address == null || link.target !== '' || link.hasAttribute('download')) return;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (address !== '.' && !address.startsWith('?')) return;
  event.preventDefault();
  goTo(address);
});
window.addEventListener('popstate', () => {
  const stay = () => { history.pushState(null, '', here); };
  leave(() => void route(), stay);
});
warnOnUnload();
void route();
