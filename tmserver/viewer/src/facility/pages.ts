/** The facility's pages, each fetched together with what it shows. */

import type { LatestWorkflow } from '../api_types';
import { part } from '../shell/part';
import type { Load } from '../shell/ready';
import { ready } from '../shell/ready';
import type {
  CurrentUser,
  FacilityEvent,
  Person,
  Proposal,
  ProposalExperiment,
  Session,
  Times,
} from './facility';
import {
  failuresOf,
  hourlyOf,
  list,
  MANY,
  one,
  proposalPath,
  sessionsOfWeek,
  SOME,
} from './facility';
import { mondayOf } from './week';

const proposals: Load = async (shell) => {
  const [found, page] = await Promise.all([
    list<Proposal>(shell.api, 'proposals', { limit: SOME }),
    part(import('./ProposalList.svelte')),
  ]);
  return ready(page.default, 'Proposals', { shell, found });
};

const proposal: Load = async (shell, name) => {
  const [found, people, experiments, sessions, workflows, times, hourly, page] = await Promise.all([
    one<Proposal>(shell.api, proposalPath(name)),
    list<Person>(shell.api, 'persons', { proposal: name, limit: MANY }),
    list<ProposalExperiment>(shell.api, `${proposalPath(name)}/experiments`, { limit: MANY }),
    list<Session>(shell.api, 'sessions', { proposal: name, limit: MANY }),
    shell.api.data<LatestWorkflow[]>('api/workflows'),
    one<Times>(shell.api, 'stats/times', { proposal: name }),
    hourlyOf(shell.api, name),
    part(import('./ProposalPage.svelte')),
  ]);
  const props = { shell, proposal: found, people, experiments, sessions, workflows, times, hourly };
  return ready(page.default, `Proposal ${name}`, props);
};

const session: Load = async (shell, id) => {
  const number = Number(id);
  const [found, people, events, times, failures, page] = await Promise.all([
    one<Session>(shell.api, `sessions/${encodeURIComponent(id)}`),
    list<Person>(shell.api, 'persons', { sessionId: number, limit: MANY }),
    list<FacilityEvent>(shell.api, 'events', { sessionId: number, limit: SOME }),
    one<Times>(shell.api, 'stats/times', { sessionId: number }),
    failuresOf(shell.api, number),
    part(import('./SessionPage.svelte')),
  ]);
  const props = { shell, session: found, people: people.results, events, times, failures };
  return ready(page.default, `Session ${found.session}`, props);
};

const calendar: Load = async (shell, day) => {
  const monday = mondayOf(day);
  const [sessions, user, open, page] = await Promise.all([
    sessionsOfWeek(shell.api, monday),
    one<CurrentUser>(shell.api, 'user/current'),
    list<Proposal>(shell.api, 'proposals', { limit: MANY }),
    part(import('./CalendarPage.svelte')),
  ]);
  const props = { shell, monday, sessions, instruments: user.beamLines, proposals: open.results };
  return ready(page.default, 'Calendar', props);
};

/** By the part of the address that asks for each. */
export const FACILITY_PAGES: Readonly<Record<string, Load>> = {
  proposals,
  proposal,
  session,
  calendar,
};
