/** Decides which page is on show: login, experiments, a plate, an upload, a workflow, operations. */

import 'ol/ol.css';
import './style.css';
import './plate/plate.css';
import './operations/operations.css';
import type { Profile } from './api_types';
import { Api, ApiError, messageOf } from './api';
import { element } from './page/dom';
import { experimentAddress, experimentListPage } from './experiment_list';
import { loginPage } from './login';
import { OPERATIONS_ADDRESS, OperationsPage } from './operations/operations_page';
import { loadPlate, PlatePage } from './plate/plate_page';
import { uploadAddress, UploadPage } from './upload/upload_page';
import { workflowAddress, WorkflowPage } from './operations/workflow_page';

const api = new Api();
const app = document.querySelector<HTMLElement>('#app') ?? document.body;

let user: Profile | null = null;
let current: { dispose(): void } | undefined;
/** Tells late answers for a page that was left from those for the one on show. */
let visit = 0;

function show(page: HTMLElement, title: string): void {
  current?.dispose();
  current = undefined;
  app.replaceChildren(page);
  document.title = title;
  page.querySelector<HTMLElement>('[autofocus]')?.focus();
}

function showLogin(reason: string): void {
  visit += 1;
  user = null;
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
  history.pushState(null, '', new URL(address, document.baseURI));
  void route();
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
function link(address: string, testId: string, text: string): HTMLElement {
  const made = element('a', { href: address, class: 'back', 'data-testid': testId }, text);
  made.addEventListener('click', (event) => {
    event.preventDefault();
    goTo(address);
  });
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
      link(workflowAddress(experimentId), 'workflow-link', 'Workflow'),
      link(uploadAddress(experimentId), 'upload-link', 'Upload'),
    ),
    element(
      'div',
      { class: 'row' },
      element('h1', { class: 'grow', title: name }, name),
      element(
        'button',
        { class: 'small', onclick: () => void logOut(), 'data-testid': 'logout' },
        'Log out',
      ),
    ),
  );
}

async function showPlate(experimentId: string): Promise<void> {
  const number = visit;
  showMessage('Loading …');
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
  current = new PlatePage(page, api, data, plateHeader(experimentId, name));
}

async function showUpload(experimentId: string): Promise<void> {
  const number = visit;
  const [experiment, plates] = await Promise.all([
    api.experiment(experimentId),
    api.plates(experimentId),
  ]);
  if (number !== visit) return;
  const back = link(experimentAddress(experimentId), 'to-experiment', `‹ ${experiment.name}`);
  const page = new UploadPage(api, experiment, plates, back);
  show(page.element, `Upload to ${experiment.name} - tmserver`);
  current = page;
}

async function showWorkflow(experimentId: string): Promise<void> {
  const number = visit;
  const experiment = await api.experiment(experimentId);
  if (number !== visit) return;
  const links = element(
    'div',
    { class: 'row' },
    link(experimentAddress(experimentId), 'to-experiment', '‹ Plate'),
    link('.', 'all-experiments', 'Experiments'),
    ...operationsLink(),
  );
  const page = new WorkflowPage(api, experiment, links, showFailure);
  show(page.element, `Workflow of ${experiment.name} - tmserver`);
  current = page;
}

function showOperations(): void {
  const links = element('div', { class: 'row' }, link('.', 'all-experiments', '‹ Experiments'));
  const page = new OperationsPage(api, links, goTo, showFailure);
  show(page.element, 'Operations - tmserver');
  current = page;
}

/** The way to what only administrators see. */
function operationsLink(): HTMLElement[] {
  return user?.is_admin === true ? [link(OPERATIONS_ADDRESS, 'operations-link', 'Operations')] : [];
}

async function showExperiments(loggedIn: Profile): Promise<void> {
  const number = visit;
  const experiments = await api.experiments();
  if (number !== visit) return;
  show(
    experimentListPage(loggedIn, experiments, goTo, operationsLink(), () => void logOut()),
    'Experiments - tmserver',
  );
}

/** Shows what the address asks for, after the login if there was none. */
async function route(): Promise<void> {
  const number = ++visit;
  try {
    user ??= await api.currentUser();
    if (number !== visit) return;
    if (user === null) {
      showLogin('');
      return;
    }
    const address = new URLSearchParams(location.search);
    const [plate, upload] = [address.get('experiment'), address.get('upload')];
    const workflow = address.get('workflow');
    if (upload !== null) await showUpload(upload);
    else if (workflow !== null) await showWorkflow(workflow);
    else if (address.has('operations')) showOperations();
    else await (plate === null ? showExperiments(user) : showPlate(plate));
  } catch (error) {
    // Another page is on show already: what was gone to since, or the login.
    if (number !== visit || (error instanceof ApiError && error.status === 401)) return;
    showFailure(error);
  }
}

api.onUnauthorized = () => {
  if (user !== null) showLogin('Your session has ended. Log in again to go on.');
};
window.addEventListener('popstate', () => void route());
void route();
