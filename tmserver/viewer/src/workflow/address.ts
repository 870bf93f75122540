/** Address of the page on which a workflow is set up and started, which can be kept and shared. */
export function setUpAddress(experimentId: string): string {
  return `?set-up=${encodeURIComponent(experimentId)}`;
}
