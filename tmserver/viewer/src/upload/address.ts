/** Address of the page on which images are uploaded to an experiment, which can be kept and shared. */
export function uploadAddress(experimentId: string): string {
  return `?upload=${encodeURIComponent(experimentId)}`;
}
