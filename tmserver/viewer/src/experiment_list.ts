/** The page on which an experiment is chosen. */

import type { Experiment, Profile } from './api_types';
import { element } from './page/dom';
import { workflowAddress } from './operations/workflow_page';

/** Address of the page of an experiment, which can be kept and shared. */
export function experimentAddress(id: string): string {
  return `?experiment=${encodeURIComponent(id)}`;
}

function entry(experiment: Experiment, goTo: (address: string) => void): HTMLElement {
  const { id, name } = experiment;
  const plate = element(
    'a',
    { href: experimentAddress(id), class: 'plate', 'data-testid': `experiment-${name}` },
    element('strong', {}, name),
    element('span', { class: 'description' }, experiment.description),
    element('span', { class: 'owner' }, experiment.user),
  );
  const workflow = element(
    'a',
    {
      href: workflowAddress(id),
      class: 'workflow',
      'aria-label': `Workflow of ${name}`,
      'data-testid': `workflow-${name}`,
    },
    'Workflow',
  );
  for (const link of [plate, workflow]) {
    link.addEventListener('click', (event) => {
      // A click that asks for a new tab or window is the browser's.
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      goTo(link.getAttribute('href') ?? '.');
    });
  }
  return element('li', {}, plate, workflow);
}

function emptyState(): HTMLElement {
  return element(
    'div',
    { class: 'empty', 'data-testid': 'no-experiments' },
    element('p', {}, 'There is no experiment that you may see yet.'),
    element(
      'p',
      { class: 'hint' },
      'Create one and upload its images with the ',
      element('code', {}, 'tm_client'),
      ' command or from Python with ',
      element('code', {}, 'tmclient'),
      ', or ask a colleague to share one with you. Then load this page again.',
    ),
  );
}

export function experimentListPage(
  user: Profile,
  experiments: readonly Experiment[],
  goTo: (address: string) => void,
  links: readonly HTMLElement[],
  logOut: () => void,
): HTMLElement {
  const list =
    experiments.length === 0
      ? emptyState()
      : element(
          'ul',
          { class: 'experiments' },
          ...experiments.map((experiment) => entry(experiment, goTo)),
        );
  return element(
    'div',
    { class: 'centred' },
    element(
      'main',
      { class: 'card', 'data-testid': 'experiment-list' },
      element(
        'header',
        { class: 'row' },
        element('h1', {}, 'Experiments'),
        ...links,
        element('span', { class: 'user' }, user.name),
        element('button', { onclick: logOut, 'data-testid': 'logout' }, 'Log out'),
      ),
      list,
    ),
  );
}
