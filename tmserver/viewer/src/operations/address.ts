/** Addresses of the pages of operators, which can be kept and shared. */

export const OPERATIONS_ADDRESS = '?operations';

export function workflowAddress(experimentId: string): string {
  return `?workflow=${encodeURIComponent(experimentId)}`;
}
