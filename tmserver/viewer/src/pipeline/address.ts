/**
 * Address of the page on which a pipeline is edited, which can be kept and shared. With a place of
 * the map, as addresses of that have it, the site there is the one to try the pipeline out on.
 */
export function pipelineAddress(experimentId: string, at: string | null = null): string {
  const place = at === null ? '' : `&at=${at}`;
  return `?pipeline=${encodeURIComponent(experimentId)}${place}`;
}
