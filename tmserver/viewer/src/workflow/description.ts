/** What a workflow does: its stages, their steps, and the values of their arguments. */

import type { Values } from '../shell/schema_values';

interface Argument {
  readonly name: string;
  readonly value: unknown;
  readonly disabled: boolean;
}

export interface StepDescription {
  readonly name: string;
  readonly active: boolean;
  readonly batch_args: readonly Argument[];
  readonly submission_args: readonly Argument[];
}

export interface StageDescription {
  readonly name: string;
  readonly mode: string;
  readonly active: boolean;
  readonly steps: readonly StepDescription[];
}

export interface WorkflowDescription {
  readonly type: string;
  readonly stages: readonly StageDescription[];
}

/** A step whose arguments are values by their names, as forms have them. */
export interface EditedStep {
  readonly name: string;
  readonly active: boolean;
  readonly batch: Values;
  readonly submission: Values;
}

export interface EditedStage {
  readonly name: string;
  readonly mode: string;
  active: boolean;
  readonly steps: readonly EditedStep[];
}

function valuesOf(given: readonly Argument[]): Values {
  const own = given.filter(({ disabled }) => !disabled);
  return Object.fromEntries(own.map(({ name, value }) => [name, value]));
}

export function edited(description: WorkflowDescription): EditedStage[] {
  return description.stages.map(({ name, mode, active, steps }) => ({
    name,
    mode,
    active,
    steps: steps.map((step) => ({
      name: step.name,
      active: step.active,
      batch: valuesOf(step.batch_args),
      submission: valuesOf(step.submission_args),
    })),
  }));
}

function argumentsOf(values: Values): { name: string; value: unknown }[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}

/** The description that is sent: names and values, of which the server knows the rest. */
export function described(type: string, stages: readonly EditedStage[]): object {
  return {
    type,
    stages: stages.map(({ name, mode, active, steps }) => ({
      name,
      mode,
      active,
      steps: steps.map((step) => ({
        name: step.name,
        active: step.active,
        batch_args: argumentsOf(step.batch),
        submission_args: argumentsOf(step.submission),
      })),
    })),
  };
}
