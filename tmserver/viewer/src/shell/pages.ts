/** The pages of the shell: each is fetched together with what it shows. */

import { experimentPath } from '../api';
import type {
  AvailableChannels,
  AvailableModules,
  Experiment,
  ExperimentState,
  Group,
  GroupShare,
  JteratorProject,
  LatestWorkflow,
  PersonalToken,
  PipelineTemplate,
  Profile,
  Share,
  User,
  WorkflowStep,
} from '../api_types';
import ExperimentList from '../experiments/ExperimentList.svelte';
import { FACILITY_PAGES } from '../facility/pages';
import { OperationsApi, operationsPath, workflowPath } from '../operations/operations_api';
import type { WorkflowDescription } from '../workflow/description';
import { part } from './part';
import type { Load, Ready } from './ready';
import { ready } from './ready';
import type { Shell } from './shell';

export async function experimentList(shell: Shell): Promise<Ready> {
  const [experiments, workflows] = await Promise.all([
    shell.api.experiments(),
    shell.api.data<LatestWorkflow[]>('api/workflows'),
  ]);
  return ready(ExperimentList, 'Experiments', { shell, experiments, workflows });
}

async function newExperiment(shell: Shell): Promise<Ready> {
  const [microscopes, page] = await Promise.all([
    shell.api.data<string[]>('api/microscope_types'),
    part(import('../experiments/NewExperiment.svelte')),
  ]);
  return ready(page.default, 'New experiment', { shell, microscopes });
}

async function settings(shell: Shell, experimentId: string): Promise<Ready> {
  const path = experimentPath(experimentId);
  const [experiment, shares, groups, mayWrite, page] = await Promise.all([
    shell.api.data<Experiment>(path),
    shell.api.data<(Share | GroupShare)[]>(`${path}/shares`),
    shell.api.data<Group[]>('api/groups'),
    new OperationsApi(shell.api).mayWrite(experimentId),
    part(import('../experiments/ExperimentSettings.svelte')),
  ]);
  const props = { shell, experiment, shares, groups, mayWrite };
  return ready(page.default, `Settings of ${experiment.name}`, props);
}

async function setUp(shell: Shell, experimentId: string): Promise<Ready> {
  const [experiment, description, steps, state, page] = await Promise.all([
    shell.api.experiment(experimentId),
    shell.api.data<WorkflowDescription>(`${workflowPath(experimentId)}/description`),
    shell.api.data<WorkflowStep[]>('api/workflow_steps'),
    shell.api.data<ExperimentState>(operationsPath(experimentId)),
    part(import('../workflow/WorkflowSetUp.svelte')),
  ]);
  const props = { shell, experiment, description, steps, state };
  return ready(page.default, `Set up ${experiment.name}`, props);
}

async function pipeline(shell: Shell, experimentId: string): Promise<Ready> {
  const editor = `jtui/experiments/${encodeURIComponent(experimentId)}`;
  const [experiment, project, modules, templates, channels, mayWrite, page] = await Promise.all([
    shell.api.experiment(experimentId),
    shell.api.data<JteratorProject>(`${workflowPath(experimentId)}/jtproject`),
    shell.api.json('jtui/available_modules') as Promise<AvailableModules>,
    shell.api.data<PipelineTemplate[]>('api/pipeline_templates'),
    shell.api.json(`${editor}/available_channels`) as Promise<AvailableChannels>,
    new OperationsApi(shell.api).mayWrite(experimentId),
    part(import('../pipeline/PipelineEditor.svelte')),
  ]);
  const props = {
    shell,
    experiment,
    stored: project,
    modules: modules.jtmodules.modules,
    templates,
    channels: channels.channels,
    mayWrite,
  };
  return ready(page.default, `Pipeline of ${experiment.name}`, props);
}

async function account(shell: Shell): Promise<Ready> {
  const [user, tokens, page] = await Promise.all([
    // it may have been changed since the login
    shell.api.data<Profile>('auth/user'),
    shell.api.data<PersonalToken[]>('auth/tokens'),
    part(import('../account/Account.svelte')),
  ]);
  return ready(page.default, 'Your account', { shell: { ...shell, user }, tokens });
}

async function users(shell: Shell): Promise<Ready> {
  const [found, page] = await Promise.all([
    shell.api.data<User[]>('api/users'),
    part(import('../account/Users.svelte')),
  ]);
  return ready(page.default, 'Users', { shell, users: found });
}

async function groups(shell: Shell): Promise<Ready> {
  const [found, page] = await Promise.all([
    shell.api.data<Group[]>('api/groups'),
    part(import('../account/Groups.svelte')),
  ]);
  return ready(page.default, 'Groups', { shell, groups: found });
}

/** By the part of the address that asks for each. */
export const SHELL_PAGES: Readonly<Record<string, Load>> = {
  new: newExperiment,
  settings,
  'set-up': setUp,
  pipeline,
  account,
  users,
  groups,
  ...FACILITY_PAGES,
};
